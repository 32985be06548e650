"""The style of STROTSS: distributions of hypercolumns, by relaxed optimal transport.

Kolkin et al. 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity", as in the
authors' code. Departures: absolute differences are rounded off near 0, where their kink would stop
a line search; hypercolumns have no pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, View
from nst.losses.functional import rounded
from nst.losses.rows import (
    APART,
    Grid,
    cosines,
    drawn_offset,
    grid,
    hypercolumns,
    interpolated,
    map_shape,
    paired_cosines,
    pooled,
    tags,
)

ROUNDING = 0.01  # of differences of moments and of colours
YUV = (  # decorrelates the colours of photographs; rows are Y, U and V
    (0.577350, 0.577350, 0.577350),
    (-0.577350, 0.788675, -0.211325),
    (-0.577350, -0.211325, 0.788675),
)


class Costs(NamedTuple):
    """What it costs to move rows.

    Attributes:
        all: From each row of ``[n, C]`` to each of ``[m, C]``: ``[n, m]``.
        paired: From each row of ``[n, C]`` to the same of ``[n, C]``: ``[n]``.
    """

    all: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    paired: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def relaxed_transport(
    rows: tf.Tensor, target: tf.Tensor, costs: Costs, apart: tf.Tensor | float = 0.0
) -> tf.Tensor:
    """Returns the relaxed earth mover's distance (Kolkin et al. 2019).

    ``max(mean_i min_j C_ij, mean_j min_i C_ij)``: each of the two constraints of optimal transport
    by itself, the larger of the two lower bounds. Only the chosen pairs have a gradient.

    Args:
        rows: ``[n, C]``.
        target: ``[m, C]``.
        costs: ``C_ij``.
        apart: Added for the choice of the minimum only, ``[n, m]``.
    """
    chosen = costs.all(tf.stop_gradient(rows), target) + apart
    there = costs.paired(rows, tf.gather(target, tf.argmin(chosen, 1)))
    back = costs.paired(tf.gather(rows, tf.argmin(chosen, 0)), target)
    return tf.maximum(tf.reduce_mean(there), tf.reduce_mean(back))


def moments(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean ``[C]`` and covariance ``[C, C]`` of rows ``[n, C]``."""
    mean = tf.reduce_mean(rows, 0)
    centred = rows - mean
    count = tf.cast(tf.shape(rows)[0], rows.dtype)
    return mean, tf.matmul(centred, centred, transpose_a=True) / count


def moment_distance(rows: tf.Tensor, target: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """Returns ``mean |μ - μ_s| + mean |Σ - Σ_s|`` of rows (Kolkin et al. 2019)."""
    pairs = zip(moments(rows), target, strict=True)
    return tf.add_n([tf.reduce_mean(rounded(own - wanted, ROUNDING)) for own, wanted in pairs])


def yuv(colours: tf.Tensor) -> tf.Tensor:
    """Returns colours in YUV, ``[n, 3]``."""
    return colours @ tf.transpose(tf.constant(YUV, colours.dtype))


def _distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the root mean square differences of all pairs of colours, ``[n, m]``."""
    squares = [tf.reduce_mean(tf.square(x), -1) for x in (a, b)]
    products = tf.matmul(a, b, transpose_b=True) / a.shape[-1]
    return _rounded_root(tf.nn.relu(squares[0][:, None] + squares[1] - 2 * products))


def _paired_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the root mean square difference of each colour and the one in its row, ``[n]``."""
    return _rounded_root(tf.reduce_mean(tf.math.squared_difference(a, b), -1))


def _rounded_root(squares: tf.Tensor) -> tf.Tensor:
    """Returns roots of numbers >= 0, rounded off at 0, where the slope would be infinite."""
    return tf.sqrt(squares + ROUNDING**2) - ROUNDING


HYPERCOLUMNS = Costs(lambda a, b: 1 - cosines(a, b), lambda a, b: 1 - paired_cosines(a, b))
PALETTE = Costs(  # of colours in YUV: cosine distance plus root mean square difference
    lambda a, b: 1 - cosines(a, b) + _distances(a, b),
    lambda a, b: 1 - paired_cosines(a, b) + _paired_distances(a, b),
)


class Pool(NamedTuple):
    """Positions of the styles.

    Attributes:
        rows: Hypercolumns, ``[m, C]``.
        colours: In YUV, ``[m, 3]``.
        moments: Mean ``[C]`` and covariance ``[C, C]`` of the hypercolumns.
        regions: Weights in each region, ``[m, R]``.
        offset: Where the grid of the iterate begins, ``[2]``.
    """

    rows: tf.Tensor
    colours: tf.Tensor
    moments: tuple[tf.Tensor, tf.Tensor]
    regions: tf.Tensor
    offset: tf.Tensor


@dataclass(frozen=True)
class RelaxedTransport(FeatureTerm):
    """Compares distributions of hypercolumns: STROTSS without its content loss.

    Three parts of equal weight (Kolkin et al. 2019): relaxed transport, moments, and relaxed
    transport of colours. Departure: theirs divides the last by the weight of the content. A grid
    is drawn before each step. Several styles share a pool, of which a style's weight is its share.

    Attributes:
        positions: Number of positions of the iterate.
        style_positions: Number of positions of all styles.
    """

    positions: int = 1024
    style_positions: int = 4096

    @property
    def parts(self) -> Sequence[str]:
        """What is compared."""
        return ("transport", "moments", "palette")

    def pairs(self, pixels: int) -> int:
        """Returns the positions of the iterate times those of the styles."""
        return min(self.positions, pixels) * min(self.style_positions, pixels)

    def target(self, references: References) -> Pool:
        """Returns the pool."""

        def sample(view: View, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return self._sample(view, grid(map_shape(view.image), self.style_positions * share))

        rows, colours, regions = pooled(references.styles, sample)
        return Pool(rows, colours, moments(rows), regions, tf.fill([2], 0.5))

    def refresh(self, target: Pool, view: View, seed: tf.Tensor) -> Pool:
        """Draws a grid."""
        return target._replace(offset=drawn_offset(seed))

    def distances(self, view: View, target: Pool) -> dict[str, tf.Tensor]:
        """Returns the three distances."""
        at = grid(map_shape(view.image), self.positions, target.offset)
        rows, colours, regions = self._sample(view, at)
        apart = -APART * tf.matmul(regions, target.regions, transpose_b=True)
        return {
            "transport": relaxed_transport(rows, target.rows, HYPERCOLUMNS, apart),
            "moments": moment_distance(rows, target.moments),
            "palette": relaxed_transport(colours, target.colours, PALETTE, apart),
        }

    def _sample(self, view: View, at: Grid) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rows = hypercolumns(view, self.layers, at)
        return rows, yuv(interpolated(view.image, at)), tags(view, self.layers[0], at)
