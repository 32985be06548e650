"""The objective, ``J = Σ_term weight * Σ_part part_weight * distance``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import tensorflow as tf

from nst.features.encoder import Encoder, Features
from nst.features.normalisation import normalised
from nst.losses import Evaluation, References, Style, Term, View, Weights

Terms = tuple[tuple[str, Term], ...]  # named terms, hashable
Guide = Mapping[str, Features]  # fields of a View: its regions, its weights


class Guides(NamedTuple):
    """What says which positions count, and where: ``regions`` and ``weights`` of views.

    Attributes:
        content: Of the content image and the iterate.
        styles: Of each style image.
    """

    content: Guide
    styles: Sequence[Guide]


class Objective:
    """The objective J at one scale: terms bound to targets and weights.

    Args:
        encoder: The network.
        terms: The terms by name.
        weights: Of each term, see :func:`nst.losses.weigh`.
        norms: What feature maps are normalised by, see :meth:`Encoder.norms`.
        content: The content image at this scale, RGB in [0, 1], ``[1, H, W, 3]``.
        styles: The style images at this scale, ``[1, h, w, 3]``, each with its weight.
        grey: Whether a grey image is to stay grey: the gradient is averaged over the channels,
            which is that of J among grey images.
        guides: Regions and weights; None for whole images in which all positions count alike.

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
        grey: bool = False,
        guides: Guides | None = None,
    ) -> None:
        self._grey = grey
        guides = guides or Guides({}, [{}] * len(styles))
        self._guide = guides.content
        self.weights = {name: weights[name] for name in terms}
        self._weights = weight_tensors(self.weights)
        self._norms = dict(norms)
        self._step = compiled_step(encoder, tuple(terms.items()))
        weighted = [(style, tf.constant(weight, tf.float32)) for style, weight in styles]
        self._targets = self._step.targets(content, weighted, self._norms, guides)

    def __call__(self, image: tf.Tensor) -> Evaluation:
        """Evaluates J and its gradient: one forward and one backward pass.

        Args:
            image: The iterate, ``[1, H, W, 3]`` float32.
        """
        evaluation: Evaluation = self._step.evaluate(
            image, self._targets, self._weights, self._norms, self._guide
        )
        if not self._grey:
            return evaluation
        gradient = tf.reduce_mean(evaluation.gradient, -1, keepdims=True)
        return evaluation._replace(gradient=tf.broadcast_to(gradient, image.shape))

    def gradient_norms(self, image: tf.Tensor) -> dict[str, float]:
        """Measures the norm of each weighted term's own gradient: one backward pass per term."""
        norms = self._step.gradient_norms(
            image, self._targets, self._weights, self._norms, self._guide
        )
        return {name: float(norm) for name, norm in norms.items()}

    def refreshed(self, image: tf.Tensor, seed: tuple[int, int]) -> Objective:
        """Renews the targets of terms with random draws or matches; free if there are none.

        Args:
            image: The iterate.
            seed: A different seed for each step.

        Returns:
            The new objective, or this one if nothing has changed.
        """
        if not self._step.refreshing:
            return self
        view = View(image, self._step.features(image, self._norms), **self._guide)
        drawn = tf.constant(seed, tf.int64)
        changed = {
            name: target
            for name, term in self._step.refreshing.items()
            if (target := term.refresh(self._targets[name], view, drawn)) is not self._targets[name]
        }
        if not changed:
            return self
        objective = copy.copy(self)
        objective._targets = {**self._targets, **changed}
        return objective


