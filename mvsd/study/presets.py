"""Whole designs for `study init --preset`: the paper's user study, and what we would do instead."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = {
    "ours": "{label: MVSD, system: mvsd, settings: {seed: 0}}",
    "input": "{label: Input, system: source}",
    "blind": "{label: Blind reverberator, system: blind}",
    "unet": "{label: U-Net without diffusion, system: unet}",
    "av_unet": "{label: AV U-Net, system: av_unet}",
}
CHECKS = """  truth: {label: Real clip, system: files}
  live: {label: Far too live, system: blind, settings: {t60_s: 4.0, drr_db: -12.0}}
"""
PER_SESSION, ITEMS, PRACTICE = 30, 30, 3


@dataclass(frozen=True)
class Preset:
    """about: comment lines at the top. judged: how many listeners judge each item of each cell."""

    about: tuple[str, ...]
    rivals: tuple[str, ...]
    datasets: tuple[str, ...]
    judged: int
    cells: str = "pair"

    @property
    def sittings(self) -> int:
        return self.judged * len(self.rivals) * len(self.datasets) * ITEMS // PER_SESSION


PRESETS = {
    "paper": Preset(
        (
            "The paper's user study: 15 listeners judge 30 items of every rival on every dataset.",
            "15 x 30 answers a cell can show shares of about 65 % and more; they cannot settle 55 to 60 %. A pooled",
            "binomial test over them alarms falsely in up to 4 of 10 studies. `study power --listeners 15 --items 30`",
            "15 people x 8 sittings of 20 minutes: give each of them the same ?participant=ID every time.",
        ),
        ("input", "blind", "unet", "av_unet"),
        ("soundspaces", "avspeech"),
        15,
        "pair and dataset",
    ),
    "recommended": Preset(
        (
            "Twenty listeners and thirty items, the fewest to speak of rooms and listeners in general: a true 65 % is",
            "found nearly always, 60 % in some two studies of three. More: `study power --listeners 20 --items 30`",
        ),
        ("input",),
        ("rooms",),
        20,
    ),
}


def design_of(preset: Preset) -> str:
    """study.yaml from `methods` on."""
    methods = "".join(f"  {name}: {METHODS[name]}\n" for name in ("ours", *preset.rivals))
    pairs = "".join(f"  - [ours, {rival}]\n" for rival in preset.rivals)
    items = [(f"{dataset}-{number:02}", dataset) for dataset in preset.datasets for number in range(1, ITEMS + 1)]
    practice = [f"practice-{number}" for number in range(1, PRACTICE + 1)]
    listed = "".join(_item(*item) for item in [*items, *((id, "practice") for id in practice)])
    return f"""methods:                  # labels are for tables; listeners never see them
{methods}{CHECKS}
truth: truth              # the method that is the reference itself; right in gold trials
compare:
{pairs}
items:
{listed}
trials:
  per_session: {PER_SESSION}         # two blocks, some 20 minutes in all
  practice: [{", ".join(practice)}]
  gold:                   # as many too dry as too live, or taste is screened out
    - {{item: {items[0][0]}, wrong: input, fault: too dry}}
    - {{item: {items[1][0]}, wrong: live, fault: too live}}
    - {{item: {items[2][0]}, wrong: input, fault: too dry}}
    - {{item: {items[3][0]}, wrong: live, fault: too live}}
  identical: 2
  repeat: 0
  per_block: 18

listening: {{min_heard_s: 2.0}}
stop: {{listeners: {preset.sittings}}}    # sittings
exclusions: {{gold_wrong_at_most: 1}}
analysis: {{confidence: 0.95, cells: {preset.cells}}}
"""


def _item(id: str, dataset: str) -> str:
    return f"""  - id: {id}
    dataset: {dataset}
    picture: sources/{id}.jpg
    speech: sources/{id}-dry.wav
    reference: sources/{id}.wav
"""
