"""Style transfers by the student itself, as training images: it must not know only photographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from distillation.networks import Features, Student

STYLE = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT = "block4_conv2"
RATE, MEMORY = 0.04, 0.9  # of a first step in pixel values, and of the momentum of steps
LIFE = 150  # steps until an iterate is replaced by a new pair
WEIGHT = (-1.0, 2.5)  # powers of ten between which the weight of style against content is drawn
WHITE = 1 / 4  # of the iterates start from noise
COARSE = 4  # px: gradients are compared as means over squares of this side
NORM_FLOOR = 0.3  # as in nst.features.normalisation, which needs TensorFlow
ALIKE = 0.05  # of a target's square: pairs that differ less do not count for more


class Iterates(NamedTuple):
    """A few style transfers at different stages that run along with the training.

    Attributes:
        images, content, style, momentum: ``[N, side, side, 3]``.
        weights: Of style against content, ``[N]``.
        ages: In steps, ``[N]``.
    """

    images: jax.Array
    content: jax.Array
    style: jax.Array
    momentum: jax.Array
    weights: jax.Array
    ages: jax.Array


def begun(content: jax.Array, style: jax.Array, key: jax.Array) -> Iterates:
    """Begins style transfers from the content image or noise, with weights at random."""
    count = len(content)
    keys = jax.random.split(key, 3)
    white = jax.random.bernoulli(keys[0], WHITE, (count, 1, 1, 1))
    images = jnp.where(white, jax.random.uniform(keys[1], content.shape), content)
    weights = 10 ** jax.random.uniform(keys[2], (count,), minval=WEIGHT[0], maxval=WEIGHT[1])
    return Iterates(
        images, content, style, jnp.zeros_like(images), weights, jnp.zeros(count, jnp.int32)
    )


def renewed(iterates: Iterates, fresh: Iterates) -> Iterates:
    """Replaces those that have lived long enough."""
    over = iterates.ages >= LIFE

    def chosen(new: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(over.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(chosen, fresh, iterates)


def advanced(iterates: Iterates, student: Student, spread: Features, means: Features) -> Iterates:
    """Makes one step of each style transfer, along the gradient of the student's own loss.

    Steps become small with age, so that the last iterates are as smooth as finished pictures.
    """

    def loss(images: jax.Array) -> jax.Array:
        style, content = distances(seen(images), pair)
        return (content + iterates.weights * sum(style.values())).sum()

    def seen(images: jax.Array) -> Statistics:
        return guessed(student, spread, means, student.features(images))

    pair = Pair(seen(iterates.content), seen(iterates.style))
    gradient = jax.grad(loss)(iterates.images)
    size = jnp.sqrt((gradient**2).mean((1, 2, 3), keepdims=True)) + 1e-12
    momentum = MEMORY * iterates.momentum + (1 - MEMORY) * jnp.clip(gradient / size, -3, 3)
    rates = RATE * (1.05 - iterates.ages / LIFE)
    images = jnp.clip(iterates.images - rates[:, None, None, None] * momentum, 0, 1)
    return iterates._replace(images=images, momentum=momentum, ages=iterates.ages + 1)


class Statistics(NamedTuple):
    """What losses compare, channels in units of their mean activation over a pair of sources.

    Attributes:
        grams: ``[N, T, T]`` by style layer.
        content: ``[N, h, w, T]``.
    """

    grams: Features
    content: jax.Array


class Pair(NamedTuple):
    """The statistics of both sources of ``N`` style transfers."""

    content: Statistics
    style: Statistics


def mean_activations(content: Features, style: Features) -> Features:
    """Returns the teacher's mean activations over both sources, with a floor, ``[N, T]`` by layer.

    Gram matrices are compared with channels divided by them, as runs and judges do
    (``network.normalize``).
    """
    means = {}
    for k in (*STYLE, CONTENT):
        mean = jnp.stack([content[k], style[k]]).astype(jnp.float32).mean((0, 2, 3))
        means[k] = jnp.maximum(mean, NORM_FLOOR * mean.mean(1, keepdims=True) + 1e-12)
    return means


def guessed(student: Student, spread: Features, means: Features, maps: Features) -> Statistics:
    """Predicts the teacher's statistics from the student's feature maps."""
    lifts = {k: student.lifts[k] * (spread[k] / means[k])[:, None] for k in means}
    grams = {k: jnp.einsum("ndt,nde,neu->ntu", lifts[k], gram(maps[k]), lifts[k]) for k in STYLE}
    content = jnp.einsum("nhwd,ndt->nhwt", maps[CONTENT].astype(jnp.float32), lifts[CONTENT])
    return Statistics(grams, content)


def taught(means: Features, maps: Features) -> Statistics:
    """Returns the statistics of the teacher's feature maps."""
    grams = {k: gram(maps[k]) / (means[k][:, None] * means[k][:, :, None]) for k in STYLE}
    content = maps[CONTENT].astype(jnp.float32) / means[CONTENT][:, None, None]
    return Statistics(grams, content)


