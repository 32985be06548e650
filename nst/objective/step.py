"""The compiled computation of an objective, shared by all scales and runs of a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import tensorflow as tf

from nst.features.encoder import Features, Network
from nst.losses import Evaluation, References, Style, Term, View
from nst.losses.base import Guide
from nst.objective.loss import PartWeights, Terms, total_in_units, used_layers, view_of


class Bound(NamedTuple):
    """All that J depends on beside the image.

    Attributes:
        targets: Of each term.
        weights: Of each part of each term.
        norms: What feature maps are normalised by.
        guide: Regions and weights of the image's positions.
    """

    targets: Mapping[str, Any]
    weights: PartWeights
    norms: Features
    guide: Guide


class Step:
    """The computation for any image size, targets and weights.

    Attributes:
        layers: That the terms use.
        traces: Number of traces of :meth:`evaluate`; one serves all scales, runs and weights.
        refreshing: The terms that renew their targets between steps, by name.
    """

    def __init__(self, encoder: Network, terms: Terms) -> None:
        self._encoder, self._terms = encoder, terms
        self.layers = used_layers(dict(terms))
        self.traces = 0
        self.refreshing = {k: term for k, term in terms if type(term).refresh is not Term.refresh}
        self.view = compiled(self._view)
        self.targets = compiled(self._targets)
        self.evaluate = compiled(self._evaluate)

    def _view(self, image: tf.Tensor, norms: Features, guide: Guide) -> View:
        return view_of(image, self._encoder, self.layers, norms, guide)

    def _targets(self, references: References, norms: Features) -> dict[str, Any]:
        def seen(view: View) -> View:
            return self._view(view.image, norms, view.guide)

        styles = [Style(seen(style.view), style.weight) for style in references.styles]
        seen_references = References(seen(references.content), styles)
        return {name: term.target(seen_references) for name, term in self._terms}

    def _distances(self, image: tf.Tensor, bound: Bound) -> dict[str, dict[str, tf.Tensor]]:
        view = self._view(image, bound.norms, bound.guide)
        return {name: term.distances(view, bound.targets[name]) for name, term in self._terms}

    def _evaluate(self, image: tf.Tensor, bound: Bound) -> Evaluation:
        self.traces += 1  # a Python side effect: happens only while tracing
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            distances = self._distances(image, bound)
            total, unit = total_in_units(distances, bound.weights)
        return Evaluation(unit * total, unit * tape.gradient(total, image), distances)


@lru_cache(maxsize=8)
def compiled_step(encoder: Network, terms: Terms) -> Step:
    """Returns the step for these terms, shared by all runs of the process."""
    return Step(encoder, terms)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles for images of any size: one trace serves all scales, at no loss of speed."""
    compiled = tf.function(function, autograph=False)

    def call(*arguments: Any) -> Any:
        signature = tf.nest.map_structure(_any_size, arguments)
        return compiled.get_concrete_function(*signature)(*arguments)

    return call


def _any_size(tensor: tf.Tensor | None) -> tf.TensorSpec | None:
    # Only the last axis, channels, is fixed by network and term. Any other axis may be a height, a
    # width or a number of patches, which differ between scales.
    if tensor is None:
        return None
    return tf.TensorSpec([None] * (len(tensor.shape) - 1) + tensor.shape[-1:], tensor.dtype)
