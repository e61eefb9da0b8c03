// One clip before a rater: its picture, its spectrogram, the form. All of it works by keys.

import { Desk } from "./desk.js";
import { h, radios } from "./elements.js";
import { Player } from "./player.js";
import { regionView } from "./regions.js";

const SEEK_S = 0.25;
const RATES = [1, 0.5, 0.25];
const MANY = ["regions", "tags"]; // questions with more than one answer: 0 goes on from these

// urlOf: media token -> address. draft: unsaved work, if any: what the form holds (values) and the steps to it (past).
// keep(values, past) is told of all that changes.
// Returns what closes it.
export function showClip(root, state, say, urlOf, { plays, autoplay, setAutoplay, draft, keep, save, back, rename, reload }) {
  const player = new Player(draw);
  const values = structuredClone(draft?.values || state.values);
  const past = draft?.past || []; // [id of a question, what it held before], one for each change
  let at = 0, note = draft ? say("work_is_back") : "";
  const lacking = h("p", { class: "lacking", role: "status" });
  const desk = new Desk(root, player, say, { step_s: SEEK_S, answer, draw, move, reload, actions: {
    escape: () => cancel(), s: slower, u: undo, n: () => auto.click(), enter: send,
    c: () => fields.find(({ kind }) => kind === "text")?.box.focus(),
    arrowup: () => mark(at - 1), arrowdown: () => mark(at + 1),
  } });
  const rate = h("button", { type: "button", onclick: slower });
  const auto = h("input", { type: "checkbox", checked: autoplay, onchange: () => setAutoplay(auto.checked) });
  const fields = state.form.map(makeField);
  const views = fields.flatMap(({ view }) => view || []);
  if (!views.length) views.push(makeRegions([], "", () => {})); // a spectrogram alone where no regions are asked for
  const isOpen = () => views.some((view) => view.isOpen()), cancel = () => views.forEach((view) => view.cancel());
  const key = (text) => h("kbd", { "aria-hidden": "true" }, text);
  const next = h("button", { type: "button", class: "primary", onclick: send }, `${say("save")} `, key("Enter"));
  const takeBack = h("button", { type: "button", onclick: undo }, `${say("undo")} `, key("U"));
  const done = say("done_of", { n: state.done, of: state.of }), before = state.revision > 1 ? `, ${say("saved_before")}` : "";

  root.replaceChildren(h("div", { class: "bench" },
    h("header", {},
      h("h2", { tabindex: "-1" }, say("label"), h("small", {}, ` ${done}${before}`)),
      h("p", { class: "who" }, `${say("label_as")} `, h("strong", {}, state.rater), " ", h("button", { type: "button", onclick: rename }, say("another_name"))),
      h("progress", { max: state.of, value: state.done, "aria-label": say("progress") })),
    h("div", {},
      h("div", { class: "player", role: "group", "aria-label": say("player") },
        h("div", { class: "transport" }, desk.play, desk.place),
        h("div", { class: "options" }, rate, h("label", {}, auto, ` ${say("plays_next")} `, key("N")))),
      ...views.map((view) => view.element),
      ...(state.media.picture ? [h("img", { class: "room", src: urlOf(state.media.picture), alt: say("room") })] : [])),
    h("div", {},
      ...fields.filter(({ view }) => !view).map((field) => field.element),
      h("div", { class: "send" }, next, takeBack, lacking, desk.failure),
      h("details", { class: "keys" }, h("summary", {}, say("keys")), say("label_keys"))),
  ));
  fields.forEach(fill);
  mark(0);
  root.querySelector("h2").focus();
  root.scrollIntoView({ block: "start", behavior: "instant" }); // with the page's masthead above it, it would not fit

  function makeField(asked, index) {
    const field = { ...asked, index };
    const set = (value) => change(field, value);
    if (asked.kind === "regions") {
      field.view = makeRegions(asked.choices, asked.ask, set);
      field.element = field.view.element;
    } else if (asked.kind === "text") {
      field.box = h("textarea", { rows: "2", maxlength: "2000", oninput: () => set(field.box.value) });
      field.element = h("label", { class: "field" }, asked.ask, field.box);
    } else if (asked.kind === "tags") {
      const boxes = asked.choices.map(({ value, label }, i) => h("label", { class: "choice" }, h("input", { type: "checkbox", value, onchange: () => set(
        [...field.element.querySelectorAll("input:checked")].map((box) => box.value)) }), h("span", {}, label), h("kbd", { "aria-hidden": "true" }, String(i + 1))));
      field.element = h("fieldset", { class: "choices" }, h("legend", {}, asked.ask), ...boxes);
    } else {
      const numbers = Array.from({ length: asked.most }, (_, i) => ({ value: i + 1, label: String(i + 1), key: null }));
      const choices = asked.choices.map((choice, i) => ({ ...choice, key: String(i + 1) }));
      field.element = radios(asked.id, asked.ask, asked.kind === "rating" ? numbers : choices, () => {
        const picked = field.element.querySelector("input:checked").value;
        set(asked.kind === "rating" ? Number(picked) : picked);
      });
    }
    if (MANY.includes(asked.kind)) {
      field.element.querySelector("legend").append(" ", h("small", { "aria-hidden": "true" }, h("kbd", {}, "0"), ` ${say("goes_on")}`));
    }
    field.element.classList.add("question");
    field.element.addEventListener("focusin", () => mark(index));
    return field;
  }

  function makeRegions(choices, asked, onChange) {
    return regionView(urlOf(state.media.spectrogram), state, choices, asked, say, onChange, (to_s) => player.seek(to_s));
  }

  function fill(field) {
    const value = values[field.id];
    if (field.kind === "regions") field.view.set(value || []);
    else if (field.kind === "text") field.box.value = value || "";
    else for (const box of field.element.querySelectorAll("input")) box.checked = [value].flat().map(String).includes(box.value);
  }

  // What is written in one go is one step, not one a letter.
  function change(field, value) {
    if (field.kind !== "text" || past.at(-1)?.[0] !== field.id) past.push([field.id, values[field.id] ?? null]);
    values[field.id] = value;
    changed();
  }

  function changed() {
    note = "";
    keep(values, past);
    draw();
  }

  // A region begun, else the last change on this clip, else the label before it.
  function undo() {
    if (desk.isSaving) return;
    if (isOpen()) return cancel();
    if (!past.length) return state.can_undo && desk.attempt(back);
    const [id, before] = past.pop(), field = fields.find((one) => one.id === id);
    if (before === null) delete values[id];
    else values[id] = before;
    fill(field);
    mark(field.index);
    changed();
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

  function slower() {
    player.setRate(RATES[(RATES.indexOf(player.rate) + 1) % RATES.length]);
    draw();
  }

  const missing = () => state.form.filter(({ id, required }) => required && (values[id] ?? "") === "").length;

  function draw() {
    rate.replaceChildren(`${player.rate === 1 ? say("full_speed") : say("part_speed", { n: player.rate })} `, key("S"));
    lacking.textContent = note || (missing() ? say("to_answer", { n: missing() }) : "");
    next.setAttribute("aria-disabled", String(Boolean(missing() || desk.isSaving)));
    takeBack.setAttribute("aria-disabled", String(!past.length && !state.can_undo));
    move();
  }

  function move() {
    desk.drawTransport();
    for (const view of views) view.moveTo(player.position_s);
  }

  function send() {
    if (missing()) return draw();
    if (isOpen()) {
      desk.failure.textContent = say("region_open");
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
