// The spectrogram with its scales and playhead, and regions drawn on it by mouse, touch or keys.

import { h } from "./elements.js";

const SHORTEST_S = 0.01;
const TICKS = 5; // about so many on a scale
const percent = (value, of) => `${(100 * value) / of}%`;

// Round numbers from 0 to top.
function ticks(top) {
  const rough = top / TICKS, ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * ten).find((candidate) => candidate >= rough);
  return Array.from({ length: Math.floor(top / step + 1e-6) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

// choices: what regions may be called, {value, label}; none: nothing is drawn. top_hz: at the upper edge of the picture.
// Returns the element, toggle, cancel, isOpen, moveTo, set.
export function regionView(src, { length_s, top_hz }, choices, ask, say, onChange, seek) {
  const names = choices.map(({ value }) => value), label = (value) => choices[names.indexOf(value)]?.label ?? value;
  let regions = [], name = names[0], open = null; // open: [from_s, name] begun by a key
  const marks = h("div", { class: "marks" });
  const drawn = h("div", { class: "mark", hidden: true }); // what the pointer is drawing
  const head = h("div", { class: "playhead" });
  const image = h("img", { src, alt: say("spectrogram"), draggable: "false" });
  const surface = h("div", { class: `spectrogram${names.length ? " drawable" : ""}` }, image, marks, drawn, head);
  const seconds = ticks(length_s).map((s) => h("span", { style: `left:${percent(s, length_s)}` }, s ? `${s}` : "0 s"));
  const hertz = ticks(top_hz / 1000).map((khz) => h("span", { style: `bottom:${percent(1000 * khz, top_hz)}` }, `${khz}`));
  const scaled = h("div", { class: "scaled" }, h("div", { class: "hertz", "aria-hidden": "true" }, ...hertz), surface,
    h("div", { class: "unit", "aria-hidden": "true" }, "kHz"), h("div", { class: "seconds", "aria-hidden": "true" }, ...seconds));
  const list = h("ul", { class: "regions" });
  const said = h("p", { class: "now", role: "status" });
  const picks = names.map((text, i) => h("button", { type: "button", class: "choice", "aria-pressed": "false", onclick: () => pick(text) },
    h("span", {}, label(text)), h("kbd", { "aria-hidden": "true" }, String(i + 1))));
  const element = h("div", {}, scaled, names.length ? h("fieldset", { class: "choices" }, h("legend", {}, ask), ...picks,
    said, list) : null);

  function pick(text) {
    name = text;
    picks.forEach((button, i) => button.setAttribute("aria-pressed", String(names[i] === name)));
  }
  const clip = (s) => Math.min(Math.max(s, 0), length_s);
  const place = (begin, end) => `left:${percent(begin, length_s)};width:${percent(end - begin, length_s)}`;

  function add(a, b, text) {
    const [begin, end] = [clip(Math.min(a, b)), clip(Math.max(a, b))];
    if (end - begin < SHORTEST_S) return;
    regions = [...regions, [begin, end, text]].sort((x, y) => x[0] - y[0]);
    onChange([...regions]);
    draw();
  }

  // A key marks where a region begins, the same key again where it ends.
  function toggle(index, at_s) {
    if (!names[index]) return false;
    pick(names[index]);
    if (open && open[1] === names[index]) {
      add(open[0], at_s, open[1]);
      open = null;
      said.textContent = say("region_marked");
    } else {
      open = [at_s, names[index]];
      said.textContent = say("region_begun", { name: label(name), from: at_s.toFixed(2) });
    }
    return true;
  }

  function edit(index, side, value) {
    const region = [...regions[index]];
    region[side] = clip(Number(value) || 0);
    if (region[1] - region[0] >= SHORTEST_S) {
      regions = regions.map((old, i) => (i === index ? region : old));
      onChange([...regions]);
    }
    draw();
  }

  function draw() {
    marks.replaceChildren(...regions.map(([begin, end, text]) => h("div", { class: "mark", style: place(begin, end) }, h("span", {}, label(text)))));
    list.replaceChildren(...regions.map((region, index) => {
      const bound = (side, what) => h("input", { type: "number", min: "0", max: String(length_s), step: "0.01", value: region[side].toFixed(2),
        "aria-label": say(what, { name: label(region[2]) }), onchange: (event) => edit(index, side, event.target.value) });
      return h("li", {}, h("span", {}, label(region[2])), bound(0, "region_from"), bound(1, "region_to"), h("button", { type: "button",
        "aria-label": say("region_remove", { name: label(region[2]), from: region[0].toFixed(2) }), onclick: () => {
          regions = regions.filter((_, i) => i !== index);
          onChange([...regions]);
          draw();
          surface.closest(".study")?.querySelector("h2")?.focus();
        } }, say("remove")));
    }));
  }

  const time = (event) => {
    const box = surface.getBoundingClientRect();
    return clip(((event.clientX - box.left) / box.width) * length_s);
  };
  let from_s = null;
  const isDrag = (to_s) => names.length > 0 && Math.abs(to_s - from_s) > length_s / 100;
  const release = () => { [from_s, drawn.hidden] = [null, true]; };
  surface.addEventListener("pointerdown", (event) => {
    from_s = time(event);
    surface.setPointerCapture(event.pointerId);
  });
  surface.addEventListener("pointermove", (event) => {
    if (from_s === null) return;
    const to_s = time(event), [begin, end] = [Math.min(from_s, to_s), Math.max(from_s, to_s)];
    drawn.hidden = !isDrag(to_s);
    if (drawn.hidden) return;
    drawn.style.cssText = place(begin, end);
    drawn.replaceChildren(h("span", {}, label(name)));
    said.textContent = say("region_is", { name: label(name), from: begin.toFixed(2), to: end.toFixed(2) });
  });
  surface.addEventListener("pointerup", (event) => {
    if (from_s === null) return;
    const to_s = time(event);
    if (isDrag(to_s)) add(from_s, to_s, name);
    else seek(to_s);
    release();
  });
  surface.addEventListener("pointercancel", release); // the page was scrolled

  pick(name);
  // Forget a region that was begun by a key.
  function cancel() {
    if (open) said.textContent = "";
    open = null;
  }

  return { element, toggle, cancel, isOpen: () => open !== null, moveTo: (s) => { head.style.left = percent(s, length_s); }, set: (given) => {
    regions = [...given];
    open = null;
    draw();
  } };
}
