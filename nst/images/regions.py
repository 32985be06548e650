"""Region pictures: which pixels belong together, by colour. Free of TensorFlow.

Any palette will do. The colours that occur in flat areas are the regions. A pixel between two of
them, from anti-aliasing or a soft brush, belongs to both in part; so nothing depends on how clean
the edges are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from nst.errors import InputError
from nst.images.picture import Picture, Pixels
from nst.images.resampling import fit, resize_weights

MOST_REGIONS = 16
LONG_SIDE = 1024  # px; more detail than that, no layer resolves
APART = 0.15  # distance of two colours in RGB from 0 to 1; nearer ones are the same colour
FLAT = 8 / 255  # largest difference of neighbouring pixels within an area, noise of a JPEG included
SMALLEST = 1e-3  # share of the picture; what is less is noise
CROWDED = 0.5  # share of the pixels near a colour that are very near
REACH = 8  # px; a JPEG smears its edges over two blocks of that size
FEWEST_KNOWN = 0.6  # share of pixels of the regions' own colours; in a photograph there are fewer


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a picture.

    Attributes:
        colours: Their colours, ``[R, 3]``, by falling size.
        weights: Share of each pixel in each region, ``[H, W, R]``, with sum 1.
    """

    colours: Pixels
    weights: Pixels

    @property
    def shares(self) -> list[float]:
        """Share of the picture in each region, with sum 1."""
        return [float(share) for share in self.weights.mean((0, 1), dtype=np.float64)]


@lru_cache(maxsize=3)  # each keeps its picture in memory
def read_regions(picture: Picture) -> Regions:
    """Finds the regions of a picture.

    Raises:
        InputError: There are more than 16, or no flat areas of colour as a region picture has.
    """
    rgb = picture.rgb
    if max(rgb.shape[:2]) > LONG_SIDE:
        rgb = resize_weights(rgb, fit(rgb.shape[:2], LONG_SIDE))
    colours = palette(rgb)
    if len(colours) > MOST_REGIONS:
        raise InputError(
            f"{picture.source} has more than {MOST_REGIONS} colours; a region picture has one for "
            f"each region (`python -m nst.regions PHOTO` makes one)"
        )
    distances = np.linalg.norm(rgb[..., None, :] - colours, axis=-1)
    if np.mean((distances <= APART).any(-1)) < FEWEST_KNOWN:
        raise InputError(
            f"{picture.source} is not a region picture: it has no flat areas of colour "
            f"(`python -m nst.regions PHOTO` makes one)"
        )
    return Regions(colours, _weights(rgb, colours, distances))


def palette(rgb: Pixels) -> Pixels:
    """Returns the colours of flat areas, ``[R, 3]``, by falling size; at most one more than 16."""
    pixels = rgb[_flat(rgb)]
    codes, counts = np.unique(np.rint(pixels * 63) @ [4096, 64, 1], return_counts=True)
    colours = np.stack([codes // 4096, codes // 64 % 64, codes % 64], -1) / 63
    least, found = SMALLEST * rgb.shape[0] * rgb.shape[1], list[Pixels]()
    left = counts.copy()
    while left.sum() >= least and len(found) <= MOST_REGIONS:
        peak = colours[left.argmax()]
        distances = np.linalg.norm(colours - peak, axis=-1)
        near, core = distances <= APART, distances <= APART / 3
        # The pixels of an area crowd at its colour; those of a gradient are spread evenly.
        if left[core].sum() >= max(least, CROWDED * counts[near].sum()):
            found.append(np.median(pixels[np.linalg.norm(pixels - peak, axis=-1) <= APART / 3], 0))
        left[near] = 0
    return np.array(found, np.float32).reshape(-1, 3)


def _flat(rgb: Pixels) -> npt.NDArray[np.bool_]:
    """Tells which pixels differ little from each of their eight neighbours."""
    padded = np.pad(rgb, ((1, 1), (1, 1), (0, 0)), "edge")
    height, width = rgb.shape[:2]
    flat = np.ones((height, width), np.bool_)
    for row in range(3):
        for column in range(3):
            moved = padded[row : row + height, column : column + width]
            flat &= np.abs(moved - rgb).max(-1) <= FLAT
    return flat


def _weights(rgb: Pixels, colours: Pixels, distances: Pixels) -> Pixels:
    nearest = distances.argmin(-1)
    weights: Pixels = np.eye(len(colours), dtype=np.float32)[nearest]
    between = distances.min(-1) > APART / 2
    if len(colours) < 2 or not between.any():
        return weights
    sure = [(nearest == region) & ~between for region in range(len(colours))]
    present = np.stack([_spread(pixels) for pixels in sure], -1)[between]
    present[present.sum(-1) < 2] = True
    weights[between] = _mixtures(rgb[between], colours, present)
    return weights


def _spread(known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tells which pixels of ``[H, W]`` have a known one within ``REACH`` px."""
    for axis in (0, 1):
        around = [(0, 0), (0, 0)]
        around[axis] = (REACH + 1, REACH)
        sums = np.cumsum(np.pad(known, around), axis=axis, dtype=np.int64)
        length, width = known.shape[axis], 2 * REACH + 1
        last, before = (np.take(sums, range(start, start + length), axis) for start in (width, 0))
        known = last > before
    return known


def _mixtures(pixels: Pixels, colours: Pixels, present: npt.NDArray[np.bool_]) -> Pixels:
    """Writes each of ``[N, 3]`` pixels as the nearest mixture of two colours present around it."""
    best = np.full(len(pixels), np.inf, np.float32)
    weights = np.zeros((len(pixels), len(colours)), np.float32)
    for first, second in combinations(range(len(colours)), 2):
        line = colours[second] - colours[first]
        share = np.clip((pixels - colours[first]) @ line / (line @ line), 0, 1)
        miss = np.linalg.norm(pixels - colours[first] - share[:, None] * line, axis=-1)
        better = (miss < best) & present[:, first] & present[:, second]
        best[better], weights[better] = miss[better], 0
        weights[better, first], weights[better, second] = 1 - share[better], share[better]
    return weights
