"""Style transfers by the student itself, as training images: it must not know only photographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from distillation.networks import Features, Filters, Scales, Student, max_pool, vgg

STYLE = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT = "block4_conv2"
RATE, MEMORY = 0.04, 0.9  # of a step in pixel values, and of its momentum
LIFE = 150  # steps until an iterate is replaced by a new pair
WEIGHT = (-1.0, 2.5)  # powers of ten between which the weight of style against content is drawn
WHITE = 1 / 3  # of the iterates start from noise
COARSE = 4  # px: gradients are compared as means over squares of this side


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


def advanced(iterates: Iterates, student: Student, scales: Scales) -> Iterates:
    """Makes one step of each style transfer, along the gradient of the student's own loss."""

    def loss(images: jax.Array) -> jax.Array:
        style, content = distances(seen(images), wanted)
        return (content + iterates.weights * sum(style.values())).sum()

    def seen(images: jax.Array) -> Statistics:
        return guessed(student, scales, student.features(images))

    wanted = targets(seen(_sources(iterates)))
    gradient = jax.grad(loss)(iterates.images)
    size = jnp.sqrt((gradient**2).mean((1, 2, 3), keepdims=True)) + 1e-12
    momentum = MEMORY * iterates.momentum + (1 - MEMORY) * jnp.clip(gradient / size, -3, 3)
    images = jnp.clip(iterates.images - RATE * momentum, 0, 1)
    return iterates._replace(images=images, momentum=momentum, ages=iterates.ages + 1)


class Statistics(NamedTuple):
    """What losses compare, in units of the teacher's mean activations.

    Attributes:
        grams: ``[N, T, T]`` by style layer.
        content: ``[N, h, w, T]``.
    """

    grams: Features
    content: jax.Array


def guessed(student: Student, scales: Scales, maps: Features) -> Statistics:
    """Predicts the teacher's statistics from the student's feature maps."""
    lifts = {k: lift * (scales.spread[k] / scales.means[k]) for k, lift in student.lifts.items()}
    grams = {k: jnp.einsum("dt,nde,eu->ntu", lifts[k], gram(maps[k]), lifts[k]) for k in STYLE}
    return Statistics(grams, maps[CONTENT].astype(jnp.float32) @ lifts[CONTENT])


def taught(scales: Scales, maps: Features) -> Statistics:
    """Returns the statistics of the teacher's feature maps."""
    means = scales.means
    grams = {k: gram(maps[k]) / means[k] / means[k][:, None] for k in STYLE}
    return Statistics(grams, maps[CONTENT].astype(jnp.float32) / means[CONTENT])


def gram(maps: jax.Array) -> jax.Array:
    """Returns Gram matrices ``[N, C, C]``, means over positions."""
    product = jnp.einsum("nhwc,nhwd->ncd", maps, maps, preferred_element_type=jnp.float32)
    return product / (maps.shape[1] * maps.shape[2])


def targets(sources: Statistics) -> Statistics:
    """Takes content of the first half and Gram matrices of the second half of the sources."""
    half = len(sources.content) // 2
    return Statistics({k: g[half:] for k, g in sources.grams.items()}, sources.content[:half])


def distances(seen: Statistics, wanted: Statistics) -> tuple[Features, jax.Array]:
    """Returns style distances by layer and content distances, relative, one per image ``[N]``."""
    style = {k: relative(seen.grams[k], wanted.grams[k]) for k in STYLE}
    return style, relative(seen.content, wanted.content)


def relative(values: jax.Array, target: jax.Array) -> jax.Array:
    """Returns the squared distance over the target's square, one per image ``[N]``."""
    axes = tuple(range(1, values.ndim))
    return ((values - target) ** 2).sum(axes) / ((target**2).sum(axes) + 1e-12)


def disagreement(
    student: Student,
    filters: dict[str, Filters],
    scales: Scales,
    iterates: Iterates,
    key: jax.Array,
) -> jax.Array:
    """Returns one minus the cosine between the student's and the teacher's gradient ``[N]``.

    A gradient is what a picture is painted by. Each iterate is asked for the gradient of one
    distance, drawn at random: of Gram matrices at one layer, or of content.
    """
    drawn = jax.random.randint(key, (len(iterates.images),), 0, len(STYLE) + 1)
    asked = jax.nn.one_hot(drawn, len(STYLE) + 1)
    needed = dict(list(filters.items())[: list(filters).index(STYLE[-1]) + 1])

    def gradient(statistics: Callable[[jax.Array], Statistics]) -> jax.Array:
        wanted = targets(statistics(_sources(iterates)))

        def loss(images: jax.Array) -> jax.Array:
            style, content = distances(statistics(images), wanted)
            return (jnp.stack([*style.values(), content], 1) * asked).sum()

        return coarse(jax.grad(loss)(iterates.images))

    own = gradient(lambda images: guessed(student, scales, student.features(images)))
    wanted = gradient(lambda images: taught(scales, vgg(images, needed, max_pool)))
    return 1 - cosine(own, jax.lax.stop_gradient(wanted))


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


def _sources(iterates: Iterates) -> jax.Array:
    return jnp.concatenate([iterates.content, iterates.style])
