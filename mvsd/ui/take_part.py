"""The tab of listening studies: an empty place, which the scripts in study/ fill from the study's own routes."""

from __future__ import annotations

import gradio as gr

TAB = "take-part"
# The same scripts make the page of an invitation, which needs no gradio.
START = """const base = new URL("study/", document.baseURI).href;
import(base + "assets/take_part.js").then(({takePart}) => takePart(element.querySelector(".study"), base));"""


def take_part_tab(page: gr.Blocks, tabs: gr.Tabs) -> None:
    """Lay the tab out inside the Blocks being built; an address that names a study opens it."""
    with gr.Tab("Take part", id=TAB):
        gr.HTML(html_template='<div class="study"></div>', js_on_load=START, elem_id=TAB)

    def choose(request: gr.Request) -> gr.Tabs:
        return gr.Tabs(selected=TAB) if "study" in request.query_params else gr.skip()

    page.load(choose, None, tabs, queue=False, api_visibility="private", show_progress="hidden")
