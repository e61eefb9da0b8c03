// The pages' own words: one table a language in words/. A study's texts are its own.

import { ask, memory } from "./ask.js";

export const LANGUAGES = ["en", "de", "es", "fr", "zh"];
const KEY = "mvsd-language";

// Of what a study offers: what the visitor chose before, what the page or the browser speaks, else the first.
export function choose(offered) {
  const wanted = [memory.get(KEY), ...navigator.languages];
  const found = wanted.map((code) => offered.find((one) => one === code || one.slice(0, 2) === code?.slice(0, 2)));
  return found.find(Boolean) || offered[0];
}

export const remember = (language) => memory.set(KEY, language);

// Returns say(key, values): the text with its {places} filled in. English where a language has no table.
export async function words(language) {
  const code = language.slice(0, 2);
  const table = await ask(new URL(`words/${LANGUAGES.includes(code) ? code : "en"}.json`, import.meta.url));
  const say = (key, values = {}) => table[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  say.failure = (error) => table[`error_${error.kind}`] || error.message;
  return say;
}
