"""Picture files that carry text and a colour profile: PNG in chunks, the others in EXIF."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ExifTags import Base as Tag
from PIL.PngImagePlugin import PngImageFile, PngInfo

from nst.errors import InputError
from nst.files.reading import read
from nst.images import deep
from nst.images.arrays import stacked, to_pil
from nst.images.formats import explained
from nst.images.io import MOST_RESULT_BYTES
from nst.images.picture import Pixels
from nst.images.profiles import from_srgb, srgb

log = logging.getLogger(__name__)

LOSSLESS = 100  # as quality, for WebP
_NO_TEXT = "{} holds no text: only a result.png of a run carries its config"


def encode_png(
    rgb: Pixels,
    alpha: Pixels | None = None,
    text: Mapping[str, str] | None = None,
    bits: int = 8,
    profile: bytes | None = None,
) -> bytes:
    """Encodes as PNG; the same input gives the same bytes.

    Args:
        rgb: As in ``to_pil``.
        alpha: As in ``to_pil``.
        text: Kept in iTXt chunks (UTF-8, compressed); keys of 1 to 79 Latin-1 characters.
        bits: Of a channel, 8 or 16.
        profile: As in ``encode``.

    Returns:
        The file's bytes.

    Raises:
        ValueError: As in ``to_pil``.
    """
    chunks = PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value, zip=True)
    if bits == 16:
        return deep.png(stacked(rgb, alpha), chunks, srgb())
    file, profile = io.BytesIO(), profile or srgb()
    image = from_srgb(to_pil(rgb, alpha), profile)
    image.save(file, "PNG", pnginfo=chunks, icc_profile=profile)
    return file.getvalue()


def encode(
    kind: str,
    rgb: Pixels,
    alpha: Pixels | None = None,
    text: Mapping[str, str] | None = None,
    quality: int = 95,
    bits: int = 8,
    profile: bytes | None = None,
) -> bytes:
    """Encodes in any of the formats of results; the same input gives the same bytes.

    Args:
        kind: png, jpg, webp or tiff (losslessly compressed).
        rgb: As in ``to_pil``.
        alpha: As in ``to_pil``; jpg has none and shows the picture on white.
        text: Kept in PNG's text chunks; in other formats as JSON in EXIF's ImageDescription.
        quality: Of jpg and webp, 1 to 100; 100 makes webp lossless.
        bits: Of a channel, 8, or 16 for png and tiff.
        profile: The ICC profile of RGB that the picture is converted to, with 8 bits, and has; None
            for sRGB.

    Returns:
        The file's bytes.

    Raises:
        ValueError: As in ``to_pil``, or text of more than a JPEG can hold (64 kB).
    """
    if kind == "png":
        return encode_png(rgb, alpha, text, bits, profile)
    if kind == "jpg" and alpha is not None:
        log.warning("jpg has no transparency: the clear parts are white (png, webp keep them)")
        rgb, alpha = rgb * alpha[..., None] + (1.0 - alpha[..., None]), None
    options: dict[str, dict[str, Any]] = {
        "jpg": {"format": "JPEG", "quality": quality, "subsampling": 0},
        "webp": {"format": "WEBP", "quality": quality, "lossless": quality == LOSSLESS},
        "tiff": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    }
    # ASCII, as EXIF wants it
    tags = {int(Tag.ImageDescription): json.dumps(dict(text))} if text else {}
    if bits == 16:
        return deep.tiff(stacked(rgb, alpha), tags, srgb())
    exif = Image.Exif()
    exif.update(tags)
    file, profile = io.BytesIO(), profile or srgb()
    image = from_srgb(to_pil(rgb, alpha), profile)
    image.save(file, exif=exif, icc_profile=profile, **options[kind])
    return file.getvalue()


def read_text(path: str | Path) -> dict[str, str]:
    """Reads back what ``encode`` was given as ``text``.

    Args:
        path: A picture file: png, jpg, webp or tiff.

    Returns:
        The text by its key.

    Raises:
        InputError: The file cannot be read, is no such picture, or holds no text.
    """
    path = Path(os.path.expanduser(path))
    data = read(path, MOST_RESULT_BYTES)
    with explained(path, data):
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "TIFF"))
        if isinstance(image, PngImageFile) and image.png is not None:
            # Not image.text, which decodes the pixels: there may be text behind them, but not ours.
            text = {key: str(value) for key, value in image.png.im_text.items()}
        else:
            text = _from_json(image.getexif().get(Tag.ImageDescription))
    if not text:
        raise InputError(_NO_TEXT.format(path))
    return text


def _from_json(description: object) -> dict[str, str]:
    """Parses a description; one that a camera wrote holds none of our text."""
    try:
        text = json.loads(str(description))
    except ValueError:
        return {}
    return {key: str(value) for key, value in text.items()} if isinstance(text, dict) else {}
