"""Images from files and arrays, their size, and PNG out.

Throughout: float32 sRGB values in [0, 1], `[H, W, 3]`, top row first.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from nst.errors import InputError
from nst.files.atomic import read
from nst.images.decode import Pixels, explained, to_srgb

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
SHORTEST_SIDE = 16  # px
MOST_PIXELS = 100_000_000  # 8,000 x 8,000 is well inside
MOST_BYTES = 1 << 30  # 100 Mpx of four 16-bit channels, uncompressed, and some


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded image.

    Attributes:
        rgb: sRGB in [0, 1], float32 `[H, W, 3]`; transparent parts lie over white.
        alpha: Opacity in [0, 1], float32 `[H, W]`; None where all of the image is opaque.
        sha256: Of the file's bytes, or of the pixels where there is no file; hexadecimal.
        source: The file's path, or "array" or "image" where there is no file.
    """

    rgb: Pixels
    alpha: Pixels | None
    sha256: str
    source: str


def load(path: str | Path) -> Picture:
    """Read an image file: jpg, png, webp, tiff, bmp, or gif (its first frame).

    EXIF orientation and the colour profile are applied.

    Args:
        path: The file; `~` is the home folder.

    Returns:
        The picture, upright, in sRGB.

    Raises:
        InputError: There is no such file, it cannot be read, it is not an image or a damaged one,
            smaller than 16 px a side or larger than 100 Mpx.
    """
    path = Path(os.path.expanduser(path))
    data = read(path, MOST_BYTES)
    with explained(path):
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_size(image.size, str(path))
        pixels = to_srgb(image, str(path))
    return _picture(*pixels, str(path), hashlib.sha256(data).hexdigest())


def from_array(image: Image.Image | npt.ArrayLike) -> Picture:
    """Take an image that is in memory already.

    Args:
        image: A PIL image of any mode, or an array `[H, W]` or `[H, W, 1…4]` (grey, grey and
            alpha, RGB, RGBA): uint8, uint16, or floating point in [0, 1].

    Returns:
        The picture; its sha256 is that of the decoded pixels.

    Raises:
        InputError: Another shape, type or range, or a side or area that is out of bounds.
    """
    if isinstance(image, Image.Image):
        _check_size(image.size, "image")
        with explained("image"):
            return _picture(*to_srgb(image.copy(), "image"), "image")
    values = np.asarray(image)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or not 1 <= values.shape[2] <= 4:
        raise InputError(
            f"array of shape {list(np.shape(image))} is not an image: [H, W] or [H, W, 1…4] is"
        )
    height, width, channels = values.shape
    _check_size((width, height), "array")
    values = _unit_range(values)
    colour = values[..., :3] if channels >= 3 else np.repeat(values[..., :1], 3, axis=2)
    return _picture(colour, values[..., -1] if channels in (2, 4) else None, "array")


def resize(values: Pixels, size: tuple[int, int]) -> Pixels:
    """Resample with a Lanczos window that widens when shrinking, so that nothing aliases.

    It works on the sRGB values as they are, like the browsers and Pillow itself, in float32.

    Args:
        values: `[H, W]` or `[H, W, C]` in [0, 1].
        size: Height and width wanted, px.

    Returns:
        The same number of channels at that size, in [0, 1]; `values` itself when nothing changes.
    """
    if values.shape[:2] == tuple(size):
        return values
    if values.ndim == 3:
        return np.stack([resize(channel, size) for channel in np.moveaxis(values, 2, 0)], axis=2)
    channel = Image.fromarray(np.ascontiguousarray(values, np.float32))
    resampled = channel.resize(size[::-1], Image.Resampling.LANCZOS)
    in_range: Pixels = np.clip(np.asarray(resampled), 0.0, 1.0)  # it overshoots at edges
    return in_range


