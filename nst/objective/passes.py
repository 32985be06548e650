"""The compiled passes over one tile, shared by all tiles, scales and runs of a process."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import tensorflow as tf

from nst.features.encoder import Features, Network
from nst.losses import AdditiveTerm, References, StatisticTerm, Term, View
from nst.losses.base import Guide
from nst.objective.loss import Terms, total_in_units, used_layers, view_of
from nst.objective.step import Bound, compiled
from nst.objective.tiles import halo_of, own_parts


def not_additive(terms: Mapping[str, Term]) -> list[str]:
    """Returns the names of the terms that cannot be computed in tiles."""
    return [
        name
        for name, term in terms.items()
        if not isinstance(term, AdditiveTerm) or type(term).refresh is not Term.refresh
    ]


class Passes:
    """The passes over a tile of any size, with any targets and weights.

    Attributes:
        geometry: Of each layer.
        halo: Width of the halo, px.
        stride: Of the deepest layer, px.
    """

    def __init__(self, encoder: Network, terms: Terms) -> None:
        self._encoder, self._layers = encoder, used_layers(dict(terms))
        self._terms: dict[str, AdditiveTerm] = {
            name: term for name, term in terms if isinstance(term, AdditiveTerm)
        }
        if wrong := not_additive(dict(terms)):
            raise ValueError(f"these terms are no sums over positions: {', '.join(wrong)}")
        self._pooled = {k: t for k, t in self._terms.items() if isinstance(t, StatisticTerm)}
        self.geometry = encoder.geometry
        self.halo, self.stride = halo_of(encoder.geometry, self._terms.values())
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

    def _view(self, image: tf.Tensor, norms: Features, guide: Guide) -> View:
        return view_of(image, self._encoder, self._layers, norms, guide)

    def _local(self, content: View, box: tf.Tensor, norms: Features) -> dict[str, Any]:
        """Returns the targets that are made of the content image, position by position."""
        view = self._view(content.image, norms, content.guide)
        return {
            name: [
                term.target(References(part, ()))
                for _, part in own_parts(view, box, term.window, self.geometry)
            ]
            for name, term in self._terms.items()
            if name not in self._pooled
        }

    def _style_sums(self, style: View, box: tf.Tensor, norms: Features) -> dict[str, Any]:
        view = self._view(style.image, norms, style.guide)
        return {k: self._own(t, view, box, itertools.repeat(())) for k, t in self._pooled.items()}

    def _sums(self, image: tf.Tensor, box: tf.Tensor, bound: Bound) -> dict[str, Any]:
        view, targets = self._view(image, bound.norms, bound.guide), bound.targets
        return {
            name: self._own(
                term,
                view,
                box,
                itertools.repeat(targets[name]) if name in self._pooled else targets[name],
            )
            for name, term in self._terms.items()
        }

    def _own(self, term: AdditiveTerm, view: View, box: tf.Tensor, targets: Iterable[Any]) -> Any:
        """Sums over a tile's own positions."""
        parts = own_parts(view, box, term.window, self.geometry)
        return added(
            tf.nest.map_structure(lambda x, sign=sign: sign * x, term.sums(part, target))
            for (sign, part), target in zip(parts, targets, strict=False)
        )

    def _finish(
        self, image: tf.Tensor, box: tf.Tensor, bound: Bound, others: Any
    ) -> tuple[tf.Tensor, dict[str, Any], tuple[Any, tf.Tensor], tf.Tensor]:
        """Evaluates J from the sums of the other tiles and this one, the last.

        Returns:
            The total; the distances; the total's derivatives by the sums, with their unit; the
            gradient with respect to this tile.
        """
        targets = bound.targets
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            sums = added([self._sums(image, box, bound), *([others] if others else [])])
            distances = {
                name: term.compare(
                    sums[name], targets[name] if name in self._pooled else targets[name][0]
                )
                for name, term in self._terms.items()
            }
            total, unit = total_in_units(distances, bound.weights)
        zero = tf.UnconnectedGradients.ZERO
        slopes, gradient = tape.gradient(total, (sums, image), unconnected_gradients=zero)
        return unit * total, distances, (slopes, unit), unit * gradient

    def _pulled_back(
        self, image: tf.Tensor, box: tf.Tensor, bound: Bound, slopes: tuple[Any, tf.Tensor]
    ) -> tf.Tensor:
        """Returns the gradient of the sums, each times its slope, with respect to the tile."""
        derivatives, unit = slopes
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            sums = self._sums(image, box, bound)
            products = tf.nest.map_structure(lambda x, s: tf.reduce_sum(x * s), sums, derivatives)
            value = tf.add_n(tf.nest.flatten(products))
        return unit * tape.gradient(value, image)


@lru_cache(maxsize=8)
def compiled_passes(encoder: Network, terms: Terms) -> Passes:
    """Returns the passes for these terms, shared by all runs of the process."""
    return Passes(encoder, terms)


def added(nests: Iterable[Any]) -> Any:
    """Adds nests of the same structure, one at a time; returns an empty one if there are none."""
    total = None
    for nest in nests:
        total = nest if total is None else tf.nest.map_structure(tf.add, total, nest)
    return () if total is None else total
