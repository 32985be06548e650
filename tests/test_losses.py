"""The mathematics of the loss, by hand, in numpy and by finite differences; and its terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from nst.losses import (
    AdditiveTerm,
    Content,
    FeatureTerm,
    Gram,
    References,
    StatisticTerm,
    Style,
    Sums,
    Term,
    TotalVariation,
    View,
    blend,
    content_distance,
    gram_distance,
    gram_matrix,
    gram_sums,
    mean,
    positions,
    total_variation,
    weighted,
)
from nst.losses.regions import divided, located

RANDOM = np.random.default_rng(3)
TWO_PIXELS = tf.constant([[[[1.0, 2, 3], [4, 5, 6]]]])
LAYERS = ["one", "two"]


@dataclass(frozen=True)
class Means(StatisticTerm):
    """A term as the README shows it to users."""

    def statistics(self, features, weights) -> tf.Tensor:
        return tf.reduce_sum(weighted(features, weights), (0, 1, 2))

    def distance(self, means, target) -> tf.Tensor:
        return tf.reduce_mean((means - target) ** 2)


STATISTIC_TERMS = [Gram, Means]
FEATURE_TERMS = [Content, *STATISTIC_TERMS]


def maps(*shape: int) -> tf.Tensor:
    """Feature maps in float64, in which finite differences are sharp."""
    return tf.constant(RANDOM.uniform(0, 2, shape))


def feature_maps() -> dict[str, tf.Tensor]:
    return {"one": maps(1, 4, 6, 2), "two": maps(1, 2, 3, 4)}


def view(features: dict[str, tf.Tensor] | None = None, **more: Any) -> View:
    return View(maps(1, 8, 8, 3), feature_maps() if features is None else features, **more)


def numbers(nest: Any) -> list[np.ndarray]:
    return [np.asarray(tensor) for tensor in tf.nest.flatten(nest)]


def assert_close(nest: Any, expected: Any) -> None:
    tf.nest.assert_same_structure(nest, expected)
    for value, wanted in zip(numbers(nest), numbers(expected), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12)


def test_gram_matrix_by_hand() -> None:
    expected = np.array([[17, 22, 27], [22, 29, 36], [27, 36, 45]]) / 2
    np.testing.assert_array_equal(gram_matrix(gram_sums(TWO_PIXELS)), expected)


def test_gram_distance_by_hand() -> None:
    gram = gram_matrix(gram_sums(TWO_PIXELS))
    target = gram + tf.constant([[3.0, 0, 0], [0, 0, 0], [0, 0, -6]])
    assert float(gram_distance(gram, target)) == (9 + 36) / 9


def test_content_distance_by_hand() -> None:
    target = tf.constant([[[[1.0, 2, 3], [4, 7, 2]]]])
    assert float(content_distance(TWO_PIXELS, target)) == pytest.approx((4 + 16) / 6)


def test_total_variation_by_hand() -> None:
    image = tf.constant([[[[0.0], [1]], [[2], [4]]]])
    assert float(total_variation(image)) == (2**2 + 3**2) / 2 + (1**2 + 2**2) / 2


def test_the_gradient_of_total_variation_is_that_of_its_slices() -> None:
    image = maps(1, 5, 7, 3)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        value = total_variation(image)
        sliced = sum(
            tf.reduce_mean((a - b) ** 2)
            for a, b in ((image[:, 1:], image[:, :-1]), (image[:, :, 1:], image[:, :, :-1]))
        )
    np.testing.assert_allclose(tape.gradient(value, image), tape.gradient(sliced, image), atol=1e-7)


@pytest.mark.parametrize(("height", "width"), [(1, 5), (5, 1), (1, 1)])
def test_total_variation_of_a_side_of_one_pixel_is_that_of_the_other(height, width) -> None:
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
def test_gram_matrix_is_numpys(height, width, channels, seed) -> None:
    features = np.random.default_rng(seed).normal(size=(1, height, width, channels))
    expected = np.einsum("byxi,byxj->ij", features, features) / (height * width)
    np.testing.assert_allclose(gram_matrix(gram_sums(tf.constant(features))), expected, atol=1e-12)


@pytest.mark.parametrize("make", FEATURE_TERMS)
@pytest.mark.parametrize("regions", [None, 2])
@pytest.mark.parametrize("cut", [1, 3, 7])
def test_sums_of_two_parts_add_up_to_those_of_the_whole(cut, regions, make) -> None:
    term, references = make(["one"]), References(view(HALVED), [Style(view(HALVED))])
    if regions is not None and make is not Content:
        references = References(view(HALVED), [Style(view(HALVED, regions=REGIONS))])
    features, shares = {"one": maps(1, 8, 5, 2)}, None if regions is None else REGIONS

    def sums(part: slice) -> dict[str, Any]:
        target = term.target(references)
        if make is Content:
            target = {k: v[:, part] for k, v in target.items()}
        weights = shares and {k: v[:, part] for k, v in shares.items()}
        cut_out = {k: v[:, part] for k, v in features.items()}
        return term.sums(View(maps(1, 8, 8, 3), cut_out, weights), target)

    upper, lower, whole = sums(slice(cut)), sums(slice(cut, None)), sums(slice(None))
    added = tf.nest.map_structure(tf.add, upper, lower)
    assert_close(added, whole)
    target = term.target(references)
    assert_close(
        term.compare(added, target),
        term.distances(View(maps(1, 8, 8, 3), features, shares), target),
    )


def test_total_variations_pairs_across_a_cut_belong_to_the_shared_line() -> None:
    image, term = maps(1, 8, 5, 3), TotalVariation()

    def vertical(part: tf.Tensor) -> Sums:
        return term.sums(View(part, {}), ())["image"][0]

    added = tf.nest.map_structure(tf.add, vertical(image[:, :4]), vertical(image[:, 3:]))
    assert_close(added, vertical(image))


def test_the_mean_of_nothing_is_zero() -> None:
    assert float(mean(Sums(tf.constant(0.0), tf.constant(0.0)))) == 0


def test_the_size_of_an_image_does_not_change_a_value() -> None:
    features, target = maps(1, 4, 5, 3), maps(1, 4, 5, 3)
    tiled, tiled_target = (tf.tile(x, [1, 3, 2, 1]) for x in (features, target))
    style = gram_matrix(gram_sums(target))
    assert float(content_distance(tiled, tiled_target)) == pytest.approx(
        float(content_distance(features, target))
    )
    assert float(gram_distance(gram_matrix(gram_sums(tiled)), style)) == pytest.approx(
        float(gram_distance(gram_matrix(gram_sums(features)), style))
    )
    fine, coarse = (
        tf.constant(np.tile([[0.0, 1], [1, 0]], (n, n))[None, ..., None]) for n in (9, 2)
    )
    assert float(total_variation(fine)) == float(total_variation(coarse)) == 2


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_values_have_the_type_of_the_features(dtype) -> None:
    features = tf.cast(maps(1, 4, 5, 3), dtype)
    gram = gram_matrix(gram_sums(features))
    values = [
        content_distance(features, 2 * features),
        gram_distance(gram, 2 * gram),
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
        lambda x: gram_distance(gram_matrix(gram_sums(x)), gram_matrix(gram_sums(TARGET))),
        lambda x: tf.reduce_sum(ASYMMETRIC * gram_sums(x).total),
        lambda x: tf.reduce_sum(ASYMMETRIC * gram_matrix(gram_sums(x, WEIGHTS))),
        total_variation,
    ],
    ids=["content", "gram", "products", "weighted products", "total variation"],
)
def test_finite_differences_confirm_the_gradient(function) -> None:
    assert_gradient(function, maps(1, 4, 3, 3))


TARGET = maps(1, 4, 3, 3)
WEIGHTS = maps(1, 4, 3, 1)
ASYMMETRIC = tf.reshape(tf.range(9, dtype=tf.float64), (3, 3))
HALVED = {"one": maps(1, 8, 5, 2)}
REGIONS = {"one": maps(1, 8, 5, 2)}


def regions(count: int) -> dict[str, tf.Tensor]:
    return {"one": maps(1, 4, 6, count), "two": maps(1, 2, 3, count)}


@pytest.mark.parametrize(
    ("make", "count"), [*((t, 0) for t in FEATURE_TERMS), (Gram, 2), (Means, 2)]
)
def test_finite_differences_confirm_the_gradient_of_whole_terms(make, count) -> None:
    term, weights = make(LAYERS), regions(count) if count else None
    styles = [Style(view(regions=weights), 1.0), Style(view(regions=weights), 3.0)]
    target = term.target(References(view(), styles))
    features = feature_maps()

    def value(varied: tf.Tensor, layer: str) -> tf.Tensor:
        seen = view(features | {layer: varied}, regions=weights)
        return tf.add_n(list(term.distances(seen, target).values()))

    for layer in LAYERS:
        assert_gradient(lambda x, layer=layer: value(x, layer), features[layer])


def test_finite_differences_confirm_the_gradient_of_the_total_variation_term() -> None:
    assert_gradient(
        lambda x: TotalVariation().distances(View(x, {}), ())["image"], maps(1, 4, 3, 3)
    )


def test_terms_are_their_pure_functions() -> None:
    content, style, iterate = view(), view(), view()
    for term, expected in {
        Content(LAYERS): {
            k: content_distance(iterate.features[k], content.features[k]) for k in LAYERS
        },
        Gram(LAYERS): {
            k: gram_distance(*(gram_matrix(gram_sums(v.features[k])) for v in (iterate, style)))
            for k in LAYERS
        },
        TotalVariation(): {"image": total_variation(iterate.image)},
    }.items():
        distances = term.distances(iterate, term.target(References(content, [Style(style)])))
        assert {k: float(v) for k, v in distances.items()} == {
            k: float(v) for k, v in expected.items()
        }


@pytest.mark.parametrize("make", FEATURE_TERMS)
def test_a_term_is_zero_at_its_own_target(make) -> None:
    same, other = view(), view()
    references = References(
        *((same, [Style(other)]) if make is Content else (other, [Style(same)]))
    )
    term = make(LAYERS)
    distances = term.distances(same, term.target(references))
    assert [float(v) for v in distances.values()] == [0, 0]
    assert max(map(float, term.distances(other, term.target(references)).values())) > 0


# --- several styles, and regions --------------------------------------------------------------


def by_hand(features: tf.Tensor, weights: tf.Tensor, make: type[StatisticTerm]) -> np.ndarray:
    f, w = np.reshape(features, (-1, features.shape[-1])), np.reshape(weights, (-1, 1))
    return (w * f).T @ f / w.sum() if make is Gram else (w * f).sum(0) / w.sum()


@pytest.mark.parametrize("make", STATISTIC_TERMS)
@pytest.mark.parametrize("weights", [(1.0, 3.0), (0.2, 0.6), (5.0, 0.0)])
def test_two_styles_are_blended_as_the_weighted_mean_of_their_statistics(weights, make) -> None:
    one, other, term = (
        view(),
        view({"one": maps(1, 7, 3, 2), "two": maps(1, 5, 5, 4)}),
        make(LAYERS),
    )

    def target(*styles: Style) -> Any:
        return term.target(References(view(), styles))

    share = weights[0] / sum(weights)
    expected = tf.nest.map_structure(
        lambda a, b: share * a + (1 - share) * b, target(Style(one)), target(Style(other))
    )
    blended = target(Style(one, weights[0]), Style(other, weights[1]))
    for value, wanted in zip(numbers(blended), numbers(expected), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-6)  # weights are float32


@pytest.mark.parametrize("make", STATISTIC_TERMS)
def test_a_style_blended_with_itself_changes_nothing(make) -> None:
    style, term = view(), make(LAYERS)
    alone = term.target(References(view(), [Style(style)]))
    twice = term.target(References(view(), [Style(style, 1.0), Style(style, 3.0)]))
    assert_close(twice, alone)


@pytest.mark.parametrize("make", STATISTIC_TERMS)
def test_weights_of_ones_are_no_weights(make) -> None:
    term, features, wanted = make(LAYERS), feature_maps(), feature_maps()
    ones = {k: tf.ones_like(v[..., :1]) for k, v in features.items()}

    def distances(weights: dict[str, tf.Tensor] | None) -> Any:
        styles = [Style(view(wanted, regions=weights))]
        target = term.target(References(view(), styles))
        return term.distances(view(features, regions=weights), target)

    assert_close(distances(ones), distances(None))


@pytest.mark.parametrize("make", STATISTIC_TERMS)
def test_each_region_is_compared_with_the_same_one_of_the_style(make) -> None:
    term, of_style, of_iterate = make(["one"]), regions(2), regions(2)
    style, iterate = view(regions=of_style), view(regions=of_iterate)
    distances = term.distances(iterate, term.target(References(view(), [Style(style)])))
    expected = np.sum(
        [
            (np.sum(of_iterate["one"][..., r]) / 24)  # its share of the positions
            * np.mean(
                (
                    by_hand(iterate.features["one"], of_iterate["one"][..., r], make)
                    - by_hand(style.features["one"], of_style["one"][..., r], make)
                )
                ** 2
            )
            for r in range(2)
        ]
    )
    assert float(distances["one"]) == pytest.approx(expected)


def test_only_ratios_of_weights_matter_in_a_blend() -> None:
    values = [{"a": tf.constant(1.0)}, {"a": tf.constant(4.0)}]
    assert float(blend(values, [2, 1])["a"]) == float(blend(values, [200.0, 100.0])["a"]) == 2


# --- what a term promises ---------------------------------------------------------------------


def test_terms_with_other_layers_are_not_equal() -> None:
    term = Gram(LAYERS)
    assert Gram(tuple(LAYERS)) == term
    assert hash(Gram(tuple(LAYERS))) == hash(term)
    for other in (Gram(["one"]), Gram(LAYERS[::-1]), Content(LAYERS), Means(LAYERS)):
        assert other != term
    assert TotalVariation() == TotalVariation()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gram(), "layers: name at least one"),
        (lambda: Gram(["one", "one"]), r"named once each, received \['one', 'one'\]"),
    ],
)
def test_bad_layers_are_answered(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@dataclass(frozen=True)
class Patches(FeatureTerm):
    """A term of a user's own, with options as YAML gives them."""

    sizes: Any = ()
    stride: int = 1


