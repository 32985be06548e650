"""The terms that ship: content, style as statistics of features, total variation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from nst.losses import functional
from nst.losses.base import AdditiveTerm, FeatureTerm, References, View
from nst.losses.functional import Sums, blend, mean, positions


@dataclass(frozen=True)
class Content(FeatureTerm, AdditiveTerm):
    """What is where: feature maps themselves (Gatys et al. 2015, eq. 1). Regions play no part."""

    def target(self, references: References) -> dict[str, tf.Tensor]:
        """The content image's feature maps."""
        return {layer: references.content.features[layer] for layer in self.layers}

    def sums(self, view: View, target: Any) -> dict[str, Sums]:
        """Squared differences for each layer."""
        return {k: functional.content_sums(view.features[k], target[k]) for k in self.layers}

    def compare(self, sums: Mapping[str, Sums], target: Any) -> dict[str, tf.Tensor]:
        """Mean squared differences."""
        return {layer: mean(squares) for layer, squares in sums.items()}


@dataclass(frozen=True)
class StatisticTerm(FeatureTerm, AdditiveTerm):
    """A term that compares mean statistics of features, wherever in the image they are.

    A subclass says what is summed and how far two means are apart. Several styles are blended as
    the weighted mean of their statistics; each region is compared with the same one of the styles,
    and the distance of a layer is the mean over regions.
    """

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> Any:
        """Sums something over positions.

        Args:
            features: ``[1, h, w, C]``.
            weights: Of the positions, ``[1, h, w, 1]``; None for one each.

        Returns:
            A nest of tensors.
        """
        raise NotImplementedError

    def distance(self, means: Any, target: Any) -> tf.Tensor:
        """How far statistics divided by the number of positions are from a target's, a scalar."""
        raise NotImplementedError

    def target(self, references: References) -> dict[str, Any]:
        """The blended means of the styles: for each layer one nest a region."""
        means = [
            {k: [mean(s) for s in sums] for k, sums in self.sums(style.view, ()).items()}
            for style in references.styles
        ]
        blended: dict[str, Any] = blend(means, [style.weight for style in references.styles])
        return blended

    def sums(self, view: View, target: Any) -> dict[str, list[Sums]]:
        """The statistics of each layer, one a region."""
        return {
            layer: [
                Sums(self.statistics(features, weights), positions(features, weights))
                for weights in view.region_weights(layer)
            ]
            for layer, features in ((k, view.features[k]) for k in self.layers)
        }

    def compare(self, sums: Mapping[str, list[Sums]], target: Any) -> dict[str, tf.Tensor]:
        """The mean distance of the regions for each layer."""
        return {
            layer: tf.reduce_mean(
                [
                    self.distance(mean(region), wanted)
                    for region, wanted in zip(regions, target[layer], strict=True)
                ]
            )
            for layer, regions in sums.items()
        }


@dataclass(frozen=True)
class Gram(StatisticTerm):
    """Which features occur together, wherever: Gram matrices (Gatys et al. 2015, eq. 3-5)."""

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        """Products of all pairs of channels, ``[C, C]``."""
        return functional.gram_sums(features, weights).total

    def distance(self, means: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Mean squared difference of Gram matrices."""
        return functional.gram_distance(means, target)


@dataclass(frozen=True)
class TotalVariation(AdditiveTerm):
    """How restless the image is, see :func:`nst.losses.functional.total_variation`."""

    def sums(self, view: View, target: Any) -> dict[str, tuple[Sums, Sums]]:
        """Squared differences of vertical and of horizontal neighbours."""
        return {"image": functional.variation_sums(view.image)}

    def compare(self, sums: Mapping[str, tuple[Sums, Sums]], target: Any) -> dict[str, tf.Tensor]:
        """The total variation."""
        return {"image": tf.add_n([mean(direction) for direction in sums["image"]])}
