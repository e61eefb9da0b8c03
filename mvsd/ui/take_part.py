"""The tabs of listening studies and label projects: empty places, which the scripts in study/ fill."""

from __future__ import annotations

import gradio as gr

TAKE_PART, LABEL = "take-part", "label"
# The same scripts make the pages of invitations, which need no gradio.
START = """const root = document.baseURI;
import(new URL("study/assets/%s.js", root).href).then(
  (scripts) => scripts.%s(element.querySelector(".study"), new URL("%s/", root).href));"""


def take_part_tab() -> gr.Tab:
    return _tab("Take part", TAKE_PART, START % ("take_part", "takePart", "study"))


def label_tab() -> gr.Tab:
    return _tab("Label", LABEL, START % ("labelling", "labelling", "label"))


def _tab(name: str, id: str, start: str) -> gr.Tab:
    with gr.Tab(name, id=id) as tab:
        gr.HTML(html_template='<div class="study"></div>', js_on_load=start, elem_id=id)
    return tab
