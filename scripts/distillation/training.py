"""A step of the training: what the student is asked for, and how far it has come."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from distillation import iterates as painting
from distillation import pictures
from distillation.exporting import imported
from distillation.iterates import Iterates, Pair
from distillation.networks import (
    SCALE,
    Features,
    Filters,
    Student,
    compared,
    deviations,
    max_pool,
    pruned,
    vgg,
)
from distillation.pictures import Pictures
from nst.features.vgg import layer_channels

SIDE, BATCH, PAINTED = 224, 16, 10  # px, crops, and style transfers: iterate, content and style
AVERAGE = 0.999  # of the averaged weights, per step
COUNTED = {"block4_conv1": 2.0, "block4_conv2": 2.0, "block5_conv1": 2.0, "block5_conv3": 0.3}
"""Weights of the layers whose maps do not count once: runs use some more than others."""


class Training(NamedTuple):
    """The state of the training."""

    student: Student
    average: Student
    moments: Any
    iterates: Iterates
    key: jax.Array


class Teaching(NamedTuple):
    """What does not change while the student learns."""

    filters: dict[str, Filters]
    spread: Features
    pictures: Pictures


optimizer = optax.apply_if_finite(
    optax.chain(optax.clip_by_global_norm(5.0), optax.scale_by_adam(b2=0.99)), 100
)


@partial(jax.jit, donate_argnums=0)
def step(
    training: Training, teaching: Teaching, rate: jax.Array, guided: jax.Array
) -> tuple[Training, dict[str, jax.Array]]:
    """Makes one step of the student and of its iterates.

    Args:
        training: The state.
        teaching: The teacher and the pictures.
        rate: The learning rate.
        guided: Weight of the distance of gradients.

    Returns:
        The new state, and the distances.
    """
    key, *keys = jax.random.split(training.key, 4)
    crops = pictures.batch(teaching.pictures, BATCH + 2 * PAINTED, SIDE, keys[0])
    crops, content, style = jnp.split(crops, (BATCH, BATCH + PAINTED))
    iterates = painting.renewed(training.iterates, painting.begun(content, style, keys[1]))
    images = jnp.concatenate([crops, iterates.images, iterates.content, iterates.style])
    lesson = vgg(images, teaching.filters, max_pool)
    means = painting.mean_activations(*_painted(lesson)[1:])
    taught = partial(painting.taught, means)
    seen, *pair = map(taught, _painted(lesson))
    upper = dict(list(teaching.filters.items())[: list(lesson).index(painting.STYLE[-1]) + 1])

    def loss(student: Student) -> tuple[jax.Array, dict[str, jax.Array]]:
        guessed = partial(painting.guessed, student, teaching.spread, means)
        maps = student.features(images)
        own, *own_pair = map(guessed, _painted(maps))

        def disagreement(_: None) -> jax.Array:
            return painting.disagreement(
                lambda x: guessed(student.features(x)),
                lambda x: taught(vgg(x, upper, max_pool)),
                Pair(*own_pair),
                Pair(*pair),
                iterates.images,
                keys[2],
            ).mean()

        wrong = errors(student, teaching.spread, maps, lesson)
        parts = {
            "maps": sum(COUNTED.get(k, 1.0) * e.mean() for k, e in wrong.items()),
            "grams": painting.misjudged(own, Pair(*own_pair), seen, Pair(*pair)).mean(),
            "gradients": jax.lax.cond(guided > 0, disagreement, lambda _: jnp.float32(0), None),
        }
        return parts["maps"] + parts["grams"] + guided * parts["gradients"], parts

    gradient, parts = jax.grad(loss, has_aux=True)(training.student)
    updates, moments = optimizer.update(gradient, training.moments)
    student = jax.tree.map(lambda w, u: w - rate * u, training.student, updates)
    average = jax.tree.map(lambda a, w: AVERAGE * a + (1 - AVERAGE) * w, training.average, student)
    iterates = painting.advanced(iterates, student, teaching.spread, means)
    return Training(student, average, moments, iterates, key), parts


def errors(student: Student, spread: Features, maps: Features, lesson: Features) -> Features:
    """Returns the squared errors of the student's guesses, in units of the teacher's spread."""
    wanted = compared(lesson)
    return {
        k: (guess - wanted[k].astype(jnp.float32) / spread[k]) ** 2
        for k, guess in student.guesses(compared(maps)).items()
    }


@jax.jit
def explained(student: Student, teaching: Teaching, images: jax.Array) -> Features:
    """Returns what share of the variance of its teacher's channels the student predicts."""
    lesson = vgg(images, teaching.filters, max_pool)
    wrong = errors(student, teaching.spread, student.features(images), lesson)
    shares = {}
    for k, error in wrong.items():
        units = compared(lesson)[k].astype(jnp.float32) / teaching.spread[k]
        shares[k] = 1 - error.mean() / ((units - units.mean((0, 1, 2))) ** 2).mean()
    return shares


def started(
    arrays: dict[str, np.ndarray], seen: Pictures, seed: int, start: Path | None
) -> tuple[Teaching, Training]:
    """Returns the teacher, and the student at its start: as in a file, or pruned from the teacher.

    The averaged weights, not the latest, are what a file holds; an optimizer begins anew.
    """
    filters = teacher_filters(arrays)
    key = jax.random.key(seed)
    first = pictures.batch(seen, 4 * BATCH, SIDE, key)
    spread = deviations(jax.jit(lambda images: compared(vgg(images, filters, max_pool)))(first))
    widths = layer_channels("bundled")
    learner = imported(start, spread) if start else pruned(first[:BATCH], filters, spread, widths)
    content, style = jnp.split(first[: 2 * PAINTED], 2)
    iterates = painting.begun(content, style, key)
    iterates = iterates._replace(ages=jnp.arange(PAINTED) * painting.LIFE // PAINTED)
    average = jax.tree.map(jnp.copy, learner)
    training = Training(learner, average, optimizer.init(learner), iterates, key)
    return Teaching(filters, spread, seen), training


def teacher_filters(arrays: dict[str, np.ndarray]) -> dict[str, Filters]:
    """Returns the teacher's filters; the first expects centred pixels divided by ``SCALE``."""
    filters: dict[str, Filters] = {}
    for name in sorted({key.split("/")[0] for key in arrays}):
        kernel = arrays[f"{name}/kernel"].astype(np.float32) * (1.0 if filters else SCALE)
        filters[name] = Filters(
            jnp.asarray(kernel, jnp.bfloat16), jnp.asarray(arrays[f"{name}/bias"], jnp.bfloat16)
        )
    return filters


def _painted(maps: Features) -> tuple[Features, ...]:
    """Returns what belongs to iterates, their content and their style images."""
    ends = [BATCH + k * PAINTED for k in range(4)]
    return tuple({k: f[i:j] for k, f in maps.items()} for i, j in itertools.pairwise(ends))
