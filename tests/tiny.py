"""Real models of the smallest size, and a pack of synthetic speech and responses to train them on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image

from mvsd.denoiser import Denoiser, DenoiserConfig
from mvsd.systems.av_unet import AvUnet
from mvsd.systems.avitar import Avitar
from mvsd.systems.image2reverb import ResponseGenerator
from mvsd.systems.unet import Regressor
from mvsd.training.converters import FILES
from mvsd.training.rivals import SIZES
from mvsd.training.sizes import STARTS
from mvsd.vision import SceneConfig, SceneEncoder
from mvsd.vocoder import Vocoder, VocoderConfig

UNET = DenoiserConfig(widths=(16, 16, 32), blocks=1, heads=2, condition_dim=32)


def lively(model: torch.nn.Module, seed: int = 0, scale: float = 0.05) -> torch.nn.Module:
    """Random weights everywhere, also where training begins at zero, so that every input matters."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def write_weights(folder: Path) -> Path:
    """A folder as `assets/weights` is, of tiny models."""
    folder.mkdir(parents=True, exist_ok=True)
    for task, file in FILES.items():
        lively(Denoiser(replace(UNET, task=task, **STARTS[task]))).save(folder / file, dtype=torch.float32)
    lively(SceneEncoder(SceneConfig(image_size=64)), scale=0.01).save(folder / "scene.safetensors")
    lively(Vocoder(VocoderConfig(width=16, blocks=1)), scale=0.01).save(folder / "vocoder.safetensors")
    return folder


def write_rival_weights(folder: Path) -> Path:
    """What the rivals' stages leave, of tiny networks; beside `write_weights`."""
    sizes = SIZES["tiny"]
    for task in FILES:
        for name in ("unet", "unet_gan"):
            lively(Regressor(replace(UNET, task=task, **STARTS[task]))).save(folder / f"{name}-{task}.safetensors")
        lively(AvUnet(replace(sizes.av_unet, task=task))).save(folder / f"av_unet-{task}.safetensors")
    lively(Avitar(sizes.avitar)).save(folder / "avitar-match.safetensors")
    lively(ResponseGenerator(sizes.image2reverb)).save(folder / "image2reverb-match.safetensors")
    return folder


def speechlike(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise in syllables with silent gaps, (samples,) float32 at 16 kHz: as dry as can be."""
    rng = np.random.default_rng(seed)
    count = round(seconds * 16_000)
    rhythm = np.clip(np.sin(2 * np.pi * 2.5 * np.arange(count) / 16_000 + rng.uniform(0, 6)), 0, 1) ** 2
    return (0.1 * rng.standard_normal(count) * rhythm).astype(np.float32)


def response(t60_s: float, seed: int = 0) -> np.ndarray:
    """Direct sound 1 at sample 40, then a tail of noise that decays by 60 dB in t60_s."""
    rng = np.random.default_rng(seed)
    count = int((t60_s + 0.1) * 16_000)
    rir = 0.02 * rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / 16_000 / t60_s)
    rir[:60], rir[40] = 0, 1
    return rir.astype(np.float32)


KINDS, MADE_OF = ("hall", "church"), "brick,brick,glass,brick,carpet,plaster"


def write_rooms(folder: Path, rooms: int = 20, views: int = 1) -> Path:
    """A folder as `rooms` writes it, of synthetic responses and plain pictures; layouts for all but room 1."""
    for name in ("rir", "image", "layout"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    surfaces = [f"{name}_material" for name in ("west", "east", "south", "north", "floor", "ceiling")]
    lines = [",".join(["stem,room,category,t60_s,drr_db,distance_m,volume_m3,absorption", *surfaces])]
    for room in range(rooms):
        for view in range(views):
            stem, t60_s = f"r{room:05d}_v{view}", 0.2 + 0.04 * room
            soundfile.write(folder / "rir" / f"{stem}.wav", response(t60_s, room), 16_000, subtype="FLOAT")
            Image.new("RGB", (64, 48), (10 * room, 120, 60)).save(folder / "image" / f"{stem}.jpg")
            if room != 1:
                Image.new("LA", (16, 16), (50, 200)).save(folder / "layout" / f"{stem}.png")
            lines.append(f"{stem},{room},{KINDS[room % 2]},{t60_s},5.0,2.0,{20 + room},0.2,{MADE_OF}")
    (folder / "rooms.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_speech(folder: Path, speakers: int = 24) -> Path:
    """Utterances of 4 s under LibriSpeech-like names."""
    folder.mkdir(parents=True, exist_ok=True)
    for speaker in range(speakers):
        soundfile.write(folder / f"{speaker}-1-0001.flac", speechlike(4.0, speaker), 16_000)
    return folder


def write_pairs(folder: Path, rooms: int = 3, views: int = 2, seconds: float = 2.0) -> Path:
    """A folder as `rooms --speech` writes it: speech that falls silent one second before its end."""
    write_rooms(folder, rooms, views)
    for kind in ("clean", "reverb"):
        (folder / kind).mkdir()
    for number, path in enumerate(sorted((folder / "rir").iterdir())):
        clean = np.pad(speechlike(seconds - 1, number // views), (0, 16_000))
        wet = np.convolve(clean, soundfile.read(path)[0])[40 : 40 + len(clean)]
        for kind, sound in (("clean", clean), ("reverb", wet)):
            soundfile.write(folder / kind / path.name, sound, 16_000, subtype="FLOAT")
    return folder
