"""One safetensors file a model, with its config as JSON in the metadata; from a local path or a Hub id."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from mvsd.errors import UserError


def find_weights(source: str | Path, file: str) -> Path:
    """A file of a local folder, or of a repository on the Hugging Face Hub where no such folder exists."""
    folder = Path(source)
    if (folder / file).is_file():
        return folder / file
    if folder.exists() or str(source).count("/") != 1:
        raise UserError(f"{source} holds no {file}. Pass the folder the weights lie in, or a Hub id like owner/name.")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(str(source), file))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            f"{file} of {source} could not be fetched from the Hub. Check the id and the network."
        ) from error


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Pretrained:
    """Mixin for nn.Modules whose __init__ takes one `Config` dataclass and keeps it as `config`.

    Saved in half precision, run in single: weights that ship are small.
    """

    Config: type
    checkpoint_sha256 = ""  # of the file it was loaded from
    notes: dict[str, str] = {}  # what else the file's metadata says: recipe, data, credits

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(cls.Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}))

    @classmethod
    def from_pretrained(cls, path: str | Path) -> Self:
        """Load what `save` wrote, in eval mode. Raises UserError where the file holds another model or is damaged."""
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
            found = metadata.get("model", "no model name")
            if found != cls.__name__:
                raise UserError(
                    f"{path} holds {found}, not {cls.__name__}. Pass a file that {cls.__name__}.save() wrote."
                )
            model = cls.from_config(json.loads(metadata["config"]))
            model.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
        except (SafetensorError, OSError, RuntimeError, KeyError, TypeError) as error:
            raise UserError(f"{path} is no checkpoint this version can read ({error}). Fetch it again.") from error
        model.checkpoint_sha256 = sha256(Path(path))
        model.notes = {k: v for k, v in metadata.items() if k not in ("model", "config")}
        return model.eval()

    def save(self, path: str | Path, notes: dict[str, str] | None = None, dtype: torch.dtype = torch.float16) -> None:
        """Write weights (as dtype), config and notes into one file."""
        state = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in self.state_dict().items()}
        head = {"model": type(self).__name__, "config": json.dumps(asdict(self.config)), **(notes or self.notes)}
        save_file(state, str(path), metadata=head)
