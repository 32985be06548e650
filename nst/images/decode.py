"""From an image opened by Pillow to sRGB: orientation, profile, depth, transparency."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from PIL.ExifTags import Base as Tag

from nst.errors import InputError
from nst.images.formats import BROKEN
from nst.images.picture import Pixels
from nst.images.profiles import apply_gamma, grey_to_rgb, through_profile

log = logging.getLogger(__name__)

_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_COLOUR = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}  # everything else is RGB
_FULL_SCALES = (1.0, 255.0, 65535.0)  # that floating-point files use


def to_srgb(image: Image.Image, name: str) -> tuple[Pixels, Pixels | None]:
    """Decodes the pixels: upright, through the colour profile where there is a usable one.

    Args:
        image: Of any mode; not changed.
        name: Of the image, for messages.

    Returns:
        Colour ``[H, W, 3]``, sRGB in [0, 1], not premultiplied, and opacity ``[H, W]`` in [0, 1] or
        None.

    Raises:
        InputError: Grey values of no usual scale.
    """
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})  # a TIFF's; lost by a rotation
    image.load()
    image = _upright(image, name)
    if image.mode in _DEEP_GREY:
        colour, alpha = _deep_grey(image, tags, name)
    else:
        colour, alpha = _eight_bit(image, name)
    return apply_gamma(colour, image.info), alpha


def _upright(image: Image.Image, name: str) -> Image.Image:
    try:
        if image.getexif().get(Tag.Orientation, 1) != 1:
            return ImageOps.exif_transpose(image)
    except BROKEN as error:
        log.warning("%s: its EXIF data are damaged, so it may be rotated (%s)", name, error)
    return image


def _eight_bit(image: Image.Image, name: str) -> tuple[Pixels, Pixels | None]:
    # Pillow converts Lab itself; the profile of such a file describes Lab, not the RGB we get.
    profile = None if image.mode == "LAB" else image.info.get("icc_profile")
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    mode, alpha = _COLOUR.get(image.mode, "RGB"), None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = _unit(image.getchannel("A"))
    return _unit(through_profile(image.convert(mode), profile, name)), alpha


def _unit(image: Image.Image) -> Pixels:
    # Not asarray(…) / 255, which holds a large image twice in float32.
    values: Pixels = np.divide(np.asarray(image), np.float32(255), dtype=np.float32)
    return values


def _deep_grey(
    image: Image.Image, tags: Mapping[int, Any], name: str
) -> tuple[Pixels, Pixels | None]:
    """More than 8 bits, which Pillow reads for grey only (16-bit RGB it reads as 8-bit RGB)."""
    raw = np.asarray(image)
    bits = tags.get(Tag.BitsPerSample, (16,))[0]
    full = None if image.mode == "F" else float(2 ** min(bits, 16) - 1)
    grey = unit_scale(raw, full, name)
    if tags.get(Tag.PhotometricInterpretation) == 0:  # WhiteIsZero, heeded by Pillow up to 8 bits
        grey = 1.0 - grey
    clear = image.info.get("transparency")
    alpha = None if clear is None else (raw != clear).astype(np.float32)
    return grey_to_rgb(grey, image.info.get("icc_profile"), name), alpha


def unit_scale(raw: npt.NDArray[Any], full: float | None, name: str) -> Pixels:
    """Scales samples to [0, 1].

    Args:
        raw: Of any shape.
        full: What stands for 1; None for floats, which have no full scale of their own: the
            nearest usual one that holds them all is taken.
        name: Of the image, for messages.

    Raises:
        InputError: Values of no usual scale.
    """
    low, high = float(raw.min()), float(raw.max())
    scales = _FULL_SCALES if full is None else (full,)
    chosen = next((scale for scale in scales if high <= 1.01 * scale), None)
    if chosen is None or low < -0.01 * chosen:
        raise InputError(f"{name} has values from {low:g} to {high:g}: save it with 16 bits")
    if full is None and chosen > 1.0:
        log.warning("%s: values up to %g are read as 0 to %g", name, high, chosen)
    scaled: Pixels = np.clip(raw / np.float32(chosen), 0.0, 1.0).astype(np.float32)
    return scaled
