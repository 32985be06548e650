"""The objective of a large image, evaluated tile by tile: the same function, in less memory.

The terms are functions of sums over positions. A first pass adds up the sums of all tiles; the
distances are those of the totals. By the chain rule the gradient is that of the sums, each times
the derivative of J by it. So a second pass goes back through one tile at a time.

A tile is computed with a halo around it, as wide as the deepest layer sees, but only its own
positions are summed: each position of the image counts once, with the features that it has in the
whole image. Tiles begin at multiples of the deepest layer's stride, where poolings begin as well.
Only where a tile ends at the border of the image is its padding the image's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nst.features.encoder import Encoder, Features
from nst.losses import AdditiveTerm, Evaluation, References, StatisticTerm, Term, View, Weights
from nst.objective import (
    Guide,
    Guides,
    Terms,
    compiled,
    normalised_features,
    total_in_units,
    used_layers,
    weight_tensors,
)


class Span(NamedTuple):
    """One tile along one axis, px: its own pixels, and where it begins and ends with its halo."""

    start: int
    stop: int
    low: int
    high: int


class Tile(NamedTuple):
    """One tile of an image.

    Attributes:
        rows: Its span of rows.
        columns: Its span of columns.
    """

    rows: Span
    columns: Span

    def of(self, image: tf.Tensor) -> tf.Tensor:
        """Cuts the tile with its halo from an image ``[1, H, W, C]``."""
        return image[:, self.rows.low : self.rows.high, self.columns.low : self.columns.high]

    def box(self) -> tf.Tensor:
        """Returns where its own pixels are in that cut: top, bottom, left and right, int32."""
        return tf.constant([side - span.low for span in self for side in span[:2]])


class Place(NamedTuple):
    """Where a tile is: its box, see :meth:`Tile.box`, and its part of the guide of the image."""

    box: tf.Tensor
    guide: Guide


def tiles(shape: Sequence[int], side: int, halo: int, stride: int) -> list[Tile]:
    """Divides an image into tiles of nearly equal size.

    Args:
        shape: Height and width of the image, px.
        side: Longest side of a tile without its halo, px; rounded down to a multiple of the stride.
        halo: Width of the halo, px, a multiple of the stride.
        stride: Tiles begin at multiples of it, px.
    """
    rows, columns = (_spans(length, side, halo, stride) for length in shape)
    return [Tile(*pair) for pair in itertools.product(rows, columns)]


def _spans(length: int, side: int, halo: int, stride: int) -> list[Span]:
    cells = -(-length // stride)
    count = -(-cells // max(1, side // stride))
    cuts = [stride * (cells * i // count) for i in range(count)] + [length]
    return [
        Span(start, stop, max(0, start - halo), min(length, stop + halo))
        for start, stop in itertools.pairwise(cuts)
    ]


def halo_of(encoder: Encoder, terms: Iterable[AdditiveTerm]) -> tuple[int, int]:
    """Returns the halo that the terms need, px, and the stride of their deepest layer."""
    reach = [
        (place.stride, place.radius + (term.window - 1) * place.stride)
        for term in terms
        for place in (encoder.geometry[layer] for layer in term.layers)
    ]
    stride = max((stride for stride, _ in reach), default=1)
    widest = max([radius for _, radius in reach] + [term.window - 1 for term in terms])
    return stride * -(-widest // stride), stride


def not_additive(terms: Mapping[str, Term]) -> list[str]:
    """Returns the names of the terms that cannot be computed in tiles."""
    return [
        name
        for name, term in terms.items()
        if not isinstance(term, AdditiveTerm) or type(term).refresh is not Term.refresh
    ]


class TiledObjective:
    """The objective J at one scale, tile by tile; called like :class:`nst.objective.Objective`.

    What the content image is compared with is kept for all tiles, in less memory than the image
    itself takes on the bundled network: computing it anew would double the time of an evaluation.

    Args:
        encoder: The network.
        terms: The terms by name, all of them :class:`nst.losses.AdditiveTerm`.
        weights: Of each term.
        norms: What feature maps are normalised by.
        content: The content image at this scale, ``[1, H, W, 3]``.
        styles: The style images at this scale, each with its weight.
        grey: As for the objective.
        side: Longest side of a tile, px.
        guides: As for the objective.

    Attributes:
        weights: The weights of each term and its parts, as used.
    """

    def __init__(
        self,
        encoder: Encoder,
        terms: Mapping[str, Term],
        weights: Mapping[str, Weights],
        norms: Features,
        content: tf.Tensor,
        styles: Sequence[tuple[tf.Tensor, float]],
        grey: bool,
        side: int,
        guides: Guides | None = None,
    ) -> None:
        self.weights = {name: weights[name] for name in terms}
        self._weights, self._norms, self._grey = weight_tensors(self.weights), dict(norms), grey
        self._passes = compiled_passes(encoder, tuple(terms.items()))
        self._side = side
        guides = guides or Guides({}, [{}] * len(styles))
        cuts = self._cut(content, guides.content)
        shares = [tf.constant(weight, tf.float32) for _, weight in styles]
        of_styles = [
            self._style_sums(image, guide)
            for (image, _), guide in zip(styles, guides.styles, strict=True)
        ]
        pooled = self._passes.blended(of_styles, shares)
        self._tiles = [
            (tile, place, pooled | self._passes.local(tile.of(content), place, self._norms))
            for tile, place in cuts
        ]

    def __call__(self, image: tf.Tensor) -> Evaluation:
        """Evaluates J and its gradient: per tile, two forward passes and a backward one.

        Args:
            image: The iterate, ``[1, H, W, 3]`` float32.
        """
        total, parts, gradient = self._evaluate(image, self._weights)
        return Evaluation(total, gradient, parts)

    def gradient_norms(self, image: tf.Tensor) -> dict[str, float]:
        """Measures the norm of each weighted term's own gradient: an evaluation per term."""
        norms = {}
        for name in self.weights:
            alone = {
                term: tf.nest.map_structure(lambda w, on=term == name: w * float(on), parts)
                for term, parts in self._weights.items()
            }
            norms[name] = float(tf.norm(self._evaluate(image, alone)[2]))
        return norms

    def refreshed(self, image: tf.Tensor, seed: tuple[int, int]) -> TiledObjective:
        """Returns this objective: no additive term draws or matches anew."""
        return self

    def _evaluate(self, image: tf.Tensor, weights: Any) -> tuple[tf.Tensor, Any, tf.Tensor]:
        *others, (tile, place, target) = self._tiles
        sums = _added(
            self._passes.sums(other.of(image), *where, self._norms) for other, *where in others
        )
        # What is left of the chain at the last tile: it needs no second forward pass.
        total, parts, slopes, pulled = self._passes.finish(
            tile.of(image), place, target, self._norms, sums, weights
        )
        gradient = np.zeros(image.shape, np.float32)
        tile.of(gradient)[...] = pulled
        for other, *where in others:
            cut = other.of(image)
            other.of(gradient)[...] += self._passes.pulled_back(cut, *where, self._norms, slopes)
        if self._grey:
            gradient[...] = gradient.mean(-1, keepdims=True)
        return total, parts, tf.convert_to_tensor(gradient)

    def _cut(self, image: tf.Tensor, guide: Guide) -> list[tuple[Tile, Place]]:
        cut = tiles(image.shape[1:3], self._side, self._passes.halo, self._passes.stride)
        return [(tile, Place(tile.box(), self._passes.cut(guide, tile))) for tile in cut]

    def _style_sums(self, image: tf.Tensor, guide: Guide) -> Any:
        return _added(
            self._passes.style_sums(tile.of(image), place, self._norms)
            for tile, place in self._cut(image, guide)
        )


