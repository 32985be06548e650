"""The Laplacian pyramid: exact both ways, and its transpose."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nst.optimizers.laplacian import join, pulled_back, split

SIZES = [(16, 24), (17, 33), (1, 40), (2, 3), (1, 1)]


def noise(height: int, width: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).random((1, height, width, 3)), tf.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_joining_undoes_splitting(size, count) -> None:
    levels = split(noise(*size), count)
    halved = [tuple(-(-side // 2**k) for side in size) for k in range(count)]
    assert [level.shape[1:3] for level in levels] == halved
    np.testing.assert_allclose(join(levels), noise(*size), atol=1e-6)


def test_one_level_is_the_image() -> None:
    np.testing.assert_array_equal(split(noise(5, 7), 1)[0], noise(5, 7))
    np.testing.assert_array_equal(pulled_back(noise(5, 7), 1)[0], noise(5, 7))


def test_an_even_image_has_no_details() -> None:
    *details, rest = split(tf.fill([1, 19, 32, 3], 0.3), 4)
    for detail in details:
        np.testing.assert_allclose(detail, 0, atol=1e-6)
    np.testing.assert_allclose(rest, 0.3, atol=1e-6)


def test_single_pixels_are_in_the_finest_level() -> None:
    checkerboard = tf.constant(np.indices((16, 16)).sum(0) % 2, tf.float32)[None, ..., None]
    energies = [float(tf.math.reduce_variance(level)) for level in split(checkerboard, 3)]
    assert energies[0] > 50 * max(energies[1:])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_gradient_is_pulled_back_by_the_transpose(size, count) -> None:
    """For any gradient g and levels L: g . join(L) = pulled_back(g) . L"""
    gradient, levels = noise(*size, seed=1), split(noise(*size, seed=2), count)
    levels = [level + noise(*level.shape[1:3], seed=3) for level in levels]
    pulled = pulled_back(gradient, count)
    assert [p.shape for p in pulled] == [level.shape for level in levels]
    expected = float(tf.reduce_sum(gradient * join(levels)))
    actual = sum(float(tf.reduce_sum(p * level)) for p, level in zip(pulled, levels, strict=True))
    assert actual == pytest.approx(expected, rel=1e-4)
