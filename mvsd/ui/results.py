"""The right side of a tab: the spectrogram as it forms, then the sound beside its source, and the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from mvsd.session import Forming, Outcome
from mvsd.ui.inputs import Wording, heading
from mvsd.ui.theme import WAVEFORM

if TYPE_CHECKING:
    from mvsd.account import Account, Row

Update = dict[gr.components.Component, Any]

# Sound that dies away, as a drawing.
HINT = """<div class="hint"><svg viewBox="0 0 260 90" aria-hidden="true">{bars}</svg><p>{text}</p>
<p class="quiet">{advice}</p></div>"""
BARS = "".join(
    f'<rect x="{8 * i + 4}" y="{45 - h / 2:.1f}" width="4" height="{h:.1f}" rx="2"/>'
    for i, h in enumerate(6 + 74 * 0.9**i * (0.55 + 0.45 * ((i * 7) % 5) / 4) for i in range(32))
)
FORMING_ALT = "Mel spectrograms: above the source, below the result as it forms out of noise"
MELS_ALT = "Mel spectrograms: above the source, below the result, on one scale of colour and time"
DECAY_ALT = "Energy decay after the last word, before and after; in numbers beside it"
STATUS = """<div class="status" role="status"><progress max="1" value="{share:.3f}" aria-label="Progress"></progress>
<span>{text}</span></div>"""
OPENING = '<div class="status brief" role="status">Opening the example</div>'
STOPPED = '<p class="earlier">The last run was stopped. What you see below is from an earlier one.</p>'
FAILED = '<p class="earlier" role="alert">The last run failed. What you see below is from an earlier one.</p>'
ABOUT_T60 = (
    "T60 is the time in which sound falls by 60 dB, told in ways that need not agree. After the last word it is "
    "measured, and the end of the word itself counts in it, so short ones read long. In all of the speech a network "
    "hears it. In the photo it is guessed: of simulated rooms, four in five lie in the range."
)
UNMEASURED = (
    "- where nothing can be measured: the recording ends, or the next word begins, before the sound has died away."
)


@dataclass(frozen=True)
class Results:
    status: gr.HTML
    forming: gr.Image
    finished: gr.Column
    earlier: gr.HTML
    before: gr.Audio
    after: gr.Audio
    download: gr.DownloadButton
    spectrograms: gr.Image
    decay: gr.Image
    numbers: gr.HTML

    @property
    def all(self) -> set[gr.components.Component]:
        return set(vars(self).values())

    def under_way(self, update: Forming) -> Update:
        status = gr.HTML(STATUS.format(share=update.share, text=escape(update.status)), visible=True)
        if update.picture is None:
            return {self.status: status}
        return {self.status: status, self.forming: gr.Image(update.picture, visible=True)}

    def opening(self) -> Update:
        return self.at_rest() | {self.status: gr.HTML(OPENING, visible=True)}

    def stopped(self) -> Update:
        return self.at_rest() | {self.earlier: gr.HTML(STOPPED, visible=True)}

    def failed(self) -> Update:
        return self.at_rest() | {self.earlier: gr.HTML(FAILED, visible=True)}

    def unmarked(self) -> gr.HTML:
        """What is on screen is no longer said to be of an earlier run."""
        return gr.HTML("", visible=False)

    def done(self, outcome: Outcome) -> Update:
        return self.at_rest() | {
            self.earlier: self.unmarked(),
            self.finished: gr.Column(visible=True),
            self.before: str(outcome.before),
            self.after: str(outcome.after),
            self.download: str(outcome.after),
            self.spectrograms: outcome.spectrograms,
            self.decay: outcome.decay,
            self.numbers: tables(outcome.numbers),
        }

    def at_rest(self) -> Update:
        """Nothing forms any more; what was finished earlier stays, and says so."""
        return {self.status: gr.HTML("", visible=False), self.forming: gr.Image(None, visible=False)}


def tables(numbers: Account) -> str:
    """The numbers as HTML tables, and what they mean where that is not plain."""
    from mvsd.account import NOTHING, T60  # here: it brings torch

    *changed, made = [(table(caption, rows), rows) for caption, rows in numbers.items()]
    values = {value for _, rows in changed for row in rows for value in (row.before, row.after)}
    notes = [note for note, is_due in ((ABOUT_T60, T60 in numbers), (UNMEASURED, NOTHING in values)) if is_due]
    told = "".join(f'<p class="note">{note}</p>' for note in notes)
    return f'<div class="numbers">{"".join(html for html, _ in changed)}{told}{made[0]}</div>'


def table(caption: str, rows: list[Row]) -> str:
    """With a column for before and one for after, unless nothing in it has a before."""
    pairs = any(row.before is not None for row in rows)
    head = '<thead><tr><td></td><th scope="col">Before</th><th scope="col">After</th></tr></thead>' if pairs else ""
    body = "".join(
        f'<tr><th scope="row">{escape(row.name)}</th>{_cell(row.before) if pairs else ""}{_cell(row.after)}</tr>'
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption>{head}<tbody>{body}</tbody></table>"


def _cell(value: str | None) -> str:
    return "<td>{}</td>".format(escape(value or "").replace(" (", " <wbr>("))  # the only place to break a line


def picture(alt_text: str, name: str, *classes: str, visible: bool = True) -> gr.Image:
    return gr.Image(
        label=alt_text, alt_text=alt_text, show_label=False, format="png", interactive=False, buttons=[],
        visible=visible, elem_id=name, elem_classes=["display", *classes],
    )  # fmt: skip


def result_column(words: Wording) -> Results:
    """Empty but for a hint, until there is something to hear."""
    heading(3, "The result", name=f"{words.task}-result")
    status = gr.HTML("", visible=False, elem_id=f"{words.task}-status")
    gr.HTML(HINT.format(bars=BARS, text=words.hint, advice=words.advice))
    forming = picture(FORMING_ALT, f"{words.task}-forming", "forming", visible=False)
    with gr.Column(visible=False, elem_classes="finished") as finished:
        earlier = gr.HTML("", visible=False)
        with gr.Row(elem_classes="players"):
            before = player(words.before, f"{words.task}-before")
            after = player(words.after, f"{words.task}-after")
        download = gr.DownloadButton("Download the result (WAV)", size="md", elem_id=f"{words.task}-download")
        with gr.Tabs(overflow_behavior="wrap", elem_classes="views"):
            with gr.Tab("Spectrograms", render_children=True):
                spectrograms = picture(MELS_ALT, f"{words.task}-spectrograms")
            with gr.Tab("Decay", render_children=True):
                decay = picture(DECAY_ALT, f"{words.task}-decay")
                gr.HTML(f'<p class="note">{words.decay_note}</p>')
            with gr.Tab("Numbers", render_children=True):
                numbers = gr.HTML("", elem_id=f"{words.task}-numbers")
    return Results(status, forming, finished, earlier, before, after, download, spectrograms, decay, numbers)


def player(label: str, name: str) -> gr.Audio:
    return gr.Audio(
        label=label, interactive=False, buttons=[], waveform_options=WAVEFORM, min_width=220, elem_id=name,
        elem_classes="player",
    )  # fmt: skip
