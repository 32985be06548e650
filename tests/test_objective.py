"""The objective: the total that is reported is the function whose gradient is used, at one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from conftest import references

from nst.features.encoder import Encoder
from nst.losses import (
    Content,
    Gram,
    References,
    SlicedWasserstein,
    Term,
    TotalVariation,
    ValueRange,
    View,
    Weights,
    gram_matrix,
    gram_sums,
    total_variation,
    weigh,
)
from nst.objective import Loss, Objective, compiled_step, used_layers

STYLE_LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1"]
Make = Callable[..., Objective]


TERMS: dict[str, Term] = {
    "content": Content(["block2_conv2", "block3_conv1"]),
    "style": Gram(STYLE_LAYERS),
    "tv": TotalVariation(),
}
WEIGHTS = {"content": 2.0, "style": 30.0, "tv": 5.0}
CONTENT_WEIGHTS = (0.3, 2.0)


def terms(*names: str) -> dict[str, Term]:
    return {name: TERMS[name] for name in names or TERMS}


@pytest.fixture(scope="module")
def content(picture) -> tf.Tensor:
    return picture(24, 32, seed=1)


@pytest.fixture(scope="module")
def style(picture) -> tf.Tensor:
    return picture(28, 20, seed=2)


@pytest.fixture(scope="module")
def iterate(picture) -> tf.Tensor:
    return picture(24, 32, seed=3)


def weights(
    named: Mapping[str, Term], shares: Sequence[float] = CONTENT_WEIGHTS, **changes: float
) -> dict[str, Weights]:
    return {
        name: weigh(term, (WEIGHTS | changes)[name], shares if name == "content" else None)
        for name, term in named.items()
    }


@pytest.fixture(scope="module")
def make(bundled, content, style) -> Make:
    """Makes an objective; one encoder, so that equal terms share a step."""

    def objective(
        named: Mapping[str, Term] = TERMS, styles: Any = None, **changes: float
    ) -> Objective:
        divisors = norms(bundled, content, style)
        pictures = [(style, 1.0)] if styles is None else styles
        weighted = weights(named, **changes)
        return Objective(Loss(bundled, named, weighted, divisors), references(content, *pictures))

    return objective


def norms(encoder: Encoder, *pictures: tf.Tensor) -> dict[str, tf.Tensor]:
    return encoder.norms(pictures, used_layers(TERMS))


def test_the_total_is_the_sum_of_weight_times_distance(
    make, bundled, content, style, iterate
) -> None:
    objective = make()
    evaluation = objective(iterate)
    matrices, layers = norms(bundled, content, style), used_layers(TERMS)
    seen, wanted, painted = (
        {k: f.numpy().astype(np.float64) @ matrices[k] for k, f in bundled(x, layers).items()}
        for x in (iterate, content, style)
    )

    def gram(features: np.ndarray) -> np.ndarray:
        return gram_matrix(gram_sums(tf.constant(features))).numpy()

    expected = {
        "content": {
            k: np.mean((seen[k] - wanted[k]) ** 2) for k in ("block2_conv2", "block3_conv1")
        },
        "style": {k: np.mean((gram(seen[k]) - gram(painted[k])) ** 2) for k in STYLE_LAYERS},
        "tv": {"image": float(total_variation(iterate))},
    }
    for name, parts in expected.items():
        assert {k: float(v) for k, v in evaluation.parts[name].items()} == pytest.approx(
            parts, rel=1e-4
        )
    total = sum(
        weight.term * weight.parts[part] * float(distance)
        for name, weight in objective.weights.items()
        for part, distance in evaluation.parts[name].items()
    )
    assert float(evaluation.total) == pytest.approx(total, rel=1e-6)
    assert objective.weights["style"].term == 30
    assert objective.weights["content"].parts == {"block2_conv2": 0.3, "block3_conv1": 2.0}


@pytest.mark.parametrize("names", [["content"], ["style"], ["tv"], ["content", "style", "tv"]])
def test_the_gradient_is_that_of_the_reported_total(names, make, iterate) -> None:
    """Directional derivatives, small enough a step for the kinks of ReLU and pooling."""
    objective = make(terms(*names))
    evaluation = objective(iterate)
    gradient = evaluation.gradient.numpy().astype(np.float64)
    random = np.random.default_rng(5).normal(size=gradient.shape)
    for direction in (
        gradient,
        gradient + np.linalg.norm(gradient) / np.linalg.norm(random) * random,
    ):
        direction = direction / np.linalg.norm(direction)
        slope = float(np.sum(gradient * direction))
        step = 2e-3 * float(evaluation.total) / slope
        ahead, behind = (
            float(
                objective(tf.constant(iterate.numpy() + sign * step * direction, tf.float32)).total
            )
            for sign in (1, -1)
        )
        assert (ahead - behind) / (2 * step) == pytest.approx(slope, rel=0.01)


def operations(objective: Objective, image: tf.Tensor) -> list[str]:
    """Kinds of all operations that an evaluation runs: those that its outputs depend on."""
    graph = tf.function(lambda x: objective(x)[:2]).get_concrete_function(image).graph
    kinds = []
    for function in graph.as_graph_def().library.function:
        nodes = {node.name: node for node in function.node_def}
        open_names, seen = list(function.ret.values()), set()
        while open_names:
            name = open_names.pop().lstrip("^").split(":")[0]
            if name in nodes and name not in seen:
                seen.add(name)
                open_names += nodes[name].input
        kinds += [nodes[name].op for name in seen]
    return kinds


def test_an_evaluation_is_one_forward_and_one_backward_pass(make, iterate) -> None:
    kinds = operations(make(), iterate)
    to_block3_conv1 = 2 + 2 + 1
    assert kinds.count("Conv2D") == to_block3_conv1
    assert kinds.count("Conv2DBackpropInput") == to_block3_conv1
    assert kinds.count("Conv2DBackpropFilter") == 0  # only the image is differentiated for
    assert kinds.count("MaxPool") == kinds.count("MaxPoolGrad") == 2


def test_without_layers_no_network_is_run(make, iterate) -> None:
    objective = make(terms("tv"), tv=2.0)
    assert operations(objective, iterate).count("Conv2D") == 0
    assert float(objective(iterate).total) == pytest.approx(2 * float(total_variation(iterate)))


def test_nothing_but_other_layers_is_traced_again(bundled_layers, content, style, picture) -> None:
    encoder = Encoder(bundled_layers)  # of its own, so that no step of another test is counted
    step = compiled_step(encoder, tuple(TERMS.items()))
    assert step.traces == 0

    def evaluate(
        content: tf.Tensor,
        styles: Sequence[tuple[tf.Tensor, float]],
        /,
        shares: Sequence[float] = (1.0, 1.0),
        **changes: float,
    ) -> float:
        named = {k: type(term)(list(term.layers)) for k, term in TERMS.items()}
        weighted, divisors = weights(named, shares, **changes), norms(encoder, content)
        objective = Objective(
            Loss(encoder, named, weighted, divisors), references(content, *styles)
        )
        total = float(objective(picture(*content.shape[1:3], seed=4)).total)
        objective.gradient_norms(content)
        assert compiled_step(encoder, tuple(named.items())).traces == step.traces
        return total

    first = evaluate(content, [(style, 1.0)])
    assert step.traces == 1
    totals = [
        evaluate(content, [(style, 1.0)], content=20.0),
        evaluate(content, [(style, 1.0)], style=0.0, tv=1e-3),
        evaluate(content, [(style, 1.0)], shares=(0.5, 0.5)),
        evaluate(picture(24, 32, seed=8), [(picture(28, 20, seed=9), 1.0)]),
        evaluate(content, [(style, 1.0), (picture(20, 20, seed=5), 2.0)]),
        evaluate(content, [(style, 1.0), (picture(20, 20, seed=5), 3.0)]),
        *(
            evaluate(picture(height, width, seed=1), [(picture(width, 17, seed=2), 1.0)])
            for height, width in ((16, 48), (31, 17), (48, 64), (1, 16))
        ),
    ]
    assert step.traces == 1
    assert len({first, *totals}) == 1 + len(totals)  # and yet nothing of it was without effect


def test_a_style_blended_with_itself_changes_nothing(make, style, iterate) -> None:
    one, twice = make(), make(styles=[(style, 1.0), (style, 3.0)])
    assert float(twice(iterate).total) == pytest.approx(float(one(iterate).total), rel=1e-6)


def test_styles_of_weight_zero_have_no_part(make, style, picture, iterate) -> None:
    other = 0.2 * picture(20, 30, seed=7)
    without, mixed = (
        make(styles=[(style, 2.0), (other, 0.0)]),
        make(styles=[(style, 1), (other, 1)]),
    )
    assert float(without(iterate).total) == pytest.approx(float(make()(iterate).total), rel=1e-6)
    assert float(mixed(iterate).total) != pytest.approx(float(make()(iterate).total), rel=1e-2)


def test_gradient_norms_are_each_terms_own(make, iterate) -> None:
    measured = make().gradient_norms(iterate)
    assert set(measured) == set(TERMS)
    alone = {name: make(terms(name))(iterate).gradient for name in TERMS}
    for name, gradient in alone.items():
        assert measured[name] == pytest.approx(float(tf.norm(gradient)), rel=1e-4)
        assert measured[name] > 0
    total = make()(iterate).gradient
    np.testing.assert_allclose(
        tf.add_n(list(alone.values())), total, atol=1e-4 * float(tf.reduce_max(total))
    )


def test_a_weight_of_zero_takes_a_term_out(make, iterate) -> None:
    without = make(style=0.0)
    evaluation, measured = without(iterate), without.gradient_norms(iterate)
    expected = make(terms("content", "tv"))(iterate)
    assert float(evaluation.total) == pytest.approx(float(expected.total), rel=1e-6)
    np.testing.assert_allclose(evaluation.gradient, expected.gradient, rtol=1e-4, atol=1e-7)
    assert measured["style"] == 0
    assert float(evaluation.parts["style"]["block1_conv1"]) > 0  # its distance is still reported


def test_at_its_targets_a_term_has_neither_value_nor_gradient(make, content) -> None:
    objective = make(terms("content"))
    evaluation = objective(content)
    assert float(evaluation.total) == pytest.approx(0, abs=1e-9)
    assert float(tf.norm(evaluation.gradient)) == pytest.approx(0, abs=1e-5)


def test_all_weights_times_a_number_are_the_total_times_it(make, iterate) -> None:
    plain, heavy = make()(iterate), make(content=2e6, style=30e6, tv=5e6)(iterate)
    assert float(heavy.total) == pytest.approx(1e6 * float(plain.total), rel=1e-5)
    rounding = 1e-6 * np.abs(heavy.gradient).max()
    np.testing.assert_allclose(heavy.gradient, 1e6 * plain.gradient, rtol=1e-3, atol=rounding)


def test_used_layers_are_named_once() -> None:
    assert used_layers(TERMS) == ("block2_conv2", "block3_conv1", "block1_conv1", "block2_conv1")


# --- weights ----------------------------------------------------------------------------------


def test_layers_weigh_the_same_unless_told() -> None:
    assert weigh(TERMS["content"], 2.0) == (2.0, {"block2_conv2": 0.5, "block3_conv1": 0.5})
    assert weigh(TERMS["content"], 2.0, [3, 0]) == (2.0, {"block2_conv2": 3, "block3_conv1": 0})
    assert weigh(TERMS["tv"], 1.0) == (1.0, {"image": 1.0})
    assert sum(weigh(Gram(list("abcdefg")), 1.0).parts.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("term", "weight", "shares", "message"),
    [
        (Content(["one"]), -1.0, None, "weight must be 0 or more, received -1.0"),
        (TotalVariation(), math.nan, None, "weight must be 0 or more, received nan"),
        (Gram(["one", "two"]), 1.0, [1.0], "2 layers, but 1 layer_weights"),
        (Gram(["one", "two"]), 1.0, [], "2 layers, but 0 layer_weights"),
        (Content(["one", "two"]), 1.0, [1, -2], r"layer_weights must be 0 or more.* \[1, -2\]"),
        (Content(["one"]), 1.0, [math.nan], "layer_weights must be 0 or more"),
    ],
)
def test_bad_weights_are_answered(term, weight, shares, message) -> None:
    with pytest.raises(ValueError, match=message):
        weigh(term, weight, shares)


def test_a_term_that_reads_a_weight_gets_no_other_runs(bundled, content, style, iterate) -> None:
    @dataclass(frozen=True)
    class Nosy(Term):
        def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
            return {"image": self.weight * tf.reduce_mean(view.image)}

    loss = Loss(bundled, {"n": Nosy()}, {"n": weigh(Nosy(), 3.0)}, {})
    objective = Objective(loss, references(content, (style, 1)))
    with pytest.raises(AttributeError, match="weight"):
        objective(iterate)


# --- what is drawn or matched anew between steps ----------------------------------------------


@dataclass(frozen=True)
class RandomPixel(Term):
    """Squared distance to a style pixel at a position that is drawn anew: no function of sums."""

    every: int = 1

    def target(self, references: References) -> Any:
        """The bank of pixels, and the one that is drawn."""
        bank = tf.reshape(references.styles[0].view.image, (-1, 3))
        return bank, bank[:1]

    def refresh(self, target: Any, view: View, seed: tf.Tensor) -> Any:
        """Draws another pixel."""
        if seed[1] % self.every != 0:
            return target
        bank, _ = target
        index = tf.random.stateless_uniform((1,), seed, 0, tf.shape(bank)[0], tf.int32)
        return bank, tf.gather(bank, index)

    def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
        """How far the mean colour is from it."""
        colour = tf.reduce_mean(view.image, (0, 1, 2))
        return {"image": tf.reduce_mean((colour - target[1][0]) ** 2)}


def drawing(bundled: Encoder, content: tf.Tensor, style: tf.Tensor, every: int = 1) -> Objective:
    terms: dict[str, Term] = {"pixel": RandomPixel(every=every), "tv": TotalVariation()}
    weighted = {name: weigh(term, 1.0) for name, term in terms.items()}
    return Objective(Loss(bundled, terms, weighted, {}), references(content, (style, 1.0)))


def test_a_refreshed_objective_is_another_function_and_the_old_one_stays(
    bundled, content, style, iterate
) -> None:
    objective = drawing(bundled, content, style)
    before = float(objective(iterate).total)
    once, again = (objective.refreshed(iterate, (5, 1)) for _ in range(2))
    other = objective.refreshed(iterate, (5, 2))
    values = [float(o(iterate).total) for o in (objective, once, again, once, other)]
    assert values[0] == before
    assert values[1] == values[2] == values[3]
    assert len({before, values[1], values[4]}) == 3
    assert objective._step.traces == 1  # new targets are new data


def test_a_refresh_that_changes_nothing_keeps_the_objective(
    bundled, content, style, iterate
) -> None:
    objective = drawing(bundled, content, style, every=2)
    assert objective.refreshed(iterate, (5, 1)) is objective
    assert objective.refreshed(iterate, (5, 2)) is not objective


def test_what_is_drawn_without_features_costs_no_pass_through_the_network(
    bundled, content, style, iterate
) -> None:
    term = SlicedWasserstein(["block1_conv1"], directions=4)
    norms = bundled.norms([content], term.layers)
    loss = Loss(bundled, {"style": term}, {"style": weigh(term, 1.0)}, norms)
    objective = Objective(loss, references(content, (style, 1.0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective._step, "view", None)  # no network is run
        assert objective.refreshed(iterate, (0, 1)) is not objective


def test_terms_that_draw_nothing_cost_nothing(make, iterate) -> None:
    objective = make()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective._step, "view", None)  # no network is run
        assert objective.refreshed(iterate, (0, 0)) is objective


# --- precision --------------------------------------------------------------------------------


def test_small_gradients_do_not_vanish_in_float16(bundled_layers, content, style, iterate) -> None:
    """A term beside one with a million times its weight: as small as in a large picture."""
    terms = {"content": Content(["block3_conv1"]), "value_range": ValueRange()}  # slope of 0 inside
    weighted = {
        "content": weigh(terms["content"], 1.0),
        "value_range": weigh(terms["value_range"], 1e6),
    }
    slopes = []
    for precision in ("float16", "float32"):
        encoder = Encoder(bundled_layers, precision=precision)
        norms = encoder.norms([content], ["block3_conv1"])
        objective = Objective(
            Loss(encoder, terms, weighted, norms), references(content, (style, 1))
        )
        slopes.append(tf.reshape(objective(iterate).gradient, [-1]).numpy())
    half, full = slopes
    assert half @ full > 0.99 * np.linalg.norm(half) * np.linalg.norm(full)
