"""What a decoded image is, and the sizes that are accepted.

Throughout: float32 sRGB values in [0, 1], ``[H, W, 3]``, top row first.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nst.errors import InputError

log = logging.getLogger(__name__)

Pixels = npt.NDArray[np.float32]

SHORTEST_SIDE = 16  # px, of what a run takes
FAINTEST_CHROMA = 2 / 255  # what JPEG makes of grey stays at or below it
MOST_PIXELS = 100_000_000  # of what a run takes; 8,000 x 8,000 is well inside
LONGEST_SIDE = 16_000  # px, of a result


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded image.

    Attributes:
        rgb: sRGB in [0, 1], float32 ``[H, W, 3]``; transparent parts are shown on white.
        alpha: Opacity in [0, 1], float32 ``[H, W]``; None where all of the image is opaque.
        sha256: Of the file's bytes, or of the pixels where there is no file; hexadecimal.
        source: The file's path, or "array" or "image" where there is no file.
        profile: The file's ICC profile, as it is; None where it has none.
    """

    rgb: Pixels
    alpha: Pixels | None
    sha256: str
    source: str
    profile: bytes | None = None


def check_size(
    size: tuple[int, int], name: str, most: int = MOST_PIXELS, shortest: int = SHORTEST_SIDE
) -> None:
    """Checks the size of an image before its pixels are decoded.

    Args:
        size: Width and height, px.
        name: Of the image, for the message.
        most: Pixels accepted.
        shortest: Side accepted, px.

    Raises:
        InputError: A side is shorter, or there are too many pixels.
    """
    width, height = size
    if min(size) < shortest:
        raise InputError(f"{name} has {width}x{height} px: each side needs at least {shortest}")
    if width * height > most:
        limit = f"{most / 1e6:.3g} million px"
        raise InputError(f"{name} has {width}x{height} px: the limit is {limit}, scale it down")


def is_grey(rgb: Pixels) -> bool:
    """Tells whether an image ``[H, W, 3]`` has no colour but grey, up to the noise of a JPEG."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    most = max(np.abs(red - green).max(), np.abs(green - blue).max())
    return bool(most <= FAINTEST_CHROMA + np.finfo(np.float32).eps)


def composed(
    colour: Pixels,
    alpha: Pixels | None,
    source: str,
    sha256: str | None = None,
    profile: bytes | None = None,
) -> Picture:
    """Makes a picture of decoded colour and opacity.

    Args:
        colour: ``[H, W, 3]``, as stored beside the opacity (not premultiplied).
        alpha: ``[H, W]`` or None. One that hides nothing is dropped; so is one that hides
            everything, with a warning, since some programs leave the channel empty.
        source: Path or kind of the image.
        sha256: Of the file; None hashes the pixels.
        profile: The file's ICC profile; it is kept, not applied.
    """
    if alpha is not None and not alpha.any():
        log.warning("%s is fully transparent: its alpha channel is ignored", source)
        alpha = None
    if alpha is not None and (alpha == 1.0).all():
        alpha = None
    if alpha is not None:
        # White, as on a page: colours under full transparency are arbitrary, often black, and
        # must not be optimised towards.
        colour = colour * alpha[..., None] + (1.0 - alpha[..., None])
    rgb = np.ascontiguousarray(colour)
    return Picture(rgb, alpha, sha256 or _sha256(rgb, alpha), source, profile)


def visible(picture: Picture) -> Picture:
    """Keeps transparent parts out of a style: they are not white paint.

    The picture is cropped to what is visible. Clear parts inside the crop take the mean visible
    colour, so that they add no colour of their own; a warning says how much that is.

    Returns:
        An opaque picture; ``picture`` itself where it is opaque.
    """
    alpha, crop = picture.alpha, visible_box(picture)
    if alpha is None:
        return picture
    alpha = alpha[crop][..., None]
    painted = picture.rgb[crop] - (1.0 - alpha)  # premultiplied, the white taken out again
    mean = painted.sum(axis=(0, 1), dtype=np.float64) / alpha.sum(dtype=np.float64)
    if (clear := 1.0 - float(alpha.mean())) > 0.005:
        log.warning(
            "%s: %.0f %% of it is transparent and takes the mean of its other colours; "
            "for a style without flat areas, crop the file",
            picture.source,
            100 * clear,
        )
    rgb = np.clip(painted + (1.0 - alpha) * mean, 0.0, 1.0).astype(np.float32)
    return replace(picture, rgb=rgb, alpha=None)


def visible_box(picture: Picture) -> tuple[slice, slice]:
    """Returns the rows and columns to which :func:`visible` crops a picture."""
    alpha = picture.alpha
    if alpha is None:
        alpha = np.ones(picture.rgb.shape[:2], np.bool_)
    rows, columns = (np.flatnonzero(alpha.any(axis=axis)) for axis in (1, 0))
    # A crop that thin would not be an image: better too much than nothing.
    if min(np.ptp(rows), np.ptp(columns)) + 1 < SHORTEST_SIDE:
        rows, columns = np.arange(alpha.shape[0]), np.arange(alpha.shape[1])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _sha256(*arrays: Pixels | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(repr(array.shape).encode() + array.tobytes())
    return digest.hexdigest()
