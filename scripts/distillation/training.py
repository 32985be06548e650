"""A step of the training: what the student is asked for, and how far it has come."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from distillation import pictures
from distillation.iterates import (
    LIFE,
    STYLE,
    Iterates,
    advanced,
    begun,
    disagreement,
    guessed,
    relative,
    renewed,
    taught,
)
from distillation.networks import (
    SCALE,
    Features,
    Filters,
    Scales,
    Student,
    compared,
    max_pool,
    pruned,
    scales,
    vgg,
)
from distillation.pictures import Pictures

WIDTHS = (16, 32, 80, 208, 288)  # of the student's blocks
SIDE, BATCH, PAINTED = 224, 24, 8  # px of a crop, crops of a batch, iterates beside them
AVERAGE = 0.999  # of the averaged weights, per step
GRAMS = 0.2  # weight of the distance of Gram matrices beside that of feature maps


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
    scales: Scales
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
    key, *keys = jax.random.split(training.key, 5)
    crops = pictures.batch(teaching.pictures, BATCH + 2 * PAINTED, SIDE, keys[0])
    crops, content, style = jnp.split(crops, (BATCH, BATCH + PAINTED))
    iterates = renewed(training.iterates, begun(content, style, keys[1]))
    iterates = advanced(iterates, training.student, teaching.scales)
    images = jnp.concatenate([crops, iterates.images])
    lesson = vgg(images, teaching.filters, max_pool)

    def loss(student: Student) -> tuple[jax.Array, dict[str, jax.Array]]:
        maps = student.features(images)
        parts = {
            "maps": sum(e.mean() for e in errors(student, teaching.scales, maps, lesson).values()),
            "grams": gram_error(student, teaching.scales, maps, lesson),
            "gradients": jax.lax.cond(
                guided > 0,
                lambda s: disagreement(
                    s, teaching.filters, teaching.scales, iterates, keys[2]
                ).mean(),
                lambda _: jnp.float32(0),
                student,
            ),
        }
        return parts["maps"] + GRAMS * parts["grams"] + guided * parts["gradients"], parts

    gradient, parts = jax.grad(loss, has_aux=True)(training.student)
    updates, moments = optimizer.update(gradient, training.moments)
    student = jax.tree.map(lambda w, u: w - rate * u, training.student, updates)
    average = jax.tree.map(lambda a, w: AVERAGE * a + (1 - AVERAGE) * w, training.average, student)
    return Training(student, average, moments, iterates, key), parts


def errors(student: Student, scales: Scales, maps: Features, lesson: Features) -> Features:
    """Returns the squared errors of the student's guesses, in units of the teacher's spread."""
    guesses = student.guesses(compared(maps))
    return {
        k: (guesses[k] - wanted.astype(jnp.float32) / scales.spread[k]) ** 2
        for k, wanted in compared(lesson).items()
    }


def gram_error(student: Student, scales: Scales, maps: Features, lesson: Features) -> jax.Array:
    """Returns the relative squared error of Gram matrices, mean over images, summed over layers."""
    own, wanted = guessed(student, scales, maps), taught(scales, lesson)
    return sum(relative(own.grams[k], wanted.grams[k]).mean() for k in STYLE)


@jax.jit
def explained(student: Student, teaching: Teaching, images: jax.Array) -> Features:
    """Returns what share of the variance of its teacher's channels the student predicts."""
    lesson = vgg(images, teaching.filters, max_pool)
    wrong = errors(student, teaching.scales, student.features(images), lesson)
    shares = {}
    for k, wanted in compared(lesson).items():
        units = wanted.astype(jnp.float32) / teaching.scales.spread[k]
        shares[k] = 1 - wrong[k].mean() / ((units - units.mean((0, 1, 2))) ** 2).mean()
    return shares


def started(arrays: dict[str, np.ndarray], seen: Pictures, seed: int) -> tuple[Teaching, Training]:
    """Returns the teacher, and the student at its start."""
    filters = teacher_filters(arrays)
    key = jax.random.key(seed)
    first = pictures.batch(seen, 4 * BATCH, SIDE, key)
    units = scales(jax.jit(lambda images: compared(vgg(images, filters, max_pool)))(first))
    widths = {name: WIDTHS[int(name[5]) - 1] for name in filters}
    student = pruned(first[:BATCH], filters, units.spread, widths)
    content, style = jnp.split(first[: 2 * PAINTED], 2)
    iterates = begun(content, style, key)
    iterates = iterates._replace(ages=jnp.arange(PAINTED) * LIFE // PAINTED)
    average = jax.tree.map(jnp.copy, student)
    training = Training(student, average, optimizer.init(student), iterates, key)
    return Teaching(filters, units, seen), training


def teacher_filters(arrays: dict[str, np.ndarray]) -> dict[str, Filters]:
    """Returns the teacher's filters; the first expects centred pixels divided by ``SCALE``."""
    filters: dict[str, Filters] = {}
    for name in sorted({key.split("/")[0] for key in arrays}):
        kernel = arrays[f"{name}/kernel"].astype(np.float32) * (1.0 if filters else SCALE)
        filters[name] = Filters(
            jnp.asarray(kernel, jnp.bfloat16), jnp.asarray(arrays[f"{name}/bias"], jnp.bfloat16)
        )
    return filters
