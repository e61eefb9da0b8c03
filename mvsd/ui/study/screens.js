// One screen after the other in one place of the page, and what ends with each.

import { ask } from "./ask.js";
import { h } from "./elements.js";
import { choose, remember, words } from "./words.js";

export const title = (text) => h("h2", { tabindex: "-1" }, text);
export const button = (text, onclick, kind = "primary") => h("button", { type: "button", class: kind, onclick }, text);

export class Screens {
  #close = () => {};

  constructor(root) {
    this.root = root;
  }

  async speak(language) {
    this.say = await words(language);
    this.root.lang = language;
  }

  // What a study or a project says of itself, in a language of the visitor's; again: shows it anew in another.
  async greeting(at, again) {
    const offered = (await ask(`${at}welcome`)).languages, language = choose(offered);
    await this.speak(language);
    const told = await ask(`${at}welcome?language=${encodeURIComponent(language)}`);
    return { ...told, language, choice: offered.length > 1 ? this.#languages(offered, language, again) : null };
  }

  #languages(offered, language, again) {
    const name = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);
    const select = h("select", { onchange: () => {
      remember(select.value);
      this.run(again);
    } }, ...offered.map((code) => h("option", { value: code, selected: code === language }, name(code))));
    return h("label", { class: "language" }, `${this.say("language")} `, select);
  }

  show(...children) {
    this.until(() => {});
    this.root.replaceChildren(...children.filter((child) => child !== null));
    this.root.querySelector("h2")?.focus();
  }

  // Ends what the last screen left running; close ends what this one does.
  until(close) {
    this.#close();
    this.#close = close;
  }

  // A step that may fail and be tried again.
  async run(step) {
    try {
      await step();
    } catch (error) {
      this.show(title(this.say("did_not_work")), h("p", { role: "alert" }, this.say.failure(error)),
        button(this.say("try_again"), () => this.run(step)));
    }
  }

  // fields and a button; work gets what was filled in, and says in the form why it failed.
  form(fields, text, work, kind = "primary") {
    const failure = h("p", { class: "failure", role: "alert" });
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      failure.textContent = "";
      try {
        await work(Object.fromEntries(new FormData(form)));
      } catch (error) {
        failure.textContent = this.say.failure(error);
      }
    } }, ...fields, failure, h("button", { class: kind }, text));
    return form;
  }
}
