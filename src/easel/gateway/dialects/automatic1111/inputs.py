"""What img2img begins from, made to the size that is drawn, and stored.

With `inpaint_full_res` only the part around the mask is drawn, at full size, and put back into the picture afterwards:
`Paste` remembers how.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from PIL import Image, ImageFilter, ImageOps

from easel.artifacts.blobs import BlobStore
from easel.artifacts.inputs import StoredInput, store_picture
from easel.artifacts.reading import read_mask, read_picture
from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.automatic1111.schemas import Img2Img
from easel.gateway.sources import Sources

GREY: Final = (127, 127, 127)
MOST_BLUR: Final = 64.0
CROP, FILL = 1, 2

Size: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""


@dataclass(frozen=True, slots=True)
class Paste:
    """Where a drawn part belongs: the keys of the whole picture and of its mask, and the part's box."""

    image: str
    mask: str
    box: Box

    def as_json(self) -> dict[str, Any]:
        return {"image": self.image, "mask": self.mask, "box": list(self.box)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        left, top, right, bottom = stored["box"]
        return cls(stored["image"], stored["mask"], (left, top, right, bottom))

    def put_back(self, blobs: BlobStore, drawn: Image.Image) -> Image.Image:
        """The whole picture, with what was drawn where the mask is white."""
        picture = Image.open(io.BytesIO(blobs.get(self.image))).convert("RGB")
        mask = Image.open(io.BytesIO(blobs.get(self.mask))).convert("L")
        left, top, right, bottom = self.box
        whole = picture.copy()
        whole.paste(drawn.resize((right - left, bottom - top), Image.Resampling.LANCZOS), (left, top))
        return Image.composite(whole, picture, mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One picture to begin from, stored."""

    image: str
    mask: str | None = None
    mask_blur: float = 0.0
    paste: Paste | None = None
    stored: tuple[StoredInput, ...] = ()


def prepare(blobs: BlobStore, sources: Sources, asked: Img2Img, size: Size) -> list[Prepared]:
    """Each of `init_images`, made to `size`. Raises InvalidRequest naming the field."""
    mask = None
    if asked.mask_image:
        mask = read_mask(sources.read("mask", asked.mask_image), "mask")
        mask = ImageOps.invert(mask) if asked.inpainting_mask_invert else mask
        if mask.getbbox() is None:
            colour = "black" if asked.inpainting_mask_invert else "white"
            raise InvalidRequest("mask", f"mask has no {colour} part, so that nothing would be drawn anew")
    pictures = [read_picture(sources.read("init_images", one), "init_images") for one in asked.init_images]
    return [_prepare(blobs, asked, picture, mask, size) for picture in pictures]


def _prepare(blobs: BlobStore, asked: Img2Img, picture: Image.Image, mask: Image.Image | None, size: Size) -> Prepared:
    if mask is None:
        image = store_picture(blobs, resized(picture, size, asked.resize_mode))
        return Prepared(image=image.key, stored=(image,))
    if mask.size != picture.size:
        mask = mask.resize(picture.size, Image.Resampling.BILINEAR)
    if asked.inpaint_full_res:
        return _prepare_part(blobs, asked, picture, mask, size)
    picture = resized(picture, size, asked.resize_mode)
    mask = resized(mask, size, asked.resize_mode)
    image = store_picture(blobs, begun(picture, mask, asked.inpainting_fill))
    kept = store_picture(blobs, mask)
    return Prepared(image=image.key, mask=kept.key, mask_blur=asked.blur, stored=(image, kept))


def _prepare_part(blobs: BlobStore, asked: Img2Img, picture: Image.Image, mask: Image.Image, size: Size) -> Prepared:
    soft = mask.filter(ImageFilter.GaussianBlur(asked.blur)) if asked.blur else mask
    box = part_around(soft, asked.inpaint_full_res_padding, size)
    part = begun(picture, mask, asked.inpainting_fill).crop(box).resize(size, Image.Resampling.LANCZOS)
    image = store_picture(blobs, part)
    kept = store_picture(blobs, mask.crop(box).resize(size, Image.Resampling.BILINEAR))
    whole, edge = store_picture(blobs, picture), store_picture(blobs, soft)
    return Prepared(
        image=image.key,
        mask=kept.key,
        mask_blur=min(asked.blur * size[0] / (box[2] - box[0]), MOST_BLUR),
        paste=Paste(whole.key, edge.key, box),
        stored=(image, kept, whole, edge),
    )


def resized(picture: Image.Image, size: Size, mode: int) -> Image.Image:
    """0 and 3: stretched. 1: scaled until it covers the size, and cut. 2: scaled until it fits, its edges drawn out."""
    resampling = Image.Resampling.LANCZOS if picture.mode == "RGB" else Image.Resampling.BILINEAR
    if picture.size == size:
        return picture
    if mode == CROP:
        return ImageOps.fit(picture, size, resampling)
    if mode == FILL:
        return _drawn_out(ImageOps.contain(picture, size, resampling), size)
    return picture.resize(size, resampling)


def begun(picture: Image.Image, mask: Image.Image, fill: int) -> Image.Image:
    """The picture with its masked part as the drawing begins from it: see `Img2Img.inpainting_fill`."""
    if fill == 1:
        return picture
    drawn_from = _surroundings(picture, mask) if fill == 0 else Image.new("RGB", picture.size, GREY)
    return Image.composite(drawn_from, picture, mask)


def part_around(mask: Image.Image, padding: int, size: Size) -> Box:
    """The smallest box around all that is masked that has the shape of `size`, or nearly so where there is no room."""
    left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
    left, top = max(0, left - padding), max(0, top - padding)
    right, bottom = min(mask.width, right + padding), min(mask.height, bottom + padding)
    scale = max((right - left) / size[0], (bottom - top) / size[1])
    left, right = _widened(left, right, round(size[0] * scale), mask.width)
    top, bottom = _widened(top, bottom, round(size[1] * scale), mask.height)
    return left, top, right, bottom


def _widened(start: int, end: int, wanted: int, room: int) -> tuple[int, int]:
    """The span made `wanted` long to both sides, within 0 .. room."""
    length = min(max(wanted, end - start), room)
    start = min(max(0, start - (length - (end - start)) // 2), room - length)
    return start, start + length


def _surroundings(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """What is not masked, spread over what is: blurs of it from wide to narrow, each over the one before."""
    known = picture.convert("RGBA")
    known.putalpha(ImageOps.invert(mask))
    premultiplied = known.convert("RGBa")  # otherwise what is masked would bleed into its surroundings
    spread = Image.new("RGBA", picture.size, (*GREY, 255))
    for radius in (256, 64, 16, 4, 2):
        blurred = premultiplied.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        # Far from the known parts a blur is faint; laid on again and again it covers.
        for _ in range(4):
            spread.alpha_composite(blurred)
    return spread.convert("RGB")


def _drawn_out(picture: Image.Image, size: Size) -> Image.Image:
    """In the middle of `size`, its outermost rows or columns repeated to the borders; a mask has nothing there."""
    left, top = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    whole = Image.new(picture.mode, size)
    if picture.mode == "RGB":
        whole.paste(picture.resize(size, Image.Resampling.NEAREST, box=_edge(picture, after=False, across=left == 0)))
        after = picture.resize(size, Image.Resampling.NEAREST, box=_edge(picture, after=True, across=left == 0))
        start = (left + picture.width // 2, 0) if left else (0, top + picture.height // 2)
        whole.paste(after.crop((start[0], start[1], size[0], size[1])), start)
    whole.paste(picture, (left, top))
    return whole


def _edge(picture: Image.Image, *, after: bool, across: bool) -> Box:
    """The box of the first or last row (`across`) or column."""
    if across:
        row = picture.height - 1 if after else 0
        return (0, row, picture.width, row + 1)
    column = picture.width - 1 if after else 0
    return (column, 0, column + 1, picture.height)
