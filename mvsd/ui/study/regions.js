// The spectrogram with its playhead, and regions drawn on it by mouse, touch or keys.

import { h } from "./elements.js";

const SHORTEST_S = 0.01;
const share = (s, length_s) => `${(100 * s) / length_s}%`;

// names: what regions may be called; none: nothing is drawn. Returns the element, toggle, moveTo, set.
export function regionView(src, length_s, names, ask, onChange, seek) {
  let regions = [], name = names[0], open = null; // open: [from_s, name] begun by a key
  const marks = h("div", { class: "marks" });
  const head = h("div", { class: "playhead" });
  const image = h("img", { src, alt: "Spectrogram: time from left to right, high notes on top", draggable: "false" });
  const surface = h("div", { class: `spectrogram${names.length ? " drawable" : ""}` }, image, marks, head);
  const list = h("ul", { class: "regions" });
  const said = h("p", { class: "now", role: "status" });
  const picks = names.map((text, i) => h("button", { type: "button", class: "choice", "aria-pressed": "false", onclick: () => pick(text) },
    h("span", {}, text), h("kbd", { "aria-hidden": "true" }, String(i + 1))));
  const element = h("div", {}, surface, names.length ? h("fieldset", { class: "choices" }, h("legend", {}, ask), ...picks,
    said, list) : null);

  function pick(text) {
    name = text;
    picks.forEach((button, i) => button.setAttribute("aria-pressed", String(names[i] === name)));
  }
  const clip = (s) => Math.min(Math.max(s, 0), length_s);

  function add(a, b, text) {
    const [begin, end] = [clip(Math.min(a, b)), clip(Math.max(a, b))];
    if (end - begin < SHORTEST_S) return;
    regions = [...regions, [begin, end, text]].sort((x, y) => x[0] - y[0]);
    onChange([...regions]);
    draw();
  }

  // A key marks where a region begins, the same key again where it ends.
  function toggle(index, at_s) {
    if (!names[index]) return;
    pick(names[index]);
    if (open && open[1] === names[index]) {
      add(open[0], at_s, open[1]);
      open = null;
      said.textContent = "Marked.";
    } else {
      open = [at_s, names[index]];
      said.textContent = `${names[index]} from ${at_s.toFixed(2)} s; the same key ends it.`;
    }
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
    marks.replaceChildren(...regions.map(([begin, end, text]) => h("div", {
      class: "mark", style: `left:${share(begin, length_s)};width:${share(end - begin, length_s)}` }, h("span", {}, text))));
    list.replaceChildren(...regions.map((region, index) => {
      const bound = (side, what) => h("input", { type: "number", min: "0", max: String(length_s), step: "0.01", value: region[side].toFixed(2),
        "aria-label": `${region[2]} ${what}, in seconds`, onchange: (event) => edit(index, side, event.target.value) });
      return h("li", {}, h("span", {}, region[2]), bound(0, "from"), bound(1, "to"), h("button", { type: "button",
        "aria-label": `Remove ${region[2]} at ${region[0].toFixed(2)} s`, onclick: () => {
          regions = regions.filter((_, i) => i !== index);
          onChange([...regions]);
          draw();
          surface.closest(".study")?.querySelector("h2")?.focus();
        } }, "Remove"));
    }));
  }

  const time = (event) => {
    const box = surface.getBoundingClientRect();
    return clip(((event.clientX - box.left) / box.width) * length_s);
  };
  let from_s = null;
  surface.addEventListener("pointerdown", (event) => {
    from_s = time(event);
    surface.setPointerCapture(event.pointerId);
  });
  surface.addEventListener("pointerup", (event) => {
    if (from_s === null) return;
    const to_s = time(event), isDrag = Math.abs(to_s - from_s) > length_s / 100;
    if (isDrag && names.length) add(from_s, to_s, name);
    else seek(to_s);
    from_s = null;
  });
  surface.addEventListener("pointercancel", () => { from_s = null; }); // the page was scrolled

  pick(name);
  // Forget a region that was begun by a key; whether there was one.
  function cancel() {
    const wasOpen = open !== null;
    open = null;
    if (wasOpen) said.textContent = "";
    return wasOpen;
  }

  return { element, toggle, cancel, isOpen: () => open !== null, moveTo: (s) => { head.style.left = share(s, length_s); }, set: (given) => {
    regions = [...given];
    open = null;
    draw();
  } };
}
