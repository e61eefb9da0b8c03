// A rater's way through a label project: the project, a name, one clip after the other.

import { ask, memory } from "./ask.js";
import { h, paragraphs } from "./elements.js";
import { showClip } from "./label_clip.js";
import { Screens, button, title } from "./screens.js";
import { words } from "./words.js";

// base: address that ends in /label/. The project is named by the address of the page, else chosen from a list.
export async function labelling(root, base) {
  const screens = new Screens(root, await words("en"));
  let autoplay = true;

  async function choose() {
    const projects = await ask(`${base}list`), named = location.pathname.match(/\/label\/([^/]+)\/$/)?.[1];
    if (named) {
      const project = projects.find(({ id }) => id === named);
      if (!project) throw new Error("This label project is not open. Check the link, or ask whoever sent it.");
      return open(project);
    }
    if (!projects.length) return screens.show(title("Nothing to label"), h("p", {}, "No label project is open here at the moment."));
    if (projects.length === 1) return open(projects[0]);
    screens.show(title("Label recordings"), ...projects.map((project) =>
      h("p", {}, button(project.title, () => screens.run(() => open(project)), ""))));
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
    const name = h("label", { class: "field" }, "Your name or a pseudonym, the same each time",
      h("input", { type: "text", name: "rater", maxlength: "200", autocomplete: "nickname" }));
    screens.show(title(project.title), ...paragraphs(project.instructions), screens.form([name], "Begin", async (given) => {
      const { token } = await ask(`${at}begin`, given);
      memory.set(key, token);
      await go(project, at, token, await ask(`${at}state`, {}, token), false);
    }));
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
    const rename = () => {
      memory.forget(`mvsd-label-${project.id}`);
      screens.run(() => open(project));
    };
    if (state.stage === "done") {
      return screens.show(title("Thank you"), h("p", {}, `${state.done} labels of ${state.rater} are saved; there is nothing left for you here.`),
        state.can_undo ? button("Back to the last one", () => screens.run(() => send("undo", {})), "") : null, button("Another name", rename, ""));
    }
    const work = draft(`mvsd-label-draft-${state.item}`, state.revision);
    screens.show();
    const close = showClip(root, state, screens.say, (media) => `${at}media/${media}`, {
      plays: goesOn && autoplay, autoplay, setAutoplay: (on) => { autoplay = on; }, draft: work.values, keep: work.keep,
      save: async (label) => {
        await send("save", label);
        work.drop();
      }, back: () => send("undo", {}), rename,
    });
    screens.until(() => {
      work.leave();
      close();
    });
  }

  await screens.run(choose);
}

// Work on one clip that is not saved yet: the browser keeps it, or else asks before the page is left.
function draft(key, revision) {
  const kept = JSON.parse(memory.get(key) || "null");
  const ask = (event) => event.preventDefault();
  const leave = () => removeEventListener("beforeunload", ask);
  return {
    values: kept?.revision === revision ? kept.values : null,
    keep: (values) => { if (!memory.set(key, JSON.stringify({ revision, values }))) addEventListener("beforeunload", ask); },
    drop: () => memory.forget(key),
    leave,
  };
}
