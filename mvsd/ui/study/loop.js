// The part of the clips that is heard again and again: drawn on a strip, or begun and ended by keys where the sound is.

import { h } from "./elements.js";

const percent = (s, length_s) => `${(100 * s) / length_s}%`;

// onChange: called when the part changes. Returns the element, actions by key, and draw.
export function loopPart(player, say, onChange) {
  const mark = h("div", { class: "part" }), head = h("div", { class: "playhead" });
  const strip = h("div", { class: "strip" }, mark, head);
  const told = h("span", { class: "now" });
  const actions = {
    i: () => set(player.position_s, player.span?.[1] ?? player.length_s),
    o: () => set(player.span?.[0] ?? 0, player.position_s),
    x: () => set(),
  };
  const button = (key, text) => h("button", { type: "button", onclick: actions[key] }, `${say(text)} `, h("kbd", { "aria-hidden": "true" }, key.toUpperCase()));
  const element = h("details", { class: "part-of" }, h("summary", {}, say("part")), strip,
    h("div", { class: "options" }, button("i", "part_from"), button("o", "part_to"), button("x", "part_none"), told));

  function set(from_s, to_s) {
    player.setSpan(from_s === undefined ? null : [Math.min(from_s, to_s), Math.max(from_s, to_s)]);
    if (player.span) element.open = true;
    onChange();
  }

  function draw() {
    const length_s = player.length_s || 1, [from_s, to_s] = player.span || [0, length_s];
    mark.style.cssText = `left:${percent(from_s, length_s)};width:${percent(to_s - from_s, length_s)}`;
    mark.classList.toggle("whole", !player.span);
    head.style.left = percent(player.position_s, length_s);
    const now = player.span ? say("part_is", { from: from_s.toFixed(1), to: to_s.toFixed(1) }) : "";
    if (told.textContent !== now) told.textContent = now;
  }

  const time = (event) => {
    const box = strip.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * player.length_s;
  };
  let begun_s = null;
  strip.addEventListener("pointerdown", (event) => {
    begun_s = time(event);
    strip.setPointerCapture(event.pointerId);
  });
  strip.addEventListener("pointermove", (event) => {
    if (begun_s === null) return;
    const now_s = time(event), [from_s, to_s] = [Math.min(begun_s, now_s), Math.max(begun_s, now_s)];
    mark.style.cssText = `left:${percent(from_s, player.length_s)};width:${percent(to_s - from_s, player.length_s)}`;
  });
  strip.addEventListener("pointerup", (event) => {
    if (begun_s !== null) set(begun_s, time(event));
    begun_s = null;
    draw();
  });
  strip.addEventListener("pointercancel", () => { begun_s = null; });

  return { element, actions, draw };
}
