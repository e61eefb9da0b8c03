// One screen after the other in one place of the page, and what ends with each.

import { h } from "./elements.js";

export const title = (text) => h("h2", { tabindex: "-1" }, text);
export const button = (text, onclick, kind = "primary") => h("button", { type: "button", class: kind, onclick }, text);

export class Screens {
  #close = () => {};

  constructor(root, say) {
    this.root = root;
    this.say = say;
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
