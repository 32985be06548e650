"""A picture in the sizes that sheet, chart and report need, and its JPEG within a budget."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

from PIL import Image

from nst.images import Picture, to_pil

CELL = (320, 480)  # maximum width and height of a picture on the sheet, px
CROP = (320, 160)  # of the centre at 100 %, px
LONG_SIDE = 1024  # maximum of a picture inside the report, px
QUALITIES = (88, 75, 60, 45, 30)  # of JPEG, the first that fits; noise takes many bytes


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One picture in the sizes that are needed.

    Attributes:
        size: Width and height of the file, px.
        cell: At most ``CELL``, for the sheet.
        crop: The centre at 100 %, at most ``CROP``.
        large: JPEG for the report.
        large_size: Width and height of ``large``, px.
    """

    size: tuple[int, int]
    cell: Image.Image
    crop: Image.Image
    large: bytes
    large_size: tuple[int, int]


def shrink(picture: Picture, most_bytes: int) -> Thumbnail:
    """Makes all sizes of a picture."""
    image = to_pil(picture.rgb)
    left, top = (max(0, side - most) // 2 for side, most in zip(image.size, CROP, strict=True))
    right, bottom = left + min(CROP[0], image.width), top + min(CROP[1], image.height)
    large, data = _within(image, most_bytes)
    crop = image.crop((left, top, right, bottom))
    return Thumbnail(image.size, fitted(image, CELL), crop, data, large.size)


def fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """Scales to the largest size inside a box, also upwards; the aspect ratio is kept."""
    scale = min(box[0] / image.width, box[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def jpeg(image: Image.Image, most_bytes: float = math.inf) -> bytes:
    """Encodes as well as the bytes allow, with colour at full resolution."""
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= most_bytes:
            break
    return file.getvalue()


def data_uri(data: bytes, kind: str = "jpeg") -> str:
    """Encodes a picture as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


def _within(image: Image.Image, most_bytes: int) -> tuple[Image.Image, bytes]:
    """Shrinks a picture until its file is small enough."""
    side = min(LONG_SIDE, max(image.size))
    while True:
        large = image if side >= max(image.size) else fitted(image, (side, side))
        data = jpeg(large)
        if len(data) <= most_bytes or side <= 160:
            return large, data
        side = round(0.8 * side)
