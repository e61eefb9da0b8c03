// Several clips on one clock: all of them run, one is heard. Knows nothing of studies, labels or pages.

const FADE_S = 0.006; // time constant of a switch: too slow for a click, too fast to be noticed
const SHORTEST_S = 0.1; // of a part that is looped
const AHEAD_S = 0.03; // starts are scheduled, so that all clips start at the same sample

let context = null; // browsers allow few of them: one for the page

export function audioContext() {
  context = context || new AudioContext();
  return context;
}

export class Player {
  #buffers = {};
  #sources = {};
  #gains = {};
  #slot = null;
  #segment = null; // what is sounding: {at_s, slot, from_s, why, begun} with begun in the context's time
  #offset_s = 0; // place in the clips when paused
  #shown;

  // onChange: called after everything that a page may want to show.
  constructor(onChange = () => {}) {
    this.onChange = onChange;
    this.loops = true;
    this.rate = 1; // below 1: slower, and lower in pitch
    this.restarts = false; // true: a switch begins the clip anew
    this.span = null; // [from_s, to_s] of the clips that is looped; null: all of them
    this.log = []; // [at_s, slot, from_s, for_s, why]
    this.#shown = performance.now();
  }

  // urls: slot -> address. Every clip is decoded before anything can sound.
  async load(urls) {
    const clips = Object.entries(urls).map(async ([slot, url]) => {
      const response = await fetch(url, { cache: "no-store" });
      if (!response.ok) throw new Error(`clip ${response.status}`);
      this.#buffers[slot] = await audioContext().decodeAudioData(await response.arrayBuffer());
    });
    await Promise.all(clips);
    const lengths = new Set(Object.values(this.#buffers).map((buffer) => buffer.length));
    if (lengths.size > 1) throw new Error("clips of unequal length");
    this.#slot = Object.keys(urls)[0];
    this.#shown = performance.now();
    this.onChange();
  }

  get isPlaying() { return this.#segment !== null; }
  get slot() { return this.#slot; }
  get slots() { return Object.keys(this.#buffers); }
  get length_s() { return this.#slot ? this.#buffers[this.#slot].duration : 0; }
  get sinceShown_s() { return (performance.now() - this.#shown) / 1000; }

  get position_s() {
    if (!this.#segment) return this.#offset_s;
    const at = this.#segment.from_s + this.#soundedFor();
    if (!this.loops) return Math.min(at, this.length_s);
    const [begin, end] = this.#round;
    return at < end ? at : begin + ((at - end) % (end - begin));
  }

  // slot -> seconds heard, what sounds now included
  get heard() {
    const heard = Object.fromEntries(this.slots.map((slot) => [slot, 0]));
    for (const [, slot, , for_s] of this.log) heard[slot] += for_s;
    if (this.#segment) heard[this.#segment.slot] += this.#soundedFor();
    return heard;
  }

  async play(why = "play") {
    const out = audioContext();
    await out.resume(); // allowed on a click or key only
    if (this.isPlaying || !this.#slot) return;
    const [from_s, to_s] = this.#round;
    if (this.#offset_s < from_s || this.#offset_s >= to_s - 0.01) this.#offset_s = from_s;
    const begin = out.currentTime + AHEAD_S;
    for (const slot of this.slots) {
      const source = out.createBufferSource(), gain = out.createGain();
      source.buffer = this.#buffers[slot];
      source.loop = this.loops;
      [source.loopStart, source.loopEnd] = [from_s, to_s];
      source.playbackRate.value = this.rate;
      gain.gain.value = 0;
      gain.gain.setTargetAtTime(slot === this.#slot ? 1 : 0, begin, FADE_S);
      source.connect(gain).connect(out.destination);
      source.start(begin, this.#offset_s);
      this.#sources[slot] = source;
      this.#gains[slot] = gain;
    }
    this.#sources[this.#slot].onended = () => this.pause();
    this.#begin(this.#offset_s, why, begin);
    this.onChange();
  }

  pause() {
    if (!this.isPlaying) return;
    this.#offset_s = this.position_s;
    this.#end();
    const out = audioContext();
    for (const slot of this.slots) {
      this.#sources[slot].onended = null;
      this.#gains[slot].gain.cancelScheduledValues(out.currentTime);
      this.#gains[slot].gain.setTargetAtTime(0, out.currentTime, FADE_S);
      this.#sources[slot].stop(out.currentTime + 8 * FADE_S);
    }
    this.onChange();
  }

  toggle() { return this.isPlaying ? this.pause() : this.play(); }

  async select(slot) {
    if (!this.slots.includes(slot) || slot === this.#slot) return;
    if (!this.isPlaying) {
      this.#slot = slot;
      this.onChange();
    } else if (this.restarts) {
      this.pause();
      this.#slot = slot;
      this.#offset_s = 0;
      await this.play("switch");
    } else {
      this.#switch(slot);
    }
  }

  async seek(to_s) {
    const plays = this.isPlaying;
    this.pause();
    this.#offset_s = Math.min(Math.max(to_s, 0), this.length_s);
    if (plays) await this.play("seek");
    this.onChange();
  }

  setLoop(loops) { this.#change(() => { this.loops = loops; }); }

  // Loop a part of the clips; null: all of them again. A part too short to be heard is none.
  setSpan(span) {
    if (span && span[1] - span[0] < SHORTEST_S) return;
    this.#change(() => {
      this.span = span;
      if (span) this.loops = true;
    });
  }

  setRate(rate) { this.#change(() => { this.rate = rate; }); }

  close() {
    this.pause();
    this.#buffers = {};
    this.#slot = null;
    this.onChange = () => {};
  }

  // how: changes what playing goes by; the place stays.
  #change(how) {
    const plays = this.isPlaying;
    this.pause();
    how();
    if (plays) this.play("seek");
    this.onChange();
  }

  #switch(slot) {
    const out = audioContext(), position = this.position_s;
    this.#end();
    this.#sources[this.#slot].onended = null;
    this.#slot = slot;
    this.#sources[slot].onended = () => this.pause();
    for (const other of this.slots) {
      this.#gains[other].gain.cancelScheduledValues(out.currentTime);
      this.#gains[other].gain.setTargetAtTime(other === slot ? 1 : 0, out.currentTime, FADE_S);
    }
    this.#begin(position, "switch", out.currentTime);
    this.onChange();
  }

  // what is heard again and again
  get #round() { return this.loops && this.span ? this.span : [0, this.length_s]; }

  // in the time of the clip
  #soundedFor() { return Math.max(audioContext().currentTime - this.#segment.begun, 0) * this.rate; }

  #begin(from_s, why, begun) {
    const at_s = this.sinceShown_s + Math.max(begun - audioContext().currentTime, 0);
    this.#segment = { at_s, slot: this.#slot, from_s, why, begun };
  }

  // Write down what has sounded, in a piece for each time round.
  #end() {
    let { at_s, slot, from_s, why } = this.#segment, left_s = this.#soundedFor();
    const [begin_s, end_s] = this.#round;
    do {
      const for_s = Math.min(left_s, end_s - from_s);
      this.log.push([at_s, slot, from_s, for_s, why]);
      [at_s, from_s, left_s, why] = [at_s + for_s, begin_s, left_s - for_s, "loop"];
    } while (left_s > 0.001 && this.loops);
    this.#segment = null;
  }
}

// A steady tone at the level of the study's speech, to set the volume by. Returns what stops it.
export async function calibrationTone(level_db) {
  const out = audioContext();
  await out.resume();
  const tone = out.createOscillator(), gain = out.createGain();
  tone.frequency.value = 500;
  gain.gain.value = 0;
  gain.gain.setTargetAtTime(Math.SQRT2 * 10 ** (level_db / 20), out.currentTime, 0.1);
  tone.connect(gain).connect(out.destination);
  tone.start();
  return () => {
    gain.gain.setTargetAtTime(0, out.currentTime, 0.05);
    tone.stop(out.currentTime + 0.4);
  };
}
