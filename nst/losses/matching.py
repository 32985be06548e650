"""Terms that match each position of the iterate with the most similar one of the styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, Style, View
from nst.losses.rows import (
    Grid,
    drawn_offset,
    grid,
    hypercolumns,
    map_shape,
    nearest,
    paired_cosines,
    patches,
    shares,
    tags,
)


def cosine_distance(rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
    """Returns the mean cosine distance ``mean_i (1 - cos(x_i, y_i))`` (Kolkin et al. 2022, eq. 1).

    Args:
        rows: ``x``, ``[n, C]``.
        matches: ``y``, ``[n, C]``.

    Returns:
        A scalar from 0 to 2.
    """
    return tf.reduce_mean(1 - paired_cosines(rows, matches))


def squared_distance(rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference of rows (Li and Wand 2016, eq. 2).

    Departure: the mean over all entries; the paper takes the sum.
    """
    return tf.reduce_mean(tf.math.squared_difference(rows, matches))


def centred(rows: tf.Tensor) -> tf.Tensor:
    """Subtracts the mean row."""
    return rows - tf.reduce_mean(rows, 0)


@dataclass(frozen=True)
class NearestNeighbour(FeatureTerm):
    """Compares the iterate with the style's hypercolumns, matched to those of the content image.

    NNST, the first part (Kolkin et al. 2022, "Neural Neighbor Style Transfer", section 3): each
    hypercolumn of the content image is replaced by the style's nearest, in the cosine of centred
    hypercolumns. The iterate is to have these. They are fixed at each scale.

    Departure: the paper matches a mix of the content image and the iterate.

    Attributes:
        cell: Spacing of the positions, px.
        positions: Largest number of positions; the grid is wider in larger images.
    """

    cell: int = 4
    positions: int = 16384

    @property
    def parts(self) -> Sequence[str]:
        """One: a hypercolumn has all layers."""
        return ("hypercolumns",)

    def target(self, references: References) -> tf.Tensor:
        """Returns the matched hypercolumns of the styles, ``[n, C]``."""
        content = references.content
        at, pool, regions = self._grid(content), [], []
        for style, share in zip(references.styles, shares(references.styles), strict=True):
            there = self._grid(style.view, share)
            pool.append(hypercolumns(style.view, self.layers, there))
            regions.append(tags(style.view, self.layers[0], there))
        found = nearest(
            centred(hypercolumns(content, self.layers, at)),
            centred(known := tf.concat(pool, 0)),
            (tags(content, self.layers[0], at), tf.concat(regions, 0)),
        )
        return tf.gather(known, found)

    def distances(self, view: View, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the cosine distance."""
        rows = hypercolumns(view, self.layers, self._grid(view))
        return {"hypercolumns": cosine_distance(rows, target)}

    def _grid(self, view: View, share: float | tf.Tensor = 1.0) -> Grid:
        cells = -(-map_shape(view.image) // self.cell)
        return grid(cells, self.positions * share)


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
        positions: Largest number of positions of the iterate, and of the styles together.
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
        rows, regions = [], []
        for style, share in zip(styles, shares(styles), strict=True):
            at = self._grid(style.view, layer, share=share)
            rows.append(patches(style.view.features[layer], at, self.patch))
            regions.append(tags(style.view, layer, at))
        pool = tf.concat(rows, 0)
        return Matches(pool, tf.concat(regions, 0), tf.fill([2], 0.5), pool[:0])

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
class FeatureSplitting(PatchTerm):
    """Compares each feature with its nearest of the style's, layer by layer.

    NNST, the second part (Kolkin et al. 2022, section 3.4): cosine distance, matched in the cosine
    of centred features.
    """

    def distance(self, rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
        """Returns the cosine distance."""
        return cosine_distance(rows, matches)

    def keys(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the centred features."""
        return centred(rows)


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
