"""L-BFGS: the recursion against dense matrices, the whole against scipy, and every way to stop."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from nst.config import compose
from nst.optimizers import LBFGS, Diverged, Evaluation, Objective
from nst.optimizers import history as module
from nst.optimizers.line_search import Trial, weak_wolfe

SHAPE = (1, 4, 5, 3)
RANDOM = np.random.default_rng(3)


def compiled(function: Callable[[tf.Tensor], tf.Tensor]) -> Objective:
    @tf.function(autograph=False)
    def objective(image: tf.Tensor) -> Evaluation:
        with tf.GradientTape() as tape:
            tape.watch(image)
            total = function(image)
        return Evaluation(total, tape.gradient(total, image))

    return objective


def quadratic(condition: float) -> Objective:
    curvature = tf.constant(np.geomspace(1, condition, 60).reshape(SHAPE), tf.float32)
    return compiled(lambda x: 0.5 * tf.reduce_sum(curvature * (x - 0.3) ** 2))


def rosenbrock(image: tf.Tensor) -> tf.Tensor:
    x = tf.reshape(image, [-1])
    return tf.reduce_sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def steep(image: tf.Tensor) -> tf.Tensor:
    return 1e8 * tf.reduce_sum((image - 0.3) ** 4) + tf.reduce_sum(image**2)


def barrier(image: tf.Tensor) -> tf.Tensor:
    """Not a number below 0."""
    return tf.reduce_sum(image - 0.05 * tf.math.log(image))


def style_transfer() -> Callable[[tf.Tensor], tf.Tensor]:
    """Content and Gram losses on fixed random features of a 12 x 16 image."""
    random = np.random.default_rng(0)
    kernels = [
        tf.constant(random.normal(0, (2 / (9 * a)) ** 0.5, (3, 3, a, 8)), tf.float32)
        for a in (3, 8)
    ]
    content, style = (tf.constant(random.uniform(size=(1, 12, 16, 3)), tf.float32) for _ in "cs")

    def features(x: tf.Tensor) -> list[tf.Tensor]:
        first = tf.nn.relu(tf.nn.conv2d(x, kernels[0], 1, "SAME"))
        return [first, tf.nn.relu(tf.nn.conv2d(first, kernels[1], 2, "SAME"))]

    def gram(f: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(f, [-1, 8])
        return tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[0], tf.float32)

    kept = features(content)[1]
    wanted = [gram(f) for f in features(style)]

    def loss(x: tf.Tensor) -> tf.Tensor:
        found = features(x)
        style_loss = sum(
            tf.reduce_mean((gram(f) - g) ** 2) for f, g in zip(found, wanted, strict=True)
        )
        return tf.reduce_mean((found[1] - kept) ** 2) + 100 * style_loss

    return loss


def run(optimizer: LBFGS, objective: Objective, evaluations: int) -> list[float]:
    """Totals at the iterates; the last is that of the iterate at the end."""
    totals = []
    while optimizer.evaluations < evaluations and optimizer.stopped is None:
        totals.append(float(optimizer.step(objective).total))
    return [*totals, float(objective(optimizer.image).total)]


def scipy_total(
    objective: Objective,
    image: np.ndarray,
    evaluations: int,
    bounds: list[tuple[float, float]] | None = None,
) -> float:
    totals = []

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        there = objective(tf.constant(x.reshape(image.shape), tf.float32))
        totals.append(float(there.total))
        return totals[-1], there.gradient.numpy().ravel().astype(float)

    options = {"maxcor": 6, "maxfun": evaluations, "maxiter": evaluations, "ftol": 0, "gtol": 0}
    scipy.optimize.minimize(
        value_and_gradient,
        image.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options=options,
    )
    return min(totals[:evaluations])


def filled(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


PROBLEMS = {
    "quadratic, condition 10": (quadratic(10), filled(0.9)),
    "quadratic, condition 1e4": (quadratic(1e4), filled(0.9)),
    "quadratic from afar": (quadratic(100), filled(1e4)),
    "Rosenbrock": (compiled(rosenbrock), np.tile([-1.2, 1], 30).reshape(SHAPE).astype(np.float32)),
    "Rosenbrock from 0": (compiled(rosenbrock), filled(0)),
    "steep": (compiled(steep), filled(0.9)),
    "barrier": (compiled(barrier), filled(0.9)),
    "style transfer": (
        compiled(style_transfer()),
        RANDOM.uniform(size=(1, 12, 16, 3)).astype(np.float32),
    ),
}


def pairs(count: int, size: int = 60) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Steps and gradient changes of a random convex quadratic."""
    root = RANDOM.normal(size=(size, size))
    steps = [RANDOM.normal(size=size) for _ in range(count)]
    return steps, [(root @ root.T / size + np.eye(size)) @ s for s in steps]


