"""Pictures from arrays and PIL images, and back. Free of TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from nst.errors import InputError
from nst.images.decode import to_srgb
from nst.images.formats import explained
from nst.images.picture import Picture, Pixels, check_size, composed
from nst.images.strips import strips


def from_array(image: Image.Image | npt.ArrayLike) -> Picture:
    """Takes a PIL image or an array.

    Args:
        image: A PIL image of any mode, or an array ``[H, W]`` or ``[H, W, 1…4]`` (grey, grey and
            alpha, RGB, RGBA): uint8, uint16, or floating point in [0, 1].

    Returns:
        The picture; its sha256 is that of the decoded pixels.

    Raises:
        InputError: Another shape, type or range, or a side or area that is out of bounds.
    """
    if isinstance(image, Image.Image):
        check_size(image.size, "image")
        with explained("image"):
            return composed(
                *to_srgb(image, "image"), "image", profile=image.info.get("icc_profile")
            )
    values = _as_array(image)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or not 1 <= values.shape[2] <= 4:
        raise InputError(
            f"array of shape {list(values.shape)} is not an image: [H, W] or [H, W, 1…4] is"
        )
    height, width, channels = values.shape
    check_size((width, height), "array")
    values = _unit_range(values)
    colour = values[..., :3] if channels >= 3 else np.repeat(values[..., :1], 3, axis=2)
    return composed(colour, values[..., -1] if channels in (2, 4) else None, "array")


def to_pil(rgb: Pixels, alpha: Pixels | None = None) -> Image.Image:
    """Rounds to 8 bits.

    Args:
        rgb: ``[H, W, 3]``; values outside [0, 1] are clipped.
        alpha: ``[H, W]`` of the same size, or None.

    Returns:
        An RGB image, or RGBA where there is an alpha.

    Raises:
        ValueError: The shapes do not fit together, or a value is not finite.
    """
    values = stacked(rgb, alpha)
    rounded = np.empty(values.shape, np.uint8)
    for rows, result in zip(strips(values), strips(rounded), strict=True):
        result[:] = np.clip(np.rint(rows * 255.0), 0, 255)
    return Image.fromarray(rounded)


def stacked(rgb: Pixels, alpha: Pixels | None = None) -> Pixels:
    """Returns ``[H, W, 3 or 4]`` of what ``to_pil`` takes.

    Raises:
        ValueError: As in ``to_pil``.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or (alpha is not None and alpha.shape != rgb.shape[:2]):
        other = None if alpha is None else alpha.shape
        raise ValueError(f"rgb must be [H, W, 3], alpha [H, W] or None: got {rgb.shape}, {other}")
    values = rgb if alpha is None else np.dstack([rgb, alpha])
    if not np.isfinite(values).all():
        raise ValueError("the image holds values that are not finite (NaN or infinity)")
    return values


def _as_array(image: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(image)
    except ValueError as error:  # lists of unequal lengths
        raise InputError(f"not an array: {error}") from error


def _unit_range(values: npt.NDArray[Any]) -> Pixels:
    if values.dtype in (np.uint8, np.uint16):
        return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"array of {values.dtype}: uint8, uint16 or floats in [0, 1] are images")
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):  # so written that NaN fails
        raise InputError(f"array of floats from {low:g} to {high:g}: [0, 1] is valid (or uint8)")
    return values.astype(np.float32)
