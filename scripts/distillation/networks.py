"""Teacher and student: one VGG function, and the student's initial weights from the teacher's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, as in nst.features.encoder
SCALE = 64.0  # centred pixels are divided by it, so that the first layer sees numbers of order one
STRIDES = {1: 4, 2: 2}  # by block: maps are compared at every nth position, which is enough
FLOOR = 0.05  # of a layer's mean, for channels that hardly fire
RIDGE = 1e-3  # of the mean square of a channel

Features = dict[str, jax.Array]
Pool = Callable[[jax.Array], jax.Array]


class Filters(NamedTuple):
    """The kernel ``[3, 3, C, D]`` and the bias ``[D]`` of a convolution."""

    kernel: jax.Array
    bias: jax.Array


class Student(NamedTuple):
    """The student network.

    Attributes:
        filters: Kernels and biases by layer; the first expects centred pixels divided by ``SCALE``.
        lifts: ``[D, T]`` by layer: from the student's channels to the teacher's, in units of the
            standard deviations of the latter.
    """

    filters: dict[str, Filters]
    lifts: Features

    def features(self, images: jax.Array) -> Features:
        """Returns feature maps ``[N, h, w, D]`` of RGB images in [0, 1], by layer, in bfloat16."""
        return vgg(images, self.filters, avg_pool)

    def guesses(self, maps: Features) -> Features:
        """Predicts the teacher's feature maps from the student's, float32."""
        return {
            name: jnp.einsum(
                "nhwd,dt->nhwt",
                values,
                self.lifts[name].astype(jnp.bfloat16),
                preferred_element_type=jnp.float32,
            )
            for name, values in maps.items()
        }


def max_pool(x: jax.Array) -> jax.Array:
    """Halves a map, as the teacher was trained."""
    rows = jnp.maximum(x[:, ::2], x[:, 1::2])
    return jnp.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def avg_pool(x: jax.Array) -> jax.Array:
    """Halves a map, as the student is used."""
    rows = (x[:, ::2] + x[:, 1::2]) / 2
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 2


def vgg(images: jax.Array, filters: Mapping[str, Filters], pool: Pool) -> Features:
    """Computes all feature maps in bfloat16, with replicate padding as in runs.

    Args:
        images: RGB in [0, 1], ``[N, H, W, 3]``; the sides are multiples of 16.
        filters: In order; the first expects centred pixels divided by ``SCALE``.
        pool: Between the blocks.
    """
    x = centred(images)
    maps: Features = {}
    for name, layer in filters.items():
        if name.endswith("_conv1") and maps:
            x = pool(x)
        x = convolved(x, *layer)
        maps[name] = x
    return maps


def centred(images: jax.Array) -> jax.Array:
    """Returns the networks' input, BGR."""
    return (images[..., ::-1] * 255.0 - jnp.array(BGR_MEAN)) / SCALE


def convolved(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Computes a convolution and its ReLU, in bfloat16."""
    x, kernel, bias = (jnp.asarray(value).astype(jnp.bfloat16) for value in (x, kernel, bias))
    padded = jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], "edge")
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(padded, kernel, (1, 1), "VALID", dimension_numbers=layout)
    return jax.nn.relu(y + bias)


def compared(maps: Features) -> Features:
    """Subsamples the maps of the first blocks."""
    strides = {name: STRIDES.get(int(name[5]), 1) for name in maps}
    return {name: maps[name][:, :: strides[name], :: strides[name]] for name in maps}


def deviations(maps: Features) -> Features:
    """Returns the standard deviations of the teacher's channels ``[T]`` by layer, with a floor.

    Each channel is predicted in units of its own.
    """
    spread = {k: f.astype(jnp.float32).std((0, 1, 2)) for k, f in maps.items()}
    return {k: jnp.maximum(s, FLOOR * jnp.sqrt((s**2).mean())) for k, s in spread.items()}


def pruned(
    images: jax.Array, filters: Mapping[str, Filters], spread: Features, widths: Mapping[str, int]
) -> Student:
    """Initialises a student with the most informative filters of the teacher in each layer.

    Layer by layer, keeps the channels that best predict the others (pivoted Cholesky). A kept
    filter gets its input from the student's channels instead of the teacher's, through the linear
    map that best predicts the latter from the former. Where the student lacks the teacher's last
    layers of a block, this map stands for them.

    Args:
        images: Calibration images, RGB in [0, 1], ``[N, H, W, 3]``.
        filters: The teacher's filters.
        spread: Standard deviations of the teacher's channels ``[C]``, by layer.
        widths: Number of channels to keep, by layer that the student has.
    """
    maps = vgg(images, filters, max_pool)
    own: dict[str, Filters] = {}
    lifts: Features = {}
    x, lift = centred(images), np.eye(3, dtype=np.float32)
    for before, name in itertools.pairwise(("", *filters)):
        if name not in widths:
            continue
        (kernel, bias), deviations = filters[name], np.asarray(spread[name])
        if name.endswith("_conv1") and own:
            x = avg_pool(x)
            lift = regression(_rows(x), _rows(max_pool(maps[before])))
        kept = pivots(_rows(maps[name]) / deviations, widths[name])
        chosen = np.asarray(kernel, np.float32)[..., kept]
        kernel = np.einsum("hwtd,st->hwsd", chosen, lift) / deviations[kept]
        offset = np.asarray(bias, np.float32)[kept] / deviations[kept]
        own[name] = Filters(jnp.asarray(kernel), jnp.asarray(offset))
        x = convolved(x, *own[name])
        lifts[name] = jnp.asarray(regression(_rows(x), _rows(maps[name]) / deviations))
        lift = np.asarray(lifts[name] * deviations)
    return Student(own, lifts)


def pivots(rows: np.ndarray, count: int) -> list[int]:
    """Greedily chooses the channels that explain most of the others."""
    rest = (rows.T @ rows / len(rows)).astype(np.float64)
    rest += RIDGE * np.mean(rest.diagonal()) * np.eye(len(rest))
    chosen: list[int] = []
    for _ in range(count):
        gain = (rest**2).sum(0) / np.maximum(rest.diagonal(), 1e-9)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
        column = rest[:, chosen[-1]]
        rest = rest - np.outer(column, column) / max(column[chosen[-1]], 1e-9)
    return chosen


def regression(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the matrix that predicts ``wanted`` from ``known`` with least squared error."""
    gram = known.T @ known
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=gram.dtype)
    return np.linalg.solve(gram, known.T @ wanted).astype(np.float32)


def _rows(maps: jax.Array) -> np.ndarray:
    """Vectors of channels, of at most some 100,000 positions: ``[n, C]`` float32."""
    rows = maps.reshape(-1, maps.shape[-1])
    return np.asarray(rows[:: max(1, len(rows) // 100_000)], np.float32)
