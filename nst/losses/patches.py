"""Terms that match patches of feature maps with the most similar ones of the styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, Style, View
from nst.losses.rows import Grid, drawn_offset, grid, map_shape, nearest, patches, pooled, tags


def squared_distance(rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference of rows (Li and Wand 2016, eq. 2).

    Departure: the mean over all entries; the paper takes the sum.
    """
    return tf.reduce_mean(tf.math.squared_difference(rows, matches))


class Matches(NamedTuple):
    """What the positions of a layer are compared with.

    Attributes:
        pool: Rows of all styles, ``[m, C]``.
        regions: Their weights in each region, ``[m, R]``.
        offset: Where the grid of the iterate begins, ``[2]``.
        rows: The matches, ``[n, C]``.
    """

    pool: tf.Tensor
    regions: tf.Tensor
    offset: tf.Tensor
    rows: tf.Tensor


@dataclass(frozen=True)
class PatchTerm(FeatureTerm):
    """A term that matches patches layer by layer, anew before each step, on a grid drawn for it.

    Several styles share a pool; the weight of a style is its share of the pool. A position is
    matched within its region.

    Attributes:
        patch: Side of the patches, positions of the layer, odd.
        positions: About how many positions of the iterate are compared, and of the styles together.
    """

    patch: int = 1
    positions: int = 4096

    def distance(self, rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
        """Returns the distance of patches from their matches, ``[n, C]`` each, a scalar."""
        raise NotImplementedError

    def keys(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns what of the patches is compared to find the matches."""
        return rows

    def target(self, references: References) -> dict[str, Matches]:
        """Returns the pool of each layer, matched with the content image."""
        found = {layer: self._pool(references.styles, layer) for layer in self.layers}
        return self._matched(found, references.content, tf.fill([2], 0.5))

    def refresh(
        self, target: dict[str, Matches], view: View, seed: tf.Tensor
    ) -> dict[str, Matches]:
        """Draws a grid and matches its positions."""
        return self._matched(target, view, drawn_offset(seed))

    def distances(self, view: View, target: dict[str, Matches]) -> dict[str, tf.Tensor]:
        """Returns the distance of each layer."""
        return {
            layer: self.distance(
                patches(view.features[layer], self._grid(view, layer, matches.offset), self.patch),
                matches.rows,
            )
            for layer, matches in target.items()
        }

    def _grid(
        self, view: View, layer: str, offset: tf.Tensor | None = None, share: Any = 1.0
    ) -> Grid:
        return grid(map_shape(view.features[layer]), self.positions * share, offset)

    def _pool(self, styles: Sequence[Style], layer: str) -> Matches:
        def sample(view: View, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            at = self._grid(view, layer, share=share)
            return patches(view.features[layer], at, self.patch), tags(view, layer, at)

        rows, regions = pooled(styles, sample)
        return Matches(rows, regions, tf.fill([2], 0.5), rows[:0])

    def _matched(
        self, target: dict[str, Matches], view: View, offset: tf.Tensor
    ) -> dict[str, Matches]:
        found = {}
        for layer, known in target.items():
            at = self._grid(view, layer, offset)
            keys = self.keys(patches(view.features[layer], at, self.patch))
            regions = tags(view, layer, at), known.regions
            rows = tf.gather(known.pool, nearest(keys, self.keys(known.pool), regions))
            found[layer] = known._replace(offset=offset, rows=rows)
        return found


@dataclass(frozen=True)
class MRF(PatchTerm):
    """Compares patches of feature maps with their nearest of the style's (Li and Wand 2016).

    "Combining Markov Random Fields and Convolutional Neural Networks for Image Synthesis", eq. 2
    and 3: squared differences, matched in normalised cross-correlation.
    """

    patch: int = 3

    def distance(self, rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
        """Returns the mean squared difference."""
        return squared_distance(rows, matches)
