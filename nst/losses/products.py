"""Style terms that compare products of features across layers or across positions. Additive."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from nst.losses.base import View
from nst.losses.functional import RegionSums, Sums, gram_distance, positions, weighted
from nst.losses.terms import StatisticTerm


@dataclass(frozen=True)
class Shifted(StatisticTerm):
    """Compares products of features at two positions (Berger and Memisevic 2017, eq. 4).

    The Gram matrix says which features occur together at one place. ``mean(F(x) F(x + δ)ᵀ)`` says
    which ones occur at a distance δ of each other, across and down: stripes, bricks, symmetries.

    Attributes:
        shifts: The distances, positions of the layer's feature map, >= 1.
    """

    shifts: Sequence[int] = (2,)

    def __post_init__(self) -> None:
        """Checks the options."""
        super().__post_init__()
        if not self.shifts or min(self.shifts) < 1:
            raise ValueError(f"shifts must be 1 or more, received {list(self.shifts)}")

    @property
    def window(self) -> int:  # type: ignore[override]
        """The positions that one product spans."""
        return 1 + max(self.shifts)

    def statistics(
        self, features: tf.Tensor, weights: tf.Tensor | None
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Sums the products for each shift, across and down, each with its number of pairs."""
        found = []
        for shift in self.shifts:
            for axis, products in zip(
                (1, 2), shifted_products(features, shift, weights), strict=True
            ):
                pairs = None if weights is None else _start(weights, shift, axis)
                found.append((products, positions(_start(features, shift, axis), pairs)))
        return found

    def distance(self, means: Any, target: Any) -> tf.Tensor:
        """Returns the mean squared difference of the products, over all shifts."""
        # Sums and counts of pairs were both divided by the number of positions: their ratio stays.
        pairs = [[tf.math.divide_no_nan(*pair) for pair in side] for side in (means, target)]
        distances = [gram_distance(a, b) for a, b in zip(*pairs, strict=True)]
        return tf.add_n(distances) / len(distances)


@dataclass(frozen=True)
class CrossLayer(StatisticTerm):
    """Compares products of the features of neighbouring layers (Yeh et al. 2020, section 3).

    ``mean(F_l F_{l+1}ᵀ)`` over positions of the coarser layer, the finer averaged down to it, which
    equals the product with the coarser one enlarged to the finer. Departure: the chain begins with
    the first layer's product with itself, so that each layer has its part.

    Raises:
        ValueError: A layer is no convolution of a VGG, or they are not named from fine to coarse.
    """

    def __post_init__(self) -> None:
        """Checks the options."""
        super().__post_init__()
        blocks = [_block(layer) for layer in self.layers]
        if blocks != sorted(blocks):
            raise ValueError(f"layers: name them from fine to coarse, received {list(self.layers)}")

    def sums(self, view: View, target: Any) -> dict[str, RegionSums]:
        """Returns the sums of products of each layer with the one before it, by region."""
        found = {}
        for fine, coarse in zip((self.layers[0], *self.layers), self.layers, strict=False):
            upper = view.features[coarse]
            lower = _averaged(view.features[fine], _block(coarse) - _block(fine))
            found[coarse] = RegionSums(
                [
                    Sums(_products(lower, upper, weights), positions(upper, weights))
                    for weights in view.region_weights(coarse)
                ],
                positions(upper),
            )
        return found

    def distance(self, means: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Returns the mean squared difference of the products."""
        return gram_distance(means, target)


def shifted_products(
    features: tf.Tensor, shift: int, weights: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums the products of features with those ``shift`` rows below and columns to the right.

    Args:
        features: ``F``, ``[1, h, w, C]``.
        shift: ``δ``, in positions, >= 1.
        weights: Weights ``w`` of the positions, ``[1, h, w, 1]``; None for 1 each.

    Returns:
        ``Σ w(x) F(x) F(x + δ)ᵀ``, down and across, ``[C, C]`` each.
    """

    @tf.custom_gradient
    def products(features: tf.Tensor) -> tuple[Any, Callable[..., tf.Tensor]]:
        # Zeros beyond the border stand for pairs that do not exist.
        margins = [[0, 0], [0, shift], [0, shift], [0, 0]]
        near, far = (tf.pad(x, margins) for x in (weighted(features, weights), features))
        offsets = (shift * tf.shape(far)[2], shift)
        near, far = (tf.reshape(x, [-1, x.shape[-1]]) for x in (near, far))
        sums = [tf.matmul(near[:-k], far[k:], transpose_a=True) for k in offsets]

        def gradient(down: tf.Tensor, across: tf.Tensor) -> tf.Tensor:
            # A convolution with two taps for each end of the pairs: a single pass over memory,
            # where the gradients of slices and products take a dozen.
            # Padding belongs to it: TensorFlow fuses a separate one wrongly with dilated taps.
            def ends(x: tf.Tensor, taps: tf.Tensor, margins: list[int]) -> tf.Tensor:
                padding = [[0, 0], margins, margins, [0, 0]]
                return tf.nn.conv2d(x, taps, 1, padding, dilations=shift)

            later = ends(features, _taps(tf.transpose(down), tf.transpose(across)), [0, shift])
            taps = tf.reverse(_taps(down, across), [0, 1])
            return weighted(later, weights) + ends(weighted(features, weights), taps, [shift, 0])

        return sums, gradient

    down, across = products(features)
    return down, across


def _taps(down: tf.Tensor, across: tf.Tensor) -> tf.Tensor:
    zero = tf.zeros_like(down)
    return tf.stack([tf.stack([zero, across]), tf.stack([down, zero])])


def _start(x: tf.Tensor, shift: int, axis: int) -> tf.Tensor:
    """Returns a map without its end along an axis: where a pair can begin."""
    return x[:, :-shift] if axis == 1 else x[:, :, :-shift]


def _products(a: tf.Tensor, b: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    rows = tf.reshape(weighted(a, weights), [-1, a.shape[-1]])
    return tf.matmul(rows, tf.reshape(b, [-1, b.shape[-1]]), transpose_a=True)


def _averaged(features: tf.Tensor, halvings: int) -> tf.Tensor:
    for _ in range(halvings):  # as the network's poolings do, odd sizes included
        features = tf.nn.avg_pool2d(features, 2, 2, "SAME")
    return features


def _block(layer: str) -> int:
    found = re.match(r"block(\d+)_conv", layer)
    if found is None:
        raise ValueError(f"layers: {layer} is no convolution of a VGG, such as block1_conv1")
    return int(found[1])
