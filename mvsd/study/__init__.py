"""Listening studies: what they ask, whom they ask what, what was answered. Neither torch nor gradio is needed."""
