"""The mathematics of the loss, by hand, in numpy and by finite differences; and its terms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from nst.losses import (
    Content,
    FeatureTerm,
    Gram,
    Term,
    TotalVariation,
    content_distance,
    gram_distance,
    gram_matrix,
    gram_sums,
    total_variation,
)

RANDOM = np.random.default_rng(3)
TWO_PIXELS = tf.constant([[[[1.0, 2, 3], [4, 5, 6]]]])
LAYERS = ["one", "two"]
FEATURE_TERMS = [Content, Gram]


def maps(*shape: int) -> tf.Tensor:
    """Feature maps in float64, in which finite differences are sharp."""
    return tf.constant(RANDOM.uniform(0, 2, shape))


def feature_maps() -> dict[str, tf.Tensor]:
    return {"one": maps(1, 4, 6, 2), "two": maps(1, 2, 3, 4)}


def test_gram_matrix_by_hand():
    expected = np.array([[17, 22, 27], [22, 29, 36], [27, 36, 45]]) / 2
    np.testing.assert_array_equal(gram_matrix(gram_sums(TWO_PIXELS)), expected)


def test_gram_distance_by_hand():
    target = gram_matrix(gram_sums(TWO_PIXELS)) + tf.constant([[3.0, 0, 0], [0, 0, 0], [0, 0, -6]])
    assert float(gram_distance(gram_sums(TWO_PIXELS), target)) == (9 + 36) / 9


def test_content_distance_by_hand():
    target = tf.constant([[[[1.0, 2, 3], [4, 7, 2]]]])
    assert float(content_distance(TWO_PIXELS, target)) == pytest.approx((4 + 16) / 6)


def test_total_variation_by_hand():
    image = tf.constant([[[[0.0], [1]], [[2], [4]]]])
    assert float(total_variation(image)) == (2**2 + 3**2) / 2 + (1**2 + 2**2) / 2


@pytest.mark.parametrize("height, width", [(1, 5), (5, 1), (1, 1)])
def test_total_variation_of_a_side_of_one_pixel_is_that_of_the_other(height, width):
    image = maps(1, height, width, 3)
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = total_variation(image)
    expected = float(np.sum(np.diff(np.reshape(image, (-1, 3)), axis=0) ** 2)) / max(
        1, 3 * (height * width - 1)
    )
    assert float(value) == pytest.approx(expected)
    assert np.isfinite(tape.gradient(value, image)).all()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.integers(0, 99))
def test_gram_matrix_is_numpys(height, width, channels, seed):
    features = np.random.default_rng(seed).normal(size=(1, height, width, channels))
    expected = np.einsum("byxi,byxj->ij", features, features) / (height * width)
    np.testing.assert_allclose(gram_matrix(gram_sums(tf.constant(features))), expected, atol=1e-12)


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_gram_sums_of_two_parts_add_up_to_those_of_the_whole(cut):
    features = maps(1, 8, 5, 3)
    upper, lower = gram_sums(features[:, :cut]), gram_sums(features[:, cut:])
    whole = gram_sums(features)
    np.testing.assert_allclose(upper.products + lower.products, whole.products)
    assert float(upper.count + lower.count) == float(whole.count) == 40


def test_the_size_of_an_image_does_not_change_a_value():
    features, target = maps(1, 4, 5, 3), maps(1, 4, 5, 3)
    tiled, tiled_target = (tf.tile(x, [1, 3, 2, 1]) for x in (features, target))
    style = gram_matrix(gram_sums(target))
    assert float(content_distance(tiled, tiled_target)) == pytest.approx(
        float(content_distance(features, target))
    )
    assert float(gram_distance(gram_sums(tiled), style)) == pytest.approx(
        float(gram_distance(gram_sums(features), style))
    )
    fine, coarse = (
        tf.constant(np.tile([[0.0, 1], [1, 0]], (n, n))[None, ..., None]) for n in (9, 2)
    )
    assert float(total_variation(fine)) == float(total_variation(coarse)) == 2


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_values_have_the_type_of_the_features(dtype):
    features = tf.cast(maps(1, 4, 5, 3), dtype)
    gram = gram_matrix(gram_sums(features))
    values = [
        content_distance(features, 2 * features),
        gram_distance(gram_sums(features), 2 * gram),
        total_variation(features),
    ]
    assert [value.dtype for value in values] == [dtype] * 3


def assert_gradient(function: Callable[[tf.Tensor], tf.Tensor], at: tf.Tensor) -> None:
    (exact,), (numeric,) = tf.test.compute_gradient(function, [at], delta=1e-4)
    assert np.abs(exact).max() > 1e-3
    np.testing.assert_allclose(exact, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: content_distance(x, TARGET),
        lambda x: gram_distance(gram_sums(x), gram_matrix(gram_sums(TARGET))),
        lambda x: tf.reduce_sum(ASYMMETRIC * gram_sums(x).products),
        total_variation,
    ],
    ids=["content", "gram", "products", "total variation"],
)
def test_finite_differences_confirm_the_gradient(function):
    assert_gradient(function, maps(1, 4, 3, 3))


TARGET = maps(1, 4, 3, 3)
ASYMMETRIC = tf.reshape(tf.range(9, dtype=tf.float64), (3, 3))


@pytest.mark.parametrize("layer_weights", [None, [0.3, 2.0]])
@pytest.mark.parametrize("make", FEATURE_TERMS)
def test_finite_differences_confirm_the_gradient_of_whole_terms(make, layer_weights):
    term = make(2.0, LAYERS, layer_weights)
    target = term.target(feature_maps(), feature_maps())
    parts = term.part_weights
    features = feature_maps()

    def value(varied: tf.Tensor, layer: str) -> tf.Tensor:
        distances = term.distances(maps(1, 8, 8, 3), features | {layer: varied}, target)
        return tf.add_n([parts[part] * distance for part, distance in distances.items()])

    for layer in LAYERS:
        assert_gradient(lambda x, layer=layer: value(x, layer), features[layer])


def test_finite_differences_confirm_the_gradient_of_the_total_variation_term():
    assert_gradient(lambda x: TotalVariation(1.0).distances(x, {}, ())["image"], maps(1, 4, 3, 3))


def test_terms_are_their_pure_functions():
    image, content, style, iterate = maps(1, 8, 8, 3), *(feature_maps() for _ in range(3))
    for term, expected in {
        Content(1.0, LAYERS): {k: content_distance(iterate[k], content[k]) for k in LAYERS},
        Gram(1.0, LAYERS): {
            k: gram_distance(gram_sums(iterate[k]), gram_matrix(gram_sums(style[k])))
            for k in LAYERS
        },
        TotalVariation(1.0): {"image": total_variation(image)},
    }.items():
        distances = term.distances(image, iterate, term.target(content, style))
        assert {k: float(v) for k, v in distances.items()} == {
            k: float(v) for k, v in expected.items()
        }


@pytest.mark.parametrize("make", FEATURE_TERMS)
def test_a_term_is_zero_at_its_own_target(make):
    features, other = feature_maps(), feature_maps()
    images = (features, other) if make is Content else (other, features)
    term = make(1.0, LAYERS)
    distances = term.distances(maps(1, 8, 8, 3), features, term.target(*images))
    assert [float(v) for v in distances.values()] == [0, 0]


@pytest.mark.parametrize("make", FEATURE_TERMS)
def test_equal_layers_give_the_same_sum_however_many_they_are(make):
    features, other = maps(1, 4, 4, 3), maps(1, 4, 4, 3)

    def total(count: int) -> float:
        layers = [f"layer{i}" for i in range(count)]
        term = make(1.0, layers)
        target = term.target(dict.fromkeys(layers, other), dict.fromkeys(layers, other))
        distances = term.distances(other, dict.fromkeys(layers, features), target)
        parts = term.part_weights
        assert set(parts) == set(distances)
        return sum(parts[k] * float(v) for k, v in distances.items())

    assert total(1) > 0
    assert total(2) == pytest.approx(total(1))
    assert total(7) == pytest.approx(total(1))


@pytest.mark.parametrize("make", FEATURE_TERMS)
def test_layers_weigh_the_same_unless_told(make):
    assert make(1.0, LAYERS).part_weights == {"one": 0.5, "two": 0.5}
    assert make(1.0, LAYERS, [3, 0]).part_weights == {"one": 3, "two": 0}


def test_terms_with_other_weights_are_equal_and_with_other_layers_are_not():
    term = Gram(1.0, LAYERS, [1.0, 2.0])
    for same in (Gram(5.0, tuple(LAYERS)), Gram(1.0, LAYERS, [0.0, 7.0])):
        assert same == term
        assert hash(same) == hash(term)
    for other in (Gram(1.0, ["one"]), Gram(1.0, LAYERS[::-1]), Content(1.0, LAYERS)):
        assert other != term
    assert TotalVariation(1.0) == TotalVariation(2.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Content(-1.0, LAYERS), "weight must be 0 or more, received -1.0"),
        (lambda: TotalVariation(math.nan), "weight must be 0 or more, received nan"),
        (lambda: Gram(1.0), r"layers must be named, each once, received \[\]"),
        (lambda: Gram(1.0, ["one", "one"]), r"each once, received \['one', 'one'\]"),
        (lambda: Gram(1.0, LAYERS, [1.0]), "2 layers, but 1 layer_weights"),
        (lambda: Gram(1.0, LAYERS, []), "2 layers, but 0 layer_weights"),
        (lambda: Content(1.0, LAYERS, [1, -2]), r"layer_weights must be 0 or more.* \[1, -2\]"),
        (lambda: Content(1.0, LAYERS, [1, math.nan]), "layer_weights must be 0 or more"),
    ],
)
def test_bad_arguments_are_answered(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_term_of_ones_own_needs_distances_only():
    class Brightness(Term):
        def distances(self, image, features, target):
            return {"image": tf.reduce_mean(image)}

    term = Brightness(1.0)
    distances = term.distances(maps(1, 2, 2, 3), {}, term.target({}, {}))
    assert set(term.part_weights) == set(distances)
    with pytest.raises(NotImplementedError):
        FeatureTerm(1.0, LAYERS).distances(maps(1, 2, 2, 3), {}, ())
