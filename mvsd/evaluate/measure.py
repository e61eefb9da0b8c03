"""The numbers of one row: every measure that applies to a result, or why it has no value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from mvsd.audio import log_mel
from mvsd.evaluate.controls import Made
from mvsd.evaluate.truth import Truth
from mvsd.judges import JUDGES
from mvsd.metrics.rooms import JND_T60, T60Judge, clarity, decay_t60_s, speech_end
from mvsd.metrics.spectral import detail_ratio, mel_error_db, stft_distances
from mvsd.metrics.speech import pesq_wb, si_sdr_db, srmr, stoi
from mvsd.metrics.undefined import Undefined, in_step
from mvsd.metrics.words import word_errors

SLOPES, RESNET = "slopes", "ResNet"  # blind judges of T60: `metrics.blind_t60`, and `t60_estimator` if it has weights
QUICK = (
    *("error_db", "sound_db", "detail", "stft", "stft_level", "log_stft", "log_stft_level"),
    *("pesq_wb", "stoi", "estoi", "si_sdr_db", "t60_true_s", "t60_s", "t60_error_s", "t60_error_jnd"),
    *("c50_db", "drr_db", "c50_error_db", "drr_error_db", "t60_gap", "peak_mib"),
)
Values = dict[str, Any]
Key = tuple[str, str]  # name of a clip, and the task
Measure = tuple[str, Callable[[], Values]]  # a label for reasons, and what gives the values


def columns(ears: Iterable[str], judges: Mapping[str, str] | None, has_transcripts: bool) -> tuple[str, ...]:
    """Metric columns, in order. ears: judges of T60. judges: by metric, or None for the quick measures alone."""
    heard = [column for ear in ears for column in (f"T60({ear})", f"RTE({ear})")]
    return (*QUICK, *heard, *(Bench({}, judges, has_transcripts).columns if judges else ()))


class Bench:
    """Measures results; what the slow judges say of a clip's truth is asked once.

    ears: judges of T60 by name. judges: by metric, as `mvsd.judges.chosen` gives them; None: only the quick measures.
    """

    def __init__(
        self, ears: Mapping[str, T60Judge], judges: Mapping[str, str] | None = None, has_transcripts: bool = False
    ):
        self.ears, self.judges, self.known = ears, judges, {}
        if judges:
            mos, asr, voice = (judges[metric] for metric in ("MOSE", "WER", "EER"))
            self.mos, self.mose = mos, f"MOSE({mos})"
            self.wer = f"WER({asr})" if has_transcripts else f"WER({asr} re clean)"
            self.voice = f"voice({voice})"
            self.columns = ("SRMR", mos, self.mose, self.wer, "words", self.voice)

    def measure(
        self, made: Made, truth: Truth, task: str, name: str, transcript: str = ""
    ) -> tuple[Values, list[str], np.ndarray | None]:
        """Values by column, reasons for those that are missing, and the embedding of the voice if there is one.

        name: of the clip.
        """
        values, reasons = Values(), list[str]()
        audio = made.audio[: len(truth.target)]
        for ear, hear in self.ears.items():
            _try(values, reasons, f"RTE({ear})", partial(self._rte, ear, hear, audio, truth, (name, task)))
        for label, measure in _quick(made, audio, truth, task) if truth.dry is not None else ():
            _try(values, reasons, label, measure)
        voice = None
        if self.judges is not None:
            for label, measure in self._slow(audio, truth, (name, task), transcript):
                _try(values, reasons, label, measure)
            voice = values.pop("embedding", None)
        return values, reasons, voice

    def _rte(self, ear: str, hear: T60Judge, audio: Tensor, truth: Truth, clip: Key) -> Values:
        in_step(audio, truth.target)
        heard = hear(audio)
        return {f"T60({ear})": heard, f"RTE({ear})": abs(heard - self._once(clip, ear, lambda: hear(truth.target)))}

    def _slow(self, audio: Tensor, truth: Truth, clip: Key, transcript: str) -> Iterator[Measure]:
        mos = JUDGES["MOSE"][self.mos]
        yield self.mos, lambda: self._mose(mos(audio), self._once(clip, "mos", lambda: mos(truth.target)))
        if truth.dry is None:
            return
        yield "SRMR", lambda: {"SRMR": srmr(audio)}
        hear = JUDGES["WER"][self.judges["WER"]]
        yield self.wer, lambda: self._wer(transcript or self._once(clip, "words", lambda: hear(truth.dry)), hear(audio))
        embed = JUDGES["EER"][self.judges["EER"]]
        yield self.voice, lambda: self._similar(embed(audio), self._once(clip, "voice", lambda: embed(truth.dry)))

    def _once(self, clip: Key, what: str, ask: Callable[[], Any]) -> Any:
        """What a judge says of a clip's truth."""
        if (clip, what) not in self.known:
            self.known[clip, what] = ask()
        return self.known[clip, what]

    def _mose(self, score: float, wanted: float) -> Values:
        return {self.mos: score, self.mose: abs(score - wanted)}

    def _wer(self, reference: str, heard: str) -> Values:
        errors, words = word_errors(reference, heard)
        return {self.wer: errors / words, "words": words}

    def _similar(self, voice: np.ndarray, clean: np.ndarray) -> Values:
        cosine = float(voice @ clean / np.linalg.norm(voice) / np.linalg.norm(clean))
        return {self.voice: cosine, "embedding": voice}


