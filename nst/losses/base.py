"""What terms of the loss compare, and what they promise.

A term says what is compared and how. It holds no tensor and no weight: targets and weights are
data that each evaluation gets, so that one compiled step serves all equal terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import tensorflow as tf

from nst.features.encoder import Features


class View(NamedTuple):
    """An image as terms see it.

    Attributes:
        image: RGB in [0, 1], ``[1, H, W, 3]``.
        features: Its normalised feature maps, ``[1, h, w, C]`` by layer.
        regions: Weights >= 0 of the positions in each of R regions, ``[1, h, w, R]`` by layer; None
            for a single region that is the whole image.
    """

    image: tf.Tensor
    features: Features
    regions: Mapping[str, tf.Tensor] | None = None

    def region_weights(self, layer: str) -> Sequence[tf.Tensor | None]:
        """Weights ``[1, h, w, 1]`` of the positions, one for each region; None for the whole."""
        if self.regions is None:
            return (None,)
        regions = self.regions[layer]
        return tuple(tf.split(regions, regions.shape[-1], axis=-1))


class Style(NamedTuple):
    """A style image, and how much it counts among the others: only ratios matter."""

    view: View
    weight: float | tf.Tensor = 1.0


class References(NamedTuple):
    """The images that the iterate is compared with, at one scale.

    Attributes:
        content: The content image, of the size of the iterate.
        styles: The style images, one at least.
        previous: The frame before this one, where there is one, of the size of the iterate.
    """

    content: View
    styles: Sequence[Style]
    previous: View | None = None


class Evaluation(NamedTuple):
    """The loss at one image.

    Attributes:
        total: Scalar float32, exactly the function whose gradient is given.
        gradient: Float32, the shape of the image.
        parts: Unweighted distances by term and part; optimizers hand them on unread.
    """

    total: tf.Tensor
    gradient: tf.Tensor
    parts: Any = ()


@dataclass(frozen=True)
class Term:
    """One named part of the loss, ``weight * Σ_part part_weight * distance_part``.

    Terms with equal options are equal, and share a compiled step: whatever a term computes depends
    on its options and arguments alone. Lists among the options become tuples.

    Attributes:
        layers: Keras names of the layers it looks at; none for a term on the image itself.

    Raises:
        ValueError: A layer is named twice, or the class has a weight among its options.
    """

    layers: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Makes the options hashable, and checks them."""
        for field in fields(self):
            if field.name in ("weight", "layer_weights"):  # equal terms would differ in it
                raise ValueError(
                    f"{type(self).__name__}: remove the option {field.name}: weights are applied "
                    "by the objective, a term has none"
                )
            object.__setattr__(self, field.name, _hashable(getattr(self, field.name)))
        if len(set(self.layers)) < len(self.layers):
            raise ValueError(f"layers must be named once each, received {list(self.layers)}")

    @property
    def parts(self) -> Sequence[str]:
        """Names of the distances: the layers, or ``image`` for a term on the image itself."""
        return self.layers or ("image",)

    def target(self, references: References) -> Any:
        """Computes what the iterate is compared with: any nest of tensors. Called per scale.

        The last axis of each tensor must not depend on the size of an image.
        """
        return ()

    def refresh(self, target: Any, view: View, seed: tf.Tensor) -> Any:
        """Renews what is drawn or matched, between two steps; evaluations all see one target.

        A resumed run calls it with what :meth:`target` returned: nothing else may be carried on.

        Args:
            target: The one so far.
            view: The iterate.
            seed: ``[2]`` int64 for ``tf.random.stateless_*``, another one for each step.

        Returns:
            The new target, of the same structure; ``target`` itself where nothing has changed.
        """
        return target

    def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
        """Computes the unweighted distance of each part, a scalar each.

        Args:
            view: The iterate.
            target: What :meth:`target` or :meth:`refresh` returned.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class FeatureTerm(Term):
    """A term that compares layers of the network.

    Raises:
        ValueError: No layer is named, or one twice.
    """

    def __post_init__(self) -> None:
        """Checks the options."""
        super().__post_init__()
        if not self.layers:
            raise ValueError("layers: name at least one")


@dataclass(frozen=True)
class AdditiveTerm(Term):
    """A term whose distances are functions of sums over positions.

    The sums of an image are those of its parts, added: so huge images can be cut into tiles, and
    work shared by devices. Terms that match or sort positions are not of this kind.
    """

    def sums(self, view: View, target: Any) -> dict[str, Any]:
        """Sums over the positions of a view: a nest of :class:`nst.losses.Sums` for each part."""
        raise NotImplementedError

    def compare(self, sums: Mapping[str, Any], target: Any) -> dict[str, tf.Tensor]:
        """Makes the distances of sums: a scalar for each part."""
        raise NotImplementedError

    def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
        """The distances of the whole view."""
        return self.compare(self.sums(view, target), target)


def _hashable(option: Any) -> Any:
    return tuple(map(_hashable, option)) if isinstance(option, list | tuple) else option
