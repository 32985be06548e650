"""The loss, ``J = Σ_term weight * Σ_part part_weight * distance``, for images of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from nst.features.encoder import Features, Network
from nst.features.normalisation import normalised
from nst.losses import Evaluation, Term, View, Weights
from nst.losses.base import Guide

Terms = tuple[tuple[str, Term], ...]  # named terms, hashable
LOSS_SCALE = 2.0**10  # a power of two, which changes no bit in float32
PartWeights = Mapping[str, Mapping[str, tf.Tensor]]  # of each part of each term


@dataclass(frozen=True, eq=False)
class Loss:
    """The network, the terms and their weights; with images to compare it is an objective.

    Attributes:
        encoder: The network.
        terms: The terms by name.
        weights: Of each term, see :func:`nst.losses.weigh`.
        norms: What feature maps are normalised by, see :meth:`Encoder.norms`.
        grey: Whether a grey image is to stay grey: the gradient is averaged over the channels,
            which is that of J among grey images.
    """

    encoder: Network
    terms: Mapping[str, Term]
    weights: Mapping[str, Weights]
    norms: Features
    grey: bool = False

    @property
    def named(self) -> Terms:
        """The terms as a key of compiled computations."""
        return tuple(self.terms.items())

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that the terms use, each once."""
        return used_layers(self.terms)

    def part_weights(self) -> PartWeights:
        """Returns the effective weight of each part of each term."""
        return {
            name: {
                part: tf.constant(self.weights[name].term * share, tf.float32)
                for part, share in self.weights[name].parts.items()
            }
            for name in self.terms
        }


def used_layers(terms: Mapping[str, Term]) -> tuple[str, ...]:
    """Lists the layers that the terms use, each once."""
    return tuple(dict.fromkeys(layer for term in terms.values() for layer in term.layers))


def view_of(
    image: tf.Tensor, encoder: Network, layers: Sequence[str], norms: Features, guide: Guide
) -> View:
    """Computes the feature maps that terms get."""
    features = encoder(image, layers)
    return View(image, {k: normalised(features[k], norms[k]) for k in layers}, **guide)


def total_in_units(distances: Mapping[str, Any], weights: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the total in units of the weights, and that unit.

    In float16, gradients would overflow with large weights, and vanish in large pictures, whose
    distances are means over many positions (loss scaling, Micikevicius et al. 2018).
    """
    unit = tf.add_n(tf.nest.flatten(weights)) / LOSS_SCALE
    shares = tf.nest.map_structure(lambda w: tf.math.divide_no_nan(w, unit), weights)
    terms = [
        tf.add_n([shares[name][part] * value for part, value in parts.items()])
        for name, parts in distances.items()
    ]
    return tf.add_n(terms), unit


def gradient_norms(
    evaluate: Callable[[PartWeights], Evaluation], weights: PartWeights
) -> dict[str, float]:
    """Measures the norm of each weighted term's own gradient.

    Args:
        evaluate: Evaluates J with other weights. It is called once per term, which takes less
            memory than one forward pass kept for all of them, and no computation of its own.
        weights: Those of J.
    """
    norms = {}
    for name in weights:
        alone = {
            term: {part: weight * float(term == name) for part, weight in parts.items()}
            for term, parts in weights.items()
        }
        norms[name] = float(tf.norm(evaluate(alone).gradient))
    return norms
