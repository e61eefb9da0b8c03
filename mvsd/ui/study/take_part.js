// A listener's way through a study: consent, sound, questions, trials, code. All truth is the server's.

import { ask, memory } from "./ask.js";
import { h, paragraphs, radios } from "./elements.js";
import { calibrationTone } from "./player.js";
import { Screens, button, title } from "./screens.js";
import { showTrial } from "./trial.js";
import { LANGUAGES, choose } from "./words.js";

const WITHDRAW = "#withdraw"; // end of an address where only withdrawing is asked
const volume = (key) => `${key}-volume`; // that it was set on this device

// base: address that ends in /study/. The study is named by the address of the page, else chosen from a list.
export async function takePart(root, base) {
  const query = new URLSearchParams(location.search);
  const screens = new Screens(root);
  const say = (...text) => screens.say(...text);
  let back = null; // to the list, where one was shown

  async function list() {
    const studies = await ask(`${base}list`);
    if (!studies.length) return screens.show(title(say("none_open")), h("p", {}, say("none_open_more")));
    if (studies.length === 1) return open(studies[0].id);
    back = () => screens.run(list);
    screens.show(title(say("take_part")), ...studies.map((study) =>
      h("p", {}, button(study.title, () => screens.run(() => open(study.id)), ""))));
  }

  async function open(study) {
    const at = `${base}${encodeURIComponent(study)}/`, key = `mvsd-study-${study}`;
    if (location.hash === WITHDRAW) return screens.show(title(say("withdraw")), ...withdrawal(at, key));
    const linked = new URLSearchParams(location.hash.slice(1)).get("session");
    const token = linked || memory.get(key);
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
    const agree = h("input", { type: "checkbox" });
    const failure = h("p", { class: "failure", role: "alert" });
    const participant = query.get(told.participant_parameter) || "";
    const start = button(say("begin"), async () => {
      if (!agree.checked) {
        failure.textContent = say("tick");
        return agree.focus();
      }
      try {
        const { token } = await ask(`${at}begin`, { consent_version: told.consent_version, participant, language: told.language });
        memory.set(key, token);
        memory.forget(volume(key));
        await resume(at, key, token);
      } catch (error) {
        failure.textContent = screens.say.failure(error);
      }
    });
    screens.show(told.choice, title(told.title), h("p", {}, say("comparisons", { n: told.trials })),
      h("section", { class: "consent", "aria-label": say("consent") }, ...paragraphs(told.consent),
        h("p", {}, say("kept", { what: told.retention })), told.ethics ? h("p", {}, say("ethics", { number: told.ethics })) : null,
        told.contact ? h("p", {}, say("contact", { whom: told.contact })) : null),
      h("label", { class: "agree" }, agree, ` ${say("agree")}`), failure,
      h("div", { class: "send" }, start, back ? button(say("other_studies"), back, "") : null));
  }

  async function sound(at, key, token) {
    const { level_db } = await ask(`${at}welcome`);
    let stop = null;
    const tone = h("button", { type: "button", "aria-pressed": "false", onclick: async () => {
      if (stop) stop();
      stop = stop ? null : await calibrationTone(level_db);
      tone.setAttribute("aria-pressed", String(Boolean(stop)));
      tone.textContent = say(stop ? "tone_stop" : "tone_play");
    } }, say("tone_play"));
    screens.show(title(say("volume")), h("p", { class: "warning" }, say("volume_warning")), h("p", {}, say("volume_how")),
      h("div", { class: "send" }, tone, button(say("volume_done"), () => {
        memory.set(volume(key), "set");
        return screens.run(() => resume(at, key, token));
      })));
    screens.until(() => stop?.());
  }

  async function resume(at, key, token) {
    const state = await ask(`${at}state`, {}, token);
    await screens.speak(state.language);
    const hears = state.stage !== "away" && state.stage !== "done";
    await (hears && !memory.get(volume(key)) ? sound(at, key, token) : go(at, key, token, state));
  }

  async function go(at, key, token, state) {
    if (state.stage === "questionnaire") return questionnaire(at, key, token, state);
    if (state.stage === "away") return screens.show(title(say("thank_you")), h("p", {}, say("away")), mine(token, state.code));
    if (state.stage === "done") return done(at, key, token, state);
    if (state.break_s) return rest(at, key, token, state);
    trial(at, key, token, state);
  }

  function questionnaire(at, key, token, state) {
    const fields = state.questions.map((question) => question.choices.length
      ? radios(question.id, question.ask, question.choices)
      : h("label", { class: "field" }, question.ask, h("input", { type: "text", name: question.id, maxlength: "500" })));
    const form = screens.form(fields, say("go_on"), async (given) =>
      go(at, key, token, await ask(`${at}questionnaire`, given, token)));
    screens.show(title(say("about_you")), form, mine(token, state.code));
  }

  function rest(at, key, token, state) {
    let left = state.break_s;
    const count = h("p", { role: "timer" }, say("seconds", { n: left }));
    screens.show(title(say("break")), h("p", {}, say("break_more")), count,
      button(say("go_on"), () => trial(at, key, token, state)), mine(token, state.code));
    const timer = setInterval(() => {
      left -= 1;
      count.textContent = left > 0 ? say("seconds", { n: left }) : say("break_over");
    }, 1000);
    screens.until(() => clearInterval(timer));
  }

  function trial(at, key, token, state) {
    const body = h("div", {});
    screens.show(body, mine(token, state.code), h("details", { class: "withdraw" }, h("summary", {}, say("withdraw")), ...withdrawal(at, key)));
    screens.until(showTrial(body, state, screens.say, (media) => `${at}media/${media}`, async (answer) => {
      try {
        await go(at, key, token, await ask(`${at}answer`, { trial: state.trial, answer }, token));
      } catch (error) {
        if (error.kind !== "stale") throw error;
        await resume(at, key, token);
      }
    }, () => resume(at, key, token)));
  }

  function done(at, key, token, state) {
    screens.show(title(say("thank_you")), h("p", {}, say("all_saved")), h("p", { class: "code" }, state.code),
      h("p", {}, say("keep_code", { address: `${at}${WITHDRAW}` })),
      state.completion_url ? h("p", {}, h("a", { href: state.completion_url, rel: "noreferrer" }, say("back_to"))) : null,
      h("p", {}, say("debrief")), h("details", { class: "withdraw" }, h("summary", {}, say("withdraw")), ...withdrawal(at, key)));
  }

  function mine(token, code) {
    const link = `${location.origin}${location.pathname}${location.search}#session=${encodeURIComponent(token)}`;
    return h("details", { class: "mine" }, h("summary", {}, say("stop_later")), h("p", {}, say("stop_later_more")),
      h("input", { type: "text", readonly: "", value: link, "aria-label": say("your_link"), onfocus: (event) => event.target.select() }),
      h("p", {}, `${say("code_is")} `, h("strong", {}, code)));
  }

  function withdrawal(at, key) {
    const code = h("label", { class: "field" }, say("your_code"), h("input", { type: "text", name: "code", autocomplete: "off" }));
    return [screens.form([code], say("withdraw_now"), async (given) => {
      await ask(`${at}withdraw`, given);
      memory.forget(key);
      history.replaceState(null, "", location.pathname + location.search);
      screens.show(title(say("deleted")), h("p", {}, say("deleted_more")));
    }, "")];
  }

  await screens.speak(choose(LANGUAGES));
  const named = query.get("study") || location.pathname.match(/\/study\/([^/]+)\/$/)?.[1];
  await screens.run(() => (named ? open(named) : list()));
}