def dense_inverse_hessian(
    steps: list[np.ndarray], changes: list[np.ndarray], gamma: float
) -> np.ndarray:
    """BFGS as matrices (Nocedal and Wright, equation 6.17), in float64."""
    identity = np.eye(60)
    inverse = gamma * identity
    for s, y in zip(steps, changes, strict=True):
        left = identity - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    return inverse


def image_of(vector: np.ndarray) -> tf.Tensor:
    return tf.constant(vector.reshape(SHAPE), tf.float32)


def test_two_loop_recursion_is_the_dense_matrix() -> None:
    steps, changes = pairs(5)
    gradient = RANDOM.normal(size=60)
    weights = [1 / (s @ y) for s, y in zip(steps, changes, strict=True)]
    junk = image_of(RANDOM.normal(size=60))
    result = module.two_loop(
        image_of(gradient),
        [junk, *map(image_of, steps)],
        [junk, *map(image_of, changes)],
        tf.constant([0.0, *weights], tf.float64),  # a slot of weight 0 is passed over
        tf.constant(0.7),
    )
    expected = dense_inverse_hessian(steps, changes, 0.7) @ gradient
    np.testing.assert_allclose(np.ravel(result), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_history_keeps_the_last_pairs(count) -> None:
    steps, changes = pairs(count)
    gradient = RANDOM.normal(size=60)
    history = module.History(4)
    for s, y in zip(steps, changes, strict=True):
        history.push(image_of(s), image_of(y))
    assert len(history) == min(count, 4)
    gamma = steps[-1] @ changes[-1] / (changes[-1] @ changes[-1])
    expected = -dense_inverse_hessian(steps[-4:], changes[-4:], gamma) @ gradient
    result = history.direction(image_of(gradient))
    np.testing.assert_allclose(np.ravel(result), expected, rtol=1e-4, atol=1e-5)


def test_pairs_without_positive_curvature_are_skipped() -> None:
    history = module.History(4)
    step = image_of(RANDOM.normal(size=60))
    for change in (-step, tf.zeros_like(step), step * np.nan):
        history.push(step, change)
    assert len(history) == 0


def test_first_direction_is_a_small_step_in_pixels_whatever_the_gradient() -> None:
    for size in (1e-8, 1.0, 1e8):
        direction = module.History(4).direction(tf.fill(SHAPE, size))
        np.testing.assert_allclose(direction, filled(-module.FIRST_STEP), rtol=1e-5)


def test_dot_is_exact_enough_for_millions_of_pixels() -> None:
    a = RANDOM.uniform(size=(1, 700, 1000, 3)).astype(np.float32)
    exact = float(np.sum(a.astype(np.float64) ** 2))
    assert float(module.dot(a, a)) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_never_goes_up_and_is_as_good_as_scipy_at_equal_evaluations(problem) -> None:
    objective, image = PROBLEMS[problem]
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(image))
    totals = run(optimizer, objective, 60)
    assert np.all(np.diff(totals) <= 0)
    oracle = scipy_total(objective, image, 60)
    assert totals[-1] <= max(1.25 * oracle, oracle + 1e-9 * totals[0])


@pytest.mark.parametrize("problem", ["quadratic, condition 1e4", "style transfer"])
def test_a_step_costs_one_evaluation(problem) -> None:
    objective, image = PROBLEMS[problem]
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(image))
    for _ in range(40):
        optimizer.step(objective)
    assert optimizer.stopped is None
    assert optimizer.evaluations <= 48


@pytest.mark.parametrize("weight", [1e-6, 1e6])
def test_style_transfer_whatever_the_weights(weight) -> None:
    plain = style_transfer()
    image = PROBLEMS["style transfer"][1]
    runs = []
    for factor in (1.0, weight):
        optimizer = LBFGS(history=6, bounded=False)
        optimizer.begin(tf.constant(image))
        totals = run(optimizer, compiled(lambda x, factor=factor: factor * plain(x)), 40)
        runs.append(np.divide(totals, factor))
    # Rounding sets the two paths apart in the end; the start is the same and both get there.
    np.testing.assert_allclose(runs[1][:8], runs[0][:8], rtol=1e-3)
    assert runs[1][-1] == pytest.approx(runs[0][-1], rel=0.1)
    assert runs[0][-1] < 0.2 * runs[0][0]


def test_the_recursion_is_traced_once() -> None:
    objective, image = PROBLEMS["quadratic, condition 1e4"]
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(image))
    for _ in range(2):
        optimizer.step(objective)
    before = module._compiled_direction.experimental_get_tracing_count()
    for _ in range(10):
        optimizer.step(objective)
    assert module._compiled_direction.experimental_get_tracing_count() == before


