"""A stranger's bytes as a picture: checked, decoded and made plain, or refused with a sentence.

What comes out holds pixels and nothing else: upright, in sRGB, eight bits a channel.
"""

import io
from typing import Final

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from easel.domain.errors import InvalidRequest

MOST_PIXELS: Final = 4096 * 4096

MOST_BYTES: Final = 24 * 2**20
"""For whoever reads them off the wire: a PNG of so many pixels is hardly ever larger."""

READERS: Final = {
    "PNG": PngImagePlugin,
    "JPEG": JpegImagePlugin,
    "WEBP": WebPImagePlugin,
    "GIF": GifImagePlugin,
    "BMP": BmpImagePlugin,
    "AVIF": AvifImagePlugin,
}
"""Pillow knows many more formats, each with a decoder that strangers could try their luck with."""

WHITE: Final = (255, 255, 255, 255)


def read_picture(data: bytes, field: str) -> Image.Image:
    """RGB; what is transparent is white. Raises InvalidRequest naming `field`."""
    picture = _read(data, field)
    if not _has_alpha(picture):
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, WHITE), picture).convert("RGB")


def read_mask(data: bytes, field: str, *, transparent_is_drawn: bool = False) -> Image.Image:
    """L, 255 where the picture is drawn anew. Raises InvalidRequest naming `field`.

    White is drawn anew, and what is transparent counts as black. With `transparent_is_drawn`, the habit of OpenAI's
    clients, colours do not count: where a mask has transparency, that is what is drawn anew.
    """
    mask = _read(data, field)
    if not _has_alpha(mask):
        return mask.convert("L")
    mask = mask.convert("RGBA")
    if transparent_is_drawn:
        return ImageOps.invert(mask.getchannel("A"))
    return Image.alpha_composite(Image.new("RGBA", mask.size, (0, 0, 0, 255)), mask).convert("L")


def as_png(picture: Image.Image) -> bytes:
    """The same bytes for the same pixels."""
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=3)
    return file.getvalue()


def _read(data: bytes, field: str) -> Image.Image:
    if not data:
        raise InvalidRequest(field, f"{field} is empty: send a PNG, JPEG or WebP picture")
    if _looks_like_svg(data):
        raise InvalidRequest(field, f"{field} is an SVG drawing, which is not read: send it as PNG, JPEG or WebP")
    try:
        picture = Image.open(io.BytesIO(data), formats=tuple(READERS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidRequest(field, _too_large(field)) from None
    except Exception:
        raise InvalidRequest(field, f"{field} is no picture that can be read: send PNG, JPEG or WebP") from None
    if picture.width * picture.height > MOST_PIXELS:
        raise InvalidRequest(field, _too_large(field))
    # MPO is a JPEG that some cameras put further views behind.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise InvalidRequest(field, f"{field} is animated: send a single picture")
    try:
        return _plain(picture)
    except Exception:  # whatever a damaged file makes a decoder raise
        raise InvalidRequest(field, f"{field} is damaged or cut short: send the whole file again") from None


def _plain(picture: Image.Image) -> Image.Image:
    """Decoded and upright, in sRGB, of eight bits a channel."""
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):  # sixteen bits of grey, which a plain conversion would clip
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    return _in_srgb(picture, profile) if profile else picture


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """A camera's or printer's colours; a profile that cannot be read is done without, as browsers do."""
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    if alpha:
        picture = picture.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        converted = picture.convert("RGB")
    assert converted is not None
    if alpha:
        converted.putalpha(alpha)
    return converted


def _has_alpha(picture: Image.Image) -> bool:
    """A file of no transparency may have a channel for it all the same."""
    if not picture.has_transparency_data:
        return False
    lowest = picture.convert("RGBA").getchannel("A").getextrema()[0]
    return lowest != 255


def _looks_like_svg(data: bytes) -> bool:
    start = data[:1024].lstrip().lower()
    return start.startswith((b"<svg", b"<?xml", b"<!doctype svg")) or b"<svg" in start


def _too_large(field: str) -> str:
    return f"{field} has too many pixels: send at most {MOST_PIXELS:,} of them, such as 4096x4096"
