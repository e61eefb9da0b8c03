import pytest
import torch
from tiny import UNET, lively

from mvsd.checkpoint import find_weights, sha256
from mvsd.denoiser import Denoiser
from mvsd.errors import UserError
from mvsd.vocoder import Vocoder


def test_weights_and_config_come_back(tmp_path):
    model = lively(Denoiser(UNET))
    model.save(tmp_path / "m.safetensors", {"recipe": "none"}, dtype=torch.float32)
    back = Denoiser.from_pretrained(tmp_path / "m.safetensors")
    assert back.config == UNET
    assert back.notes == {"recipe": "none"}
    assert back.checkpoint_sha256 == sha256(tmp_path / "m.safetensors")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(back.state_dict()[name], tensor, rtol=0, atol=0)


def test_another_models_file_is_refused_by_name(tmp_path):
    Denoiser(UNET).save(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match="Denoiser, not Vocoder"):
        Vocoder.from_pretrained(tmp_path / "m.safetensors")


def test_a_damaged_file_is_refused(tmp_path):
    Denoiser(UNET).save(tmp_path / "m.safetensors")
    whole = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="no checkpoint"):
        Denoiser.from_pretrained(tmp_path / "m.safetensors")


def test_a_folder_without_the_file_says_what_is_missing(tmp_path):
    with pytest.raises(UserError, match="holds no x.safetensors"):
        find_weights(tmp_path, "x.safetensors")


def test_a_hub_id_that_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="Hub"):
        find_weights("nobody/nothing-here", "x.safetensors")


def test_weights_come_from_the_hubs_own_cache(tmp_path, monkeypatch):
    snapshot = tmp_path / "models--owner--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--owner--name" / "refs").mkdir()
    (tmp_path / "models--owner--name" / "refs" / "main").write_text("abc")
    lively(Denoiser(UNET)).save(snapshot / "m.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert Denoiser.from_pretrained(find_weights("owner/name", "m.safetensors")).config == UNET
