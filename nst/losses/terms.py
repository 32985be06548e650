"""Terms of the loss: which layers are compared, how, and with which weights.

A term holds no tensor. Its target is computed once a scale and handed in at each evaluation, and
so are the weights, which therefore take no part in comparing terms: one compiled step serves all
equal terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from nst.features.encoder import Features
from nst.losses import functional


@dataclass(frozen=True)
class Term:
    """One named part of the loss, ``weight * Σ_part part_weight * distance_part``.

    Attributes:
        weight: Factor of the whole term, >= 0.
        layers: Keras names of the layers it looks at; none for a term on the image itself.

    Raises:
        ValueError: The weight is negative.
    """

    weight: float = field(compare=False)
    layers: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Checks the values."""
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.weight >= 0:
            raise ValueError(f"weight must be 0 or more, received {self.weight}")

    @property
    def part_weights(self) -> dict[str, float]:
        """Weights of the parts (of most terms: the layers), by name."""
        return {"image": 1.0}

    def target(self, content: Features, style: Features) -> Any:
        """Computes what the iterate is compared with: any nest of tensors.

        Args:
            content: Normalised feature maps of the content image at the scale of the iterate.
            style: Those of the style image.
        """
        return ()

    def distances(self, image: tf.Tensor, features: Features, target: Any) -> dict[str, tf.Tensor]:
        """Computes the unweighted distance of each part, a scalar each.

        Args:
            image: The iterate, RGB in [0, 1], ``[1, H, W, 3]``.
            features: Its normalised feature maps, ``[1, h, w, C]`` by layer.
            target: What :meth:`target` returned.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class FeatureTerm(Term):
    """A term that compares layers of the network.

    Attributes:
        layer_weights: One number >= 0 a layer, or None for equal ones whose sum is 1.

    Raises:
        ValueError: Lengths differ, a layer is named twice, or a weight is negative.
    """

    layer_weights: Sequence[float] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers must be named, each once, received {list(self.layers)}")
        weights = self.layer_weights
        if weights is not None and len(weights) != len(self.layers):
            raise ValueError(f"{len(self.layers)} layers, but {len(weights)} layer_weights")
        if any(not weight >= 0 for weight in weights or ()):
            raise ValueError(f"layer_weights must be 0 or more, received {list(weights or ())}")

    @property
    def part_weights(self) -> dict[str, float]:
        """The layer weights; where none are given, equal ones (Gatys et al. 2015, eq. 5)."""
        if self.layer_weights is not None:
            return dict(zip(self.layers, self.layer_weights, strict=True))
        return dict.fromkeys(self.layers, 1 / len(self.layers))


@dataclass(frozen=True)
class Content(FeatureTerm):
    """What is where: feature maps themselves (Gatys et al. 2015, eq. 1)."""

    def target(self, content: Features, style: Features) -> dict[str, tf.Tensor]:
        """The content image's feature maps."""
        return {layer: content[layer] for layer in self.layers}

    def distances(self, image: tf.Tensor, features: Features, target: Any) -> dict[str, tf.Tensor]:
        """Mean squared distance for each layer."""
        return {k: functional.content_distance(features[k], target[k]) for k in self.layers}


@dataclass(frozen=True)
class Gram(FeatureTerm):
    """Which features occur together, wherever: Gram matrices (Gatys et al. 2015, eq. 3-5)."""

    def target(self, content: Features, style: Features) -> dict[str, tf.Tensor]:
        """The style image's Gram matrices."""
        return {k: functional.gram_matrix(functional.gram_sums(style[k])) for k in self.layers}

    def distances(self, image: tf.Tensor, features: Features, target: Any) -> dict[str, tf.Tensor]:
        """Mean squared distance of Gram matrices for each layer."""
        return {
            k: functional.gram_distance(functional.gram_sums(features[k]), target[k])
            for k in self.layers
        }


@dataclass(frozen=True)
class TotalVariation(Term):
    """How restless the image is, see :func:`nst.losses.functional.total_variation`."""

    def distances(self, image: tf.Tensor, features: Features, target: Any) -> dict[str, tf.Tensor]:
        """The total variation of the iterate itself."""
        return {"image": functional.total_variation(image)}
