"""The page. With app.py the only place that knows gradio."""

import os

# Read by gradio and the hub client when they are imported: nothing about visitors leaves this machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")  # gradio asks itself whether it is up
