"""The interface of the terms of the loss, and the data they compare.

A term defines what is compared and how. It holds no tensors and no weights: targets and weights are
arguments of each evaluation, so one compiled step serves all equal terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from nst.features.encoder import Features
from nst.losses.regions import Places, located

Guide = Mapping[str, Mapping[str, Any]]  # by the names of fields of a view, by layer


class View(NamedTuple):
    """An image and its features, as terms get them.

    Attributes:
        image: RGB in [0, 1], ``[1, H, W, 3]``.
        features: Its normalised feature maps, ``[1, h, w, C]`` by layer.
        regions: Weights >= 0 of the positions in each of R regions, ``[1, h, w, R]`` by layer; None
            for one region, the whole image.
        weights: How much each position counts for the content, >= 0, ``[1, h, w, 1]`` by layer;
            None for all alike.
        places: Where the regions are, by layer; None if that was not looked up beforehand.
    """

    image: tf.Tensor
    features: Features
    regions: Mapping[str, tf.Tensor] | None = None
    weights: Mapping[str, tf.Tensor] | None = None
    places: Mapping[str, Places] | None = None

    @property
    def guide(self) -> Guide:
        """What guides the loss to positions, where there is any: those of an image of its size."""
        found = {"regions": self.regions, "weights": self.weights, "places": self.places}
        return {name: maps for name, maps in found.items() if maps is not None}

    def region_weights(self, layer: str) -> Sequence[tf.Tensor | None]:
        """Returns the position weights ``[1, h, w, 1]`` of each region; None for a whole image."""
        if self.regions is None:
            return (None,)
        regions = self.regions[layer]
        return tuple(tf.split(regions, regions.shape[-1], axis=-1))

    def located(self) -> View:
        """Returns this view with the places of its regions, so that no step looks for them."""
        if self.regions is None:
            return self
        return self._replace(places={k: located(regions) for k, regions in self.regions.items()})


class Style(NamedTuple):
    """A style image and its weight among the styles; only ratios matter."""

    view: View
    weight: float | tf.Tensor = 1.0


class References(NamedTuple):
    """The images that the iterate is compared with, at one scale.

    Attributes:
        content: The content image, of the iterate's size.
        styles: The style images, at least one.
    """

    content: View
    styles: Sequence[Style]


class Evaluation(NamedTuple):
    """The loss at one image.

    Attributes:
        total: Scalar float32, exactly the function that ``gradient`` belongs to.
        gradient: Float32, of the image's shape.
        parts: Unweighted distances by term and part; optimizers pass them on unread.
    """

    total: tf.Tensor
    gradient: tf.Tensor
    parts: Any = ()


@dataclass(frozen=True)
class Term:
    """One named part of the loss, ``weight * Σ_part part_weight * distance_part``.

    Terms with equal options are equal and share a compiled step, so what a term computes must
    depend only on its options and arguments. Lists among the options become tuples.

    Attributes:
        layers: Keras names of the layers it uses; empty for a term on the image itself.
        weighed: Whether positions count by the weights of a view.

    Raises:
        ValueError: A layer is named twice, or the class has a weight among its options.
    """

    layers: Sequence[str] = ()
    weighed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Makes the options hashable and checks them."""
        for field in fields(self):
            if field.name in ("weight", "scale", "layer_weights"):  # equal terms would differ in it
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

    def pairs(self, pixels: int) -> int:
        """Returns how many pairs of positions it compares at once: what may fill the memory.

        Args:
            pixels: Of an image; there are no more positions.
        """
        return 0

    def target(self, references: References) -> Any:
        """Computes the target of the iterate, any nest of tensors. Called per scale.

        The last axis of each tensor must not depend on the size of an image.
        """
        return ()

    def refresh(self, target: Any, view: View, seed: tf.Tensor) -> Any:
        """Renews random draws or matches between steps; all evaluations of a step share a target.

        A resumed run calls it with the return value of :meth:`target`: no other state may be kept.

        Args:
            target: The current target.
            view: The iterate.
            seed: ``[2]`` int64 for ``tf.random.stateless_*``, different for each step.

        Returns:
            The new target, of the same structure; ``target`` itself if nothing has changed.
        """
        return target

    def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
        """Computes the unweighted distance of each part, a scalar.

        Args:
            view: The iterate.
            target: The return value of :meth:`target` or :meth:`refresh`.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class FeatureTerm(Term):
    """A term that compares layers of the network.

    Raises:
        ValueError: No layer is named, or one is named twice.
    """

    def __post_init__(self) -> None:
        """Checks the options."""
        super().__post_init__()
        if not self.layers:
            raise ValueError("layers: name at least one")


@dataclass(frozen=True)
class AdditiveTerm(Term):
    """A term whose distances are functions of sums over positions.

    The sums over an image are the sums over its tiles, added, so huge images can be processed in
    tiles or on several devices. Terms that match or sort positions are not additive.

    Only ``sums`` may read a target position by position: in tiles, ``compare`` gets the target of
    one tile, unless the target is made of sums over the styles (:class:`StatisticTerm`).

    Attributes:
        window: Side of the square of neighbouring positions that a summand may read: 1 for
            positions by themselves, 2 for pairs of neighbours.
    """

    window: ClassVar[int] = 1

    def sums(self, view: View, target: Any) -> dict[str, Any]:
        """Sums over positions: returns a nest of :class:`nst.losses.Sums` for each part."""
        raise NotImplementedError

    def compare(self, sums: Mapping[str, Any], target: Any) -> dict[str, tf.Tensor]:
        """Computes the distances from sums: a scalar for each part."""
        raise NotImplementedError

    def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
        """Computes the distances of the whole view."""
        return self.compare(self.sums(view, target), target)


def _hashable(option: Any) -> Any:
    return tuple(map(_hashable, option)) if isinstance(option, list | tuple) else option
