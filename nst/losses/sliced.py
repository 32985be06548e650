"""Style terms that compare whole distributions of features, along lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, View


class Slices(NamedTuple):
    """The target of a layer.

    Attributes:
        style: Features of positions of the styles, ``[N, C]``.
        chosen: Positions of the iterate that are compared, ``[n, 1]``.
        directions: Unit vectors, ``[C, K]``.
        quantiles: The style's projections at n evenly spaced ranks, ``[n, K]``.
    """

    style: tf.Tensor
    chosen: tf.Tensor
    directions: tf.Tensor
    quantiles: tf.Tensor


@dataclass(frozen=True)
class SlicedWasserstein(FeatureTerm):
    """Compares distributions by their projections on random lines (Heitz et al. 2021, eq. 4).

    On a line, the optimal transport between two samples pairs values of equal rank. The distance is
    the mean squared difference of such pairs, over ``directions`` lines, redrawn for every step.
    Departures: a random part of the positions is compared, redrawn as well; a style image of
    another size is compared at the same ranks instead of by repetition.

    Attributes:
        directions: Number of lines, >= 1.
        samples: Largest number of positions that are compared in each layer, >= 1.
    """

    directions: int = 32
    samples: int = 4096

    def target(self, references: References) -> dict[str, Slices]:
        """Draws positions of the styles, in proportion to their weights; directions at random."""
        if references.content.regions is not None:
            raise ValueError(f"{type(self).__name__} compares whole images: it takes no regions")
        seed = tf.zeros(2, tf.int64)
        whole = tf.add_n([tf.convert_to_tensor(style.weight) for style in references.styles])
        targets = {}
        for number, layer in enumerate(self.layers):
            pool = [
                _drawn(
                    style.view.features[layer],
                    self.samples
                    if len(references.styles) == 1
                    else tf.cast(tf.math.ceil(style.weight / whole * self.samples), tf.int32),
                    seed + number,
                    always=len(references.styles) > 1,
                )
                for style in references.styles
            ]
            targets[layer] = self._slices(
                tf.concat(pool, 0), references.content.features[layer], seed + number
            )
        return targets

    def refresh(self, target: dict[str, Slices], view: View, seed: tf.Tensor) -> dict[str, Slices]:
        """Draws other directions and positions."""
        return {
            layer: self._slices(target[layer].style, view.features[layer], seed + number)
            for number, layer in enumerate(self.layers)
        }

    def distances(self, view: View, target: dict[str, Slices]) -> dict[str, tf.Tensor]:
        """Returns the mean squared difference of sorted projections, for each layer."""
        return {
            layer: sliced_distance(view.features[layer], target[layer]) for layer in self.layers
        }

    def lines(self, channels: int, seed: tf.Tensor) -> tf.Tensor:
        """Draws unit vectors, ``[C, K]``."""
        drawn = tf.random.stateless_normal([channels, self.directions], seed)
        return tf.math.l2_normalize(drawn, axis=0)

    def _slices(self, style: tf.Tensor, features: tf.Tensor, seed: tf.Tensor) -> Slices:
        count = tf.size(features) // features.shape[-1]
        chosen = _positions(count, self.samples, seed)
        directions = tf.cast(self.lines(features.shape[-1], seed), style.dtype)
        quantiles = at_ranks(style @ directions, tf.shape(chosen)[0])
        return Slices(style, chosen, directions, quantiles)


@dataclass(frozen=True)
class Histogram(SlicedWasserstein):
    """Compares the histogram of every channel (Risser et al. 2017, section 4).

    The sliced distance along the axes: the mean squared difference of the features from those
    remapped to the style's histogram.
    """

    def lines(self, channels: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns the axes, ``[C, C]``."""
        return tf.eye(channels)


def sliced_distance(features: tf.Tensor, target: Slices) -> tf.Tensor:
    """Returns the mean squared difference of projections of equal rank.

    Args:
        features: ``[1, h, w, C]``.
        target: Positions, lines and the style's quantiles.

    Returns:
        A scalar >= 0.
    """
    rows = tf.gather(tf.reshape(features, [-1, features.shape[-1]]), target.chosen[:, 0])
    projected = tf.transpose(rows @ target.directions)  # [K, n]: sorting is along the last axis
    ordered = tf.gather(projected, tf.argsort(projected), batch_dims=1)
    return tf.reduce_mean(tf.math.squared_difference(ordered, tf.transpose(target.quantiles)))


def at_ranks(values: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns the values at evenly spaced ranks, interpolated between neighbours.

    Args:
        values: ``[N, K]``.
        count: n, the number of ranks.

    Returns:
        ``[n, K]``, ascending; of n = N, the values sorted.
    """
    ordered = tf.transpose(tf.sort(tf.transpose(values)))
    number = tf.cast(tf.shape(values)[0], tf.float32)
    last = number - 1
    ranks = (tf.range(count, dtype=tf.float32) + 0.5) * number / tf.cast(count, tf.float32) - 0.5
    ranks = tf.clip_by_value(ranks, 0.0, last)
    below = tf.cast(tf.floor(ranks), tf.int32)
    above = tf.minimum(below + 1, tf.cast(last, tf.int32))
    share = tf.cast(ranks - tf.floor(ranks), values.dtype)[:, None]
    return (1 - share) * tf.gather(ordered, below) + share * tf.gather(ordered, above)


def _positions(count: tf.Tensor, most: Any, seed: tf.Tensor, always: bool = False) -> tf.Tensor:
    """Draws positions ``[n, 1]``: all of them where they are few enough, else at random."""
    if always:
        return _random(count, most, seed)
    return tf.cond(
        count <= most, lambda: tf.range(count)[:, None], lambda: _random(count, most, seed)
    )


def _random(count: tf.Tensor, number: Any, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform([number, 1], seed, maxval=count, dtype=tf.int32)


def _drawn(features: tf.Tensor, most: Any, seed: tf.Tensor, always: bool) -> tf.Tensor:
    rows = tf.reshape(features, [-1, features.shape[-1]])
    return tf.gather(rows, _positions(tf.shape(rows)[0], most, seed, always)[:, 0])
