"""The function that is minimised, ``J = Σ_term weight * Σ_part part_weight * distance``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import tensorflow as tf

from nst.features.encoder import Encoder, Features
from nst.losses import Term
from nst.optimizers import Evaluation

Terms = tuple[tuple[str, Term], ...]  # named terms, hashable


class Weights(NamedTuple):
    """Effective weights: of a term, and of its parts within it."""

    term: float
    parts: Mapping[str, float]


class Objective:
    """J at one scale: its terms bound to targets and weights.

    Args:
        encoder: The network.
        terms: The terms by name.
        norms: Mean activations ``[C]`` by layer, by which feature maps are divided.
        content: The content image at this scale, RGB in [0, 1], ``[1, H, W, 3]``.
        style: The style image at this scale, ``[1, h, w, 3]``.

    Attributes:
        weights: Of each term and its parts, as used.
    """

    def __init__(
        self,
        encoder: Encoder,
        terms: Mapping[str, Term],
        norms: Features,
        content: tf.Tensor,
        style: tf.Tensor,
    ) -> None:
        self.weights = {name: Weights(t.weight, t.part_weights) for name, t in terms.items()}
        self._weights = {
            name: {part: tf.constant(w.term * share, tf.float32) for part, share in w.parts.items()}
            for name, w in self.weights.items()
        }
        self._norms = dict(norms)
        self._step = compiled_step(encoder, tuple(terms.items()))
        self._targets = self._step.targets(content, style, self._norms)

    def __call__(self, image: tf.Tensor) -> Evaluation:
        """Evaluates J and its gradient: one forward and one backward pass.

        Args:
            image: The iterate, ``[1, H, W, 3]`` float32.
        """
        evaluation: Evaluation = self._step.evaluate(
            image, self._targets, self._weights, self._norms
        )
        return evaluation

    def gradient_norms(self, image: tf.Tensor) -> dict[str, float]:
        """Measures the norm of each weighted term's own gradient, a backward pass each."""
        norms = self._step.gradient_norms(image, self._targets, self._weights, self._norms)
        return {name: float(norm) for name, norm in norms.items()}


class Step:
    """The compiled computation, for any image size, targets and weights.

    Attributes:
        traces: How often TensorFlow traced :meth:`evaluate`; once for all scales, runs and weights.
    """

    def __init__(self, encoder: Encoder, terms: Terms) -> None:
        self._encoder, self._terms = encoder, terms
        self._layers = used_layers(dict(terms))
        self.traces = 0
        self.targets = _compiled(self._targets)
        self.evaluate = _compiled(self._evaluate)
        self.gradient_norms = _compiled(self._gradient_norms)

    def _features(self, image: tf.Tensor, norms: Features) -> dict[str, tf.Tensor]:
        features = self._encoder(image, self._layers)
        return {layer: features[layer] / norms[layer] for layer in self._layers}

    def _targets(self, content: tf.Tensor, style: tf.Tensor, norms: Features) -> dict[str, Any]:
        content, style = self._features(content, norms), self._features(style, norms)
        return {name: term.target(content, style) for name, term in self._terms}

    def _distances(
        self, image: tf.Tensor, targets: Mapping[str, Any], norms: Features
    ) -> dict[str, dict[str, tf.Tensor]]:
        features = self._features(image, norms)
        return {name: term.distances(image, features, targets[name]) for name, term in self._terms}

    def _evaluate(
        self, image: tf.Tensor, targets: Mapping[str, Any], weights: Any, norms: Features
    ) -> Evaluation:
        self.traces += 1  # a Python side effect: happens while tracing only
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            distances = self._distances(image, targets, norms)
            # In units of the weights, or the gradients of large ones would overflow in float16.
            unit = tf.add_n(tf.nest.flatten(weights))
            shares = tf.nest.map_structure(lambda w: tf.math.divide_no_nan(w, unit), weights)
            total = tf.add_n(list(_weighted(distances, shares).values()))
        return Evaluation(unit * total, unit * tape.gradient(total, image), distances)

    def _gradient_norms(
        self, image: tf.Tensor, targets: Mapping[str, Any], weights: Any, norms: Features
    ) -> dict[str, tf.Tensor]:
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(image)
            values = _weighted(self._distances(image, targets, norms), weights)
        return {name: tf.norm(tape.gradient(value, image)) for name, value in values.items()}


@lru_cache(maxsize=8)
def compiled_step(encoder: Encoder, terms: Terms) -> Step:
    """Returns the step for these terms, shared by all runs of the process.

    Terms that differ in weights only are equal, see :class:`nst.losses.Term`.
    """
    return Step(encoder, terms)


def used_layers(terms: Mapping[str, Term]) -> tuple[str, ...]:
    """Lists the layers that the terms look at, each once."""
    return tuple(dict.fromkeys(layer for term in terms.values() for layer in term.layers))


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles for images of any size: one trace serves all scales, as fast as one for each."""
    compiled = tf.function(function, reduce_retracing=True)

    def call(*arguments: Any) -> Any:
        if compiled.experimental_get_tracing_count() == 0:
            compiled.get_concrete_function(*tf.nest.map_structure(_any_size, arguments))
        return compiled(*arguments)

    return call


def _any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    """Leaves height and width open where a tensor has them: ``[1, H, W, C]``."""
    open_shape = [1, None, None, tensor.shape[3]] if len(tensor.shape) == 4 else tensor.shape
    return tf.TensorSpec(open_shape, tensor.dtype)


def _weighted(distances: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    return {
        name: tf.add_n([weights[name][part] * value for part, value in parts.items()])
        for name, parts in distances.items()
    }
