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
    from mvsd.account import Row

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
DECAY_ALT = "Energy decay after the last word, before and after; the numbers are in the table below"
STATUS = """<div class="status" role="status"><progress max="1" value="{share:.3f}" aria-label="Progress"></progress>
<span>{text}</span></div>"""


EARLIER = '<p class="earlier">The last run was stopped. What you see below is from an earlier one.</p>'
FAILED = '<p class="earlier" role="alert">The last run failed. What you see below is from an earlier one.</p>'
UNMEASURED = (
    '<p class="unmeasured">- where nothing can be measured: the recording ends, or the next word begins, before the '
    "sound has died away.</p>"
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

    def begun(self, update: Forming) -> Update:
        """What is on screen from now on belongs to an earlier run, until this one is done."""
        return self.under_way(update) | {self.earlier: gr.HTML(EARLIER, visible=True)}

    def failed(self) -> Update:
        return self.at_rest() | {self.earlier: gr.HTML(FAILED, visible=True)}

    def done(self, outcome: Outcome) -> Update:
        return self.at_rest() | {
            self.earlier: gr.HTML("", visible=False),
            self.finished: gr.Column(visible=True),
            self.before: str(outcome.before),
            self.after: str(outcome.after),
            self.download: str(outcome.after),
            self.spectrograms: outcome.spectrograms,
            self.decay: outcome.decay,
            self.numbers: table(outcome.rows),
        }

    def at_rest(self) -> Update:
        """Nothing forms any more; what was finished earlier stays, and says so."""
        return {self.status: gr.HTML("", visible=False), self.forming: gr.Image(None, visible=False)}


def table(rows: list[Row]) -> str:
    """The numbers as an HTML table: what changed, then how it was made."""
    from mvsd.account import NOTHING  # here: it brings torch

    changed = [row for row in rows if row.before is not None]
    made = [row for row in rows if row.before is None]
    head = '<thead><tr><td></td><th scope="col">Before</th><th scope="col">After</th></tr></thead>'
    pairs = "".join(
        f'<tr><th scope="row">{escape(r.name)}</th><td>{escape(r.before)}</td><td>{escape(r.after)}</td></tr>'
        for r in changed
    )
    single = "".join(f'<tr><th scope="row">{escape(r.name)}</th><td>{escape(r.after)}</td></tr>' for r in made)
    note = UNMEASURED if any(NOTHING in (row.before, row.after) for row in changed) else ""
    return (
        f'<div class="numbers"><table><caption>What changed</caption>{head}<tbody>{pairs}</tbody></table>'
        f"<table><caption>How it was made</caption><tbody>{single}</tbody></table></div>{note}"
    )


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
        spectrograms = picture(MELS_ALT, f"{words.task}-spectrograms")
        decay = picture(DECAY_ALT, f"{words.task}-decay")
        numbers = gr.HTML("", elem_id=f"{words.task}-numbers")
    return Results(status, forming, finished, earlier, before, after, download, spectrograms, decay, numbers)


def player(label: str, name: str) -> gr.Audio:
    return gr.Audio(
        label=label, interactive=False, buttons=[], waveform_options=WAVEFORM, min_width=220, elem_id=name,
        elem_classes="player",
    )  # fmt: skip