def test_zero_gradient_is_converged_at_once() -> None:
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(filled(0.3)))
    evaluation = optimizer.step(quadratic(10))
    assert float(evaluation.total) == 0
    assert optimizer.stopped.startswith("converged")
    assert optimizer.evaluations == 1
    optimizer.step(quadratic(10))  # stays where it is, at no cost
    assert optimizer.evaluations == 1
    np.testing.assert_array_equal(optimizer.image, filled(0.3))


def test_converges_to_the_minimum_and_says_so() -> None:
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(filled(0.9)))
    run(optimizer, quadratic(100), 300)
    assert optimizer.stopped.startswith("converged")
    np.testing.assert_allclose(optimizer.image, filled(0.3), atol=1e-4)


def wall(image: tf.Tensor) -> Evaluation:
    """Higher than anything before: no step can be accepted."""
    return Evaluation(tf.constant(1e6), tf.ones_like(image))


def test_failed_search_drops_the_history_then_stops_with_a_reason() -> None:
    optimizer = LBFGS(history=6, max_evaluations=4, bounded=False)
    optimizer.begin(tf.constant(filled(0.9)))
    for _ in range(3):
        optimizer.step(quadratic(100))
    image, evaluations = optimizer.image.numpy(), optimizer.evaluations
    optimizer.step(wall)
    assert optimizer.stopped is None
    assert len(optimizer.state()["steps"]) == 0
    optimizer.step(wall)
    assert optimizer.stopped == (
        "line search failed: no decrease along the negative gradient in 4 evaluations"
    )
    assert optimizer.evaluations == evaluations + 8
    np.testing.assert_array_equal(optimizer.image, image)
    optimizer.begin(tf.constant(filled(0.9)))
    assert optimizer.stopped is None  # a new scale is a new problem


def test_not_finite_all_around_stops_and_keeps_the_image() -> None:
    def island(image: tf.Tensor) -> Evaluation:
        moved = tf.reduce_any(image != 0.5)
        return Evaluation(tf.where(moved, np.nan, 1.0), tf.ones_like(image))

    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(filled(0.5)))
    optimizer.step(island)
    assert optimizer.stopped.startswith("line search failed")
    np.testing.assert_array_equal(optimizer.image, filled(0.5))


def beyond_the_bounds() -> Objective:
    """A quadratic of 60 unequal curvatures, all coupled, minimal in part outside [0, 1]."""
    random = np.random.default_rng(5)
    root = random.normal(size=(60, 60))
    matrix = tf.constant(root @ root.T / 60 + np.diag(np.geomspace(0.1, 10, 60)), tf.float32)
    minimum = tf.constant(random.uniform(-0.5, 1.5, 60), tf.float32)

    def value(image: tf.Tensor) -> tf.Tensor:
        apart = tf.reshape(image, [-1]) - minimum
        return 0.5 * tf.tensordot(apart, tf.linalg.matvec(matrix, apart), 1)

    return compiled(value)


def test_an_objective_that_is_no_longer_finite_has_diverged() -> None:
    optimizer = LBFGS()
    optimizer.begin(tf.fill(SHAPE, 0.5))
    optimizer.step(quadratic(10))
    optimizer.objective_changed()
    with pytest.raises(Diverged, match="not finite"):
        optimizer.step(compiled(lambda x: tf.reduce_sum(x) * np.nan))
    assert np.isfinite(optimizer.image).all()


BOUNDED = {
    "quadratic": (beyond_the_bounds(), filled(0.5)),
    "Rosenbrock": (compiled(lambda x: rosenbrock(2 * x - 1.2)), filled(0.3)),  # up to 0.8
    "style transfer": PROBLEMS["style transfer"],
}


@pytest.mark.parametrize("problem", BOUNDED)
def test_within_bounds_it_never_goes_up_and_is_as_good_as_scipy(problem) -> None:
    objective, image = BOUNDED[problem]
    optimizer = LBFGS(history=6, bounded=True)
    optimizer.begin(tf.constant(image))
    totals = []
    while optimizer.evaluations < 60 and optimizer.stopped is None:
        totals.append(float(optimizer.step(objective).total))
        assert np.min(optimizer.image) >= 0
        assert np.max(optimizer.image) <= 1
    totals.append(
        float(objective(optimizer.result).total)
    )  # of what is saved, not of a clipped one
    assert np.all(np.diff(totals) <= 0)
    oracle = scipy_total(objective, image, 60, bounds=[(0, 1)] * image.size)
    assert totals[-1] <= max(1.25 * oracle, oracle + 1e-9 * totals[0])


