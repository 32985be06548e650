"""How near the colours of two images are, wherever they occur."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.metrics.distributions import bases, blended, quantiles, squared_distance, thinned
from nst.metrics.filters import Array
from nst.metrics.remembered import remembered

BASES = 11  # of three directions each

# Ottosson (2020), https://bottosson.github.io/posts/oklab: linear sRGB to cones, cones to Lab.
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: Array) -> Array:
    """Converts sRGB in [0, 1] to OKLab: lightness 0 to 1, two chroma axes about -0.4 to 0.4.

    Args:
        rgb: ``[..., 3]``.
    """
    rgb = np.clip(rgb, 0.0, 1.0)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ CONES.T) @ LAB.T, np.float32)


def color_distance(result: Array, others: Sequence[Array], weights: Sequence[float]) -> float:
    """Compares the distributions of colours in OKLab, as a sliced Wasserstein distance.

    The root mean square way that the colours of the result have to go to become the other image's:
    two images of one colour each are as far apart as the colours. 0 to about 1; 0.02 is just
    visible. Lower is better. Several others are blended by the barycentre of their projections.

    Args:
        result: ``[H, W, 3]`` in [0, 1].
        others: At least one image ``[h, w, 3]``.
        weights: One per image; only ratios matter.
    """
    painted, *wanted = map(_functions, (result, *others))
    return float(np.sqrt(3 * squared_distance(painted, blended(wanted, weights))))


@remembered(8)
def _functions(image: Array) -> Array:
    """Returns the quantile functions of an image's colours."""
    return quantiles(oklab(thinned(image.reshape(-1, 3))), bases(3, BASES))
