// One clip before a rater: its picture, its spectrogram, the form. All of it works by keys.

import { Desk } from "./desk.js";
import { h, radios } from "./elements.js";
import { Player } from "./player.js";
import { regionView } from "./regions.js";

const SEEK_S = 0.25;
const RATES = [1, 0.5, 0.25];
const MANY = ["regions", "tags"]; // questions with more than one answer: 0 goes on from these

// urlOf: media token -> address. draft: unsaved work, if any; keep(values) is told of all that changes.
// Returns what closes it.
export function showClip(root, state, say, urlOf, { plays, autoplay, setAutoplay, draft, keep, save, back, rename }) {
  const player = new Player(draw);
  const values = structuredClone(draft || state.values), past = []; // what the form held before each change
  let at = 0;
  const lacking = h("p", { class: "lacking", role: "status" }, draft ? "Your unsaved work on this clip is back." : "");
  const desk = new Desk(root, player, say, { step_s: SEEK_S, answer, draw, move, actions: {
    escape: () => fields.forEach(({ view }) => view?.cancel?.()),
    s: slower, u: undo, n: () => auto.click(), enter: send,
    c: () => fields.find(({ kind }) => kind === "text")?.box.focus(),
    arrowup: () => mark(at - 1), arrowdown: () => mark(at + 1),
  } });
  const rate = h("button", { type: "button", onclick: slower });
  const auto = h("input", { type: "checkbox", checked: autoplay, onchange: () => setAutoplay(auto.checked) });
  const fields = state.form.map(makeField);
  const regions = fields.find((field) => field.kind === "regions");
  const view = regions || { view: regionView(urlOf(state.media.spectrogram), state, [], "", () => {}, seek) };
  const next = h("button", { type: "button", class: "primary", onclick: send }, "Save and go on ", h("kbd", { "aria-hidden": "true" }, "Enter"));

  root.replaceChildren(
    h("h2", { tabindex: "-1" }, "Label", h("small", {}, ` ${state.done} done of ${state.of}${state.revision > 1 ? ", saved before" : ""}`)),
    h("progress", { max: state.of, value: state.done, "aria-label": "Progress" }),
    h("p", { class: "who" }, "You label as ", h("strong", {}, state.rater), " ", h("button", { type: "button", onclick: rename }, "Another name")),
    ...(state.media.picture ? [h("img", { class: "room", src: urlOf(state.media.picture), alt: "The room" })] : []),
    h("div", { class: "player", role: "group", "aria-label": "Player" }, ...(regions ? [] : [view.view.element]),
      h("div", { class: "transport" }, desk.play, desk.place),
      h("div", { class: "options" }, rate, h("label", {}, auto, " Play the next by itself ", h("kbd", { "aria-hidden": "true" }, "N")))),
    ...fields.map((field) => field.element), lacking, desk.failure,
    h("div", { class: "options" }, next, h("button", { type: "button", onclick: undo }, "Undo ", h("kbd", { "aria-hidden": "true" }, "U"))),
    h("p", { class: "keys" }, "Keys: Space plays, ← → move, S slower (the pitch falls with it), N plays the next clip by itself or not, " +
      "1 to 9 answer the marked question, 0 goes on from one with several answers, ↑ ↓ go to another, U undoes, C comments, " +
      "Escape leaves the comment or drops a region begun, Enter saves."),
  );
  fields.forEach(fill);
  mark(0);
  root.querySelector("h2").focus();

  function makeField(asked, index) {
    const field = { ...asked, index };
    const changed = (value) => change(field, value);
    if (asked.kind === "regions") {
      field.view = regionView(urlOf(state.media.spectrogram), state, asked.choices, asked.ask, changed, seek);
      field.element = field.view.element;
    } else if (asked.kind === "text") {
      field.box = h("textarea", { rows: "2", maxlength: "2000", onchange: () => changed(field.box.value),
        oninput: () => keep({ ...values, [field.id]: field.box.value }) });
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
    if (MANY.includes(asked.kind)) {
      field.element.querySelector("legend").append(" ", h("small", { "aria-hidden": "true" }, h("kbd", {}, "0"), " goes on"));
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
    keep(values);
    draw();
  }

  function undo() {
    if (desk.isSaving) return;
    if (!past.length) return desk.attempt(back);
    const [field, before] = past.pop();
    if (before === undefined) delete values[field.id];
    else values[field.id] = before;
    keep(values);
    fill(field);
    mark(field.index);
    draw();
  }

  function mark(index) {
    at = Math.min(Math.max(index, 0), fields.length - 1);
    fields.forEach((field, i) => field.element.classList.toggle("current", i === at));
    fields[at].element.scrollIntoView({ block: "nearest" });
  }

  // A digit: the answer to the marked question, 0 the way on to the next.
  function answer(number) {
    const field = fields[at];
    if (number === 0) mark(at + 1);
    else if (field.kind === "regions") return field.view.toggle(number - 1, player.position_s);
    else {
      const box = field.element.querySelectorAll("input")[number - 1];
      if (!box) return false;
      box.click();
      if (!MANY.includes(field.kind)) mark(at + 1);
    }
    return true;
  }

  function seek(to_s) { player.seek(to_s); }

  function slower() {
    player.setRate(RATES[(RATES.indexOf(player.rate) + 1) % RATES.length]);
    draw();
  }

  const missing = () => state.form.filter(({ id, required }) => required && (values[id] ?? "") === "").length;

  function draw() {
    rate.replaceChildren(player.rate === 1 ? "Full speed " : `${player.rate} of full speed, lower in pitch `, h("kbd", { "aria-hidden": "true" }, "S"));
    if (!draft || past.length) lacking.textContent = missing() ? `${missing()} to answer.` : "";
    next.setAttribute("aria-disabled", String(Boolean(missing() || desk.isSaving)));
    move();
  }

  function move() {
    desk.drawTransport();
    view.view.moveTo(player.position_s);
  }

  function send() {
    if (missing()) return draw();
    if (fields.some(({ view }) => view?.isOpen?.())) {
      desk.failure.textContent = "A region has begun and not ended. Press its number once more, or Escape to drop it.";
      return;
    }
    desk.attempt(() => save({ item: state.item, revision: state.revision, values, input: desk.input }));
  }

  draw();
  desk.load({ left: urlOf(state.media.clip) }, async () => {
    player.setLoop(false);
    if (plays) await player.play();
  });
  return () => desk.close();
}
