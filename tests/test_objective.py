"""The objective: the total that is reported is the function whose gradient is used, at one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from nst.features.encoder import Encoder
from nst.losses import Content, Gram, Term, TotalVariation, gram_matrix, gram_sums, total_variation
from nst.objective import Objective, compiled_step, used_layers

STYLE_LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1"]
Make = Callable[..., Objective]


def terms(alpha: float = 2.0, beta: float = 30.0, tv: float = 5.0) -> dict[str, Term]:
    return {
        "content": Content(alpha, ["block2_conv2", "block3_conv1"], [0.3, 2.0]),
        "style": Gram(beta, STYLE_LAYERS),
        "tv": TotalVariation(tv),
    }


@pytest.fixture(scope="module")
def content(picture) -> tf.Tensor:
    return picture(24, 32, seed=1)


@pytest.fixture(scope="module")
def style(picture) -> tf.Tensor:
    return picture(28, 20, seed=2)


@pytest.fixture(scope="module")
def iterate(picture) -> tf.Tensor:
    return picture(24, 32, seed=3)


@pytest.fixture(scope="module")
def make(bundled, content, style) -> Make:
    """Makes an objective; one encoder, so that equal terms share a step."""

    def objective(
        named: Mapping[str, Term],
        at: tuple[tf.Tensor, tf.Tensor] = (content, style),
    ) -> Objective:
        return Objective(bundled, named, norms(bundled, content, style), *at)

    return objective


def norms(encoder: Encoder, *pictures: tf.Tensor) -> dict[str, tf.Tensor]:
    return encoder.mean_activations(pictures, used_layers(terms()))


def test_the_total_is_the_sum_of_weight_times_distance(make, bundled, content, style, iterate):
    objective = make(terms())
    evaluation = objective(iterate)
    divisors, layers = norms(bundled, content, style), used_layers(terms())
    seen, wanted, painted = (
        {k: (v / divisors[k]).numpy().astype(np.float64) for k, v in bundled(x, layers).items()}
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
        assert {k: float(v) for k, v in evaluation.layers[name].items()} == pytest.approx(
            parts, rel=1e-4
        )
    total = sum(
        weight.term * weight.parts[part] * float(distance)
        for name, weight in objective.weights.items()
        for part, distance in evaluation.layers[name].items()
    )
    assert float(evaluation.total) == pytest.approx(total, rel=1e-6)
    assert objective.weights["style"].term == 30
    assert objective.weights["content"].parts == {"block2_conv2": 0.3, "block3_conv1": 2.0}


@pytest.mark.parametrize("names", [["content"], ["style"], ["tv"], ["content", "style", "tv"]])
def test_the_gradient_is_that_of_the_reported_total(names, make, iterate):
    """Directional derivatives, small enough a step for the kinks of ReLU and pooling."""
    objective = make({name: terms()[name] for name in names})
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


def test_an_evaluation_is_one_forward_and_one_backward_pass(make, iterate):
    kinds = operations(make(terms()), iterate)
    to_block3_conv1 = 2 + 2 + 1
    assert kinds.count("Conv2D") == to_block3_conv1
    assert kinds.count("Conv2DBackpropInput") == to_block3_conv1
    assert kinds.count("Conv2DBackpropFilter") == 0  # only the image is differentiated for
    assert kinds.count("MaxPool") == kinds.count("MaxPoolGrad") == 2


def test_without_layers_no_network_is_run(make, iterate):
    objective = make({"tv": TotalVariation(2.0)})
    assert operations(objective, iterate).count("Conv2D") == 0
    assert float(objective(iterate).total) == pytest.approx(2 * float(total_variation(iterate)))


def test_nothing_but_other_layers_is_traced_again(bundled_layers, content, style, picture):
    encoder = Encoder(bundled_layers)  # of its own, so that no step of another test is counted
    step = compiled_step(encoder, tuple(terms().items()))
    assert step.traces == 0

    def evaluate(
        named: dict[str, Term], content: tf.Tensor, style: tf.Tensor, share: float
    ) -> float:
        shares = [share] * len(named["content"].layers)
        named["content"] = replace(named["content"], layer_weights=shares)
        objective = Objective(encoder, named, norms(encoder, content, style), content, style)
        total = float(objective(picture(*content.shape[1:3], seed=4)).total)
        objective.gradient_norms(content)
        assert compiled_step(encoder, tuple(named.items())).traces == step.traces
        return total

    first = evaluate(terms(), content, style, 1.0)
    assert step.traces == 1
    totals = [
        evaluate(terms(alpha=20.0), content, style, 1.0),
        evaluate(terms(beta=0.0, tv=1e-3), content, style, 1.0),
        evaluate(terms(), content, style, 0.5),
        evaluate(terms(), picture(24, 32, seed=8), picture(28, 20, seed=9), 1.0),
        *(
            evaluate(terms(), picture(height, width, seed=1), picture(width, 17, seed=2), 1.0)
            for height, width in ((16, 48), (31, 17), (48, 64), (1, 16))
        ),
    ]
    assert step.traces == 1
    assert len({first, *totals}) == 1 + len(totals)  # and yet nothing of it was without effect


def test_gradient_norms_are_each_terms_own(make, iterate):
    named = terms()
    measured = make(named).gradient_norms(iterate)
    assert set(measured) == set(named)
    alone = {name: make({name: term})(iterate).gradient for name, term in named.items()}
    for name, gradient in alone.items():
        assert measured[name] == pytest.approx(float(tf.norm(gradient)), rel=1e-4)
        assert measured[name] > 0
    total = make(named)(iterate).gradient
    np.testing.assert_allclose(
        tf.add_n(list(alone.values())), total, atol=1e-4 * float(tf.reduce_max(total))
    )


def test_a_weight_of_zero_takes_a_term_out(make, iterate):
    without = make(terms(beta=0.0))
    evaluation, measured = without(iterate), without.gradient_norms(iterate)
    expected = make({k: term for k, term in terms().items() if k != "style"})(iterate)
    assert float(evaluation.total) == pytest.approx(float(expected.total), rel=1e-6)
    np.testing.assert_allclose(evaluation.gradient, expected.gradient, rtol=1e-4, atol=1e-7)
    assert measured["style"] == 0
    assert float(evaluation.layers["style"]["block1_conv1"]) > 0  # its distance is still reported


def test_at_its_targets_a_term_has_neither_value_nor_gradient(make, content):
    objective = make({"content": terms()["content"]})
    evaluation = objective(content)
    assert float(evaluation.total) == pytest.approx(0, abs=1e-9)
    assert float(tf.norm(evaluation.gradient)) == pytest.approx(0, abs=1e-5)


def test_all_weights_times_a_number_are_the_total_times_it(make, iterate):
    plain, heavy = make(terms())(iterate), make(terms(2e6, 30e6, 5e6))(iterate)
    assert float(heavy.total) == pytest.approx(1e6 * float(plain.total), rel=1e-5)
    np.testing.assert_allclose(heavy.gradient, 1e6 * plain.gradient, rtol=1e-3, atol=1e-2)


def test_used_layers_are_named_once():
    assert used_layers(terms()) == ("block2_conv2", "block3_conv1", "block1_conv1", "block2_conv1")
