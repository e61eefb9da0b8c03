import math
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mvsd.errors import UserError
from mvsd.vision import SceneConfig, SceneEncoder, load_image


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return SceneEncoder(SceneConfig(image_size=64)).eval()


def huge_png(path, side=12_000):
    """A PNG that claims side x side pixels in a few bytes."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    return path


def test_an_embedding_and_a_grid_of_49_tokens(encoder):
    embedding, tokens = encoder(torch.rand(2, 3, 64, 64))
    assert embedding.shape == (2, 256)
    assert tokens.shape == (2, 49, 256)


def test_at_224_pixels_the_tokens_are_the_7_by_7_grid_itself(encoder):
    images = torch.rand(1, 3, 224, 224)
    grid = encoder.project(encoder.trunk((images - encoder.mean) / encoder.std))
    assert grid.shape[2:] == (7, 7)
    torch.testing.assert_close(encoder(images)[1], encoder.norm(grid.flatten(2).transpose(1, 2)))


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (480, 640), (800, 400), (900, 300)])
def test_any_shape_of_picture_is_seen(encoder, size):
    embedding, _ = encoder.see(Image.new("RGB", size, "gray"))
    assert embedding.isfinite().all()


def test_the_probe_reads_positive_times_and_volumes(encoder):
    read = encoder.read(encoder.see(Image.new("RGB", (64, 48), "white"))[0])
    assert min(read.t60_s, read.volume_m3, read.distance_m) > 0
    assert read.t60_range_s is None


def test_a_picture_and_its_mirror_image_are_one_room(encoder):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    straight, mirrored = (encoder.see(Image.fromarray(picture))[0] for picture in (noise, noise[:, ::-1]))
    torch.testing.assert_close(straight, mirrored, rtol=1e-3, atol=1e-4)


def test_the_interval_around_a_t60_is_that_of_unseen_rooms(encoder):
    embedding = encoder.see(Image.new("RGB", (64, 48), "white"))[0]
    encoder.config = replace(encoder.config, t60_spread=(-math.log(2), math.log(3)))
    read = encoder.read(embedding)
    assert read.t60_range_s == pytest.approx((read.t60_s / 2, read.t60_s * 3))


def test_exif_orientation_is_honoured(tmp_path):
    image = Image.new("RGB", (40, 20), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "p.jpg", exif=exif)
    assert load_image(tmp_path / "p.jpg").size == (20, 40)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "p.png")
    back = np.asarray(load_image(tmp_path / "p.png"))[..., 0].astype(int)
    assert np.abs(back - ramp / 257).max() <= 1


def test_transparency_becomes_white(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "p.png")
    assert load_image(tmp_path / "p.png").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK"])
def test_other_modes_become_rgb(tmp_path, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (30, 20), (200, 200, 200)).convert(mode).save(tmp_path / f"p.{suffix}")
    assert load_image(tmp_path / f"p.{suffix}").mode == "RGB"


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "p.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "p.gif").getpixel((0, 0)) == (255, 0, 0)


def test_too_many_pixels_are_refused_before_decoding(tmp_path):
    with pytest.raises(UserError, match="144 megapixels"):
        load_image(huge_png(tmp_path / "p.png"))


def test_a_bomb_is_refused(tmp_path):
    with pytest.raises(UserError, match="megapixels"):
        load_image(huge_png(tmp_path / "p.png", 40_000))


@pytest.mark.parametrize(
    "content", [b"", b"plain text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html></html>"]
)
def test_what_is_no_picture_is_refused(tmp_path, content):
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(UserError, match=r"p\.jpg is not a picture"):
        load_image(tmp_path / "p.jpg")


def test_a_truncated_picture_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(tmp_path / "p.jpg")
    whole = (tmp_path / "p.jpg").read_bytes()
    (tmp_path / "p.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a picture"):
        load_image(tmp_path / "p.jpg")


def test_a_missing_picture_is_told(tmp_path):
    with pytest.raises(UserError, match="no file"):
        load_image(tmp_path / "p.jpg")