class Step:
    """The compiled computation, for any image size, targets and weights.

    Attributes:
        traces: Number of traces of :meth:`evaluate`; one serves all scales, runs and weights.
        refreshing: The terms that renew their targets between steps, by name.
    """

    def __init__(self, encoder: Encoder, terms: Terms) -> None:
        self._encoder, self._terms = encoder, terms
        self._layers = used_layers(dict(terms))
        self.traces = 0
        self.refreshing = {k: term for k, term in terms if type(term).refresh is not Term.refresh}
        self.targets = compiled(self._targets)
        self.features = compiled(self._features)
        self.evaluate = compiled(self._evaluate)
        self.gradient_norms = compiled(self._gradient_norms)

    def _features(self, image: tf.Tensor, norms: Features) -> dict[str, tf.Tensor]:
        return normalised_features(self._encoder, image, self._layers, norms)

    def _view(self, image: tf.Tensor, norms: Features, guide: Guide) -> View:
        return View(image, self._features(image, norms), **guide)

    def _targets(
        self,
        content: tf.Tensor,
        styles: Sequence[tuple[tf.Tensor, tf.Tensor]],
        norms: Features,
        guides: Guides,
    ) -> dict[str, Any]:
        references = References(
            self._view(content, norms, guides.content),
            [
                Style(self._view(image, norms, guide), weight)
                for (image, weight), guide in zip(styles, guides.styles, strict=True)
            ],
        )
        return {name: term.target(references) for name, term in self._terms}

    def _distances(
        self, image: tf.Tensor, targets: Mapping[str, Any], norms: Features, guide: Guide
    ) -> dict[str, dict[str, tf.Tensor]]:
        view = self._view(image, norms, guide)
        return {name: term.distances(view, targets[name]) for name, term in self._terms}

    def _evaluate(
        self,
        image: tf.Tensor,
        targets: Mapping[str, Any],
        weights: Any,
        norms: Features,
        guide: Guide,
    ) -> Evaluation:
        self.traces += 1  # a Python side effect: happens only while tracing
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            distances = self._distances(image, targets, norms, guide)
            total, unit = total_in_units(distances, weights)
        return Evaluation(unit * total, unit * tape.gradient(total, image), distances)

    def _gradient_norms(
        self,
        image: tf.Tensor,
        targets: Mapping[str, Any],
        weights: Any,
        norms: Features,
        guide: Guide,
    ) -> dict[str, tf.Tensor]:
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(image)
            values = _weighted(self._distances(image, targets, norms, guide), weights)
        return {name: tf.norm(tape.gradient(value, image)) for name, value in values.items()}


@lru_cache(maxsize=8)
def compiled_step(encoder: Encoder, terms: Terms) -> Step:
    """Returns the step for these terms, shared by all runs of the process."""
    return Step(encoder, terms)


def used_layers(terms: Mapping[str, Term]) -> tuple[str, ...]:
    """Lists the layers that the terms use, each once."""
    return tuple(dict.fromkeys(layer for term in terms.values() for layer in term.layers))


def weight_tensors(weights: Mapping[str, Weights]) -> dict[str, dict[str, tf.Tensor]]:
    """Returns the effective weight of each part of each term."""
    return {
        name: {part: tf.constant(w.term * share, tf.float32) for part, share in w.parts.items()}
        for name, w in weights.items()
    }


def normalised_features(
    encoder: Encoder, image: tf.Tensor, layers: Sequence[str], norms: Features
) -> dict[str, tf.Tensor]:
    """Computes the feature maps that terms get."""
    features = encoder(image, layers)
    return {layer: normalised(features[layer], norms[layer]) for layer in layers}


def total_in_units(distances: Mapping[str, Any], weights: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the total in units of the weights, and that unit.

    With large weights float16 gradients would overflow.
    """
    unit = tf.add_n(tf.nest.flatten(weights))
    shares = tf.nest.map_structure(lambda w: tf.math.divide_no_nan(w, unit), weights)
    return tf.add_n(list(_weighted(distances, shares).values())), unit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles for images of any size: one trace serves all scales, at no loss of speed."""
    compiled = tf.function(function, autograph=False)

    def call(*arguments: Any) -> Any:
        signature = tf.nest.map_structure(_any_size, arguments)
        return compiled.get_concrete_function(*signature)(*arguments)

    return call


def _any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    # Only the last axis, channels, is fixed by network and term. Any other axis may be a height, a
    # width or a number of patches, which differ between scales.
    return tf.TensorSpec([None] * (len(tensor.shape) - 1) + tensor.shape[-1:], tensor.dtype)


def _weighted(distances: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    return {
        name: tf.add_n([weights[name][part] * value for part, value in parts.items()])
        for name, parts in distances.items()
    }