def test_a_term_is_hashable_whatever_lists_its_options_are() -> None:
    term = Patches(["one"], [[3, 3], [5, 5]])
    assert term.sizes == ((3, 3), (5, 5))
    assert hash(term) == hash(Patches(("one",), ((3, 3), (5, 5))))
    assert term == Patches(("one",), ((3, 3), (5, 5)))
    assert term != Patches(["one"], [[3, 3], [5, 6]])
    assert term != Patches(["one"], [[3, 3], [5, 5]], stride=2)


@pytest.mark.parametrize("name", ["weight", "layer_weights"])
def test_a_term_cannot_have_weights_of_its_own(name) -> None:
    heavy = make_dataclass("Heavy", [(name, Any, 1.0)], bases=(Term,), frozen=True)
    with pytest.raises(ValueError, match=f"Heavy: remove the option {name}: weights are applied"):
        heavy()


def test_a_term_of_ones_own_needs_distances_only() -> None:
    class Brightness(Term):
        def distances(self, view, target) -> dict[str, tf.Tensor]:
            return {"image": tf.reduce_mean(view.image)}

    term, target = Brightness(), Brightness().target(References(view(), [Style(view())]))
    assert set(term.parts) == set(term.distances(view(), target))
    assert term.refresh(target, view(), tf.constant([0, 0])) is target
    for unfinished in (FeatureTerm(LAYERS), AdditiveTerm()):
        with pytest.raises(NotImplementedError):
            unfinished.distances(view(), ())


