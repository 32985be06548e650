"""The contextual loss: for each feature of the style, one of the iterate's that is like it.

Mechrez et al. 2018, "The Contextual Loss for Image Transformation with Non-Aligned Data".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, Style, View
from nst.losses.rows import APART, cosines, drawn_offset, grid, map_shape, patches, pooled, tags

CLOSE = 1e-5  # added to the smallest distance of a row, by which its others are divided


def contextual_distance(
    rows: tf.Tensor, target: tf.Tensor, bandwidth: float, apart: tf.Tensor | float = 0.0
) -> tf.Tensor:
    """Returns ``-log mean_j max_i CX_ij`` (Mechrez et al. 2018, eq. 1 to 5).

    With ``d_ij`` the cosine distance of rows from the mean of the target, relative to the smallest
    of its row, ``CX_ij`` is ``exp((1 - d_ij) / h)`` over the sum of its row: near 1 where ``y_j``
    is by far the nearest of ``x_i``.

    Args:
        rows: ``x``, ``[n, C]``.
        target: ``y``, ``[m, C]``.
        bandwidth: ``h``, > 0. The smaller, the more the nearest alone counts.
        apart: Added to the distances, ``[n, m]`` >= 0.

    Returns:
        A scalar >= 0.
    """
    centre = tf.reduce_mean(target, 0)
    distances = (1 - cosines(rows - centre, target - centre)) / 2 + apart
    relative = distances / (tf.reduce_min(distances, 1, keepdims=True) + CLOSE)
    context = tf.nn.softmax(-relative / bandwidth)
    return -tf.math.log(tf.reduce_mean(tf.reduce_max(context, 0)))


class Pool(NamedTuple):
    """Positions of the styles in a layer.

    Attributes:
        rows: Features, ``[m, C]``.
        regions: Weights in each region, ``[m, R]``.
        offset: Where the grid of the iterate begins, ``[2]``.
    """

    rows: tf.Tensor
    regions: tf.Tensor
    offset: tf.Tensor


@dataclass(frozen=True)
class Contextual(FeatureTerm):
    """Asks that each feature of the style is the nearest of some feature of the iterate.

    A grid is drawn before each step. Several styles share a pool, of which a style's weight is its
    share. A position is matched within its region.

    Attributes:
        positions: About how many positions of the iterate are compared in a layer.
        style_positions: Likewise of all styles together.
        bandwidth: See :func:`contextual_distance`.
    """

    positions: int = 1024
    style_positions: int = 1024
    bandwidth: float = 0.1

    def pairs(self, pixels: int) -> int:
        """Returns the positions of the iterate times those of the styles."""
        return min(self.positions, pixels) * min(self.style_positions, pixels)

    def target(self, references: References) -> dict[str, Pool]:
        """Returns the pool of each layer."""
        return {layer: self._pool(references.styles, layer) for layer in self.layers}

    def refresh(self, target: dict[str, Pool], view: View, seed: tf.Tensor) -> dict[str, Pool]:
        """Draws a grid."""
        return {k: pool._replace(offset=drawn_offset(seed)) for k, pool in target.items()}

    def distances(self, view: View, target: dict[str, Pool]) -> dict[str, tf.Tensor]:
        """Returns the contextual distance of each layer."""

        def distance(layer: str, pool: Pool) -> tf.Tensor:
            features = view.features[layer]
            at = grid(map_shape(features), self.positions, pool.offset)
            shared = tf.matmul(tags(view, layer, at), pool.regions, transpose_b=True)
            rows, apart = patches(features, at, 1), APART * tf.nn.relu(1 - shared)
            return contextual_distance(rows, pool.rows, self.bandwidth, apart)

        return {layer: distance(layer, pool) for layer, pool in target.items()}

    def _pool(self, styles: Sequence[Style], layer: str) -> Pool:
        def sample(view: View, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features = view.features[layer]
            at = grid(map_shape(features), self.style_positions * share)
            return patches(features, at, 1), tags(view, layer, at)

        rows, regions = pooled(styles, sample)
        return Pool(rows, regions, tf.fill([2], 0.5))
