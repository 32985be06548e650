"""Colour profiles, gamma and CMYK: conversion of a file's values to sRGB."""

from __future__ import annotations

import io
import logging
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from nst.images.formats import BROKEN
from nst.images.picture import Pixels

log = logging.getLogger(__name__)

_MEANING: dict[str, Any] = {
    "renderingIntent": ImageCms.Intent.RELATIVE_COLORIMETRIC,
    "flags": ImageCms.Flags.BLACKPOINTCOMPENSATION,  # or the dark parts of a print turn grey
}
_DATE = slice(24, 36)  # of a profile's making: the same run must give the same bytes
_DISPLAY_GAMMA = 2.2  # what PNG assumes of a display without a profile (its section 13.13)


def through_profile(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """Converts to sRGB through a profile, or plainly and with a warning where it is unusable.

    Args:
        image: L, RGB or CMYK.
        profile: ICC, or None.
        name: Of the image, for the warning.

    Returns:
        An RGB image.
    """
    if profile and profile != srgb():
        try:
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            if image.mode == "L" and source.profile.xcolor_space == "RGB ":
                image = image.convert("RGB")
            return _transform(image, source)
        except (ImageCms.PyCMSError, *BROKEN) as error:
            cause = str(error).strip() or type(error).__name__
            log.warning("%s: its colour profile is not usable (%s), ignored", name, cause)
    return image.convert("RGB")


def _transform(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
        **_MEANING,
    )
    assert converted is not None  # None is for inPlace=True
    return converted


@cache
def srgb() -> bytes:
    """Returns an ICC profile of sRGB, always the same bytes."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[: _DATE.start] + bytes(_DATE.stop - _DATE.start) + made[_DATE.stop :]


def reachable(profile: bytes | None, name: str) -> bytes:
    """Returns the profile of an image if pictures can be converted to it, else sRGB's.

    Args:
        profile: ICC, or None.
        name: Of the image, for the warning.
    """
    try:
        if profile is None:
            raise ValueError("it has none")
        from_srgb(Image.new("RGB", (1, 1)), profile)
    except (ImageCms.PyCMSError, *BROKEN) as error:
        cause = str(error).strip() or type(error).__name__
        log.warning("%s: no colour profile to write (%s): the result has sRGB", name, cause)
        return srgb()
    return profile


def from_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Converts from sRGB to a profile.

    Args:
        image: RGB or RGBA.
        profile: ICC, of RGB.

    Raises:
        ImageCms.PyCMSError: It cannot be converted to.
    """
    if profile == srgb():
        return image
    target = ImageCms.getOpenProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(
        image.convert("RGB"), ImageCms.createProfile("sRGB"), target, outputMode="RGB", **_MEANING
    )
    assert converted is not None  # None is for inPlace=True
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def grey_to_rgb(grey: Pixels, profile: bytes | None, name: str) -> Pixels:
    """Turns grey of any depth into sRGB.

    Args:
        grey: ``[H, W]`` in [0, 1].
        profile: ICC, or None.
        name: Of the image, for warnings.

    Returns:
        ``[H, W, 3]`` in [0, 1].
    """
    if not profile:
        return np.repeat(grey[..., None], 3, axis=2)
    # The colour engine takes 8 bits only: run a ramp through it and interpolate.
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    curve = np.asarray(through_profile(ramp, profile, name), np.float64)[0] / 255
    channels = [np.interp(grey, np.linspace(0, 1, 256), curve[:, c]) for c in range(3)]
    return np.stack(channels, axis=2).astype(np.float32)


def apply_gamma(colour: Pixels, info: dict[str | tuple[int, int], Any]) -> Pixels:
    """Applys a PNG's gAMA chunk, as browsers do where there is neither a profile nor sRGB.

    Args:
        colour: ``[H, W, 3]`` in [0, 1].
        info: Pillow's, of the image.

    Returns:
        The values for a display of gamma 2.2.
    """
    gamma = info.get("gamma") or 0.0
    if gamma <= 0.0 or "srgb" in info or info.get("icc_profile"):
        return colour
    exponent = 1.0 / (gamma * _DISPLAY_GAMMA)
    if abs(exponent - 1.0) < 0.05:  # libpng's threshold: 0.45455 stands for sRGB itself
        return colour
    return np.power(colour, np.float32(exponent), dtype=np.float32)
