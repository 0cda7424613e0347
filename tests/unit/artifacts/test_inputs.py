"""What strangers send as pictures: plain pictures come out, or a sentence that says what to send."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from easel.artifacts.blobs import BlobStore
from easel.artifacts.fitting import fit, fit_mask, is_cut, load_input
from easel.artifacts.inputs import store_input, store_mask
from easel.artifacts.reading import read_mask, read_picture
from easel.domain.errors import GenerationFailed, InvalidRequest


def file_of(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=format, **options)
    return file.getvalue()


def noisy(width: int = 24, height: int = 16, mode: str = "RGB") -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, mode)


class TestReading:
    @pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP"])
    def test_plain_pictures_keep_their_pixels(self, format: str) -> None:
        options = {"lossless": True} if format == "WEBP" else {}
        read = read_picture(file_of(noisy(), format, **options), "init_image")
        assert read.mode == "RGB"
        assert read.tobytes() == noisy().tobytes()

    @pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "LA", "RGBA", "I;16"])
    def test_every_mode_becomes_rgb(self, mode: str) -> None:
        if mode == "I;16":
            grey = np.linspace(0, 65535, 24 * 16).astype(np.uint16).reshape(16, 24)
            picture, format = Image.fromarray(grey), "PNG"
        else:
            picture, format = noisy().convert(mode), "JPEG" if mode == "CMYK" else "PNG"
        read = read_picture(file_of(picture, format), "init_image")
        assert (read.mode, read.size) == ("RGB", (24, 16))
        if mode == "I;16":
            assert read.getpixel((0, 0)) == (0, 0, 0)
            assert read.getpixel((23, 15)) == (255, 255, 255)
            assert 120 < read.getpixel((23, 7))[0] < 136

    def test_what_is_transparent_is_white(self) -> None:
        picture = Image.new("RGBA", (2, 1), (200, 0, 0, 255))
        picture.putpixel((1, 0), (0, 0, 0, 0))
        read = read_picture(file_of(picture), "init_image")
        assert [read.getpixel((x, 0)) for x in (0, 1)] == [(200, 0, 0), (255, 255, 255)]

    def test_a_photograph_is_turned_upright(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was held on its side
        read = read_picture(file_of(noisy(24, 16), "JPEG", exif=exif), "init_image")
        assert read.size == (16, 24)

    def test_colours_of_another_space_become_those_of_srgb(self) -> None:
        picture = Image.new("RGB", (4, 4), (255, 0, 0))
        linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
        plain = read_picture(file_of(picture), "init_image")
        assert plain.getpixel((0, 0)) == (255, 0, 0)
        broken = read_picture(file_of(picture, icc_profile=b"no profile"), "init_image")
        assert broken.getpixel((0, 0)) == (255, 0, 0)
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert read_picture(file_of(picture, icc_profile=srgb), "init_image").getpixel((0, 0)) == (255, 0, 0)
        assert linear

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "is empty"),
            (b"hello", "no picture that can be read"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
            (b"\n<?xml version='1.0'?><svg/>", "SVG"),
            (file_of(noisy(200, 200))[:-2000], "damaged or cut short"),
            (file_of(noisy(200, 200), "JPEG")[:-2000], "damaged or cut short"),
            (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "no picture that can be read"),
        ],
        ids=["empty", "text", "svg", "svg with a prolog", "half a png", "half a jpeg", "no png"],
    )
    def test_what_is_no_picture_is_refused_with_a_sentence(self, data: bytes, said: str) -> None:
        with pytest.raises(InvalidRequest, match=said) as refusal:
            read_picture(data, "mask_image")
        assert refusal.value.field == "mask_image"
        assert refusal.value.message.startswith("mask_image ")

    @pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
    def test_what_moves_is_refused(self, format: str) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
        data = file_of(frames[0], format, save_all=True, append_images=frames[1:])
        with pytest.raises(InvalidRequest, match="is animated"):
            read_picture(data, "init_image")

    def test_a_gif_that_stands_still_is_read(self) -> None:
        assert read_picture(file_of(noisy(), "GIF"), "init_image").size == (24, 16)

    @pytest.mark.parametrize("side", [5000, 60_000])
    def test_a_bomb_is_refused_by_what_its_header_says(self, side: int) -> None:
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        chunk = b"IHDR" + header
        data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        with pytest.raises(InvalidRequest, match="too many pixels: send at most 16,777,216"):
            read_picture(data, "init_image")


class TestMasks:
    def test_white_is_drawn_and_what_is_transparent_is_not(self) -> None:
        mask = Image.new("RGBA", (3, 1), (255, 255, 255, 255))
        mask.putpixel((1, 0), (0, 0, 0, 255))
        mask.putpixel((2, 0), (255, 255, 255, 0))
        assert list(read_mask(file_of(mask), "mask_image").tobytes()) == [255, 0, 0]

    def test_openai_erases_what_is_to_be_drawn(self) -> None:
        mask = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
        mask.putpixel((1, 0), (255, 255, 255, 0))
        assert list(read_mask(file_of(mask), "mask_image", transparent_is_drawn=True).tobytes()) == [0, 255]
        opaque = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
        assert list(read_mask(file_of(opaque), "mask_image", transparent_is_drawn=True).tobytes()) == [255, 255]

    def test_a_soft_mask_stays_soft(self) -> None:
        assert read_mask(file_of(Image.new("L", (1, 1), 77)), "mask_image").getpixel((0, 0)) == 77


class TestStoring:
    def test_the_same_picture_is_the_same_blob_whatever_file_it_came_in(self) -> None:
        blobs = BlobStore("memory:///")
        first = store_input(blobs, file_of(noisy(), "PNG", compress_level=1))
        again = store_input(blobs, file_of(noisy(), "WEBP", lossless=True))
        assert first == again
        assert (first.width, first.height) == (24, 16)
        assert first.key.startswith("inputs/")
        assert first.key.endswith(".png")
        assert load_input(blobs, first.key).tobytes() == noisy().tobytes()

    def test_nothing_but_pixels_is_kept(self) -> None:
        exif = Image.Exif()
        exif[0x010E] = "where I live"
        blobs = BlobStore("memory:///")
        stored = store_input(blobs, file_of(noisy(), "PNG", exif=exif))
        assert load_input(blobs, stored.key).info == {}
        assert b"where I live" not in blobs.get(stored.key)

    def test_a_mask_is_grey(self) -> None:
        blobs = BlobStore("memory:///")
        assert load_input(blobs, store_mask(blobs, file_of(noisy())).key).mode == "L"

    def test_an_input_that_is_gone_is_said(self) -> None:
        with pytest.raises(GenerationFailed, match="send it again"):
            load_input(BlobStore("memory:///"), "inputs/0.png")


class TestFitting:
    def test_what_has_the_size_is_not_touched(self) -> None:
        assert fit(noisy(), 24, 16).tobytes() == noisy().tobytes()
        mask = noisy(mode="L")
        assert fit_mask(mask, 24, 16, blur=0).tobytes() == mask.tobytes()

    def test_what_stands_over_is_cut_off_on_both_sides(self) -> None:
        wide = Image.new("RGB", (300, 100), "red")
        wide.paste("blue", (100, 0, 200, 100))
        assert set(fit(wide, 50, 50).resize((10, 10)).crop((2, 2, 8, 8)).get_flattened_data()) == {(0, 0, 255)}
        assert is_cut((300, 100), (50, 50))
        assert not is_cut((515, 515), (512, 512))

    def test_a_blurred_mask_is_untouched_far_from_its_edge(self) -> None:
        mask = Image.new("L", (64, 64), 0)
        mask.paste(255, (0, 0, 32, 64))
        soft = np.asarray(fit_mask(mask, 64, 64, blur=4))
        assert (soft[:, 48:] == 0).all()
        assert (soft[:, :16] == 255).all()
        assert 0 < soft[32, 33] < 255
