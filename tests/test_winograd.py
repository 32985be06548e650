"""Winograd's convolution against its definition, as numpy computes it in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nst.features import winograd
from nst.features.encoder import Encoder
from nst.features.vgg import Layer

ODD, EVEN, SMALL, LINE = (9, 7), (8, 12), (1, 1), (1, 13)


def by_definition(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The convolution without padding, ``[1, H + 2, W + 2, C]`` to ``[1, H, W, D]``."""
    height, width = x.shape[1] - 2, x.shape[2] - 2
    return sum(
        x[:, i : i + height, j : j + width].astype(float) @ kernel[i, j].astype(float)
        for i in range(3)
        for j in range(3)
    )


def adjoint(upstream: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """What comes back to the input of :func:`by_definition`."""
    _, height, width, _ = upstream.shape
    back = np.zeros((1, height + 2, width + 2, kernel.shape[2]))
    for i in range(3):
        for j in range(3):
            back[:, i : i + height, j : j + width] += upstream @ kernel[i, j].T.astype(float)
    return back


def relative_error(actual: tf.Tensor, expected: np.ndarray) -> float:
    """Root mean square of the error, relative to that of the values."""
    assert actual.shape == expected.shape
    return float(np.sqrt(np.mean((actual.numpy() - expected) ** 2) / np.mean(expected**2)))


def test_one_tile_along_one_axis_is_exact() -> None:
    signal, taps = np.arange(1.0, 7) ** 2, np.array([2.0, -3.0, 5.0])
    outputs = winograd.A_T @ ((winograd.G @ taps) * (winograd.B_T @ signal))
    np.testing.assert_allclose(outputs, np.correlate(signal, taps, "valid"), rtol=1e-12)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("size", [ODD, EVEN, SMALL, LINE], ids=["odd", "even", "small", "line"])
def test_values_and_gradient_are_the_definitions(size, compiled) -> None:
    rng = np.random.default_rng(0)
    height, width = size
    x = rng.random((1, height + 2, width + 2, 5), np.float32)  # activations: not centred
    kernel = rng.normal(size=(3, 3, 5, 4)).astype(np.float32)
    upstream = rng.normal(size=(1, height, width, 4)).astype(np.float32)
    convolution = winograd.Convolution(kernel)

    def both(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            y = convolution(image)
        return y, tape.gradient(y, image, upstream)

    y, gradient = (tf.function(both) if compiled else both)(tf.constant(x))
    assert relative_error(y, by_definition(x, kernel)) < 2e-6
    assert relative_error(gradient, adjoint(upstream, kernel)) < 2e-6


def test_bfloat16_is_less_exact_but_not_biased() -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((1, 18, 26, 64)), tf.bfloat16)
    kernel = rng.normal(size=(3, 3, 64, 32)).astype(np.float32)
    y = winograd.Convolution(kernel, tf.bfloat16)(x)
    assert y.dtype == tf.bfloat16
    expected = by_definition(tf.cast(x, tf.float64).numpy(), kernel)
    y = tf.cast(y, tf.float64)
    assert relative_error(y, expected) < 0.025
    slope = np.sum(y * expected) / np.sum(expected**2)
    assert abs(slope - 1) < 0.002


@pytest.mark.parametrize("transform", [winograd.B_T, winograd.A_T], ids=["inputs", "outputs"])
def test_transforms_lose_nothing_in_bfloat16(transform) -> None:
    both = np.kron(transform, transform)
    np.testing.assert_array_equal(tf.cast(tf.constant(both, tf.bfloat16), tf.float64), both)


def test_it_serves_all_sizes_by_one_trace() -> None:
    convolution = winograd.Convolution(np.ones((3, 3, 2, 3), np.float32))

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 2])])
    def convolve(image) -> tf.Tensor:
        return convolution(image)

    for size in (ODD, EVEN, SMALL):
        y = convolve(tf.ones([1, size[0] + 2, size[1] + 2, 2]))
        assert y.shape == (1, *size, 3)
        np.testing.assert_allclose(y, 18, rtol=1e-5)
    assert convolve.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("precision", "products", "bound"),
    [("float32", tf.float32, 1e-5), ("bfloat16", tf.bfloat16, 0.03), ("float16", tf.float32, 1e-3)],
)
def test_the_encoder_takes_it_for_wide_layers_only(picture, precision, products, bound) -> None:
    rng = np.random.default_rng(0)
    layers, depth = [], 3
    for name, width in (("narrow", 128), ("middle", 128), ("wide", 256)):
        kernel = rng.normal(0, (2 / 9 / depth) ** 0.5, (3, 3, depth, width))
        layers.append(Layer(name, kernel.astype(np.float32), np.zeros(width, np.float32)))
        depth = width
    assert [winograd.pays(layer.kernel) for layer in layers] == [False, False, True]
    encoder, image = Encoder(layers, precision=precision), picture(20, 30)

    @tf.function
    def features(image) -> list[tf.Tensor]:
        return encoder(image, ["middle", "wide"])

    graph = features.get_concrete_function(image).graph
    operations = graph.get_operations()
    assert [operation.type for operation in operations].count("Conv2D") == 2
    matrices = [operation for operation in operations if operation.type == "BatchMatMulV2"]
    assert {operation.outputs[0].dtype for operation in matrices} == {products}
    found = features(image)
    middle = np.pad(found["middle"], [(0, 0), (1, 1), (1, 1), (0, 0)], "edge")
    expected = np.maximum(by_definition(middle, layers[-1].kernel), 0)
    assert relative_error(found["wide"], expected) < bound
