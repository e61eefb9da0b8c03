"""The two converters of MVSD (arXiv 2407.10373): dry speech into a room, and the room out of speech."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from mvsd.audio import CEILING, MEL, SAMPLE_RATE, load, log_mel, save, speech_level
from mvsd.checkpoint import find_weights
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Converter, OnStep, Progress, Reading, Settings
from mvsd.denoiser import Denoiser, Windows, long_denoise
from mvsd.diffusion import SAMPLERS, SeededNoise, trailing_steps
from mvsd.errors import UserError
from mvsd.unet import Condition
from mvsd.vision import SceneEncoder, load_image
from mvsd.vocoder import Vocoder, masked, vocode

WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "weights"
SILENCE = math.log(MEL.floor)
LONGEST_TAIL_S = 3.0
SLOW_FRAMES = 25  # 0.4 s
DEAD_DB = 60.0  # a tail this far under the loudest frame has died
FADE_S = 0.05


class MvsdConverter:
    """What both directions share: level, windows, sampling, sound."""

    name: str
    task: str
    file: str
    network: type[Denoiser] = Denoiser
    needs: frozenset[str] = frozenset()
    tail_s = 0.0
    windows_at_once = 8  # a batch of the network
    is_sampled = True

    def __init__(self, denoiser: Denoiser, scene: SceneEncoder, vocoder: Vocoder, device: torch.device | str = "cpu"):
        if denoiser.config.task != self.task:
            raise UserError(f"These weights were trained to {denoiser.config.task}, not to {self.task}.")
        self.denoiser, self.scene, self.vocoder = (
            part.to(device).eval().requires_grad_(False) for part in (denoiser, scene, vocoder)
        )
        self.device = torch.device(device)

    @classmethod
    def from_pretrained(cls, source: str | Path = WEIGHTS, device: torch.device | str | None = None) -> Self:
        """Load from a local folder or a Hub id; device None takes a CUDA GPU if there is one."""
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(
            cls.network.from_pretrained(find_weights(source, cls.file)),
            SceneEncoder.from_pretrained(find_weights(source, "scene.safetensors")),
            Vocoder.from_pretrained(find_weights(source, "vocoder.safetensors")),
            device,
        )

    def stream(self, clip: Clip, settings: Settings) -> Iterator[Progress | Conversion]:
        """Yield a Progress after each step and the Conversion last; closing the iterator stops the work.

        Raises UserError for settings out of range or a clip that lacks what is needed.
        """
        settings = settings.for_task(self.task)
        check_settings(settings)
        if settings.t60_s is None:
            check_picture(self, clip, ", or give the room's T60")
        begin = time.monotonic()
        gain = self.denoiser.config.level / speech_level(clip.audio)
        source = pad(clip.audio * gain, (0, round(self.tail_s * SAMPLE_RATE))).to(self.device)
        source = pad(source, (0, -len(source) % MEL.hop))
        source_mel = log_mel(source[None])
        condition = known(clip, settings, self.scene).to(self.device)
        for done, total, mel in self._sample(source_mel, condition, settings):
            yield Progress(done, total, (mel[0] - math.log(gain)).clamp(min=SILENCE).cpu())
        audio, spoken = self.sound(mel[0], source, settings.seed).cpu(), len(clip.audio)
        audio = rung_out(audio, spoken) if self.tail_s else audio[:spoken]
        read = None if clip.image is None else self.scene.read(condition.scene)
        checkpoint = self.denoiser.checkpoint_sha256
        origin = Origin(self.name, checkpoint, settings, str(self.device), read, self.is_sampled)
        yield finished(clip, audio / gain, origin, time.monotonic() - begin)

    def _sample(
        self, source_mel: Tensor, condition: Condition, settings: Settings
    ) -> Iterator[tuple[int, int, Tensor]]:
        """Steps done, steps in all, and the log-mel (1, 128, frames) as estimated so far, at the working level."""
        frames, config = source_mel.shape[-1], self.denoiser.config
        plan = Windows.of(frames, config)
        padded = pad(source_mel, (plan.length - frames, 0), value=SILENCE)
        noise = SeededNoise([settings.seed], config.n_mels, plan.length)
        process = self.denoiser.process
        ladder = trailing_steps(process.steps, settings.steps)
        seen = self.denoiser.see(padded, condition)
        denoise = long_denoise(self.denoiser, seen, condition, self.windows_at_once)
        draw = lambda: noise().to(self.device)  # noqa: E731
        estimates = SAMPLERS[settings.sampler](denoise, draw(), ladder, process, draw)
        for done, x in enumerate(estimates, 1):
            mel = self.drawn(self.denoiser.decode(self.kept(x), seen), settings.steps).clamp(min=SILENCE)
            yield done, len(ladder) - 1, mel[..., -frames:]

    def kept(self, change: Tensor) -> Tensor:
        """What is taken of the sampled change (B, 128, frames): all of it."""
        return change

    def drawn(self, mel: Tensor, steps: int) -> Tensor:
        """The log-mel (B, 128, frames) that becomes sound, of the one that so many steps made: that itself."""
        return mel

    def sound(self, mel: Tensor, source: Tensor, seed: int) -> Tensor:
        """mel (128, frames) and source (samples,) at the working level to samples: whichever inverse measures best."""
        return vocode(self.vocoder, mel, source, self.task, seed)


class Reverberator(MvsdConverter):
    """f of the paper: speech as if spoken in the room of the picture. The room may ring up to 3 s beyond the speech."""

    name, task, file = "mvsd reverberator", "match", "reverberator.safetensors"
    needs = frozenset({"image"})
    tail_s = LONGEST_TAIL_S

    def kept(self, change: Tensor) -> Tensor:
        """Its fine structure, where the change begins at Polack's model: how loud each band is over SLOW_FRAMES is
        better known to the model than to the network, whose decays wander from the T60 that was read or told."""
        if self.denoiser.config.centre != "rung":
            return change
        return change - slow_part(change)


class Dereverberator(MvsdConverter):
    """g of the paper: speech with its room taken out; a picture of the room helps and is not needed."""

    name, task, file = "mvsd dereverberator", "dereverb", "dereverberator.safetensors"
    stretch = 1.1  # one step's answer has 0.905 of the detail of speech: 40 clips of rooms simulated for this alone

    def drawn(self, mel: Tensor, steps: int) -> Tensor:
        """One step's answer is the mean of what might have been said, and so too smooth: its fine structure is scaled
        to the variance that speech has, as in speech synthesis (Silén et al. 2012, global variance)."""
        if steps > 1:
            return mel
        slow = slow_part(mel)
        return slow + self.stretch * (mel - slow)

    def sound(self, mel: Tensor, source: Tensor, seed: int) -> Tensor:
        """With the shipped weights the mask is ahead of the learned inverse in this direction."""
        return masked(mel, source, seed)


def slow_part(mel: Tensor) -> Tensor:
    """How loud each band of (B, 128, frames) is over SLOW_FRAMES."""
    return avg_pool1d(mel, SLOW_FRAMES, 1, SLOW_FRAMES // 2, count_include_pad=False)


def check_picture(converter: Converter, clip: Clip, instead: str = "") -> None:
    """Raises UserError where a picture is needed and not there. instead: what would do as well."""
    if "image" in converter.needs and clip.image is None:
        raise UserError(f"The {converter.name} needs a picture of the room. Add one{instead}.")


def known(clip: Clip, settings: Settings, encoder: SceneEncoder) -> Condition:
    """What picture and settings say of the room, for one item."""
    unknown = Condition.unknown(1, encoder.config.dim)
    logs = [math.nan if value is None else math.log(value) for value in (settings.distance_m, settings.t60_s)]
    drr = math.nan if settings.drr_db is None else settings.drr_db / 10
    numbers = torch.tensor([[*logs, drr]])
    if clip.image is None:
        return replace(unknown, numbers=numbers)
    scene, tokens = encoder.see(clip.image)
    seen = torch.ones(1, dtype=torch.bool)
    return Condition(scene, tokens, seen, numbers, encoder.reading(scene))


def rung_out(audio: Tensor, speech_end: int) -> Tensor:
    """(samples,) cut after the speech where the tail has died, its last 50 ms faded out."""
    levels = audio[: len(audio) // MEL.hop * MEL.hop].reshape(-1, MEL.hop).square().mean(1)
    alive = int((levels > levels.max() * 10 ** (-DEAD_DB / 10)).nonzero().max()) + 1
    fade = int(FADE_S * SAMPLE_RATE)
    end = min(len(audio), max(speech_end, alive * MEL.hop) + fade)
    ramp = torch.ones(end)
    ramp[end - fade :] = torch.linspace(1, 0, fade)
    return audio[:end] * ramp


@dataclass(frozen=True)
class Origin:
    """Which system made a clip, from which weights (empty: it has none), how and where; what it read in a picture, and
    whether a sampler ran."""

    system: str
    checkpoint_sha256: str
    settings: Settings
    device: str
    read: Reading | None = None
    is_sampled: bool = True


def finished(clip: Clip, audio: Tensor, origin: Origin, seconds: float) -> Conversion:
    """audio: (samples,) at the clip's level, as long as the clip or longer. It is lowered where it would clip."""
    lowered = min(1.0, CEILING / max(float(audio.abs().max()), 1e-9))
    audio, source = audio * lowered, pad(clip.audio, (0, len(audio) - len(clip.audio)))
    return Conversion(
        source=source,
        audio=audio,
        sample_rate=SAMPLE_RATE,
        source_mel=log_mel(source[None])[0],
        mel=log_mel(audio[None])[0],
        speech_end=len(clip.audio),
        gain_db=20 * math.log10(lowered),
        seconds=seconds,
        **vars(origin),
    )


