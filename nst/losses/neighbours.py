"""NNST: features of the iterate against their nearest neighbours among the styles'.

Kolkin et al. 2022, "Neural Neighbor Style Transfer".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from nst.losses.base import FeatureTerm, References, View
from nst.losses.patches import PatchTerm
from nst.losses.rows import (
    Grid,
    grid,
    hypercolumns,
    map_shape,
    nearest,
    paired_cosines,
    pooled,
    tags,
)


def cosine_distance(rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
    """Returns the mean cosine distance ``mean_i (1 - cos(x_i, y_i))`` (Kolkin et al. 2022).

    Args:
        rows: ``x``, ``[n, C]``.
        matches: ``y``, ``[n, C]``.

    Returns:
        A scalar from 0 to 2.
    """
    return tf.reduce_mean(1 - paired_cosines(rows, matches))


def centred(rows: tf.Tensor) -> tf.Tensor:
    """Subtracts the mean row."""
    return rows - tf.reduce_mean(rows, 0)


@dataclass(frozen=True)
class NearestNeighbour(FeatureTerm):
    """Compares the iterate with the style's hypercolumns, matched to those of the content image.

    NNST, the first part (Kolkin et al. 2022, "Neural Neighbor Style Transfer"): each hypercolumn of
    the content image is replaced by the style's nearest, in the cosine of centred hypercolumns. The
    iterate is to have these. They are fixed at each scale.

    Departure: the authors match a mix of the content image and, after the first scale, the iterate.

    Attributes:
        cell: Spacing of the positions, px.
        positions: About how many positions are compared; the grid is wider in larger images.
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

        def sample(view: View, share: float | tf.Tensor = 1.0) -> tuple[tf.Tensor, tf.Tensor]:
            at = self._grid(view, share)
            return hypercolumns(view, self.layers, at), tags(view, self.layers[0], at)

        known, regions = pooled(references.styles, sample)
        wanted, own = sample(content)
        return tf.gather(known, nearest(centred(wanted), centred(known), (own, regions)))

    def distances(self, view: View, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the cosine distance."""
        rows = hypercolumns(view, self.layers, self._grid(view))
        return {"hypercolumns": cosine_distance(rows, target)}

    def _grid(self, view: View, share: float | tf.Tensor = 1.0) -> Grid:
        cells = -(-map_shape(view.image) // self.cell)
        return grid(cells, self.positions * share)


@dataclass(frozen=True)
class FeatureSplitting(PatchTerm):
    """Compares each feature with its nearest of the style's, layer by layer.

    NNST, the second part (Kolkin et al. 2022): cosine distance, matched in the cosine of centred
    features. Departure: the authors' code measures the distance between centred features, too.
    """

    def distance(self, rows: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
        """Returns the cosine distance."""
        return cosine_distance(rows, matches)

    def keys(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the centred features."""
        return centred(rows)
