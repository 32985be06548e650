"""Style terms that compare whole distributions of features, along lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, Style, View
from nst.losses.functional import positions
from nst.losses.sampling import all_rows, at_ranks, drawn_positions


class Slices(NamedTuple):
    """The target of a layer, or of a region of it.

    Attributes:
        count: Number of positions of the iterate.
        style: Features of positions of the styles, ``[N, C]``.
        chosen: Positions of the iterate that are compared, ``[n, 1]``.
        directions: Unit vectors, ``[C, K]``.
        quantiles: The style's projections at n evenly spaced ranks, ``[n, K]``.
    """

    count: tf.Tensor
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
    another size is compared at the same ranks instead of by repetition. Regions and weights of
    styles are chances to be drawn.

    Attributes:
        directions: Number of lines, >= 1.
        samples: Largest number of positions that are compared in each layer or region, >= 1.
    """

    directions: int = 32
    samples: int = 4096

    def target(self, references: References) -> dict[str, list[Slices]]:
        """Draws positions of the styles, in proportion to their weights; directions at random."""
        targets = {}
        for number, layer in enumerate(self.layers):
            seed = tf.fill([2], tf.constant(number, tf.int64))
            weights = zip(*(s.view.region_weights(layer) for s in references.styles), strict=True)
            pools = [self._pool(references.styles, layer, region, seed) for region in weights]
            count = tf.shape(all_rows(references.content.features[layer]))[0]
            targets[layer] = self._slices(pools, count, references.content, layer, seed)
        return targets

    def refresh(
        self, target: dict[str, list[Slices]], view: View, seed: tf.Tensor
    ) -> dict[str, list[Slices]]:
        """Draws other directions and positions."""
        found = {}
        for number, layer in enumerate(self.layers):
            pools, count = [s.style for s in target[layer]], target[layer][0].count
            found[layer] = self._slices(pools, count, view, layer, seed + number)
        return found

    def distances(self, view: View, target: dict[str, list[Slices]]) -> dict[str, tf.Tensor]:
        """Returns the distances of the regions times their shares of the image, for each layer."""

        def distance(layer: str) -> tf.Tensor:
            features = view.features[layer]
            return tf.add_n(
                [
                    sliced_distance(features, slices)
                    * (positions(features, weights) / positions(features))
                    for weights, slices in zip(
                        view.region_weights(layer), target[layer], strict=True
                    )
                ]
            )

        return {layer: distance(layer) for layer in self.layers}

    def lines(self, channels: int, seed: tf.Tensor) -> tf.Tensor:
        """Draws unit vectors, ``[C, K]``."""
        drawn = tf.random.stateless_normal([channels, self.directions], seed)
        return tf.math.l2_normalize(drawn, axis=0)

    def _pool(
        self,
        styles: Sequence[Style],
        layer: str,
        regions: Sequence[tf.Tensor | None],
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """Draws features of one region of the styles, ``[N, C]``."""
        maps = [style.view.features[layer] for style in styles]
        if len(styles) == 1:
            counts = [tf.minimum(tf.shape(all_rows(maps[0]))[0], self.samples)]
        else:
            chances = [
                tf.where(positions(features, region) > 0, tf.cast(s.weight, features.dtype), 0)
                for s, features, region in zip(styles, maps, regions, strict=True)
            ]
            shares = [tf.math.divide_no_nan(chance, tf.add_n(chances)) for chance in chances]
            counts = [tf.cast(tf.math.ceil(share * self.samples), tf.int32) for share in shares]
        drawn = [
            tf.gather(rows, drawn_positions(tf.shape(rows)[0], region, count, seed)[:, 0])
            for rows, region, count in zip(map(all_rows, maps), regions, counts, strict=True)
        ]
        return tf.concat(drawn, 0)

    def _slices(
        self, pools: Sequence[tf.Tensor], count: tf.Tensor, view: View, layer: str, seed: tf.Tensor
    ) -> list[Slices]:
        found = []
        directions = tf.cast(self.lines(pools[0].shape[-1], seed), pools[0].dtype)
        for style, region in zip(pools, view.region_weights(layer), strict=True):
            chosen = drawn_positions(count, region, tf.minimum(count, self.samples), seed)
            quantiles = at_ranks(style @ directions, tf.shape(chosen)[0])
            found.append(Slices(count, style, chosen, directions, quantiles))
        return found


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
    rows = tf.gather(all_rows(features), target.chosen[:, 0])
    projected = tf.transpose(rows @ target.directions)  # [K, n]: sorting is along the last axis
    ordered = tf.gather(projected, tf.argsort(projected), batch_dims=1)
    return tf.reduce_mean(tf.math.squared_difference(ordered, tf.transpose(target.quantiles)))
