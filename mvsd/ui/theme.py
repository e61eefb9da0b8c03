"""Colours and type: warm paper, pine green, thin lines."""

from __future__ import annotations

import gradio as gr

PINE = gr.themes.Color(
    name="pine",
    c50="#eef5f3",
    c100="#d6e8e3",
    c200="#aed2c8",
    c300="#7fb6a8",
    c400="#519788",
    c500="#2f7a6b",
    c600="#226256",
    c700="#1c4f46",
    c800="#183f39",
    c900="#143430",
    c950="#0a1f1c",
)
# Other weights of these bundled fonts lack most letters.
WEIGHTS = (400, 700)

THEME = gr.themes.Base(
    primary_hue=PINE,
    secondary_hue=PINE,
    neutral_hue=gr.themes.colors.stone,
    radius_size=gr.themes.sizes.radius_md,
    font=[gr.themes.LocalFont("IBM Plex Sans", weights=WEIGHTS), "ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=[gr.themes.LocalFont("IBM Plex Mono", weights=WEIGHTS), "ui-monospace", "monospace"],
).set(
    body_background_fill="#faf9f6",
    body_background_fill_dark="#141312",
    body_text_color="#26221f",
    body_text_color_dark="#ece7df",
    body_text_color_subdued="#5d564f",
    body_text_color_subdued_dark="#a9a198",
    block_background_fill="white",
    block_background_fill_dark="#1d1b1a",
    block_border_width="1px",
    block_border_color="#e4e0d8",
    block_border_color_dark="#34302c",
    block_shadow="none",
    block_label_background_fill="transparent",
    block_label_background_fill_dark="transparent",
    block_label_border_width="0px",
    block_label_text_color="*neutral_600",
    block_label_text_color_dark="*neutral_300",
    block_label_text_weight="700",
    block_title_text_weight="700",
    input_border_width="1px",
    input_border_color="#d8d2c8",
    input_border_color_dark="#45403b",
    input_background_fill="white",
    input_background_fill_dark="#141312",
    loader_color="*primary_500",
    button_large_text_weight="700",
    button_medium_text_weight="700",
    button_small_text_weight="400",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_300",
    button_primary_background_fill_hover_dark="*primary_200",
    button_primary_text_color_dark="#0a1f1c",
    button_secondary_background_fill="transparent",
    button_secondary_background_fill_dark="transparent",
    button_secondary_border_color="*neutral_300",
    button_secondary_border_color_dark="*neutral_600",
    button_border_width="1px",
    link_text_color="*primary_700",
    link_text_color_dark="*primary_300",
    slider_color="*primary_600",
    slider_color_dark="*primary_400",
)

WAVEFORM = gr.WaveformOptions(
    waveform_color="#a9c9c0",
    waveform_progress_color="#2f7a6b",
    trim_region_color="#7fb6a8",
    show_recording_waveform=True,
)
