"""Style terms that compare moments of features: means, covariances, higher ones. All additive."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, NamedTuple

import tensorflow as tf

from nst.losses.functional import gram_sums, weighted
from nst.losses.terms import StatisticTerm

RIDGE = 1e-3  # of the style's mean variance, added to both covariances: their roots are smooth
TINY = 1e-12  # under a root, whose slope at zero is infinite


class Moments(NamedTuple):
    """Means of features and of their products: ``[C]``, and ``[C, C]`` or its diagonal ``[C]``."""

    first: tf.Tensor
    second: tf.Tensor


class Gaussian(NamedTuple):
    """A style as a Gaussian, float64: mean ``[C]``, covariance ``[C, C]`` with the ridge, its root.

    The ridge is a scalar, added to the diagonal of the iterate's covariance as well.
    """

    mean: tf.Tensor
    covariance: tf.Tensor
    root: tf.Tensor
    ridge: tf.Tensor


@dataclass(frozen=True)
class MeanStd(StatisticTerm):
    """Compares mean and standard deviation of every channel (Li et al. 2017, section 4.2).

    ``mean((μ - μ_s)² + (σ - σ_s)²)``, over channels.
    """

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> Moments:
        """Sums features and their squares."""
        return Moments(_summed(features, weights), _summed(tf.square(features), weights))

    def distance(self, means: Moments, target: Moments) -> tf.Tensor:
        """Returns the mean squared difference of means and of standard deviations."""
        deviations = (_deviation(means), _deviation(target))
        squares = tf.math.squared_difference(means.first, target.first)
        return tf.reduce_mean(squares + tf.math.squared_difference(*deviations))


@dataclass(frozen=True)
class Covariance(StatisticTerm):
    """Compares covariance matrices: Gram matrices of features without their mean.

    ``mean((Σ - Σ_s)²)``. Blind to mean activations, so to overall brightness and colour.
    """

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> Moments:
        """Sums features and the products of all pairs of channels."""
        return moment_sums(features, weights)

    def distance(self, means: Moments, target: Moments) -> tf.Tensor:
        """Returns the mean squared difference of covariance matrices."""
        return tf.reduce_mean(tf.math.squared_difference(covariance(means), covariance(target)))


@dataclass(frozen=True)
class Wasserstein(StatisticTerm):
    """Compares features as Gaussians, by the squared 2-Wasserstein distance.

    ``(‖μ - μ_s‖² + tr(Σ + Σ_s - 2 (Σ_s^½ Σ Σ_s^½)^½)) / C``: what it costs to move one distribution
    of features onto the other (Dowson and Landau 1982). First used for style by VinceMarron (2017);
    the loss of Crowson's style-transfer-pytorch.
    """

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> Moments:
        """Sums features and the products of all pairs of channels."""
        return moment_sums(features, weights)

    def blended(self, sums: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        """Computes the Gaussians of the blended styles: roots once per scale, not in every step."""
        blended = super().blended(sums, weights)
        return {
            layer: [gaussian(region) for region in regions] for layer, regions in blended.items()
        }

    def distance(self, means: Moments, target: Gaussian) -> tf.Tensor:
        """Returns the squared distance of the Gaussians, divided by the number of channels."""
        ours = _with_ridge(covariance(means), target.ridge)
        overlap = trace_of_root(target.root @ ours @ target.root)
        cost = tf.linalg.trace(ours) + tf.linalg.trace(target.covariance) - 2 * overlap
        mean = tf.cast(means.first, tf.float64)
        apart = tf.reduce_sum(tf.math.squared_difference(mean, target.mean))
        channels = tf.cast(tf.size(mean), tf.float64)
        return tf.cast((apart + cost) / channels, means.first.dtype)


@dataclass(frozen=True)
class CentralMoments(StatisticTerm):
    """Compares central moments of every channel, up to the fifth (Kalischek et al. 2021, eq. 6).

    ``‖μ - μ_s‖ + Σ_k ‖c_k - c_k,s‖`` for k = 2 … ``orders``, of activations squeezed to (0, 1) by a
    sigmoid. Departures: the sigmoid is taken after normalisation instead of before the ReLU, and
    norms are divided by the root of the number of channels.

    Attributes:
        orders: The highest moment, >= 2.
    """

    orders: int = 5

    def statistics(self, features: tf.Tensor, weights: tf.Tensor | None) -> list[tf.Tensor]:
        """Sums each power of the squeezed activations, ``[C]``."""
        return power_sums(features, self.orders, weights)

    def distance(self, means: Sequence[tf.Tensor], target: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the sum of the distances of the moments."""
        return tf.add_n(
            [
                tf.sqrt(tf.reduce_mean(tf.math.squared_difference(a, b)) + TINY) - TINY**0.5
                for a, b in zip(central_moments(means), central_moments(target), strict=True)
            ]
        )


