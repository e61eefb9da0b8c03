"""SoundSpaces-Speech: LibriSpeech in Matterport3D scans, with a panorama; a pickle a clip (Chen et al. 2022).

`SPLIT/SCENE/UTTERANCE.pkl` is a dict: source_audio, receiver_audio, rir, and the lists of views rgb, depth, semantic.
Formats as in the loaders of facebookresearch/visual-acoustic-matching.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mvsd.data.clips import ClipContents, ClipFiles, Listing, PassedOver
from mvsd.data.numpy_pickle import load_numbers
from mvsd.data.speech import speaker_of
from mvsd.errors import UserError

TITLE = "SoundSpaces-Speech"
FOLDERS = {"train": "train", "val": "val", "val-mini": "val", "test-seen": "test-seen", "test-unseen": "test-unseen"}
SOUNDS = {"clean": "source_audio", "reverb": "receiver_audio", "rir": "rir"}
KEYS = {*SOUNDS.values(), "rgb", "depth", "semantic"}
PARTS = (*SOUNDS, "image", "depth")
TALKER_CLASS, TALKER_PIXELS = 41, 50  # the inserted person in `semantic`, and how much of it counts as seen


def is_here(folder: Path) -> bool:
    return any(next((folder / name).glob("*/*.pkl"), None) for name in FOLDERS)


def list_clips(folder: Path) -> Listing:
    """Every pickle below the splits' folders. Scenes of test-seen are training scenes, its clips are not."""
    clips = [
        ClipFiles(
            f"{split}/{path.parent.name}/{path.stem}",
            split,
            dict.fromkeys(PARTS, path),
            room=path.parent.name,
            speaker=speaker_of(path),
        )
        for name, split in FOLDERS.items()
        for path in sorted((folder / name).glob("**/*.pkl"))
    ]
    return Listing(TITLE, clips, lacks=[*_missing_splits(clips), *_mixed_scenes(clips)])


def _missing_splits(clips: list[ClipFiles]) -> list[str]:
    there = {clip.split for clip in clips}
    return [f"split {split}" for split in dict.fromkeys(FOLDERS.values()) if split not in there]


def _mixed_scenes(clips: list[ClipFiles]) -> list[str]:
    """Splits whose scenes contradict their names."""
    scenes = {split: {clip.room for clip in clips if clip.split == split} for split in set(FOLDERS.values())}
    shared = sorted(scenes["test-unseen"] & scenes["train"])
    unknown = sorted(scenes["test-seen"] - scenes["train"]) if scenes["train"] else []
    return [f"a test-unseen apart from train: both hold scene {scene}" for scene in shared] + [
        f"the training clips of scene {scene}, which is in test-seen" for scene in unknown
    ]


def read_clip(clip: ClipFiles, only_in_view: bool = True) -> ClipContents:
    """Sounds as stored, views joined to one panorama.

    only_in_view: refuse clips whose talker is out of view or behind something (the published `remove_oov` filter).
    """
    path = clip.files["reverb"]
    held = load_numbers(path)
    if missing := KEYS - (held.keys() if isinstance(held, dict) else set()):
        raise UserError(f"{path.name} lacks {', '.join(sorted(missing))}. Get it anew from the set's own source.")
    try:
        if only_in_view and not is_in_view(held["semantic"], held["rir"]):
            raise PassedOver(f"{path.name}: the talker is out of view. Such clips are passed over.")
        sounds = {part: _sound(held[key]) for part, key in SOUNDS.items()}
        image = Image.fromarray(np.concatenate(held["rgb"], axis=1).astype(np.uint8))
        depth_m = np.concatenate([view.reshape(view.shape[:2]) for view in held["depth"]], axis=1).astype(np.float32)
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise UserError(f"{path.name} holds arrays of the wrong shape ({error}). Get it anew.") from error
    return ClipContents(**sounds, image=image, depth_m=depth_m)


def _sound(samples: np.ndarray) -> Tensor:
    sound = np.asarray(samples, dtype=np.float32)
    if sound.ndim != 1 or not len(sound) or not np.isfinite(sound).all():
        raise ValueError("a sound that is no row of numbers")
    return torch.from_numpy(sound.copy())


def is_in_view(semantic: list[np.ndarray], rir: np.ndarray) -> bool:
    """At least 50 pixels of the talker in all views together, and the strongest tap first: nothing stands between.

    semantic: views, each (height, width) class numbers. rir: (samples,); the sign counts, as in the published filter.
    """
    pixels = sum(int(np.count_nonzero(view == TALKER_CLASS)) for view in semantic)
    return pixels >= TALKER_PIXELS and int(np.argmax(rir)) == 0
