"""Terms that match positions or compare pixels: gradients, equality, any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from terms import compile_once, dying

from nst.features.encoder import Encoder
from nst.losses import (
    MRF,
    Contextual,
    Edges,
    FeatureSplitting,
    Laplacian,
    NearestNeighbour,
    References,
    RelaxedTransport,
    SelfSimilarity,
    Style,
    Term,
    ValueRange,
    View,
)
from nst.losses.rows import grid, nearest, patches
from nst.losses.transport import Costs, relaxed_transport

LAYERS = ("block1_conv1", "block2_conv1")
TERMS: dict[str, Term] = {
    "nearest_neighbour": NearestNeighbour(LAYERS, cell=1),
    "feature_splitting": FeatureSplitting(LAYERS),
    "mrf": MRF(LAYERS),
    "relaxed_transport": RelaxedTransport(LAYERS),
    "contextual": Contextual(LAYERS),
    "self_similarity": SelfSimilarity(LAYERS),
    "laplacian": Laplacian(pool=2),
    "edges": Edges(),
    "value_range": ValueRange(),
}
SEED = tf.constant([1, 2], tf.int64)


def view(height: int, width: int, seed: int, dtype: str = "float64") -> View:
    random = np.random.default_rng(seed)
    shapes = {LAYERS[0]: (height, width, 3), LAYERS[1]: (-(-height // 2), -(-width // 2), 4)}
    features = {k: tf.constant(random.random((1, *s)), dtype) for k, s in shapes.items()}
    return View(tf.constant(random.random((1, height, width, 3)) * 1.5, dtype), features)


def bound(term: Term, seen: View, style: View) -> Any:
    target = term.target(
        References(view(*seen.image.shape[1:3], 5, seen.image.dtype), [Style(style)])
    )
    return term.refresh(target, seen, SEED)


def total(term: Term, seen: View, target: Any) -> tf.Tensor:
    return tf.add_n(list(term.distances(seen, target).values()))


@pytest.mark.parametrize("name", TERMS)
def test_its_gradient_is_that_of_finite_differences(name: str) -> None:
    term, seen, style = TERMS[name], view(6, 5, 1), view(7, 6, 2)
    target = bound(term, seen, style)
    inputs = {"image": seen.image, **seen.features}

    def loss(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        features = {k: inputs[k] for k in LAYERS}
        return total(term, View(inputs["image"], features), target)

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss(inputs)
    gradient = tape.gradient(value, inputs, unconnected_gradients="zero")
    assert any(np.any(g != 0) for g in gradient.values())
    for key, x in inputs.items():
        step = np.random.default_rng(3).normal(size=x.shape) * 1e-7
        ends = [float(loss({**inputs, key: x + sign * step})) for sign in (1, -1)]
        expected = float(tf.reduce_sum(gradient[key] * step))
        assert (ends[0] - ends[1]) / 2 == pytest.approx(expected, rel=2e-3, abs=1e-12)


@pytest.mark.parametrize(
    "name", [n for n in TERMS if n not in ("nearest_neighbour", "value_range")]
)
def test_it_is_zero_at_equality(name: str) -> None:
    term, same = TERMS[name], view(6, 5, 1)
    target = term.refresh(term.target(References(same, [Style(same)])), same, SEED)
    assert abs(float(total(term, same, target))) < 1e-5


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("whole", [False, True], ids=["a channel", "a layer"])
def test_what_is_dead_in_the_picture_has_a_gradient_of_numbers(name: str, whole: bool) -> None:
    seen, style = dying(view(9, 8, 1, "float32"), whole), view(7, 6, 2, "float32")
    for wanted in (style, dying(style, whole)):
        inputs = {"image": seen.image, **seen.features}
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = total(TERMS[name], seen, bound(TERMS[name], seen, wanted))
        gradients = [g for g in tape.gradient(value, inputs).values() if g is not None]
        assert all(np.isfinite(g).all() for g in [value, *gradients])


def test_values_by_hand() -> None:
    costs = tf.constant([[1.0, 2.0], [3.0, 0.0], [5.0, 4.0]])
    rows, target = tf.range(3)[:, None], tf.range(2)[:, None]
    lookup = Costs(lambda a, b: costs, lambda a, b: tf.gather_nd(costs, tf.concat([a, b], -1)))
    assert float(relaxed_transport(rows, target, lookup)) == pytest.approx((1 + 0 + 4) / 3)
    assert patches(tf.reshape(tf.range(12.0), [1, 3, 4, 1]), grid(tf.constant([3, 4]), 12), 3)[
        5
    ].numpy().tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    keys = tf.constant([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert nearest(tf.constant([[0.1, 2.0], [-3.0, 1.0]]), keys).numpy().tolist() == [1, 2]
    everything, some = grid(tf.constant([2, 3]), 100), grid(tf.constant([20, 30]), 6)
    assert everything.rows.numpy().tolist() == [0, 1]
    assert everything.columns.numpy().tolist() == [0, 1, 2]
    assert (len(some.rows), len(some.columns)) == (2, 3)
    outside = View(tf.constant([[[[-0.5, 0.5, 2.0]]]]), {})
    assert float(total(ValueRange(), outside, ())) == pytest.approx((0.25 + 0 + 1) / 3)


def test_all_compile_into_one_step_for_any_size(
    bundled: Encoder, picture: Callable[..., tf.Tensor]
) -> None:
    compile_once(TERMS, bundled, picture)


def test_chunks_find_what_one_product_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    queries, keys = (tf.constant(random.normal(size=(n, 3))) for n in (23, 5))
    at_once = nearest(queries, keys).numpy()
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries.numpy(), keys.numpy())]
    assert (at_once == (unit[0] @ unit[1].T).argmax(1)).all()
    for entries in (1, 17, 60):
        monkeypatch.setattr("nst.losses.rows.CHUNK", entries)
        assert (nearest(queries, keys).numpy() == at_once).all()
