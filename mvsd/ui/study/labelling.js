// A rater's way through a label project: the project, a name, one clip after the other.

import { ask, memory } from "./ask.js";
import { h, paragraphs } from "./elements.js";
import { showClip } from "./label_clip.js";

// base: address that ends in /label/.
export async function labelling(root, base) {
  let close = () => {};
  let autoplay = true;

  function screen(...children) {
    close();
    close = () => {};
    root.replaceChildren(...children.filter((child) => child !== null));
    root.querySelector("h2")?.focus();
  }
  const title = (text) => h("h2", { tabindex: "-1" }, text);
  const button = (text, onclick, kind = "primary") => h("button", { type: "button", class: kind, onclick }, text);

  async function run(step) {
    try {
      await step();
    } catch (error) {
      screen(title("This did not work"), h("p", { role: "alert" }, error.message), button("Try again", () => run(step)));
    }
  }

  async function choose() {
    const projects = await ask(`${base}list`);
    if (!projects.length) return screen(title("Nothing to label"), h("p", {}, "No label project is open here at the moment."));
    if (projects.length === 1) return open(projects[0]);
    screen(title("Label recordings"), ...projects.map((project) =>
      h("p", {}, button(project.title, () => run(() => open(project)), ""))));
  }

  async function open(project) {
    const at = `${base}${encodeURIComponent(project.id)}/`, key = `mvsd-label-${project.id}`, token = memory.get(key);
    if (token) {
      try {
        return go(project, at, token, await ask(`${at}state`, {}, token), false);
      } catch (error) {
        if (error.kind !== "unknown") throw error;
        memory.forget(key);
      }
    }
    const failure = h("p", { class: "failure", role: "alert" });
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        const { token } = await ask(`${at}begin`, Object.fromEntries(new FormData(form)));
        memory.set(key, token);
        await go(project, at, token, await ask(`${at}state`, {}, token), false);
      } catch (error) {
        failure.textContent = error.message;
      }
    } }, h("label", { class: "field" }, "Your name or a pseudonym, the same each time",
      h("input", { type: "text", name: "rater", maxlength: "200", autocomplete: "nickname" })), failure, h("button", { class: "primary" }, "Begin"));
    screen(title(project.title), ...paragraphs(project.instructions), form);
  }

  // goesOn: the rater has come from a clip, so that the next may sound by itself.
  async function go(project, at, token, state, goesOn) {
    async function send(what, body) {
      try {
        await go(project, at, token, await ask(`${at}${what}`, body, token), true);
      } catch (error) {
        if (error.kind !== "stale") throw error;
        await go(project, at, token, await ask(`${at}state`, {}, token), false);
      }
    }
    if (state.stage === "done") {
      return screen(title("Thank you"), h("p", {}, `${state.done} labels are saved; there is nothing left for you here.`),
        state.can_undo ? button("Back to the last one", () => run(() => send("undo", {})), "") : null);
    }
    screen();
    close = showClip(root, state, (media) => `${at}media/${media}`, {
      plays: goesOn && autoplay, autoplay, setAutoplay: (on) => { autoplay = on; },
      save: (label) => send("save", label), back: () => send("undo", {}),
    });
  }

  await run(choose);
}
