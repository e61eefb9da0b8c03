// One clip before a rater: its picture, its spectrogram, the form. All of it works by keys.

import { h, radios } from "./elements.js";
import { Player } from "./player.js";
import { regionView } from "./regions.js";

const SEEK_S = 0.25;
const RATES = [1, 0.5, 0.25];
const TYPED = "textarea, input[type=text], input[type=number]";

// urlOf: media token -> address. Returns what closes it.
export function showClip(root, state, urlOf, { plays, autoplay, setAutoplay, save, back }) {
  const player = new Player(draw);
  const values = structuredClone(state.values), past = []; // what the form held before each change
  let input = "mouse", saving = false, at = 0;
  const failure = h("p", { class: "failure", role: "alert" });
  const lacking = h("p", { class: "lacking", role: "status" });
  const playButton = h("button", { type: "button", class: "play", disabled: true, onclick: () => player.toggle() }, "Play");
  const place = h("input", { type: "range", min: "0", max: String(state.length_s), step: "0.01", value: "0",
    "aria-label": "Place in the clip, in seconds", oninput: () => player.seek(Number(place.value)) });
  const rate = h("button", { type: "button", onclick: slower });
  const auto = h("input", { type: "checkbox", checked: autoplay, onchange: () => setAutoplay(auto.checked) });
  const fields = state.form.map(makeField);
  const regions = fields.find((field) => field.kind === "regions");
  const view = regions || { view: regionView(urlOf(state.media.spectrogram), state.length_s, [], "", () => {}, seek) };
  const next = h("button", { type: "button", class: "primary", onclick: send }, "Save and go on ", h("kbd", { "aria-hidden": "true" }, "Enter"));

  root.replaceChildren(
    h("h2", { tabindex: "-1" }, "Label", h("small", {}, ` ${state.done} done of ${state.of}${state.revision > 1 ? ", saved before" : ""}`)),
    h("progress", { max: state.of, value: state.done, "aria-label": "Progress" }),
    ...(state.media.picture ? [h("img", { class: "room", src: urlOf(state.media.picture), alt: "The room" })] : []),
    h("div", { class: "player", role: "group", "aria-label": "Player" }, ...(regions ? [] : [view.view.element]),
      h("div", { class: "transport" }, playButton, place),
      h("div", { class: "options" }, rate, h("label", {}, auto, " Play the next by itself"))),
    ...fields.map((field) => field.element), lacking, failure,
    h("div", { class: "options" }, next, h("button", { type: "button", onclick: undo }, "Undo ", h("kbd", { "aria-hidden": "true" }, "U"))),
    h("p", { class: "keys" }, "Keys: Space plays, ← → move, S slower (the pitch falls with it), 1 to 9 answer the marked question, " +
      "↑ ↓ go to another, U undoes, C comments, Escape leaves the comment or drops a region begun, Enter saves."),
  );
  fields.forEach(fill);
  mark(0);
  root.querySelector("h2").focus();

  function makeField(asked, index) {
    const field = { ...asked, index };
    const changed = (value) => change(field, value);
    if (asked.kind === "regions") {
      field.view = regionView(urlOf(state.media.spectrogram), state.length_s, asked.choices, asked.ask, changed, seek);
      field.element = field.view.element;
    } else if (asked.kind === "text") {
      field.box = h("textarea", { rows: "2", maxlength: "2000", onchange: () => changed(field.box.value) });
      field.element = h("label", { class: "field" }, asked.ask, field.box);
    } else if (asked.kind === "tags") {
      const boxes = asked.choices.map((tag, i) => h("label", { class: "choice" }, h("input", { type: "checkbox", value: tag, onchange: () => changed(
        [...field.element.querySelectorAll("input:checked")].map((box) => box.value)) }), h("span", {}, tag), h("kbd", { "aria-hidden": "true" }, String(i + 1))));
      field.element = h("fieldset", { class: "choices" }, h("legend", {}, asked.ask), ...boxes);
    } else {
      const all = asked.kind === "rating" ? Array.from({ length: asked.most }, (_, i) => i + 1) : asked.choices;
      const choices = all.map((value, i) => ({ value, label: String(value), key: String(i + 1) }));
      field.element = radios(asked.id, asked.ask, choices, () => {
        const picked = field.element.querySelector("input:checked").value;
        changed(asked.kind === "rating" ? Number(picked) : picked);
      });
    }
    field.element.classList.add("question");
    field.element.addEventListener("focusin", () => mark(index));
    return field;
  }

  function fill(field) {
    const value = values[field.id];
    if (field.kind === "regions") field.view.set(value || []);
    else if (field.kind === "text") field.box.value = value || "";
    else for (const box of field.element.querySelectorAll("input")) box.checked = [value].flat().map(String).includes(box.value);
  }

  function change(field, value) {
    past.push([field, values[field.id]]);
    values[field.id] = value;
    draw();
  }

  function undo() {
    if (saving) return;
    if (!past.length) return sending(back);
    const [field, before] = past.pop();
    if (before === undefined) delete values[field.id];
    else values[field.id] = before;
    fill(field);
    mark(field.index);
    draw();
  }

  function mark(index) {
    at = Math.min(Math.max(index, 0), fields.length - 1);
    fields.forEach((field, i) => field.element.classList.toggle("current", i === at));
    fields[at].element.scrollIntoView({ block: "nearest" });
  }

  function answer(number) {
    const field = fields[at];
    if (field.kind === "regions") return field.view.toggle(number - 1, player.position_s);
    const box = field.element.querySelectorAll("input")[number - 1];
    if (!box) return;
    box.click();
    if (field.kind !== "tags") mark(at + 1);
  }

  function seek(to_s) { player.seek(to_s); }

  function slower() {
    player.setRate(RATES[(RATES.indexOf(player.rate) + 1) % RATES.length]);
    draw();
  }

  function draw() {
    playButton.textContent = player.isPlaying ? "Pause" : "Play";
    rate.textContent = player.rate === 1 ? "Full speed" : `${player.rate} of full speed, lower in pitch`;
    const missing = state.form.filter(({ id, required }) => required && (values[id] ?? "") === "").length;
    lacking.textContent = missing ? `${missing} to answer.` : "";
    next.setAttribute("aria-disabled", String(Boolean(missing || saving)));
    move();
  }

  function move() {
    place.value = String(player.position_s);
    view.view.moveTo(player.position_s);
  }

  async function sending(work) {
    if (saving) return;
    saving = true;
    failure.textContent = "";
    try {
      await work();
    } catch (error) {
      failure.textContent = error.message;
    } finally {
      saving = false;
    }
  }

  function send() {
    if (state.form.some(({ id, required }) => required && (values[id] ?? "") === "")) return draw();
    if (fields.some(({ view }) => view?.isOpen?.())) {
      failure.textContent = "A region has begun and not ended. Press its number once more, or Escape to drop it.";
      return;
    }
    sending(() => save({ item: state.item, revision: state.revision, values, input }));
  }

  const actions = {
    escape: () => fields.forEach(({ view }) => view?.cancel?.()),
    " ": () => player.toggle(), s: slower, u: undo, enter: send, home: () => seek(0),
    c: () => fields.find(({ kind }) => kind === "text")?.box.focus(),
    arrowleft: () => seek(player.position_s - SEEK_S), arrowright: () => seek(player.position_s + SEEK_S),
    arrowup: () => mark(at - 1), arrowdown: () => mark(at + 1),
  };

  function onKey(event) {
    if (!root.isConnected || !root.checkVisibility() || event.ctrlKey || event.metaKey || event.altKey) return;
    const focus = event.target, key = event.key.toLowerCase();
    input = "key";
    if (focus.matches(TYPED)) {
      if (key === "escape") root.querySelector("h2").focus();
      return;
    }
    // keys that work the element in focus are its own
    if ((key === " " || key === "enter") && focus.closest("button, summary, [role=tab]")) return;
    if (key === " " && focus.matches("input[type=checkbox], input[type=radio]:not(:checked)")) return;
    if (key.startsWith("arrow") && focus.closest("input, [role=tab]")) return;
    const isDigit = /^[1-9]$/.test(key);
    if (!isDigit && !(key in actions)) return;
    event.preventDefault();
    if (isDigit) answer(Number(key));
    else actions[key]();
  }
  const onPointer = (event) => { input = event.pointerType === "mouse" ? "mouse" : "touch"; };
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", onPointer);
  const timer = setInterval(() => player.isPlaying && move(), 50);

  async function load() {
    failure.replaceChildren();
    try {
      await player.load({ left: urlOf(state.media.clip) });
      player.setLoop(false);
      playButton.disabled = false;
      if (plays) await player.play();
    } catch {
      failure.append("The clip could not be loaded. ", h("button", { type: "button", onclick: load }, "Try again"));
    }
  }
  draw();
  load();

  return () => {
    clearInterval(timer);
    player.close();
    document.removeEventListener("keydown", onKey);
    document.removeEventListener("pointerdown", onPointer);
  };
}
