// A listener's way through a study: consent, sound, questions, trials, code. All truth is the server's.

import { ask, memory } from "./ask.js";
import { h, paragraphs, radios } from "./elements.js";
import { calibrationTone } from "./player.js";
import { showTrial } from "./trial.js";

const language = () => document.documentElement.lang || navigator.language.slice(0, 2);

// base: address that ends in /study/. The study is named by the address of the page, else chosen from a list.
export async function takePart(root, base) {
  const query = new URLSearchParams(location.search);
  let close = () => {};

  function screen(...children) {
    close();
    close = () => {};
    root.replaceChildren(...children.filter((child) => child !== null));
    root.querySelector("h2")?.focus();
  }
  const title = (text) => h("h2", { tabindex: "-1" }, text);
  const primary = (text, onclick) => h("button", { type: "button", class: "primary", onclick }, text);

  async function tell(error, again) {
    screen(title("This did not work"), h("p", { role: "alert" }, error.message), again ? primary("Try again", again) : null);
  }

  async function choose() {
    const studies = await ask(`${base}list`);
    if (!studies.length) return screen(title("No study is open"), h("p", {}, "There is nothing to take part in here at the moment."));
    if (studies.length === 1) return open(studies[0].id);
    screen(title("Take part in a listening study"), ...studies.map((study) =>
      h("p", {}, h("button", { type: "button", onclick: () => run(() => open(study.id)) }, study.title))));
  }

  async function open(study) {
    const at = `${base}${encodeURIComponent(study)}/`, key = `mvsd-study-${study}`;
    const linked = new URLSearchParams(location.hash.slice(1)).get("session");
    const token = linked || memory.get(key);
    if (token) {
      try {
        return await go(at, key, token, await ask(`${at}state`, {}, token));
      } catch (error) {
        if (error.kind !== "unknown") throw error;
        memory.forget(key);
      }
    }
    welcome(at, key, await ask(`${at}welcome?language=${encodeURIComponent(language())}`));
  }

  function welcome(at, key, told) {
    const agree = h("input", { type: "checkbox" });
    const failure = h("p", { class: "failure", role: "alert" });
    const participant = query.get(told.participant_parameter) || "";
    const start = primary("Begin", async () => {
      if (!agree.checked) {
        failure.textContent = "Tick the box if you agree; otherwise you may simply leave.";
        return agree.focus();
      }
      try {
        const given = { consent_version: told.consent_version, participant, language: language() };
        const { token } = await ask(`${at}begin`, given);
        memory.set(key, token);
        sound(told.level_db, () => resume(at, key, token));
      } catch (error) {
        failure.textContent = error.message;
      }
    });
    screen(title(told.title), h("p", {}, `${told.trials} comparisons, one after the other. You may stop at any time and go on later.`),
      h("section", { class: "consent", "aria-label": "Consent" }, ...paragraphs(told.consent),
        h("p", {}, "Kept: ", told.retention), told.ethics ? h("p", {}, "Ethics approval: ", told.ethics) : null,
        told.contact ? h("p", {}, "Questions: ", told.contact) : null),
      h("label", { class: "agree" }, agree, " I have read this and agree to take part."), failure, start, withdrawal(at, key));
  }

  function sound(level_db, done) {
    let stop = null;
    const tone = h("button", { type: "button", "aria-pressed": "false", onclick: async () => {
      if (stop) stop();
      stop = stop ? null : await calibrationTone(level_db);
      tone.setAttribute("aria-pressed", String(Boolean(stop)));
      tone.textContent = stop ? "Stop the tone" : "Play the tone";
    } }, "Play the tone");
    screen(title("Set the volume once"), h("p", { class: "warning" }, "Turn your volume down before the first sound, then up slowly."),
      h("p", {}, "Use headphones if you can, in a quiet place. Set the volume so that the tone is easy to hear and comfortable, then leave it."),
      tone, primary("The volume is set", () => { if (stop) stop(); run(done); }));
  }

  const resume = async (at, key, token) => go(at, key, token, await ask(`${at}state`, {}, token));

  async function go(at, key, token, state) {
    if (state.stage === "questionnaire") return questionnaire(at, key, token, state);
    if (state.stage === "done") return done(at, key, token, state);
    if (state.break_s) return rest(at, key, token, state);
    trial(at, key, token, state);
  }

  function questionnaire(at, key, token, state) {
    const failure = h("p", { class: "failure", role: "alert" });
    const fields = state.questions.map((question) => question.choices.length
      ? radios(question.id, question.ask, question.choices.map((choice) => ({ value: choice, label: choice })))
      : h("label", { class: "field" }, question.ask, h("input", { type: "text", name: question.id, maxlength: "500" })));
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        await go(at, key, token, await ask(`${at}questionnaire`, Object.fromEntries(new FormData(form)), token));
      } catch (error) {
        failure.textContent = error.message;
      }
    } }, ...fields, failure, h("button", { class: "primary" }, "Go on"));
    screen(title("About you"), form, mine(token, state.code));
  }

  function rest(at, key, token, state) {
    let left = state.break_s;
    const count = h("p", { role: "timer" }, `${left} s`);
    const on = primary("Go on", () => trial(at, key, token, state));
    screen(title("A break"), h("p", {}, "Rest your ears for a moment. Everything so far is saved."), count, on, mine(token, state.code));
    const timer = setInterval(() => {
      left -= 1;
      count.textContent = left > 0 ? `${left} s` : "Go on whenever you like.";
    }, 1000);
    close = () => clearInterval(timer);
  }

  function trial(at, key, token, state) {
    close();
    const body = h("div", {});
    root.replaceChildren(body, mine(token, state.code), withdrawal(at, key));
    close = showTrial(body, state, (media) => `${at}media/${media}`, async (answer) => {
      try {
        await go(at, key, token, await ask(`${at}answer`, { trial: state.trial, answer }, token));
      } catch (error) {
        if (error.kind !== "stale") throw error;
        await resume(at, key, token);
      }
    });
  }

  function done(at, key, token, state) {
    screen(title("Thank you"), h("p", {}, "All your answers are saved. Your code:"), h("p", { class: "code" }, state.code),
      h("p", {}, "Keep it: with it you can withdraw and have everything deleted."),
      state.completion_url ? h("p", {}, h("a", { href: state.completion_url, rel: "noreferrer" }, "Back to where you came from")) : null,
      h("p", {}, "You compared sounds of the same room made in different ways. Which was which is told by the researchers when the study ends."),
      withdrawal(at, key));
  }

  function mine(token, code) {
    const link = `${location.origin}${location.pathname}${location.search}#session=${encodeURIComponent(token)}`;
    return h("details", { class: "mine" }, h("summary", {}, "Stop and go on later"),
      h("p", {}, "This browser remembers where you are. From another one, open this link; it is yours alone:"),
      h("input", { type: "text", readonly: "", value: link, "aria-label": "Your link", onfocus: (event) => event.target.select() }),
      h("p", {}, "Your code, to withdraw by: ", h("strong", {}, code)));
  }

  function withdrawal(at, key) {
    const said = h("p", { role: "status" });
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        await ask(`${at}withdraw`, Object.fromEntries(new FormData(form)));
        memory.forget(key);
        history.replaceState(null, "", location.pathname + location.search);
        screen(title("Everything is deleted"), h("p", {}, "Nothing of this session is kept. Thank you for your time."));
      } catch (error) {
        said.textContent = error.message;
      }
    } }, h("label", { class: "field" }, "Your code", h("input", { type: "text", name: "code", autocomplete: "off" })),
      h("button", {}, "Withdraw and delete my answers"), said);
    return h("details", { class: "withdraw" }, h("summary", {}, "Withdraw"), form);
  }

  async function run(step) {
    try {
      await step();
    } catch (error) {
      await tell(error, () => run(step));
    }
  }

  const named = query.get("study") || location.pathname.match(/\/study\/([^/]+)\/$/)?.[1];
  await run(() => (named ? open(named) : choose()));
}
