"""The content of STROTSS: how the positions of an image resemble each other.

Kolkin et al. 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity". Departure:
absolute differences are rounded off near 0. Their kink would stop a line search at the content
image, where all self-similarities agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from nst.features.encoder import Features
from nst.losses.base import FeatureTerm, References, View
from nst.losses.functional import rounded
from nst.losses.rows import cosines, drawn_offset, grid, hypercolumns, map_shape


def self_similarity(rows: tf.Tensor) -> tf.Tensor:
    """Returns the cosine distances of all pairs of rows, each column over its sum, ``[n, n]``."""
    distances = 1 - cosines(rows, rows)
    return distances / (tf.reduce_sum(distances, 0, keepdims=True) + 1e-6)


def self_similarity_distance(rows: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns how self-similarity differs (Kolkin et al. 2019), times n.

    Args:
        rows: Of the iterate, ``[n, C]``.
        target: Of the content image, at the same positions, ``[n, C]``.

    Returns:
        A scalar from 0 to 2.
    """
    count = tf.cast(tf.shape(rows)[0], rows.dtype)
    difference = count * (self_similarity(rows) - self_similarity(target))
    return tf.reduce_mean(rounded(difference, 0.1))


class Layout(NamedTuple):
    """What self-similarity is compared with.

    Attributes:
        features: Of the content image.
        offset: Where the grid begins, ``[2]``.
    """

    features: Features
    offset: tf.Tensor


@dataclass(frozen=True)
class SelfSimilarity(FeatureTerm):
    """A content term: which positions resemble each other (Kolkin et al. 2019).

    It says nothing of colours and strokes as such. Ignores regions. A grid is drawn before each
    step.

    Attributes:
        positions: Number of positions.
    """

    positions: int = 1024

    @property
    def parts(self) -> Sequence[str]:
        """One: a hypercolumn has all layers."""
        return ("hypercolumns",)

    def pairs(self, pixels: int) -> int:
        """Returns the square of the number of positions."""
        return min(self.positions, pixels) ** 2

    def target(self, references: References) -> Layout:
        """Returns the content image's feature maps."""
        features = {layer: references.content.features[layer] for layer in self.layers}
        return Layout(features, tf.fill([2], 0.5))

    def refresh(self, target: Layout, view: View, seed: tf.Tensor) -> Layout:
        """Draws a grid."""
        return target._replace(offset=drawn_offset(seed))

    def distances(self, view: View, target: Layout) -> dict[str, tf.Tensor]:
        """Returns the distance of self-similarities."""
        at = grid(map_shape(view.image), self.positions, target.offset)
        rows, wanted = (
            hypercolumns(v, self.layers, at) for v in (view, View(view.image, target.features))
        )
        return {"hypercolumns": self_similarity_distance(rows, wanted)}