def test_bounds_hold_where_the_minimum_lies_beyond_them() -> None:
    optimizer = LBFGS(history=6, bounded=True)
    optimizer.begin(tf.constant(filled(0.9)))
    minimum = np.where(np.arange(60).reshape(SHAPE) % 2, 1.5, 0.4).astype(np.float32)
    run(optimizer, compiled(lambda x: tf.reduce_sum((x - minimum) ** 2)), 30)
    assert optimizer.stopped.startswith("converged")
    np.testing.assert_allclose(optimizer.image, np.minimum(minimum, 1), atol=1e-4)


def test_a_start_outside_the_bounds_is_brought_inside() -> None:
    optimizer = LBFGS(bounded=True)
    optimizer.begin(tf.constant(filled(1.5)))
    np.testing.assert_array_equal(optimizer.image, filled(1))


def test_without_bounds_only_the_result_is_clipped() -> None:
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(filled(0.9)))
    run(optimizer, compiled(lambda x: tf.reduce_sum((x - 1.5) ** 2)), 30)
    np.testing.assert_allclose(optimizer.image, filled(1.5), atol=1e-4)
    np.testing.assert_array_equal(optimizer.result, filled(1))


def test_a_stopped_optimizer_is_restored_stopped() -> None:
    optimizer = LBFGS(history=6, bounded=False)
    optimizer.begin(tf.constant(filled(0.3)))
    optimizer.step(quadratic(10))
    restored = LBFGS(history=6, bounded=False)
    restored.restore(optimizer.state())
    restored.step(quadratic(10))
    assert restored.stopped == optimizer.stopped
    assert restored.evaluations == 1


def test_a_longer_history_is_refused() -> None:
    optimizer = LBFGS(history=5)
    optimizer.begin(tf.constant(filled(0.9)))
    run(optimizer, quadratic(100), 10)
    with pytest.raises(ValueError, match="history 2"):
        LBFGS(history=2).restore(optimizer.state())


def test_its_defaults_are_those_of_the_configuration() -> None:
    defaults = {name: p.default for name, p in inspect.signature(LBFGS).parameters.items()}
    configured = dict(compose(["optimizer=lbfgs"]).optimizer)
    assert configured == {"_target_": "nst.optimizers.LBFGS", **defaults}


@pytest.mark.parametrize("name", ["history", "max_evaluations"])
def test_wrong_arguments_are_answered(name) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, received 0"):
        LBFGS(**{name: 0})


def line(
    value: Callable[[float], float], slope: Callable[[float], float]
) -> tuple[Callable[[float], Trial], list[float]]:
    asked: list[float] = []

    def evaluate(step: float) -> Trial:
        asked.append(step)
        return Trial(step, value(step), slope(step))

    return evaluate, asked


def parabola(minimum: float) -> tuple[Callable[[float], Trial], list[float]]:
    return line(lambda t: (t - minimum) ** 2, lambda t: 2 * (t - minimum))


def test_line_search_takes_a_good_step_at_once() -> None:
    evaluate, asked = parabola(1.2)
    assert weak_wolfe(evaluate, evaluate(0.0), 10).step == 1.0
    assert asked == [0.0, 1.0]


def test_line_search_interpolates_back_to_the_minimum() -> None:
    evaluate, asked = parabola(0.2)
    assert weak_wolfe(evaluate, evaluate(0.0), 10).step == pytest.approx(0.2)
    assert len(asked) == 3


def test_line_search_expands_while_the_slope_is_as_steep_as_at_the_start() -> None:
    evaluate, asked = parabola(30.0)
    assert weak_wolfe(evaluate, evaluate(0.0), 10).step == 4.0
    assert asked == [0.0, 1.0, 4.0]


def test_line_search_keeps_the_best_when_the_budget_ends() -> None:
    evaluate, _ = line(lambda t: -t, lambda t: -1.0)  # endless slope: never enough curvature
    assert weak_wolfe(evaluate, evaluate(0.0), 3).step == 16.0


def test_line_search_backs_off_from_what_is_not_finite() -> None:
    evaluate, _ = line(lambda t: t * t - t if t < 0.3 else np.nan, lambda t: 2 * t - 1)
    assert 0 < weak_wolfe(evaluate, evaluate(0.0), 10).step < 0.3


def test_line_search_refuses_equal_and_higher_values() -> None:
    for rise in (0.0, 1.0):
        evaluate, asked = line(lambda t, rise=rise: rise * t, lambda t: -1.0)
        assert weak_wolfe(evaluate, evaluate(0.0), 5) is None
        assert len(asked) == 6
