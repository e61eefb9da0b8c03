"""What an encoder sees in a pack's pictures, kept beside the runs: every stage and every resumed run asks for it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from mvsd.data.pack import Pack
from mvsd.training.converters import SceneFeatures
from mvsd.training.run_folder import write_whole
from mvsd.training.scene import features_of
from mvsd.vision import SceneEncoder


def kept_features(encoder: SceneEncoder, pack: Pack, pack_sha256: str, path: Path) -> SceneFeatures:
    """`features_of`, from the file if it is of this encoder and this pack; else into it."""
    of = f"{encoder.checkpoint_sha256} {pack_sha256}"
    if path.is_file():
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("of") == of:
                rows = {begin: row for row, begin in enumerate(file.get_tensor("begin").tolist())}
                return SceneFeatures(*(file.get_tensor(name) for name in ("scene", "tokens", "reading")), rows)
    made = features_of(encoder, pack)
    begins = torch.tensor(sorted(made.row, key=made.row.get))
    tensors = {"scene": made.scene, "tokens": made.tokens, "reading": made.reading, "begin": begins}
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"of": of})
    write_whole(path, lambda file: file.write(data))
    return made
