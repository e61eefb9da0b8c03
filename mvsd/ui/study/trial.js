// One trial: the picture, the clips on one clock, the question, the answer.

import { h, radios } from "./elements.js";
import { Player } from "./player.js";

const NAMES = { ref: "Reference", left: "A", right: "B" };
const KEYS = { ref: "R", left: "A", right: "B" };
const SEEK_S = 1;
const BETTER = ["much better", "better", "slightly better"];
const RATINGS = ["Bad", "Poor", "Fair", "Good", "Excellent"];

function responses(state) {
  if (state.form === "mos") return RATINGS.map((label, i) => ({ value: i + 1, label }));
  if (state.form === "ccr") {
    const sides = [...BETTER.map((how, i) => ({ value: i - 3, label: `A is ${how}` })), { value: 0, label: "About the same" }];
    return [...sides, ...BETTER.toReversed().map((how, i) => ({ value: i + 1, label: `B is ${how}` }))];
  }
  const label = (name) => (state.form === "abx" ? `The reference is ${name}` : name);
  const both = [{ value: "left", label: label("A") }, { value: "right", label: label("B") }];
  return state.tie && state.form === "preference" ? [...both, { value: "tie", label: "No preference" }] : both;
}

// urlOf: media token -> address. save: answer -> promise; its failure keeps the trial open. Returns what closes it.
export function showTrial(root, state, urlOf, save) {
  const player = new Player(draw);
  let input = "mouse", focusLost = 0, saving = false;
  const choices = responses(state).map((choice, i) => ({ ...choice, key: String(i + 1) }));
  const slots = Object.keys(NAMES).filter((slot) => slot in state.clips);

  const slotButtons = Object.fromEntries(slots.map((slot) => [slot, h("button", {
    type: "button", class: "slot", disabled: true, "aria-pressed": "false", "data-slot": slot, onclick: () => listenTo(slot),
  }, h("span", {}, NAMES[slot]), h("kbd", { "aria-hidden": "true" }, KEYS[slot]), h("span", { class: "heard" }))]));
  const playButton = h("button", { type: "button", class: "play", disabled: true, onclick: () => player.toggle() }, "Play");
  const place = h("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0", disabled: true,
    "aria-label": "Place in the clip, in seconds", oninput: () => player.seek(Number(place.value)) });
  const loop = h("input", { type: "checkbox", checked: true, onchange: () => player.setLoop(loop.checked) });
  const restart = h("input", { type: "checkbox", onchange: () => { player.restarts = restart.checked; } });
  const answers = radios("answer", state.question, choices, draw);
  const comment = h("textarea", { rows: "2", maxlength: "2000" });
  const next = h("button", { type: "button", class: "primary", onclick: send }, "Save and go on ", h("kbd", { "aria-hidden": "true" }, "Enter"));
  const lacking = h("p", { class: "lacking", role: "status" });
  const failure = h("p", { class: "failure", role: "alert" });
  const now = h("p", { class: "now", role: "status" }, "Loading the clips …");

  const title = state.practice ? "Practice" : "Listen and choose";
  const parts = [
    h("h2", { tabindex: "-1" }, title, h("small", {}, ` ${state.number} of ${state.of}`)),
    h("progress", { max: state.of, value: state.number - 1, "aria-label": "Progress" }),
    state.picture ? h("img", { class: "room", src: urlOf(state.picture), alt: "The room" }) : null,
    h("div", { class: "player", role: "group", "aria-label": "Player" },
      h("div", { class: "slots" }, ...slots.map((slot) => slotButtons[slot])),
      h("div", { class: "transport" }, playButton, place),
      h("div", { class: "options" },
        h("label", {}, loop, " Loop ", h("kbd", { "aria-hidden": "true" }, "L")),
        h("label", {}, restart, " Start over on a switch ", h("kbd", { "aria-hidden": "true" }, "S"))), now),
    "ref" in state.clips && !state.same_words && state.form !== "abx" ? h("p", {}, "The reference was spoken in this room, with other words.") : null,
    answers,
    h("details", {}, h("summary", {}, "Add a comment"), h("label", {}, "Comment, if something was odd: clicks, a cut, noise", comment)),
    lacking, failure, next,
    h("p", { class: "keys" }, "Keys: Space plays and pauses, R A B switch, ← → move, Home begins anew, numbers answer, Enter goes on."),
  ];
  root.replaceChildren(...parts.filter((part) => part !== null));
  root.querySelector("h2").focus();

  function listenTo(slot) {
    player.select(slot);
    if (!player.isPlaying) player.play();
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
      slotButtons[slot].querySelector(".heard").textContent = heard[slot] ? `${heard[slot].toFixed(0)} s` : "";
    }
    playButton.textContent = player.isPlaying ? "Pause" : "Play";
    const missing = player.length_s ? unheard() : state.needed;
    const wanted = missing.length ? `Still to hear: ${missing.map((slot) => NAMES[slot]).join(", ")}.` : chosen() ? "" : "Choose an answer.";
    if (lacking.textContent !== wanted) lacking.textContent = wanted;
    next.setAttribute("aria-disabled", String(Boolean(missing.length || !chosen() || saving)));
    if (player.slot) {
      const paused = player.log.length ? `Paused at ${NAMES[player.slot]}` : "Ready. Press Play.";
      const said = player.isPlaying ? `Playing ${NAMES[player.slot]}` : paused;
      if (now.textContent !== said) now.textContent = said;
    }
  }

  async function send() {
    const answer = chosen();
    if (saving || !answer || unheard().length) return draw();
    saving = true;
    player.pause();
    failure.textContent = "";
    draw();
    try {
      await save({ response: answer.value, at_s: player.sinceShown_s, log: player.log, focus_lost: focusLost, input, comment: comment.value });
    } catch (error) {
      failure.textContent = error.message;
    } finally {
      saving = false;
      draw();
    }
  }

  const actions = {
    " ": () => player.toggle(), r: () => listenTo("ref"), a: () => listenTo("left"), b: () => listenTo("right"),
    l: () => loop.click(), s: () => restart.click(), home: () => player.seek(0), enter: send,
    arrowleft: () => player.seek(player.position_s - SEEK_S), arrowright: () => player.seek(player.position_s + SEEK_S),
  };

  function onKey(event) {
    if (!root.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target, key = event.key.toLowerCase();
    input = "key";
    if (at.matches("textarea, input[type=text]")) return;
    // keys that work the element in focus are its own
    if ((key === " " || key === "enter") && at.closest("button, summary, input[type=checkbox]")) return;
    if (key === " " && at.matches("input[type=radio]:not(:checked)")) return;
    if (key.startsWith("arrow") && at.closest("input[type=range], input[type=radio]")) return;
    const numbered = answers.querySelectorAll("input")[Number(key) - 1];
    if (!numbered && !(key in actions)) return;
    event.preventDefault();
    if (numbered) numbered.click();
    else actions[key]();
  }
  const onPointer = (event) => { input = event.pointerType === "mouse" ? "mouse" : "touch"; };
  const onBlur = () => { focusLost += 1; };
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", onPointer);
  window.addEventListener("blur", onBlur);

  const timer = setInterval(() => {
    if (!player.isPlaying) return;
    place.value = String(player.position_s);
    draw();
  }, 100);

  async function load() {
    failure.replaceChildren();
    try {
      await player.load(Object.fromEntries(slots.map((slot) => [slot, urlOf(state.clips[slot])])));
      place.max = String(player.length_s);
      for (const control of [playButton, place, ...Object.values(slotButtons)]) control.disabled = false;
      draw();
    } catch {
      failure.append("A clip could not be loaded. ", h("button", { type: "button", onclick: load }, "Try again"));
    }
  }
  draw();
  load();

  return () => {
    clearInterval(timer);
    player.close();
    document.removeEventListener("keydown", onKey);
    document.removeEventListener("pointerdown", onPointer);
    window.removeEventListener("blur", onBlur);
  };
}
