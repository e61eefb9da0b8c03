// What a trial and a label share: play and seek, keys, clips that load, one save at a time.

import { h } from "./elements.js";

const TYPED = "textarea, select, input[type=text], input[type=number]";
const EVERY_MS = 50;
const AGAIN_MS = 5000; // between two tries to save
const PASSING = ["offline", "silent", "unsaved"]; // failures that may be over the next time

export class Desk {
  input = "mouse"; // what was used last: mouse, touch or key
  isSaving = false;
  #again = null;

  // actions: key -> what it does, beside those of every player. answer: digit -> whether it meant anything.
  // draw: shows how things stand; move: the same, called many times a second while a clip sounds. reload: shows the
  // same page with clips under new addresses, as those of before may open nothing any more.
  constructor(root, player, say, { step_s, actions, answer, draw, move, reload }) {
    Object.assign(this, { root, player, say, answer, draw, reload });
    this.failure = h("p", { class: "failure", role: "alert" });
    this.play = h("button", { type: "button", class: "play", disabled: true, onclick: () => player.toggle() }, say("play"));
    this.place = h("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0", disabled: true,
      "aria-label": say("place"), oninput: () => player.seek(Number(this.place.value)) });
    this.actions = {
      " ": () => player.toggle(), home: () => player.seek(0),
      arrowleft: () => player.seek(player.position_s - step_s), arrowright: () => player.seek(player.position_s + step_s),
      ...actions,
    };
    this.onKey = (event) => this.#key(event);
    this.onPointer = (event) => { this.input = event.pointerType === "mouse" ? "mouse" : "touch"; };
    document.addEventListener("keydown", this.onKey);
    document.addEventListener("pointerdown", this.onPointer);
    this.timer = setInterval(() => {
      if (!player.isPlaying) return;
      if (root.checkVisibility()) move();
      else player.pause(); // what is hidden, as in another tab of the page, is not listened to
    }, EVERY_MS);
  }

  // urls: slot -> address. ready: called once every clip is there.
  async load(urls, ready) {
    this.failure.replaceChildren();
    try {
      await this.player.load(urls);
    } catch {
      const again = h("button", { type: "button", onclick: () => this.attempt(this.reload) }, this.say("try_again"));
      return this.failure.replaceChildren(`${this.say("clip_not_loaded")} `, again);
    }
    this.place.max = String(this.player.length_s);
    this.place.disabled = this.play.disabled = false;
    await ready();
  }

  drawTransport() {
    this.play.textContent = this.say(this.player.isPlaying ? "pause" : "play");
    this.place.value = String(this.player.position_s);
  }

  // Work that must not run twice at once, as saving; a failure is told, the page stays, and it is tried again.
  async attempt(work) {
    if (this.isSaving) return;
    clearTimeout(this.#again);
    this.isSaving = true;
    this.failure.textContent = "";
    this.draw();
    try {
      await work();
    } catch (error) {
      const passes = PASSING.includes(error.kind) && this.root.isConnected;
      this.failure.textContent = [this.say.failure(error), ...(passes ? [this.say("tries_again")] : [])].join(" ");
      if (passes) this.#again = setTimeout(() => this.attempt(work), AGAIN_MS);
    } finally {
      this.isSaving = false;
      this.draw();
    }
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.#again);
    this.player.close();
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("pointerdown", this.onPointer);
  }

  #key(event) {
    if (!this.root.isConnected || !this.root.checkVisibility() || event.ctrlKey || event.metaKey || event.altKey) return;
    const focus = event.target, key = event.key.toLowerCase();
    this.input = "key";
    if (focus.matches(TYPED)) {
      if (key === "escape") this.root.querySelector("h2").focus();
      return;
    }
    // keys that work the element in focus are its own
    if ((key === " " || key === "enter") && focus.closest("button, summary, a, [role=tab]")) return;
    if (key === " " && focus.matches("input[type=checkbox], input[type=radio]:not(:checked)")) return;
    if (key.startsWith("arrow") && focus.closest("input, [role=tab]")) return;
    if (/^\d$/.test(key) ? !this.answer(Number(key)) : !(key in this.actions)) return;
    event.preventDefault();
    if (key in this.actions) this.actions[key]();
  }
}