def test_positions_are_counted_by_their_weight() -> None:
    features = maps(1, 4, 6, 3)
    assert float(positions(features)) == 24
    assert float(positions(features, tf.fill((1, 4, 6, 1), 0.5))) == 12


def test_sums_over_divided_positions_are_those_with_the_weights_of_all() -> None:
    features = tf.constant(RANDOM.random((1, 5, 7, 3)), tf.float64)
    weights = RANDOM.random((1, 5, 7, 3)) * (RANDOM.random((1, 5, 7, 3)) > 0.4)
    weights[..., 2] = 0  # a tile may have nothing of a region
    regions = tf.constant(weights, tf.float64)

    def value(parts: Any) -> tf.Tensor:
        return tf.add_n([tf.reduce_sum(tf.sin(gram_sums(*part).total)) for part in parts])

    values, gradients = [], []
    for by_region in (
        lambda f, r: divided(f, located(r)),
        lambda f, r: [(f, w) for w in tf.split(r, 3, -1)],
    ):
        with tf.GradientTape() as tape:
            tape.watch(features)
            values.append(value(by_region(features, regions)))
        gradients.append(tape.gradient(values[-1], features))
    np.testing.assert_allclose(*values)
    np.testing.assert_allclose(*gradients, rtol=1e-9)
