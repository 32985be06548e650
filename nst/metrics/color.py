"""How near the colours of two images are, wherever they occur."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.images.filters import Array
from nst.images.oklab import to_oklab
from nst.metrics.distributions import bases, blended, quantiles, squared_distance, thinned
from nst.metrics.remembered import remembered

BASES = 11  # of three directions each


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
    return quantiles(to_oklab(thinned(image.reshape(-1, 3))), bases(3, BASES))
