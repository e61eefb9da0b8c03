// A rater's way through a label project: the project, a name, one clip after the other.

import { ask, memory } from "./ask.js";
import { h, paragraphs } from "./elements.js";
import { showClip } from "./label_clip.js";
import { Screens, button, title } from "./screens.js";
import { LANGUAGES, choose } from "./words.js";

// base: address that ends in /label/. The project is named by the address of the page, else chosen from a list.
export async function labelling(root, base) {
  const screens = new Screens(root);
  const say = (...text) => screens.say(...text);
  let autoplay = true;

  async function list() {
    const projects = await ask(`${base}list`);
    if (!projects.length) return screens.show(title(say("none_to_label")), h("p", {}, say("none_to_label_more")));
    if (projects.length === 1) return open(projects[0].id);
    screens.show(title(say("label_recordings")), ...projects.map((project) =>
      h("p", {}, button(project.title, () => screens.run(() => open(project.id)), ""))));
  }

  async function open(project) {
    const at = `${base}${encodeURIComponent(project)}/`, key = `mvsd-label-${project}`, token = memory.get(key);
    if (token) {
      try {
        return await resume(at, key, token);
      } catch (error) {
        if (error.kind !== "unknown") throw error;
        memory.forget(key);
      }
    }
    await welcome(at, key);
  }

  async function welcome(at, key) {
    const told = await screens.greeting(at, () => welcome(at, key));
    const name = h("label", { class: "field" }, say("your_name"),
      h("input", { type: "text", name: "rater", maxlength: "200", required: true, autocomplete: "nickname" }));
    screens.show(told.choice, title(told.title), ...paragraphs(told.instructions), screens.form([name], say("begin"), async (given) => {
      const { token } = await ask(`${at}begin`, { ...given, language: told.language });
      memory.set(key, token);
      await resume(at, key, token);
    }));
  }

  async function resume(at, key, token) {
    const state = await ask(`${at}state`, {}, token);
    await screens.speak(state.language);
    await go(at, key, token, state, false);
  }

  // goesOn: the rater has come from a clip, so that the next may sound by itself.
  async function go(at, key, token, state, goesOn) {
    async function send(what, body) {
      try {
        await go(at, key, token, await ask(`${at}${what}`, body, token), true);
      } catch (error) {
        if (error.kind !== "stale") throw error;
        await resume(at, key, token);
      }
    }
    const back = () => send("undo", {}), rename = () => {
      memory.forget(key);
      screens.run(() => welcome(at, key));
    };
    if (state.stage === "done") {
      return screens.show(title(say("thank_you")), h("p", {}, say("all_labelled", { n: state.done, rater: state.rater })),
        state.can_undo ? button(say("last_label"), back, "") : null, button(say("another_name"), rename, ""));
    }
    const work = draft(`mvsd-label-draft-${state.item}`, state.revision);
    screens.show();
    const close = showClip(root, state, screens.say, (media) => `${at}media/${media}`, {
      plays: goesOn && autoplay, autoplay, setAutoplay: (on) => { autoplay = on; }, draft: work.kept, keep: work.keep,
      save: async (label) => {
        await send("save", label);
        work.drop();
      }, back, rename, reload: () => resume(at, key, token),
    });
    screens.until(() => {
      work.leave();
      close();
    });
  }

  await screens.speak(choose(LANGUAGES));
  const named = location.pathname.match(/\/label\/([^/]+)\/$/)?.[1];
  await screens.run(() => (named ? open(named) : list()));
}

// Work on one clip that is not saved yet, with the steps to it: the browser keeps them, or else asks before the page
// is left. kept: {values, past}, or null.
function draft(key, revision) {
  const found = JSON.parse(memory.get(key) || "null");
  const warn = (event) => event.preventDefault();
  const drop = () => memory.forget(key), leave = () => removeEventListener("beforeunload", warn);
  return {
    kept: found?.revision === revision && found.past ? found : null,
    keep: (values, past) => {
      if (!past.length) drop();
      else if (!memory.set(key, JSON.stringify({ revision, values, past }))) addEventListener("beforeunload", warn);
    },
    drop, leave,
  };
}
