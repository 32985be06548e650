"""Terms on pixels: edges and contours of the content image, and the range of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from nst.losses.base import AdditiveTerm, References, Term, View
from nst.losses.functional import Sums, differences, mean, summed_squares

LUMA = (0.299, 0.587, 0.114)  # of RGB (ITU-R BT.601)


def laplacian(image: tf.Tensor, pool: int) -> tf.Tensor:
    """Returns the Laplacian of the average-pooled sum of the colours (Li et al. 2017, eq. 4).

    Args:
        image: ``[1, H, W, 3]``; beyond its border it is mirrored.
        pool: Side of the squares that are averaged, px.

    Returns:
        ``[1, ceil(H / pool), ceil(W / pool), 1]``.
    """
    grey = tf.reduce_sum(image, -1, keepdims=True)
    pooled = tf.nn.avg_pool2d(grey, pool, pool, "SAME")
    padded = tf.pad(pooled, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    neighbours = (
        padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
    )
    return 4 * pooled - neighbours


def luma_differences(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the luma differences of vertical and of horizontal neighbours."""
    luma = tf.tensordot(image, tf.constant(LUMA, image.dtype), 1)
    return differences(luma, 1), differences(luma, 2)


@dataclass(frozen=True)
class Laplacian(Term):
    """Compares Laplacians with the content image: keeps contours (Li et al. 2017, section 4).

    "Laplacian-Steered Neural Style Transfer". Departure: the mean; the paper takes the sum.

    Attributes:
        pool: Side of the squares that are averaged first, px.
    """

    pool: int = 4

    def target(self, references: References) -> tf.Tensor:
        """Returns the Laplacian of the content image."""
        return laplacian(references.content.image, self.pool)

    def distances(self, view: View, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the mean squared difference."""
        squares = tf.math.squared_difference(laplacian(view.image, self.pool), target)
        return {"image": tf.reduce_mean(squares)}


@dataclass(frozen=True)
class Edges(AdditiveTerm):
    """Compares luma differences of neighbouring pixels with those of the content image.

    It keeps edges and fine lines but no colour and no brightness. The gradient-domain data term of
    Pérez et al. (2003), "Poisson Image Editing".
    """

    window: ClassVar[int] = 2

    def target(self, references: References) -> tf.Tensor:
        """Returns the content image."""
        return references.content.image

    def sums(self, view: View, target: tf.Tensor) -> dict[str, list[Sums]]:
        """Sums the squared differences, of vertical and of horizontal neighbours."""
        pairs = zip(luma_differences(view.image), luma_differences(target), strict=True)
        return {"image": [summed_squares(own - wanted) for own, wanted in pairs]}

    def compare(self, sums: Mapping[str, list[Sums]], target: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the mean squared differences, vertical plus horizontal."""
        return {"image": tf.add_n([mean(direction) for direction in sums["image"]])}


@dataclass(frozen=True)
class ValueRange(AdditiveTerm):
    """The mean squared excess of values over [0, 1], for optimizers without bounds."""

    def sums(self, view: View, target: tuple[()]) -> dict[str, Sums]:
        """Sums the squared excess."""
        return {"image": summed_squares(view.image - tf.clip_by_value(view.image, 0.0, 1.0))}

    def compare(self, sums: Mapping[str, Sums], target: tuple[()]) -> dict[str, tf.Tensor]:
        """Returns the mean."""
        return {"image": mean(sums["image"])}