def moment_sums(features: tf.Tensor, weights: tf.Tensor | None) -> Moments:
    """Sums features ``[1, h, w, C]`` and the products of all pairs of channels over positions."""
    return Moments(_summed(features, weights), gram_sums(features, weights).total)


def covariance(moments: Moments) -> tf.Tensor:
    """Returns ``E[F Fᵀ] - μ μᵀ``, ``[C, C]``."""
    return moments.second - moments.first[:, None] * moments.first[None, :]


def gaussian(moments: Moments) -> Gaussian:
    """Returns the Gaussian with these moments, and what its distances need."""
    matrix = covariance(moments)
    ridge = RIDGE * tf.reduce_mean(tf.linalg.diag_part(matrix))
    wide = _with_ridge(matrix, ridge)
    values, vectors = tf.linalg.eigh(wide)
    root = (vectors * tf.sqrt(tf.maximum(values, TINY))) @ tf.transpose(vectors)
    return Gaussian(tf.cast(moments.first, tf.float64), wide, root, ridge)


def power_sums(
    features: tf.Tensor, orders: int, weights: tf.Tensor | None = None
) -> list[tf.Tensor]:
    """Sums the powers of activations squeezed by a sigmoid, less one half.

    The half changes no central moment, and keeps more digits.

    Args:
        features: ``[1, h, w, C]``.
        orders: The highest power, ``K``.
        weights: Weights of the positions, ``[1, h, w, 1]``; None for 1 each.

    Returns:
        ``Σ w (σ(F) - 1/2)^k`` for k = 1 … K, ``[C]`` each.
    """

    @tf.custom_gradient
    def sums(features: tf.Tensor) -> tuple[Any, Callable[..., tf.Tensor]]:
        squeezed = tf.sigmoid(features) - 0.5
        powers = list(itertools.accumulate([squeezed] * orders, tf.multiply))

        def gradient(*upstream: tf.Tensor) -> tf.Tensor:
            # One polynomial by Horner's rule, where the powers' own gradients take five times as
            # long; then the slope of the sigmoid.
            slope = orders * upstream[-1]
            for k in range(orders - 1, 0, -1):
                slope = slope * squeezed + k * upstream[k - 1]
            return weighted(slope * (0.25 - tf.square(squeezed)), weights)

        return [_summed(power, weights) for power in powers], gradient

    return list(sums(features))


def central_moments(powers: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Turns means of powers into mean and central moments, by the binomial theorem.

    Args:
        powers: ``E[x^k]`` for k = 1 … K, ``[C]`` each.

    Returns:
        K tensors ``[C]``: the mean, then ``E[(x - μ)^k]`` for k = 2 … K.
    """
    raw = [tf.ones_like(powers[0]), *powers]
    mean = raw[1]
    # Products, because the gradient of 0 ** 0 is not a number: the mean of a channel that is dead.
    back = list(itertools.accumulate([raw[0], *[-mean] * len(powers)], tf.multiply))
    central = [
        tf.add_n([comb(k, j) * raw[j] * back[k - j] for j in range(k + 1)])
        for k in range(2, len(raw))
    ]
    return [mean, *central]


@tf.custom_gradient
def trace_of_root(matrix: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Returns the trace of the root of a symmetric positive definite matrix.

    Its gradient is half the inverse root. That of the eigenvectors, which blows up where two
    eigenvalues are equal, is not needed.
    """
    values, vectors = tf.linalg.eigh((matrix + tf.transpose(matrix)) / 2)
    roots = tf.sqrt(tf.maximum(values, TINY))

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return upstream * 0.5 * (vectors / roots) @ tf.transpose(vectors)

    return tf.reduce_sum(roots), gradient


def _with_ridge(matrix: tf.Tensor, ridge: tf.Tensor) -> tf.Tensor:
    # In float64: roots of covariances of rank far below C lose all digits in float32.
    wide = tf.cast(matrix, tf.float64)
    return wide + tf.cast(ridge + TINY, tf.float64) * tf.eye(tf.shape(wide)[0], dtype=tf.float64)


def _deviation(moments: Moments) -> tf.Tensor:
    variance = tf.maximum(moments.second - tf.square(moments.first), 0.0)
    return tf.sqrt(variance + TINY)


def _summed(features: tf.Tensor, weights: tf.Tensor | None) -> Any:
    rows = tf.reshape(features, [-1, features.shape[-1]])
    shares = tf.ones_like(rows[:, :1]) if weights is None else tf.reshape(weights, [-1, 1])
    return tf.matmul(tf.cast(shares, rows.dtype), rows, transpose_a=True)[0]
