"""The whole page: a heading, the tabs, and what happens to the visitor's voice."""

from __future__ import annotations

import os

import gradio as gr

from mvsd.forms import DEREVERB, MATCH
from mvsd.session import Studio
from mvsd.ui.address import keep_in_address
from mvsd.ui.inputs import Wording
from mvsd.ui.tab import conversion_tab
from mvsd.ui.take_part import LABEL, TAKE_PART, label_tab, take_part_tab

CACHE_S = (3600, 23 * 3600)  # look every hour for files older than 23 h: none lives longer than a day

HEADING = """<header class="masthead">
<h1>MVSD Studio</h1>
<p>Hear a voice in a room you have only seen, or take the room out of a recording.</p>
</header>"""

PRIVACY = """<p class="privacy"><strong>Your voice and photo</strong> are processed on {where},
lie in a temporary folder for at most a day, and are never used for training. Nothing is sent anywhere else.</p>"""

MATCH_WORDS = Wording(
    task=MATCH,
    tab="Match a room",
    lead="A photo of a room and a speech clip become that speech as if it were spoken there.",
    photo_title="The room",
    photo_note="a photo of it",
    speech_title="The speech",
    run="Match the room",
    photo_first=True,
    hint="Your speech in the room appears here.",
    advice="Add a photo and a clip, then press Match the room.",
    before="As recorded",
    after="In the room",
    decay_note="Each curve starts with the sound that is left where the last word ends, and stops where nothing more "
    "can be told from noise. The slower it falls, the longer the room rings.",
)

DEREVERB_WORDS = Wording(
    task=DEREVERB,
    tab="Remove the room",
    lead="A recording full of echo becomes dry speech, as if it were spoken close to the microphone.",
    photo_title="The room",
    photo_note="a photo of it, if you have one",
    speech_title="The recording",
    run="Remove the room",
    photo_first=False,
    hint="Your speech without the room appears here.",
    advice="Add a recording, then press Remove the room.",
    before="As recorded",
    after="Without the room",
    decay_note="Each curve starts with the sound that is left where the last word ends. The lower it lies, the less "
    "there is to hear of the room; how steep it is tells little once that is faint.",
)


def build(studio: Studio) -> gr.Blocks:
    """Lay the page out; studio does all the work, so a fake one will do."""
    where = "this Space" if os.getenv("SPACE_ID") else "this machine"
    with gr.Blocks(title="MVSD Studio", analytics_enabled=False, delete_cache=CACHE_S) as page:
        gr.HTML(HEADING)
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            each = {words.task: conversion_tab(studio, words) for words in (MATCH_WORDS, DEREVERB_WORDS)}
            each |= {TAKE_PART: take_part_tab(), LABEL: label_tab()}
        keep_in_address(page, tabs, each, of_study=TAKE_PART)
        gr.HTML(PRIVACY.format(where=where))
    return page
