"""One tab: example cards, inputs on the left, results on the right, and what happens on a click."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from mvsd.errors import UserError
from mvsd.examples import Example
from mvsd.forms import new_seed
from mvsd.session import Forming, Outcome, Studio
from mvsd.ui.inputs import Inputs, Wording, input_column
from mvsd.ui.results import Results, Update, result_column

MODEL = "model"  # the one queue of everything that runs a model
# What was wrong before is no longer the matter, whether it is mended or told anew.
CLOSE_MESSAGES = 'document.querySelectorAll(".toast-close").forEach((button) => button.click());'
NOT_OPENING = '() => document.querySelectorAll(".brief").forEach((told) => { told.hidden = true; })'
FORGET = f"() => {{ {CLOSE_MESSAGES} }}"
# On a phone the result lies below the button.
SHOW_RESULT = """() => { %s const at = document.getElementById("%s-result"), top = at.getBoundingClientRect().top;
if (top < 0 || top > 0.6 * innerHeight) at.scrollIntoView(); }"""


def conversion_tab(studio: Studio, words: Wording) -> gr.Tab:
    """Lay a tab out inside the Blocks being built, and wire it to the studio."""
    with gr.Tab(words.tab, id=words.task) as tab:
        _lay_out(studio, words)
    return tab


def _lay_out(studio: Studio, words: Wording) -> None:
    gr.HTML(f'<p class="lead">{words.lead}</p>')
    cards = example_cards([example for example in studio.examples if example.task == words.task])
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=5, min_width=300):
            inputs = input_column(words, studio.samplers)
        with gr.Column(scale=7, min_width=300, elem_classes="results"):
            results = result_column(words)
    running = wire_run(studio, words, inputs, results)
    wire_uploads(studio, inputs, results)
    inputs.draw_seed.click(new_seed, None, inputs.fields["seed"], queue=False, api_visibility="private")
    played = {card: wire_example(studio, card, example, inputs, results) for card, example in cards}
    wire_second_thoughts(inputs, running, played)


def example_cards(examples: list[Example]) -> list[tuple[gr.Button, Example]]:
    if not examples:
        return []
    gr.HTML('<p class="listen">Listen to an example</p>')
    with gr.Row(elem_classes="cards"):
        return [(gr.Button(e.title, icon=e.image, size="sm", min_width=150, elem_classes="card"), e) for e in examples]


def wire_run(studio: Studio, words: Wording, inputs: Inputs, results: Results) -> gr.events.Dependency:
    """Run, step by step, until done, failed or cancelled; each frees the buttons. Returns the event to cancel."""
    shown = {*results.all, inputs.run, inputs.cancel, inputs.fields["seed"]}

    def convert(values: dict[gr.components.Component, Any]) -> Iterator[Update]:
        try:
            for update in studio.convert(words.task, inputs.form(values)):
                yield finish(update) if isinstance(update, Outcome) else results.under_way(update)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def finish(outcome: Outcome) -> Update:
        return results.done(outcome) | buttons(inputs, busy=False) | {inputs.fields["seed"]: outcome.settings.seed}

    started = inputs.run.click(
        lambda: results.under_way(Forming("In line for the model")) | buttons(inputs, busy=True),
        None,
        shown,
        queue=False,
        api_visibility="private",
        show_progress="hidden",
        js=SHOW_RESULT % (CLOSE_MESSAGES, words.task),
    )
    running = started.then(
        convert,
        set(inputs.fields.values()),
        shown,
        api_name=words.task,
        preprocess=False,  # gradio would open photos itself, and fail without a word on what is none
        concurrency_id=MODEL,
        concurrency_limit=1,
        show_progress="hidden",
    )
    failed = lambda: results.failed() | buttons(inputs, busy=False)  # noqa: E731
    stopped = lambda: results.stopped() | buttons(inputs, busy=False)  # noqa: E731
    quietly = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    running.failure(failed, None, shown, **quietly)
    inputs.cancel.click(stopped, None, shown, cancels=[running], **quietly)
    return running


def wire_uploads(studio: Studio, inputs: Inputs, results: Results) -> None:
    """Tell at once of a file that cannot be used, not only when the button is pressed; forget how the last one went."""
    looks = {"photo": studio.look_at_photo, "speech": studio.look_at_speech}
    for name, look in looks.items():
        inputs.fields[name].change(
            results.unmarked, None, results.earlier, queue=False, api_visibility="private", show_progress="hidden",
            js=FORGET,
        )  # fmt: skip
        inputs.fields[name].upload(
            partial(_look, look), inputs.fields[name], None, preprocess=False, api_visibility="private",
            concurrency_limit=4, show_progress="hidden",
        )  # fmt: skip


def _look(look: Callable[[Path], None], given: dict[str, Any] | None) -> None:
    try:
        if given:
            look(Path(given["path"]))
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error


def buttons(inputs: Inputs, *, busy: bool) -> Update:
    return {inputs.run: gr.Button(interactive=not busy), inputs.cancel: gr.Button(visible=busy)}


def wire_example(
    studio: Studio, card: gr.Button, example: Example, inputs: Inputs, results: Results
) -> gr.events.Dependency:
    """Fill the fields and show the result. Returns the event to cancel."""
    names = ("photo", "speech", "steps", "sampler", "seed")
    fields = [inputs.fields[name] for name in names]

    def play() -> Update:
        outcome = studio.show(example)
        used = outcome.settings
        files = [example.image and str(example.image), str(example.speech)]
        return dict(zip(fields, [*files, used.steps, used.sampler, used.seed], strict=True)) | results.done(outcome)

    shown = {*fields, *results.all}
    opened = card.click(
        lambda: results.opening() | buttons(inputs, busy=False),
        None,
        {*results.all, inputs.run, inputs.cancel},
        queue=False,
        api_visibility="private",
        show_progress="hidden",
        js=FORGET,
    )
    played = opened.then(play, None, shown, concurrency_limit=4, api_visibility="private", show_progress="hidden")
    played.success(None, js=SHOW_RESULT % ("", example.task))
    played.failure(results.at_rest, None, results.all, queue=False, api_visibility="private", show_progress="hidden")
    return played


def wire_second_thoughts(
    inputs: Inputs, running: gr.events.Dependency, played: dict[gr.Button, gr.events.Dependency]
) -> None:
    """The last click has the last word: an example ends what was under way, and own work ends an example."""
    for card in played:
        card.click(None, cancels=[running, *(event for other, event in played.items() if other is not card)])
    if played:
        own = [inputs.run.click, inputs.fields["photo"].upload, inputs.fields["speech"].upload]
        gr.on(own, None, cancels=list(played.values()), js=NOT_OPENING)
