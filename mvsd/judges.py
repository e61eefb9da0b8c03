"""Networks and recognisers that listen: what the metrics take as an argument. Each is loaded when it is first asked.

Those of `OFFLINE` come whole inside packages. The judges of the papers download their weights, so they run only where
somebody has installed them and asks for them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mvsd.errors import UserError
from mvsd.metrics.undefined import Undefined

RATE = 16_000


def dnsmos(audio: Tensor) -> float:
    """Overall quality of P.835 as DNSMOS hears it, 1 to 5 (Reddy et al. 2022; weights inside package speechmos)."""
    from speechmos import dnsmos as packaged

    loudest = float(audio.abs().max())
    if not loudest:
        raise Undefined("the sound is silent")
    return float(packaged.run((audio / max(loudest, 1.0)).numpy(), RATE)["ovrl_mos"])


def pocketsphinx(audio: Tensor) -> str:
    """Words, by the English model inside package pocketsphinx; it errs often, so read it as relative."""
    from pocketsphinx import Decoder

    if not bool(audio.any()):
        return ""  # the decoder hears "dog" in digital silence
    decoder = Decoder(samprate=RATE, loglevel="FATAL")  # a fresh one: it adapts to what it has heard
    decoder.start_utt()
    decoder.process_raw((audio.clamp(-1, 1) * 32767).short().numpy().tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return heard.hypstr if heard else ""


def resemblyzer(audio: Tensor) -> np.ndarray:
    """256 numbers of a voice (GE2E, Wan et al. 2018; weights inside package Resemblyzer)."""
    if not bool(audio.any()):
        raise Undefined("the sound is silent")
    return _voice_encoder().embed_utterance((audio / audio.abs().max()).numpy())


@cache
def _voice_encoder() -> Any:
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)


def mosnet(audio: Tensor) -> float:
    """MOSNet (Lo et al. 2019) by package speechmetrics, as AViTAR and the MVSD paper measure."""
    return float(_mosnet()(audio.numpy(), rate=RATE)["mosnet"].mean())


@cache
def _mosnet() -> Any:
    import speechmetrics

    return speechmetrics.load("absolute.mosnet", window=None)


def whisper(audio: Tensor) -> str:
    """Words by whisper's English base model (Radford et al. 2022)."""
    return _whisper().transcribe(audio.numpy(), language="en")["text"]


@cache
def _whisper() -> Any:
    from whisper import load_model

    return load_model("base.en")


def speechbrain(audio: Tensor) -> str:
    """Words by the LibriSpeech transformer of package speechbrain, as VIDA and the MVSD paper measure."""
    return _transformer().transcribe_batch(audio[None], torch.ones(1))[0][0]


@cache
def _transformer() -> Any:
    from speechbrain.inference.ASR import EncoderDecoderASR

    return EncoderDecoderASR.from_hparams("speechbrain/asr-transformer-transformerlm-librispeech")


def ecapa(audio: Tensor) -> np.ndarray:
    """Voice by the ECAPA-TDNN of package speechbrain (Desplanques et al. 2020), as VIDA and the MVSD paper measure."""
    return _ecapa().encode_batch(audio[None])[0, 0].numpy()


@cache
def _ecapa() -> Any:
    from speechbrain.inference.speaker import EncoderClassifier

    return EncoderClassifier.from_hparams("speechbrain/spkrec-ecapa-voxceleb")


JUDGES: dict[str, dict[str, Callable[[Tensor], Any]]] = {  # by metric, then by the name in its column
    "MOSE": {"DNSMOS": dnsmos, "MOSNet": mosnet},
    "WER": {"pocketsphinx": pocketsphinx, "whisper": whisper, "speechbrain": speechbrain},
    "EER": {"Resemblyzer": resemblyzer, "ECAPA": ecapa},
}
OFFLINE = {"MOSE": "DNSMOS", "WER": "pocketsphinx", "EER": "Resemblyzer"}
PACKAGES = {
    "DNSMOS": "speechmos", "pocketsphinx": "pocketsphinx", "Resemblyzer": "resemblyzer", "MOSNet": "speechmetrics",
    "whisper": "whisper", "speechbrain": "speechbrain", "ECAPA": "speechbrain",
}  # fmt: skip


def chosen(text: str = "") -> dict[str, str]:
    """Judge by metric: the offline ones, but for those named as in "MOSE=MOSNet,WER=whisper".

    Raises UserError where there is no such metric or judge, or its package is not installed.
    """
    from importlib.util import find_spec

    names = dict(OFFLINE)
    for part in filter(None, text.split(",")):
        metric, _, name = part.partition("=")
        if name not in JUDGES.get(metric, {}):
            known = ", ".join(f"{metric}={name}" for metric, judges in JUDGES.items() for name in judges)
            raise UserError(f"{part} names no judge. Choose from {known}.")
        names[metric] = name
    for name in names.values():
        if not find_spec(PACKAGES[name]):
            how = "pip install -r mvsd/requirements-lab.txt" if name in OFFLINE.values() else f"pip install {name}"
            raise UserError(f"{name} needs the package {PACKAGES[name]}. Install it ({how}), or choose another judge.")
    return names