def _try(values: Values, reasons: list[str], label: str, measure: Callable[[], Values]) -> None:
    try:
        values |= measure()
    except Undefined as error:
        reasons.append(f"{label}: {error}")


def _quick(made: Made, audio: Tensor, truth: Truth, task: str) -> Iterator[Measure]:
    yield "mel", partial(_mels, made, audio, truth.target)
    yield "stft", lambda: stft_distances(audio, truth.target)
    yield "pesq_wb", lambda: {"pesq_wb": pesq_wb(audio, truth.target)}
    yield "stoi", lambda: {"stoi": stoi(audio, truth.target)}
    yield "estoi", lambda: {"estoi": stoi(audio, truth.target, extended=True)}
    yield "si_sdr_db", lambda: {"si_sdr_db": si_sdr_db(audio, truth.target)}
    yield "c50_db", lambda: _clarity(audio, truth, task)
    if task == "match":
        yield "t60_s", partial(_decay, made.audio, truth)


def _mels(made: Made, audio: Tensor, target: Tensor) -> Values:
    """error_db and detail of the system's own mel, where it has one; sound_db of what is heard."""
    wanted, heard = log_mel(target[None])[0], log_mel(made.audio[None])[0]
    mel = heard if made.mel is None else made.mel
    return {
        "error_db": mel_error_db(mel, wanted),
        "sound_db": mel_error_db(heard, wanted),
        "detail": detail_ratio(mel, wanted),
    }


def _clarity(audio: Tensor, truth: Truth, task: str) -> Values:
    """Of the response that leads from dry speech to the result; what is left of the room after dereverberation."""
    c50, drr = clarity(audio, truth.dry)
    values = {"c50_db": c50, "drr_db": drr}
    if task == "match":
        wanted_c50, wanted_drr = clarity(truth.target, truth.dry)
        values |= {"c50_error_db": abs(c50 - wanted_c50), "drr_error_db": abs(drr - wanted_drr)}
    return values


def _decay(audio: Tensor, truth: Truth) -> Values:
    """From the free decay after the speech: that of the result may go on longer than the clip."""
    end = speech_end(truth.dry)
    wanted = truth.t60_s if truth.rir is not None else decay_t60_s(truth.target, end)
    if wanted is None:
        raise Undefined("the room's own response has no T60")
    heard = decay_t60_s(audio, end)
    error = abs(heard - wanted)
    return {"t60_true_s": wanted, "t60_s": heard, "t60_error_s": error, "t60_error_jnd": error / (JND_T60 * wanted)}
