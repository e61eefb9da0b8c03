"""Fewer steps for a trained converter: progressive distillation (Salimans and Ho 2022, arXiv 2202.00512, algorithm 2).

A copy of the converter, the student, learns to do in one step of DDIM what the frozen original, its teacher, does in
two. The student of one round may be the teacher of the next, which has half the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor

from mvsd.conversion import Settings
from mvsd.data.pack import Pack
from mvsd.denoiser import Denoiser
from mvsd.diffusion import Process, trailing_steps
from mvsd.errors import UserError
from mvsd.training.converters import ConverterTask, SceneFeatures, judged
from mvsd.unet import Condition

SAMPLER = "ddim"  # what a student learns; up to two steps "dpm++" takes the same ones
Estimate = Callable[[Tensor, Tensor], Tensor]  # (x at steps t, t (B,)) -> estimate of x at step 0


def distilled(student: Estimate, teacher: Estimate, process: Process, x: Tensor, steps: Tensor) -> Tensor:
    """Squared distance of the student's estimate from what would take it where its teacher gets in two steps.

    x: (B, ...) at steps t. steps: (3, B), t, t' and t'' of the paper. Returns x's shape, weighted by max(SNR, 1) at t
    ("truncated SNR", section 4): pure noise counts as much as what is half clean.
    """
    signal, sigma = process.scales(steps[0], x)
    with torch.no_grad():
        wanted = taught(teacher, process, x, steps)
    return (signal / sigma).square().clamp(min=1) * (student(x, steps[0]) - wanted).square()


def taught(teacher: Estimate, process: Process, x: Tensor, steps: Tensor) -> Tensor:
    """The clean x by which one step of DDIM, from t to t'', lands where the teacher's two steps over t' land.

    Solved for it (algorithm 2), x itself drops out: it lies between the teacher's two estimates, nearer to the second
    the less noise is left at t'', and nothing is divided by the signal at t, of which T has almost none.
    """
    t, middle = steps[:2]
    first = teacher(x, t)
    second = teacher(process.ddim(x, first, t, middle), middle)
    scales = [process.scales(step, x) for step in steps]
    ratio, middle_ratio = (signal / sigma for signal, sigma in scales[:2])
    end_signal, end_sigma = scales[2]
    apart = (end_signal - end_sigma * ratio).clamp(min=1e-6)  # 0 where a schedule's floor makes its last steps one
    return second + end_sigma * (middle_ratio - ratio) / apart * (first - second)


class DistilTask(ConverterTask):
    """A converter's training with a teacher in place of the truth. init: the converter to distil; count: the steps its
    student is to need.

    Windows, hints and weights of frames are those of any converter, and both see the same room. All of the change is
    taught, also what `Reverberator.kept` drops of a result: the step after sees it.
    """

    def __init__(
        self, init: Path, pack: Pack, batch: int, count: int, features: SceneFeatures | None = None, seed: int = 0
    ):
        self.teacher = Denoiser.from_pretrained(init).requires_grad_(False)
        self.teacher.unet.to(memory_format=torch.channels_last)
        total = self.teacher.process.steps
        if not 1 <= count <= total // 2:
            raise UserError(f"A student of {count} steps was asked for; its teacher allows 1 to {total // 2}.")
        super().__init__(self.teacher.config, pack, batch, features, init=init, seed=seed)
        self.count, self.ladder = count, torch.tensor(trailing_steps(total, 2 * count))
        self.about = {"student_steps": str(count), "teacher_sha256": self.teacher.checkpoint_sha256}

    def losses(
        self, model: Denoiser, batch: tuple[Tensor, Tensor, Condition], generator: Generator, step: int
    ) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        teacher = self.teacher.to(device)
        target, source, condition = (part.to(device) for part in batch)
        steps = self.draw_steps(len(target), generator).to(device)
        noise = torch.randn(target.shape, generator=generator).to(device)
        seen = teacher.see(source, condition)[..., -target.shape[-1] :]
        x = teacher.process.noised(teacher.encode(target, seen), noise, steps[0])
        error = distilled(
            lambda x, t: model(x, seen, t, condition),
            lambda x, t: teacher(x, seen, t, condition),
            teacher.process,
            x,
            steps,
        )
        return {"distillation": model.weighed(error)}

    def draw_steps(self, items: int, generator: Generator) -> Tensor:
        """(3, items): begin, middle and end of one of the student's steps each, on its teacher's ladder."""
        begin = 2 * torch.randint(self.count, (items,), generator=generator)
        return torch.stack([self.ladder[begin + i] for i in range(3)])

    def validate(self, model: Denoiser) -> dict[str, float]:
        return judged(model, self.check, self.features, settings=Settings(self.count, SAMPLER))

    def export(self, model: Denoiser, folder: Path, notes: dict[str, str]) -> None:
        super().export(model, folder, notes | self.about)
