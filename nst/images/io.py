"""Pictures from files, and from what a program has in memory. Free of TensorFlow."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from nst.errors import InputError
from nst.files.reading import read
from nst.images import tiff
from nst.images.arrays import from_array
from nst.images.decode import to_srgb
from nst.images.formats import FORMATS, explained, is_heic
from nst.images.heic import open_heic
from nst.images.picture import (
    LONGEST_SIDE,
    MOST_PIXELS,
    SHORTEST_SIDE,
    Picture,
    Pixels,
    check_size,
    composed,
)

MOST_BYTES = 6 * MOST_PIXELS  # three channels of 16 bits, uncompressed
MOST_RESULT_BYTES = 8 * LONGEST_SIDE**2  # four of them
FINER = 4  # how much larger than wanted a JPEG is decoded, at least
_Decoded = tuple[Pixels, Pixels | None, bytes | None]
_MOST_PASSES = 20 * MOST_PIXELS  # of a JPEG: its scans times its pixels


def load(path: str | Path, enough: int | None = None, *, result: bool = False) -> Picture:
    """Reads an image file: jpg, png, webp, tiff, bmp, gif, avif, jp2, heic (the first frame).

    EXIF orientation and the colour profile are applied.

    Args:
        path: The file; ``~`` is the home folder.
        enough: Long side that is wanted later, px. A JPEG at least eight times as large is decoded
            to a half, a quarter or an eighth of its size, not below four times the wanted one, if
            that is whole pixels: the memory and time of pixels that nobody sees are saved.
        result: Whether it is what a run painted, which may be narrower and larger than what a run
            takes.

    Returns:
        The picture, upright, in sRGB.

    Raises:
        InputError: There is no such file, it cannot be read, it is not an image or a damaged one,
            narrower than 16 px or larger than 100 Mpx.
    """
    path = Path(os.path.expanduser(path))
    data = read(path, MOST_RESULT_BYTES if result else MOST_BYTES)
    return _from_bytes(data, str(path), enough, result)


def from_memory(image: object) -> Picture:
    """Takes an image that a program has in memory.

    Args:
        image: A PIL image, an array (see ``from_array``), the bytes of an image file, or an open
            binary file of one.

    Raises:
        InputError: It is something else (a path is for ``load``), or no image.
    """
    if callable(getattr(image, "read", None)) and not isinstance(image, Image.Image):
        image = _all_of(image)
    if isinstance(image, bytes | bytearray | memoryview):
        if len(image) > MOST_BYTES:
            raise InputError(f"{len(image) / 1e9:.1f} GB of bytes are too large for an image")
        return _from_bytes(bytes(image), "bytes")
    if isinstance(image, Image.Image) or hasattr(image, "__array__") or isinstance(image, list):
        return from_array(image)
    kind = type(image).__name__
    raise InputError(
        f"{kind} is no picture: a path, PIL image, array, bytes or open binary file is"
    )


def _from_bytes(data: bytes, name: str, enough: int | None = None, result: bool = False) -> Picture:
    with explained(name, data):
        colour, alpha, profile = _decoded(data, name, enough, result)
    return composed(colour, alpha, name, hashlib.sha256(data).hexdigest(), profile)


def _decoded(data: bytes, name: str, enough: int | None, result: bool) -> _Decoded:
    """Returns colour, opacity and ICC profile."""
    shortest, most = (1, LONGEST_SIDE**2) if result else (SHORTEST_SIDE, MOST_PIXELS)
    if is_heic(data):
        return _with_profile(open_heic(data, name), name)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if tiff.is_tiff(data):
            return *tiff.decode(data, name, shortest), None
        raise
    with image:
        # JPEG 2000 is decoded in 32 bits a sample.
        samples = len(image.getbands()) if image.format == "JPEG2000" else 1
        most = most if samples == 1 else tiff.MOST_SAMPLES // samples
        check_size(image.size, name, most, shortest)
        _check_passes(data, image, name)
        if tiff.misread(data, image):
            return *tiff.decode(data, name, shortest), None
        if enough is not None and image.format in ("JPEG", "MPO"):
            divisor = _divisor(image.size, FINER * enough)
            image.draft(None, (image.width // divisor, image.height // divisor))
        return _with_profile(image, name)


def _with_profile(image: Image.Image, name: str) -> _Decoded:
    return *to_srgb(image, name), image.info.get("icc_profile")


def _divisor(size: tuple[int, int], least: int) -> int:
    """Returns by how much a JPEG can be shrunk: to whole pixels, or the picture would shift."""
    return next(
        (n for n in (8, 4, 2) if max(size) >= n * least and not any(side % n for side in size)), 1
    )


def _check_passes(data: bytes, image: Image.Image, name: str) -> None:
    """Refuses a JPEG of so many scans over so many pixels that decoding takes minutes."""
    scans = data.count(b"\xff\xda") if image.format in ("JPEG", "MPO") else 1
    if scans * image.width * image.height > _MOST_PASSES:
        raise InputError(f"{name} has {scans} scans of its pixels: save it again, or as PNG")


def _all_of(file: Any) -> bytes:
    name = getattr(file, "name", "the open file")
    try:
        data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise InputError(f"{name} cannot be read: {error}") from error
    if not isinstance(data, bytes):
        raise InputError(f'{name} is open as text: open it with mode "rb"')
    if not data:
        raise InputError(f"{name} has no bytes left: rewind it with seek(0)")
    return data