def check_settings(settings: Settings) -> None:
    """Raises UserError for what is out of range."""
    if settings.sampler not in SAMPLERS:
        raise UserError(f"There is no sampler {settings.sampler}. Choose {', '.join(SAMPLERS)}.")
    if not 1 <= settings.steps <= 250:
        raise UserError(f"{settings.steps} steps were asked for; choose 1 to 250.")
    if settings.distance_m is not None and not 0.2 <= settings.distance_m <= 50:
        raise UserError(f"A distance of {settings.distance_m:g} m was given; choose 0.2 to 50 m.")
    if settings.t60_s is not None and not 0.05 <= settings.t60_s <= 5:
        raise UserError(f"A T60 of {settings.t60_s:g} s was given; choose 0.05 to 5 s.")
    if settings.seed < 0:
        raise UserError(f"The seed is {settings.seed}; choose 0 or a positive whole number.")


def open_clip(speech: str | Path, image: str | Path | None = None) -> Clip:
    """Read a recording and, if given, a picture. Raises UserError for everything that is not one."""
    return Clip(load(speech), SAMPLE_RATE, load_image(image) if image else None)


def convert(
    converter: Converter, clip: Clip, settings: Settings = Settings(), on_step: OnStep | None = None
) -> Conversion:
    """Run a converter to its end, telling on_step(done, total)."""
    with closing(converter.stream(clip, settings)) as stream:
        for item in stream:
            if isinstance(item, Conversion):
                return item
            if on_step:
                on_step(item.done, item.total)
    raise AssertionError("a converter's stream ends in its Conversion")


def convert_file(
    converter: Converter,
    speech: str | Path,
    image: str | Path | None,
    out: str | Path,
    settings: Settings = Settings(),
    on_step: OnStep | None = None,
) -> Conversion:
    """Files in, 16-bit WAV out."""
    folder = Path(out).resolve().parent
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} to write to. Make it first.")
    if Path(out).suffix.lower() != ".wav":
        raise UserError(f"{Path(out).name} is no name of a WAV file, which is what is written. End it in .wav.")
    conversion = convert(converter, open_clip(speech, image), settings, on_step)
    save(out, conversion.audio, conversion.sample_rate)
    return conversion
