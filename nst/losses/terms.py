"""The built-in terms: content, style as statistics of features, total variation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from nst.losses import functional
from nst.losses.base import AdditiveTerm, FeatureTerm, References, View
from nst.losses.functional import RegionSums, Sums, blend, mean, positions
from nst.losses.regions import divided, located


@dataclass(frozen=True)
class Content(FeatureTerm, AdditiveTerm):
    """The content term: compares feature maps (Gatys et al. 2015, eq. 1).

    Ignores regions.
    """

    weighed: ClassVar[bool] = True

    def target(self, references: References) -> dict[str, tf.Tensor]:
        """Returns the content image's feature maps."""
        return {layer: references.content.features[layer] for layer in self.layers}

    def sums(self, view: View, target: Any) -> dict[str, Sums]:
        """Sums the squared differences for each layer."""
        weights = view.weights or {}
        return {
            k: functional.content_sums(view.features[k], target[k], weights.get(k))
            for k in self.layers
        }

    def compare(self, sums: Mapping[str, Sums], target: Any) -> dict[str, tf.Tensor]:
        """Returns the mean squared difference for each layer."""
        return {layer: mean(squares) for layer, squares in sums.items()}


@dataclass(frozen=True)
class StatisticTerm(FeatureTerm, AdditiveTerm):
    """A term that compares mean statistics of features, regardless of position.

    A subclass defines the statistics and the distance of two means. Several styles are blended as
    the weighted mean of their statistics, each region by the styles that have it. A region is
    compared with the same region of the styles. The distance of a layer is the sum over regions,
    each times its share of the image: each position pulls as hard as it would without regions, and
    parts in no region are left to the other terms.
    """

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> Any:
        """Sums the statistics over positions.

        Args:
            features: ``[1, h, w, C]``; unless the term has a wider ``window``, any positions, those
                of a region for example.
            weights: Weights of the positions, ``[1, h, w, 1]``; None for 1 each.

        Returns:
            A nest of tensors.
        """
        raise NotImplementedError

    def distance(self, means: Any, target: Any) -> tf.Tensor:
        """Returns the distance of mean statistics from those of the target, a scalar."""
        raise NotImplementedError

    def target(self, references: References) -> dict[str, Any]:
        """Returns the blended mean statistics of the styles: per layer, one nest per region."""
        sums = [self.sums(style.view, ()) for style in references.styles]
        return self.blended(sums, [style.weight for style in references.styles])

    def blended(self, sums: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        """Computes the target from the sums over each style image and the weights of the styles."""
        return {
            layer: [
                blend(
                    [mean(style) for style in styles],
                    [tf.where(s.count > 0, w, 0.0) for s, w in zip(styles, weights, strict=True)],
                )
                for styles in zip(*(s[layer].regions for s in sums), strict=True)
            ]
            for layer in self.layers
        }

    def sums(self, view: View, target: Any) -> dict[str, RegionSums]:
        """Returns the statistics of each layer, by region."""
        return {
            layer: RegionSums(
                [
                    Sums(self.statistics(features, weights), positions(features, weights))
                    for features, weights in self._by_region(view, layer)
                ],
                positions(view.features[layer]),
            )
            for layer in self.layers
        }

    def _by_region(self, view: View, layer: str) -> Sequence[tuple[tf.Tensor, tf.Tensor | None]]:
        features = view.features[layer]
        if view.regions is None:
            return [(features, None)]
        if self.window > 1:  # it needs the neighbours of each position
            return [(features, weights) for weights in view.region_weights(layer)]
        known = view.places or {layer: located(view.regions[layer])}
        return divided(features, known[layer])

    def compare(self, sums: Mapping[str, RegionSums], target: Any) -> dict[str, tf.Tensor]:
        """Returns the distances of the regions times their shares of the image, for each layer."""
        return {
            layer: tf.add_n(
                [
                    self.distance(mean(region), wanted) * (region.count / whole)
                    for region, wanted in zip(regions, target[layer], strict=True)
                ]
            )
            for layer, (regions, whole) in sums.items()
        }


@dataclass(frozen=True)
class Gram(StatisticTerm):
    """The style term: compares Gram matrices of features (Gatys et al. 2015, eq. 3-5)."""

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        """Sums the products of all pairs of channels, ``[C, C]``."""
        return functional.gram_sums(features, weights).total

    def distance(self, means: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Returns the mean squared difference of Gram matrices."""
        return functional.gram_distance(means, target)


@dataclass(frozen=True)
class TotalVariation(AdditiveTerm):
    """Total variation of the image, see :func:`nst.losses.functional.total_variation`."""

    window: ClassVar[int] = 2

    def sums(self, view: View, target: Any) -> dict[str, tuple[Sums, Sums]]:
        """Sums the squared differences of vertical and of horizontal neighbours."""
        return {"image": functional.variation_sums(view.image)}

    def compare(self, sums: Mapping[str, tuple[Sums, Sums]], target: Any) -> dict[str, tf.Tensor]:
        """Returns the total variation."""
        return {"image": tf.add_n([mean(direction) for direction in sums["image"]])}
