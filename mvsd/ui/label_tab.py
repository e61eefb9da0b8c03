"""The tab of label projects: an empty place, which the scripts in study/ fill from the projects' own routes."""

from __future__ import annotations

import gradio as gr

TAB = "label"
START = """const root = document.baseURI;
import(new URL("study/assets/labelling.js", root).href).then(
  ({labelling}) => labelling(element.querySelector(".study"), new URL("label/", root).href));"""


def label_tab() -> None:
    with gr.Tab("Label", id=TAB):
        gr.HTML(html_template='<div class="study"></div>', js_on_load=START, elem_id=TAB)
