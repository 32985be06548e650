"""Training images: cropped, recoloured, blended, with noise added, on the accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from distillation.packing import LONG_SIDE, decoded

SMALLEST = 120  # side of a crop before it is resized, px
BLENDED, NOISY, PRINTED = 1 / 4, 1 / 3, 1 / 8  # of the crops
COARSE = 8  # px: details of a print are larger
TURNED, PERMUTED = 0.3, 0.2  # of the crops: flipped or transposed; with channels in another order


class Pictures(NamedTuple):
    """Decoded pictures in one array.

    Attributes:
        pixels: uint8 RGB, ``[N, LONG_SIDE, LONG_SIDE, 3]``, each picture in the upper left corner.
        sizes: Height and width of each, ``[N, 2]``.
    """

    pixels: jax.Array
    sizes: jax.Array


def loaded(files: Sequence[bytes]) -> Pictures:
    """Decodes the pictures of a pack, see :mod:`distillation.packing`."""
    pixels = np.zeros((len(files), LONG_SIDE, LONG_SIDE, 3), np.uint8)
    sizes = np.zeros((len(files), 2), np.float32)
    for i, file in enumerate(files):
        picture = decoded(file)
        height, width = sizes[i] = picture.shape[:2]
        margins = [(0, LONG_SIDE - int(height)), (0, LONG_SIDE - int(width)), (0, 0)]
        pixels[i] = np.pad(picture, margins, "edge")
    return Pictures(jnp.asarray(pixels), jnp.asarray(sizes))


def batch(pictures: Pictures, count: int, side: int, key: jax.Array) -> jax.Array:
    """Draws crops, RGB in [0, 1], ``[count, side, side, 3]`` float32.

    Some are blends of two and some have noise added, because the images in a style transfer are
    neither clean nor a single picture.
    """
    keys = jax.random.split(key, 4)
    each = jax.random.split(keys[0], count)
    crops = jax.vmap(lambda k: printed(recoloured(crop(pictures, side, k), k), k))(each)
    blended = jax.random.bernoulli(keys[1], BLENDED, (count, 1, 1, 1))
    share = jax.random.uniform(keys[2], (count, 1, 1, 1), minval=0.3, maxval=0.7)
    crops = jnp.where(blended, share * crops + (1 - share) * jnp.roll(crops, 1, 0), crops)
    return jnp.clip(crops + noise(crops.shape, keys[3]), 0.0, 1.0)


def crop(pictures: Pictures, side: int, key: jax.Array) -> jax.Array:
    """Crops a random square of a random picture, flipped or transposed."""
    keys = jax.random.split(key, 5)
    i = jax.random.randint(keys[0], (), 0, len(pictures.sizes))
    largest = jnp.log(pictures.sizes[i].min())
    cut = jnp.exp(jax.random.uniform(keys[1], (), minval=jnp.log(SMALLEST), maxval=largest))
    corner = jax.random.uniform(keys[2], (2,)) * (pictures.sizes[i] - cut)
    scale = jnp.full(2, side / cut)
    square = jax.image.scale_and_translate(
        pictures.pixels[i] / 255.0, (side, side, 3), (0, 1), scale, -corner * scale, "linear"
    )
    square = jnp.where(jax.random.bernoulli(keys[3]), square[:, ::-1], square)
    turn = jax.random.uniform(keys[4])
    turned = jnp.where(turn < TURNED / 2, square[::-1], square.transpose(1, 0, 2))
    return jnp.where(turn < TURNED, turned, square)


def recoloured(pixels: jax.Array, key: jax.Array) -> jax.Array:
    """Changes saturation, contrast, channel gains and offsets, and sometimes channel order."""
    keys = jax.random.split(jax.random.fold_in(key, 1), 6)
    grey = pixels.mean(-1, keepdims=True)
    pixels = grey + (pixels - grey) * jax.random.uniform(keys[0], (), minval=0.4, maxval=1.7)
    mean = pixels.mean((0, 1))
    pixels = mean + (pixels - mean) * jax.random.uniform(keys[1], (), minval=0.6, maxval=1.6)
    pixels = pixels * jax.random.uniform(keys[2], (3,), minval=0.7, maxval=1.3)
    pixels = pixels + jax.random.uniform(keys[3], (3,), minval=-0.15, maxval=0.15)
    permuted = pixels[..., jax.random.permutation(keys[4], 3)]
    return jnp.where(jax.random.bernoulli(keys[5], PERMUTED), permuted, pixels)


def printed(pixels: jax.Array, key: jax.Array) -> jax.Array:
    """Turns some pictures into flat prints: areas of few colours with sharp borders."""
    keys = jax.random.split(jax.random.fold_in(key, 2), 3)
    side = pixels.shape[0]
    small = jax.image.resize(pixels, (side // COARSE, side // COARSE, 3), "linear")
    smooth = jax.image.resize(small, pixels.shape, "cubic")
    inks = jax.random.randint(keys[0], (3,), 2, 7)
    shift = jax.random.uniform(keys[1], (3,), minval=-0.5, maxval=0.5)
    flat = jnp.round(smooth * inks + shift) / inks
    return jnp.where(jax.random.bernoulli(keys[2], PRINTED), flat, pixels)


def noise(shape: tuple[int, ...], key: jax.Array) -> jax.Array:
    """Returns noise of up to 0.2, in grains of one or two pixels, on some of the images."""
    keys = jax.random.split(key, 5)
    count, side = shape[0], shape[1]
    fine = jax.random.normal(keys[0], shape)
    coarse = jax.random.normal(keys[1], (count, side // 2, side // 2, 3)).repeat(2, 1).repeat(2, 2)
    grain = jnp.where(jax.random.bernoulli(keys[2], shape=(count, 1, 1, 1)), fine, coarse)
    noisy = jax.random.bernoulli(keys[3], NOISY, (count, 1, 1, 1))
    return noisy * jax.random.uniform(keys[4], (count, 1, 1, 1), maxval=0.2) * grain
