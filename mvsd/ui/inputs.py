"""The left side of a tab: what a visitor gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from mvsd.conversion import USUAL_STEPS, Settings
from mvsd.forms import LARGEST_SEED, MOST_STEPS, Form
from mvsd.ui.theme import WAVEFORM

LENGTH = "0.3 to 60 s of speech"  # mvsd.audio.LIMITS, which would bring torch with it; a test compares the two


@dataclass(frozen=True)
class Wording:
    """What distinguishes one tab from the other."""

    task: str
    tab: str
    lead: str
    photo_title: str
    photo_note: str
    speech_title: str
    run: str
    photo_first: bool
    hint: str
    advice: str
    before: str
    after: str
    decay_note: str


@dataclass(frozen=True)
class Inputs:
    """fields: the components behind each field of a Form."""

    fields: dict[str, gr.components.Component]
    run: gr.Button
    cancel: gr.Button
    draw_seed: gr.Button

    def form(self, values: dict[gr.components.Component, Any]) -> Form:
        """values come as the page sent them, files as a dict: nothing has been decoded."""
        given = {name: values[component] for name, component in self.fields.items()}
        return Form(**{name: value["path"] if isinstance(value, dict) else value for name, value in given.items()})


def heading(number: int, text: str, note: str = "", name: str | None = None) -> None:
    note = f" <small>{note}</small>" if note else ""
    gr.HTML(f'<h2 class="step"><span aria-hidden="true">{number}</span>{text}{note}</h2>', elem_id=name)


def input_column(words: Wording, samplers: tuple[str, ...]) -> Inputs:
    """Photo and speech in the tab's order, then the button, then what few will touch."""
    parts = [(words.photo_title, words.photo_note, photo), (words.speech_title, LENGTH, speech)]
    fields = {}
    for number, (title, note, part) in enumerate(parts if words.photo_first else parts[::-1], start=1):
        heading(number, title, note)
        fields[part.__name__] = part(words)
    with gr.Row(elem_classes="actions"):
        run = gr.Button(words.run, variant="primary", scale=3, elem_id=f"{words.task}-run")
        cancel = gr.Button("Cancel", visible=False, scale=1, min_width=100, elem_id=f"{words.task}-cancel")
    with gr.Accordion("Advanced", open=False):
        draw_seed = advanced(words, samplers, fields)
    return Inputs(fields, run, cancel, draw_seed)


def photo(words: Wording) -> gr.Image:
    return gr.Image(
        label=f"{words.photo_title}: {words.photo_note}",
        show_label=False,
        type="filepath",
        image_mode=None,
        sources=["upload", "webcam"],
        height=250 if words.photo_first else 190,
        buttons=[],
        elem_id=f"{words.task}-photo",
        placeholder="Drop a photo here\n- or -\nClick to choose one",
        alt_text="The photo of the room you gave",
    )


def speech(words: Wording) -> gr.Audio:
    return gr.Audio(
        label=f"{words.speech_title}: {LENGTH}",
        show_label=False,
        type="filepath",
        sources=["upload", "microphone"],
        buttons=[],
        editable=False,
        waveform_options=WAVEFORM,
        elem_id=f"{words.task}-speech",
    )


def advanced(words: Wording, samplers: tuple[str, ...], fields: dict[str, gr.components.Component]) -> gr.Button:
    """Adds the settings to fields; returns the button that draws a seed."""
    usual = Settings()
    fields["steps"] = gr.Slider(
        1,
        MOST_STEPS,
        USUAL_STEPS[words.task],
        step=1,
        label="Steps",
        info=f"Measured best: {USUAL_STEPS[words.task]}.",
    )
    fields["sampler"] = gr.Radio(list(samplers), value=samplers[0], label="Sampler")
    with gr.Row():
        # Text, because an empty number field sends 0.
        fields["distance_m"] = optional("Talker's distance in m", "unknown", f"{words.task}-distance")
        if words.photo_first:
            fields["t60_s"] = optional("Room in numbers: T60 in s", "from the photo", f"{words.task}-t60")
    with gr.Row(elem_classes="seed"):
        fields["seed"] = gr.Number(
            usual.seed, precision=0, minimum=0, maximum=LARGEST_SEED, label="Seed", elem_id=f"{words.task}-seed"
        )
        draw_seed = gr.Button("Draw a seed", size="sm", min_width=110)
    fields["new_seed"] = gr.Checkbox(False, label="New seed each time")
    return draw_seed


def optional(label: str, placeholder: str, name: str) -> gr.Textbox:
    return gr.Textbox("", label=label, placeholder=placeholder, max_lines=1, max_length=12, min_width=140, elem_id=name)