def fit(shape: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Scale a height and a width so that the longer one is exactly `long_side`.

    Args:
        shape: Height and width, px.
        long_side: Wanted, px, at least 1.

    Returns:
        Height and width with the same aspect but for rounding, each at least 1.

    Raises:
        ValueError: A side is smaller than 1.
    """
    if min(*shape, long_side) < 1:
        raise ValueError(f"every side must be at least 1 px, got {shape} and {long_side}")
    longest = max(shape)
    height, width = (max(1, (2 * s * long_side + longest) // (2 * longest)) for s in shape)
    return height, width


def cover(values: Pixels, size: tuple[int, int]) -> Pixels:
    """Resample so that the picture covers a size, and cut off evenly what stands over.

    Args:
        values: `[H, W, C]` in [0, 1].
        size: Height and width wanted, px.

    Returns:
        `[*size, C]`, of the picture's own aspect: nothing is distorted.
    """
    scale = max(size[0] / values.shape[0], size[1] / values.shape[1])
    height, width = (max(s, round(v * scale)) for s, v in zip(size, values.shape[:2], strict=True))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return resize(values, (height, width))[top : top + size[0], left : left + size[1]]


def to_pil(rgb: Pixels, alpha: Pixels | None = None) -> Image.Image:
    """Round to 8 bits.

    Args:
        rgb: `[H, W, 3]`; values outside [0, 1] are clipped.
        alpha: `[H, W]` of the same size, or None.

    Returns:
        An RGB image, or RGBA where there is an alpha.

    Raises:
        ValueError: The shapes do not fit together, or a value is not finite.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or (alpha is not None and alpha.shape != rgb.shape[:2]):
        found = None if alpha is None else alpha.shape
        raise ValueError(f"rgb must be [H, W, 3], alpha [H, W] or None: got {rgb.shape}, {found}")
    values = rgb if alpha is None else np.dstack([rgb, alpha])
    if not np.isfinite(values).all():
        raise ValueError("the image holds values that are not finite (NaN or infinity)")
    return Image.fromarray(np.clip(np.rint(values * 255.0), 0, 255).astype(np.uint8))


def encode_png(
    rgb: Pixels, alpha: Pixels | None = None, text: Mapping[str, str] | None = None
) -> bytes:
    """Encode as PNG with 8 bits a channel; the same input gives the same bytes.

    Args:
        rgb: As in `to_pil`.
        alpha: As in `to_pil`.
        text: Kept in iTXt chunks (UTF-8, compressed); keys of 1 to 79 Latin-1 characters.

    Returns:
        The file's bytes.

    Raises:
        ValueError: As in `to_pil`.
    """
    chunks = PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value, zip=True)
    file = io.BytesIO()
    to_pil(rgb, alpha).save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def read_text(path: str | Path) -> dict[str, str]:
    """Read back what `encode_png` was given as `text`.

    Args:
        path: A PNG file.

    Returns:
        Every text chunk of the file by its key.

    Raises:
        InputError: The file cannot be read, is not a PNG, or holds no text.
    """
    path = Path(os.path.expanduser(path))
    data = read(path, MOST_BYTES)
    with explained(path, "PNG"):
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        assert isinstance(image, PngImageFile)
        text = {key: str(value) for key, value in image.text.items()}
    if not text:
        raise InputError(f"{path} holds no text: only a result.png of a run carries its config")
    return text


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(size) < SHORTEST_SIDE:
        raise InputError(f"{name} has {width}x{height} px: at least {SHORTEST_SIDE} a side needed")
    if width * height > MOST_PIXELS:
        most = f"{MOST_PIXELS // 1_000_000} million px"
        raise InputError(f"{name} has {width}x{height} px: at most {most} are read, scale it down")


def _unit_range(values: npt.NDArray[Any]) -> Pixels:
    if values.dtype in (np.uint8, np.uint16):
        return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"array of {values.dtype}: uint8, uint16 or floats in [0, 1] are images")
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):  # so written that NaN fails
        raise InputError(f"array of floats from {low:g} to {high:g}: [0, 1] is valid (or uint8)")
    return values.astype(np.float32)


def _picture(
    colour: Pixels, alpha: Pixels | None, source: str, sha256: str | None = None
) -> Picture:
    if alpha is not None and (alpha == 1.0).all():
        alpha = None
    if alpha is not None:
        # White, as on a page: colours under full transparency are arbitrary, often black, and
        # must not be optimised towards.
        colour = colour * alpha[..., None] + (1.0 - alpha[..., None])
    rgb = np.ascontiguousarray(colour)
    if sha256 is None:
        sha256 = _sha256(rgb, alpha)
    return Picture(rgb, alpha, sha256, source)


def _sha256(*arrays: Pixels | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(repr(array.shape).encode() + array.tobytes())
    return digest.hexdigest()
