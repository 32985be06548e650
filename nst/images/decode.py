"""From whatever Pillow can open to sRGB: orientation, colour profile, depth, transparency."""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from nst.errors import InputError

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.float32]

# What Pillow's decoders raise on bytes that are not what they claim to be (found by mutation).
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_COLOUR = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}  # everything else is RGB


@contextmanager
def explained(name: str | Path, formats: str = "jpg, png, webp, tiff, bmp, gif") -> Iterator[None]:
    """Turn what decoders raise into one clear line, and their warnings into log lines."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
        try:
            yield
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise InputError(f"{name} is too large: {error}") from error
        except UnidentifiedImageError as error:
            raise InputError(f"{name} is not an image, or damaged (read are: {formats})") from error
        except _BROKEN as error:
            raise InputError(f"{name} is damaged or cut off: {error}") from error
    for note in noted:
        logger.warning("%s: %s", name, note.message)


def to_srgb(image: Image.Image, name: str) -> tuple[Pixels, Pixels | None]:
    """Decode the pixels: upright, through the colour profile where there is a usable one.

    Args:
        image: Of any mode; it is changed.
        name: Of the image, for messages.

    Returns:
        Colour `[H, W, 3]`, sRGB in [0, 1], not yet laid over a ground, and opacity `[H, W]` in
        [0, 1] or None.

    Raises:
        InputError: Grey values of no usual scale.
    """
    image.load()
    _set_upright(image, name)
    return _deep_grey(image, name) if image.mode in _DEEP_GREY else _eight_bit(image, name)


def _set_upright(image: Image.Image, name: str) -> None:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except _BROKEN as error:
        logger.warning("%s: its EXIF data are damaged, so it may lie on its side (%s)", name, error)


def _eight_bit(image: Image.Image, name: str) -> tuple[Pixels, Pixels | None]:
    profile, mode, alpha = image.info.get("icc_profile"), _COLOUR.get(image.mode, "RGB"), None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = _unit(image.getchannel("A"))
    colour = _through_profile(image.convert(mode), profile, name)
    return _unit(colour), alpha


def _unit(image: Image.Image) -> Pixels:
    # Not asarray(…) / 255, which holds a large image twice in float32.
    values: Pixels = np.divide(np.asarray(image), np.float32(255), dtype=np.float32)
    return values


def _deep_grey(image: Image.Image, name: str) -> tuple[Pixels, Pixels | None]:
    """More than 8 bits, which Pillow reads for grey only (16-bit RGB it reads as 8-bit RGB)."""
    raw = np.asarray(image)
    low, high = float(raw.min()), float(raw.max())
    # Floats have no full scale of their own: the nearest usual one that holds them all.
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    full = next((scale for scale in scales if high <= 1.01 * scale), None)
    if full is None or low < -0.01 * full:
        raise InputError(f"{name} has grey values from {low:g} to {high:g}: save it with 16 bits")
    if full > 1.0 and image.mode == "F":
        logger.warning("%s: its grey values up to %g are read as 0 to %g", name, high, full)
    grey = np.clip(raw / np.float32(full), 0.0, 1.0).astype(np.float32)
    clear = image.info.get("transparency")
    alpha = None if clear is None else (raw != clear).astype(np.float32)
    profile = image.info.get("icc_profile")
    if not profile:
        return np.repeat(grey[..., None], 3, axis=2), alpha
    # The colour engine takes 8 bits only: run a ramp through it and interpolate.
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    curve = np.asarray(_through_profile(ramp, profile, name), np.float64)[0] / 255
    channels = [np.interp(grey, np.linspace(0, 1, 256), curve[:, c]) for c in range(3)]
    return np.stack(channels, axis=2).astype(np.float32), alpha


def _through_profile(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    if profile:
        try:
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            if image.mode == "L" and source.profile.xcolor_space == "RGB ":
                image = image.convert("RGB")
            return _transform(image, source)
        except (ImageCms.PyCMSError, *_BROKEN) as error:
            cause = str(error).strip() or type(error).__name__
            logger.warning("%s: its colour profile is not usable (%s), left aside", name, cause)
    return image.convert("RGB")


def _transform(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,  # or the dark parts of a print turn grey
    )
    assert converted is not None  # None is for inPlace=True
    return converted
