"""The tab a visitor is on, kept in the address: a reload, or a link, comes back to it."""

from __future__ import annotations

import gradio as gr

# Gradio selects the first tab when the page opens, before the one that was asked for: that is no visitor's doing.
FIRST = """() => { if (!window.leftFirstTab) return;
const at = new URL(location.href); at.searchParams.delete("tab"); history.replaceState(history.state, "", at); }"""
OTHER = """() => { window.leftFirstTab = true;
const at = new URL(location.href); at.searchParams.set("tab", "%s"); history.replaceState(history.state, "", at); }"""


def keep_in_address(page: gr.Blocks, tabs: gr.Tabs, each: dict[str, gr.Tab], of_study: str) -> None:
    """Wire the tabs of the Blocks being built. each: by id, in order. of_study: what an address with a study opens."""
    first = next(iter(each))
    for id, tab in each.items():
        tab.select(None, js=FIRST if id == first else OTHER % id)

    def choose(request: gr.Request) -> gr.Tabs:
        asked = request.query_params.get("tab", of_study if "study" in request.query_params else first)
        return gr.skip() if asked == first or asked not in each else gr.Tabs(selected=asked)

    page.load(choose, None, tabs, queue=False, api_visibility="private", show_progress="hidden")