def gram(maps: jax.Array) -> jax.Array:
    """Returns Gram matrices ``[N, C, C]``, means over positions."""
    product = jnp.einsum("nhwc,nhwd->ncd", maps, maps, preferred_element_type=jnp.float32)
    return product / (maps.shape[1] * maps.shape[2])


def distances(seen: Statistics, pair: Pair) -> tuple[Features, jax.Array]:
    """Returns style distances by layer and content distances, one per image ``[N]``.

    A style distance is one where the Gram matrix is as far from the style's as the content's is.
    """
    style = {k: squares(seen.grams[k] - pair.style.grams[k]) / apart(pair, k) for k in STYLE}
    content = squares(seen.content - pair.content.content) / squares(pair.content.content)
    return style, content


def apart(pair: Pair, layer: str) -> jax.Array:
    """Returns the squared distance of both sources' Gram matrices, with a floor, ``[N]``."""
    wanted = pair.style.grams[layer]
    return squares(pair.content.grams[layer] - wanted) + ALIKE * squares(wanted)


def squares(values: jax.Array) -> jax.Array:
    """Returns the sum of squares, one per image ``[N]``, above zero."""
    return (values**2).sum(tuple(range(1, values.ndim))) + 1e-12


def misjudged(own: Statistics, own_pair: Pair, seen: Statistics, pair: Pair) -> jax.Array:
    """Returns how wrong the student is about what still separates iterates from their style.

    The squared error of the difference of Gram matrices, which is what a style distance and its
    gradient are made of, in units of the distance of both sources; its logarithm, because some
    pairs are nearly alike. Sum over layers, ``[N]``.
    """
    errors = []
    for k in STYLE:
        guess = own.grams[k] - own_pair.style.grams[k]
        errors.append(squares(guess - (seen.grams[k] - pair.style.grams[k])) / apart(pair, k))
    return jnp.log1p(jnp.stack(errors)).sum(0)


def disagreement(
    student: Callable[[jax.Array], Statistics],
    teacher: Callable[[jax.Array], Statistics],
    own: Pair,
    pair: Pair,
    images: jax.Array,
    key: jax.Array,
) -> jax.Array:
    """Returns one minus the cosine between the student's and the teacher's gradient ``[N]``.

    A gradient is what a picture is painted by. Each iterate is asked for the gradient of one
    distance, drawn at random: of Gram matrices at one layer, or of content.
    """
    drawn = jax.random.randint(key, (len(images),), 0, len(STYLE) + 1)
    asked = jax.nn.one_hot(drawn, len(STYLE) + 1)

    def gradient(statistics: Callable[[jax.Array], Statistics], pair: Pair) -> jax.Array:
        def loss(images: jax.Array) -> jax.Array:
            style, content = distances(statistics(images), pair)
            return (jnp.stack([*style.values(), content], 1) * asked).sum()

        return coarse(jax.grad(loss)(images))

    wanted = jax.lax.stop_gradient(gradient(teacher, pair))
    return 1 - cosine(gradient(student, own), wanted)


def coarse(gradient: jax.Array) -> jax.Array:
    """Returns means over squares: the finest part of a gradient through maxima is noise."""
    count, height, width, channels = gradient.shape
    shape = (count, height // COARSE, COARSE, width // COARSE, COARSE, channels)
    return gradient.reshape(shape).mean((2, 4))


def cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns the cosine between the images of two batches, one per image ``[N]``."""

    def directed(x: jax.Array) -> jax.Array:
        flat = x.reshape(len(x), -1)
        # Gradients of relative distances are tiny numbers: scaled first, their squares survive.
        size = jax.lax.stop_gradient(jnp.abs(flat).max(1, keepdims=True))
        flat = flat / jnp.where(size > 1e-12, size, 1.0)
        return flat / jnp.sqrt((flat**2).sum(1, keepdims=True) + 1e-6)

    return (directed(a) * directed(b)).sum(1)