class Passes:
    """The compiled passes over a tile of any size, with any targets and weights.

    Attributes:
        halo: Width of the halo, px.
        stride: Of the deepest layer, px.
    """

    def __init__(self, encoder: Encoder, terms: Terms) -> None:
        self._encoder, self._layers = encoder, used_layers(dict(terms))
        self._terms: dict[str, AdditiveTerm] = {
            name: term for name, term in terms if isinstance(term, AdditiveTerm)
        }
        if wrong := not_additive(dict(terms)):
            raise ValueError(f"these terms are no sums over positions: {', '.join(wrong)}")
        self._pooled = {k: t for k, t in self._terms.items() if isinstance(t, StatisticTerm)}
        self.halo, self.stride = halo_of(encoder, self._terms.values())
        self.sums = compiled(self._sums)
        self.style_sums = compiled(self._style_sums)
        self.local = compiled(self._local)
        self.finish = compiled(self._finish)
        self.pulled_back = compiled(self._pulled_back)

    def blended(self, sums: Sequence[Any], weights: Sequence[tf.Tensor]) -> dict[str, Any]:
        """Returns the targets that are made of sums over the style images."""
        return {
            name: term.blended([s[name] for s in sums], weights)
            for name, term in self._pooled.items()
        }

    def cut(self, guide: Guide, tile: Tile) -> Guide:
        """Cuts a tile with its halo from the guide of a whole image."""

        def cut(maps: tf.Tensor, stride: int) -> tf.Tensor:
            (top, bottom), (left, right) = (
                (span.low // stride, -(-span.high // stride)) for span in tile
            )
            return maps[:, top:bottom, left:right]

        return {
            name: {k: cut(maps[k], self._encoder.geometry[k].stride) for k in maps}
            for name, maps in guide.items()
        }

    def _view(self, image: tf.Tensor, norms: Features, guide: Guide) -> View:
        features = normalised_features(self._encoder, image, self._layers, norms)
        return View(image, features, **guide)

    def _local(self, image: tf.Tensor, place: Place, norms: Features) -> dict[str, Any]:
        """Returns the targets that are made of the content image, position by position."""
        view = self._view(image, norms, place.guide)
        return {
            name: [
                term.target(References(part, ()))
                for _, part in self._parts(view, place.box, term.window)
            ]
            for name, term in self._terms.items()
            if name not in self._pooled
        }

    def _style_sums(self, image: tf.Tensor, place: Place, norms: Features) -> dict[str, Any]:
        view = self._view(image, norms, place.guide)
        return {
            k: self._own(t, view, place.box, itertools.repeat(())) for k, t in self._pooled.items()
        }

    def _sums(
        self, image: tf.Tensor, place: Place, targets: Mapping[str, Any], norms: Features
    ) -> dict[str, Any]:
        view = self._view(image, norms, place.guide)
        return {
            name: self._own(
                term,
                view,
                place.box,
                itertools.repeat(targets[name]) if name in self._pooled else targets[name],
            )
            for name, term in self._terms.items()
        }

    def _own(self, term: AdditiveTerm, view: View, box: tf.Tensor, targets: Iterable[Any]) -> Any:
        """Sums over a tile's own positions: each window counts where its first position is."""
        signed = [
            tf.nest.map_structure(lambda x, sign=sign: sign * x, term.sums(part, target))
            for (sign, part), target in zip(
                self._parts(view, box, term.window), targets, strict=False
            )
        ]
        return _added(signed)

    def _parts(self, view: View, box: tf.Tensor, window: int) -> list[tuple[float, View]]:
        """Returns views, and the signs by which their sums add up to those of a tile's own windows.

        Own positions with as many beyond as a window reaches contain the own windows, and those
        that lie altogether beyond the lower or the right end (in the corner, both).
        """
        if window == 1:
            return [(1.0, self._part(view, box, 0, False, False))]
        return [
            ((-1.0) ** (below + right), self._part(view, box, window - 1, below, right))
            for below, right in itertools.product((False, True), repeat=2)
        ]

    def _part(self, view: View, box: tf.Tensor, more: int, below: bool, right: bool) -> View:
        def cut(maps: tf.Tensor, stride: int) -> tf.Tensor:
            top, bottom, left, end = tf.unstack(-(-box // stride))
            first, left = (bottom if below else top), (end if right else left)
            return _cropped(maps, first, bottom + more, left, end + more)

        def each(maps: Features) -> dict[str, tf.Tensor]:
            return {k: cut(value, self._encoder.geometry[k].stride) for k, value in maps.items()}

        guide = {"regions": view.regions, "weights": view.weights}
        kept = {name: each(maps) for name, maps in guide.items() if maps is not None}
        return View(cut(view.image, 1), each(view.features), **kept)

    def _finish(
        self,
        image: tf.Tensor,
        place: Place,
        targets: Mapping[str, Any],
        norms: Features,
        others: Any,
        weights: Any,
    ) -> tuple[tf.Tensor, dict[str, Any], tuple[Any, tf.Tensor], tf.Tensor]:
        """Evaluates J from the sums of the other tiles and this one, the last.

        Returns:
            The total; the distances; the total's derivatives by the sums, with their unit; the
            gradient with respect to this tile.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            sums = _added([self._sums(image, place, targets, norms), *([others] if others else [])])
            distances = {
                name: term.compare(
                    sums[name], targets[name] if name in self._pooled else targets[name][0]
                )
                for name, term in self._terms.items()
            }
            total, unit = total_in_units(distances, weights)
        zero = tf.UnconnectedGradients.ZERO
        slopes, gradient = tape.gradient(total, (sums, image), unconnected_gradients=zero)
        return unit * total, distances, (slopes, unit), unit * gradient

    def _pulled_back(
        self,
        image: tf.Tensor,
        place: Place,
        targets: Mapping[str, Any],
        norms: Features,
        slopes: tuple[Any, tf.Tensor],
    ) -> tf.Tensor:
        """Returns the gradient of the sums, each times its slope, with respect to the tile."""
        derivatives, unit = slopes
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            sums = self._sums(image, place, targets, norms)
            products = tf.nest.map_structure(lambda x, s: tf.reduce_sum(x * s), sums, derivatives)
            value = tf.add_n(tf.nest.flatten(products))
        return unit * tape.gradient(value, image)


@lru_cache(maxsize=8)
def compiled_passes(encoder: Encoder, terms: Terms) -> Passes:
    """Returns the passes for these terms, shared by all runs of the process."""
    return Passes(encoder, terms)


def _cropped(
    maps: tf.Tensor, top: tf.Tensor, bottom: tf.Tensor, left: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Cuts from maps ``[1, h, w, C]``; its gradient is a padding, faster than TensorFlow's own."""

    @tf.custom_gradient
    def crop(whole: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        part = whole[:, top:bottom, left:right]
        size, inner = tf.shape(whole), tf.shape(part)
        after = size[1:3] - inner[1:3] - [top, left]

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.pad(upstream, [[0, 0], [top, after[0]], [left, after[1]], [0, 0]])

        return part, gradient

    return crop(maps)


def _added(nests: Iterable[Any]) -> Any:
    """Adds nests of the same structure, one at a time; returns an empty one if there are none."""
    total = None
    for nest in nests:
        total = nest if total is None else tf.nest.map_structure(tf.add, total, nest)
    return () if total is None else total
