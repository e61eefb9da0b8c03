// One trial: the picture, the clips on one clock, the question, the answer.

import { Desk } from "./desk.js";
import { h, radios } from "./elements.js";
import { loopPart } from "./loop.js";
import { Player } from "./player.js";

const SLOTS = ["ref", "left", "right"];
const KEYS = { ref: "R", left: "A", right: "B" };
const SEEK_S = 1;

function responses(state, say) {
  if (state.form === "headphones") return [1, 2, 3].map((value) => ({ value, label: say(`burst_${value}`) }));
  if (state.form === "mos") return [1, 2, 3, 4, 5].map((value) => ({ value, label: say(`rating_${value}`) }));
  if (state.form === "ccr") {
    const better = (slot, by) => say(`better_${by}`, { clip: say(slot) });
    const sides = [3, 2, 1].map((by) => ({ value: -by, label: better("left", by) }));
    return [...sides, { value: 0, label: say("same") }, ...[1, 2, 3].map((by) => ({ value: by, label: better("right", by) }))];
  }
  const label = (slot) => (state.form === "abx" ? say("reference_is", { clip: say(slot) }) : say(slot));
  const both = ["left", "right"].map((value) => ({ value, label: label(value) }));
  return state.tie && state.form === "preference" ? [...both, { value: "tie", label: say("no_preference") }] : both;
}

// urlOf: media token -> address. save: answer -> promise; its failure keeps the trial open. reload: shows the trial anew. Returns what closes it.
export function showTrial(root, state, say, urlOf, save, reload) {
  const player = new Player(draw);
  let focusLost = 0;
  const choices = responses(state, say).map((choice, i) => ({ ...choice, key: String(i + 1) }));
  const slots = SLOTS.filter((slot) => slot in state.clips);
  const key = (text) => h("kbd", { "aria-hidden": "true" }, text);

  const isCheck = state.form === "headphones"; // one clip, heard once to the end
  const part = loopPart(player, say, () => {
    loop.checked = player.loops;
    draw();
  });

  const desk = new Desk(root, player, say, { step_s: SEEK_S, answer, draw, move: draw, reload, actions: {
    r: () => listenTo("ref"), a: () => listenTo("left"), b: () => listenTo("right"),
    l: () => loop.click(), s: () => restart.click(), enter: send, ...(isCheck ? {} : part.actions),
  } });
  const slotButtons = Object.fromEntries(slots.map((slot) => [slot, h("button", {
    type: "button", class: "slot", disabled: true, "aria-pressed": "false", "data-slot": slot, onclick: () => listenTo(slot),
  }, h("span", {}, say(slot)), key(KEYS[slot]), h("span", { class: "heard" }))]));
  const loop = h("input", { type: "checkbox", checked: true, onchange: () => player.setLoop(loop.checked) });
  const restart = h("input", { type: "checkbox", onchange: () => { player.restarts = restart.checked; } });
  const answers = radios("answer", isCheck ? say("headphones_ask") : state.question, choices, draw);
  const comment = h("textarea", { rows: "2", maxlength: "2000" });
  const next = h("button", { type: "button", class: "primary", onclick: send }, `${say("save")} `, key("Enter"));
  const lacking = h("p", { class: "lacking", role: "status" });
  const now = h("p", { class: "now", role: "status" }, say("loading"));

  const parts = [
    h("h2", { tabindex: "-1" }, say(isCheck ? "headphones" : state.practice ? "practice" : "listen_choose"), h("small", {}, ` ${say("number", { n: state.number, of: state.of })}`)),
    h("progress", { max: state.of, value: state.number - 1, "aria-label": say("progress") }),
    isCheck ? h("p", {}, say("headphones_how")) : null,
    state.picture ? h("img", { class: "room", src: urlOf(state.picture), alt: say("room") }) : null,
    h("div", { class: "player", role: "group", "aria-label": say("player") },
      isCheck ? null : h("div", { class: "slots" }, ...slots.map((slot) => slotButtons[slot])),
      h("div", { class: "transport" }, desk.play, desk.place),
      isCheck ? null : h("div", { class: "options" },
        h("label", {}, loop, ` ${say("loop")} `, key("L")),
        h("label", {}, restart, ` ${say("start_over")} `, key("S"))),
      isCheck ? null : part.element, now),
    "ref" in state.clips && !state.same_words && state.form !== "abx" ? h("p", {}, say("other_words")) : null,
    answers,
    h("details", {}, h("summary", {}, say("comment_add")), h("label", {}, say("comment"), comment)),
    lacking, desk.failure, next,
    h("p", { class: "keys" }, say(isCheck ? "check_keys" : "trial_keys")),
  ];
  root.replaceChildren(...parts.filter((part) => part !== null));
  root.querySelector("h2").focus();

  function listenTo(slot) {
    player.select(slot);
    if (!player.isPlaying) player.play();
  }

  function answer(number) {
    const picked = answers.querySelectorAll("input")[number - 1];
    picked?.click();
    return Boolean(picked);
  }

  function unheard() {
    const heard = player.heard, least = Math.min(state.min_heard_s, player.length_s - 0.5);
    return state.needed.filter((slot) => !(heard[slot] >= least));
  }

  function chosen() {
    const picked = answers.querySelector("input:checked");
    return picked && choices.find(({ value }) => String(value) === picked.value);
  }

  function draw() {
    const heard = player.heard;
    for (const slot of slots) {
      const isOn = slot === player.slot;
      slotButtons[slot].setAttribute("aria-pressed", String(isOn));
      slotButtons[slot].classList.toggle("sounding", isOn && player.isPlaying);
      slotButtons[slot].querySelector(".heard").textContent = heard[slot] ? say("seconds", { n: heard[slot].toFixed(0) }) : "";
    }
    desk.drawTransport();
    part.draw();
    const missing = player.length_s ? unheard() : state.needed;
    const clips = missing.map((slot) => say(slot)).join(", "), wanted = isCheck ? say("hear_all") : say("still_to_hear", { clips });
    tell(lacking, clips ? wanted : chosen() ? "" : say("choose_answer"));
    next.setAttribute("aria-disabled", String(Boolean(missing.length || !chosen() || desk.isSaving)));
    if (!player.slot) return;
    const clip = isCheck ? "" : say(player.slot);
    tell(now, player.isPlaying ? say("playing", { clip }) : player.log.length ? say("paused", { clip }) : say("ready"));
  }

  function send() {
    if (!chosen() || unheard().length) return draw();
    player.pause();
    desk.attempt(() => save({ response: chosen().value, at_s: player.sinceShown_s, log: player.log, focus_lost: focusLost,
      input: desk.input, comment: comment.value }));
  }

  const onBlur = () => { focusLost += 1; };
  window.addEventListener("blur", onBlur);
  draw();
  desk.load(Object.fromEntries(slots.map((slot) => [slot, urlOf(state.clips[slot])])), () => {
    for (const button of Object.values(slotButtons)) button.disabled = false;
    if (isCheck) player.setLoop(false);
    draw();
  });

  return () => {
    desk.close();
    window.removeEventListener("blur", onBlur);
  };
}

// Only what changes is said by a screen reader.
function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
