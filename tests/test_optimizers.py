"""The promises of the optimizer protocol, held by every optimizer; our rules against Keras'."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import saved_and_loaded

from nst.optimizers import LBFGS, Diverged, Evaluation, FirstOrder, Optimizer
from nst.optimizers.first_order import by_name
from nst.optimizers.iterate import compiled
from nst.optimizers.keras import Keras, keras_optimizers
from nst.optimizers.rules import SGD, Adam

KERAS = sorted(keras_optimizers())
EVERY = [*KERAS, "Adam, levels", "Adafactor, levels", "LBFGS", "LBFGS, bounded"]


@tf.function(autograph=False)
def quadratic(image: tf.Tensor, weight: tf.Tensor) -> Evaluation:
    ramp = tf.reshape(tf.linspace(0.0, 1.0, tf.size(image)), tf.shape(image))
    difference = image - (0.2 + 0.5 * ramp)
    gradient = weight * (1 + 9 * ramp) * difference
    return Evaluation(0.5 * tf.reduce_sum(gradient * difference), gradient, {"layer": ramp})


class Quadratic:
    """0.5 * weight * sum of h (x - c)^2 at any image size; counts its calls."""

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = tf.constant(weight)
        self.calls = 0

    def __call__(self, image: tf.Tensor) -> Evaluation:
        self.calls += 1
        return quadratic(image, self.weight)


def make(name: str) -> Optimizer:
    if name.startswith("LBFGS"):
        return LBFGS(history=3, bounded="bounded" in name)
    name, _, levels = name.partition(", ")
    return FirstOrder(name, 0.03, average=0.9, levels=3 if levels else 1, growth=1.5)


def start(height: int = 4, width: int = 5) -> tf.Tensor:
    return tf.constant(np.random.default_rng(7).uniform(0.7, 1, (1, height, width, 3)), tf.float32)


def take(optimizer: Optimizer, objective: Callable[[tf.Tensor], Evaluation], count: int) -> bytes:
    for _ in range(count):
        optimizer.step(objective)
    return optimizer.image.numpy().tobytes() + optimizer.result.numpy().tobytes()


@pytest.mark.parametrize("name", EVERY)
def test_goes_down_counts_and_traces_once(name) -> None:
    optimizer, objective, oracle = make(name), Quadratic(), Quadratic()
    optimizer.begin(start())
    assert optimizer.image.numpy().tobytes() == start().numpy().tobytes()
    np.testing.assert_array_equal(optimizer.result, start())
    totals = []
    traces = [quadratic.experimental_get_tracing_count()]
    for _ in range(6):
        before = optimizer.image
        kept = before.numpy().copy()
        evaluation = optimizer.step(objective)
        np.testing.assert_array_equal(before, kept)  # what was handed out does not move
        expected = oracle(before)
        np.testing.assert_array_equal(evaluation.total, expected.total)
        np.testing.assert_array_equal(evaluation.gradient, expected.gradient)
        totals.append(float(evaluation.total))
        traces.append(quadratic.experimental_get_tracing_count())
    assert totals[-1] < totals[0]
    assert optimizer.evaluations == objective.calls
    assert traces[-1] == traces[1] <= traces[0] + 1  # the first step traces, if any
    assert set(evaluation.parts) == {"layer"}
    assert np.min(optimizer.result) >= 0
    assert np.max(optimizer.result) <= 1


@pytest.mark.parametrize("name", EVERY)
def test_resumed_equals_uninterrupted_over_two_scales(name) -> None:
    objective = Quadratic()
    whole = make(name)
    whole.begin(start())
    take(whole, objective, 2)
    whole.begin(start(6, 7))
    take(whole, objective, 2)
    state = saved_and_loaded(whole.state())

    resumed = make(name)
    resumed.restore(state)
    assert resumed.evaluations == whole.evaluations
    assert take(resumed, objective, 3) == take(whole, objective, 3)
    assert resumed.evaluations == whole.evaluations
    for key, value in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[key], value, err_msg=key)


@pytest.mark.parametrize("name", ["Adam", "Adafactor", "LBFGS"])
@pytest.mark.parametrize("size", [(8, 10), (3, 4), (4, 5)])
def test_a_new_scale_goes_on_downhill(name, size) -> None:
    optimizer, objective = make(name), Quadratic()
    optimizer.begin(start())
    take(optimizer, objective, 4)
    evaluations = optimizer.evaluations
    optimizer.begin(start(*size))
    assert optimizer.evaluations == evaluations
    np.testing.assert_array_equal(optimizer.result, start(*size))
    first = float(optimizer.step(objective).total)
    take(optimizer, objective, 4)
    assert optimizer.image.shape == (1, *size, 3)
    assert float(optimizer.step(objective).total) < first
    assert optimizer.evaluations == objective.calls


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adafactor", "LBFGS"])
def test_the_scale_of_the_weights_does_not_matter(name) -> None:
    images, plain = {}, Quadratic()
    for weight in (1.0, 2.0**-20, 1e6):
        optimizer = make(name)
        optimizer.begin(start())
        objective = Quadratic(weight)
        total = optimizer.step(objective).total  # reported as it is, not in the inner unit
        assert float(total) == pytest.approx(weight * float(plain(start()).total), rel=1e-5)
        take(optimizer, objective, 3)
        images[weight] = optimizer.image.numpy()
    np.testing.assert_array_equal(images[2.0**-20], images[1.0])  # powers of 2 round nothing
    np.testing.assert_allclose(images[1e6], images[1.0], atol=1e-4)


@pytest.mark.parametrize("name", ["SGD", "Adam", "LBFGS"])
@pytest.mark.parametrize("broken", ["total", "gradient"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_at_the_iterate_is_said_and_keeps_the_image(name, broken, value) -> None:
    def objective(image: tf.Tensor) -> Evaluation:
        evaluation = Quadratic()(image)
        return evaluation._replace(**{broken: getattr(evaluation, broken) * value})

    optimizer = make(name)
    optimizer.begin(start())
    if name != "LBFGS":
        take(optimizer, Quadratic(), 2)
    before = optimizer.image.numpy()
    with pytest.raises(Diverged, match="not finite"):
        optimizer.step(objective)
    np.testing.assert_array_equal(optimizer.image, before)
    assert np.all(np.isfinite(optimizer.result))


def test_an_update_that_is_not_finite_keeps_the_image() -> None:
    optimizer = FirstOrder("Adam", 0.1, options={"epsilon": 0.0})
    optimizer.begin(start())

    def one_pixel(image: tf.Tensor) -> Evaluation:  # elsewhere Adam divides 0 by 0
        gradient = tf.one_hot(3, 60)
        return Evaluation(tf.reduce_sum(image), tf.reshape(gradient, image.shape))

    with pytest.raises(Diverged, match="update of Adam"):
        optimizer.step(one_pixel)
    np.testing.assert_array_equal(optimizer.image, start())
    np.testing.assert_array_equal(optimizer.result, start())


# With loss 0.5 sum x^2 from x = 0.6 the unit is 0.6, so the optimizer sees gradients x / 0.6.
CONSTANTS = [
    ("SGD", {}, [0.5, 0.41666667, 0.34722222]),
    ("sgd", {"momentum": 0.5}, [0.5, 0.36666667, 0.23888889]),
    ("Adam", {}, [0.5, 0.40088271, 0.30354166]),
    ("adam", {"beta_1": 0.0, "beta_2": 0.0}, [0.5, 0.4, 0.3]),
]


@pytest.mark.parametrize(("name", "options", "expected"), CONSTANTS)
@pytest.mark.parametrize("weight", [1.0, 1e-6])
def test_three_steps_by_hand(name, options, expected, weight) -> None:
    def objective(x: tf.Tensor) -> Evaluation:
        return Evaluation(0.5 * weight * tf.reduce_sum(x * x), weight * x)

    optimizer = FirstOrder(name, 0.1, options=options)
    optimizer.begin(tf.fill([1, 2, 2, 3], 0.6))
    for count, value in enumerate(expected):
        optimizer.step(objective)
        np.testing.assert_allclose(optimizer.image, np.full((1, 2, 2, 3), value), atol=5e-6)
        measured = optimizer.image if count else tf.fill([1, 2, 2, 3], 0.6)  # as better than it
        np.testing.assert_array_equal(optimizer.result, measured)  # average is off


def slope(image: tf.Tensor) -> Evaluation:
    return Evaluation(7 * tf.reduce_sum(image), tf.fill(image.shape, 7.0))


def test_the_step_grows_from_level_to_level() -> None:
    optimizer = FirstOrder("SGD", 0.05, levels=3, growth=2.0)
    optimizer.begin(tf.fill([1, 8, 4, 3], 0.5))
    take(optimizer, slope, 1)  # every level goes down, by 0.05, 0.1 and 0.2
    np.testing.assert_allclose(optimizer.image, np.full((1, 8, 4, 3), 0.15), atol=1e-6)


def test_coarse_levels_paint_an_area_in_one_stroke() -> None:
    """What alternates from pixel to pixel cancels out there; what pixels have in common adds up."""
    optimizer = FirstOrder("SGD", 0.01, levels=2, growth=10.0)
    checkerboard = tf.constant(np.indices((8, 8)).sum(0) % 2 * 2.0 - 1.0, tf.float32)
    gradient = checkerboard[None, :, :, None] + 0.2 * tf.ones([1, 8, 8, 3])
    optimizer.begin(tf.fill([1, 8, 8, 3], 0.5))
    optimizer.step(lambda image: Evaluation(tf.reduce_sum(gradient * image), gradient))
    moved = 0.5 - optimizer.image.numpy()
    assert moved.mean() > 2 * moved.std()  # in the gradient the checkerboard is five times as large


def flat(image: tf.Tensor) -> Evaluation:
    return Evaluation(tf.constant(1.0), tf.zeros_like(image))


def test_running_mean_is_bias_corrected_and_restarts_with_the_scale() -> None:
    optimizer = FirstOrder("SGD", 0.1, average=0.5)
    optimizer.begin(tf.fill([1, 2, 2, 3], 0.5))
    optimizer.step(slope)  # its result is not yet known to be better than the start
    for expected in ((0.4 + 2 * 0.3) / 3, (0.4 + 2 * 0.3 + 4 * 0.2) / 7):
        optimizer.step(slope)
        np.testing.assert_allclose(optimizer.result, np.full((1, 2, 2, 3), expected), atol=1e-6)
    optimizer.begin(tf.fill([1, 2, 2, 3], 0.5))
    take(optimizer, slope, 1)
    optimizer.finish(slope)
    np.testing.assert_allclose(optimizer.result, np.full((1, 2, 2, 3), 0.4), atol=1e-6)


def test_the_image_stays_in_the_box() -> None:
    optimizer = FirstOrder("SGD", 5.0)
    optimizer.begin(start())
    take(optimizer, slope, 1)
    np.testing.assert_array_equal(optimizer.image, np.zeros((1, 4, 5, 3)))


def test_no_gradient_at_first_leaves_the_unit_to_the_next_step() -> None:
    optimizer = FirstOrder("SGD", 0.1)
    optimizer.begin(tf.fill([1, 2, 2, 3], 0.5))
    take(optimizer, flat, 1)
    take(optimizer, slope, 1)
    np.testing.assert_allclose(optimizer.image, np.full((1, 2, 2, 3), 0.4), atol=1e-6)


def test_a_new_scale_keeps_the_unit_per_pixel() -> None:
    """A mean over twice the pixels has half the gradient in each: the same step comes out."""

    def mean(image: tf.Tensor) -> Evaluation:
        return Evaluation(tf.reduce_mean(image), tf.ones_like(image) / float(tf.size(image)))

    optimizer = FirstOrder("SGD", 0.1)
    for size in ([1, 2, 2, 3], [1, 4, 6, 3]):
        optimizer.begin(tf.fill(size, 0.5))
        take(optimizer, mean, 1)
        np.testing.assert_allclose(optimizer.image, np.full(size, 0.4), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 10), (3, 4)])
def test_moments_follow_the_image_to_its_size(size) -> None:
    optimizer = FirstOrder("Adam", 0.03)
    optimizer.begin(start())
    take(optimizer, Quadratic(), 3)
    old = optimizer.state()
    optimizer.begin(start(*size))
    new = optimizer.state()
    slots = [key for key in old if key.startswith("moments") and old[key].ndim == 4]
    assert len(slots) == 2
    for key in slots:
        assert new[key].shape == (1, *size, 3)
        assert new[key].mean() == pytest.approx(old[key].mean(), rel=0.2)
        assert old[key].min() <= new[key].min() <= new[key].max() <= old[key].max()
    assert new["moments_00"] == new["evaluations"] == 3


def test_one_trace_serves_every_size_and_setting_in_all_runs() -> None:
    images = []
    for rate, average, beta_1 in ((0.03, 0.9, 0.5), (0.1, 0.0, 0.9)):
        optimizer = FirstOrder("Adam", rate, average, levels=2, options={"beta_1": beta_1})
        for size in ((4, 5), (6, 7), (9, 2)):
            optimizer.begin(start(*size))
            take(optimizer, Quadratic(), 3)
        images.append(optimizer.image.numpy())
    assert compiled(Adam, 2).experimental_get_tracing_count() == 1
    assert not np.array_equal(*images)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Nadam", "Adafactor, levels", "LBFGS"])
def test_a_run_of_a_new_size_leaves_no_graph_behind(name) -> None:
    def left(size: int) -> int:
        optimizer = make(name)
        optimizer.begin(start(size, size))
        take(optimizer, lambda image: quadratic.python_function(image, 1.0), 2)
        del optimizer
        gc.collect()
        return sum(isinstance(kept, tf.Graph) for kept in gc.get_objects())

    left(11)
    assert left(12) == left(13) == left(14)


def test_runs_that_share_an_update_do_not_touch_each_other() -> None:
    alone, one, other = (FirstOrder("Adam", rate) for rate in (0.03, 0.03, 0.2))
    for optimizer in (alone, one, other):
        optimizer.begin(start())
    take(alone, Quadratic(), 4)
    for _ in range(4):
        take(one, Quadratic(), 1)
        take(other, Quadratic(), 1)
    np.testing.assert_array_equal(one.image, alone.image)
    assert not np.array_equal(other.image, alone.image)


@pytest.mark.parametrize("name", ["Adam, levels", "SGD", "RMSprop", "LBFGS"])
def test_runs_in_two_threads_end_as_one_after_the_other(name) -> None:
    starts = [start(20, 30), 1 - start(20, 30)]

    def run(image: tf.Tensor) -> bytes:
        optimizer = make(name)
        optimizer.begin(image)
        return take(optimizer, Quadratic(), 30)

    serial = [run(image) for image in starts]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            assert list(pool.map(run, starts)) == serial


RULES = [
    ("Adam", {}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.003}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
]


@pytest.mark.parametrize(("name", "options"), RULES)
def test_our_rules_take_the_steps_of_keras(name, options) -> None:
    rule, oracle = by_name(name, options), getattr(keras.optimizers, name)(0.03, **options)
    assert isinstance(rule, (Adam, SGD))
    levels = [start(4, 5), start(2, 3)]
    variables, state, random = (
        [tf.Variable(x) for x in levels],
        rule.init(levels),
        np.random.default_rng(0),
    )
    for _ in range(30):
        gradients = [tf.constant(random.normal(size=x.shape), tf.float32) for x in levels]
        oracle.apply(gradients, variables)
        steps, state = rule.update(gradients, state, levels, tf.constant(0.03))
        levels = [level + step for level, step in zip(levels, steps, strict=True)]
        for level, variable in zip(levels, variables, strict=True):
            np.testing.assert_allclose(level, variable, atol=3e-6)


def test_an_option_that_only_keras_has_is_left_to_keras() -> None:
    optimizer = FirstOrder("Adam", 0.03, options={"amsgrad": True})
    optimizer.begin(start())
    take(optimizer, Quadratic(), 2)
    assert isinstance(by_name("adam", {"amsgrad": True}), Keras)
    assert len([key for key in optimizer.state() if key.startswith("moments")]) == 5


def crease(image: tf.Tensor) -> Evaluation:
    """Lowest at the start; what is left of its gradient there is as small as rounding."""
    difference = image - start(*image.shape[1:3])
    noise = 1e-6 * tf.cos(tf.range(tf.size(image), dtype=tf.float32))
    gradient = difference + tf.reshape(noise, image.shape)
    return Evaluation(0.5 * tf.reduce_sum(difference**2), gradient)


@pytest.mark.parametrize("name", EVERY)
def test_a_result_is_never_worse_than_its_start(name, caplog) -> None:
    optimizer = make(name)
    optimizer.begin(start())
    take(optimizer, crease, 5)
    final, evaluations = optimizer.finish(crease), optimizer.evaluations
    assert float(final.total) == float(crease(optimizer.result).total) == 0.0
    assert optimizer.evaluations == evaluations
    np.testing.assert_array_equal(optimizer.result, start())
    if "LBFGS" not in name:
        assert "above its start at 0;" in optimizer.stopped
        assert "try a smaller optimizer.learning_rate" in caplog.text


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("steps", [1, 5])
def test_an_interrupted_run_shows_nothing_worse_than_its_start(name, steps) -> None:
    optimizer = make(name)
    optimizer.begin(start())
    take(optimizer, crease, steps)
    resumed = make(name)
    resumed.restore(saved_and_loaded(optimizer.state()))
    for stopped in (optimizer, resumed):
        assert float(crease(stopped.result).total) == 0.0


@pytest.mark.parametrize("name", EVERY)
def test_to_finish_changes_nothing_where_the_run_went_down(name, caplog) -> None:
    optimizer, objective = make(name), Quadratic()
    optimizer.begin(start())
    take(optimizer, objective, 6)
    before, state = optimizer.result.numpy(), optimizer.state()
    final = optimizer.finish(objective)
    np.testing.assert_array_equal(optimizer.result, before)
    assert float(final.total) == float(objective(optimizer.result).total)
    assert optimizer.stopped is None
    assert not caplog.text
    pairs = {"steps", "changes", "weights", "gamma"}  # of L-BFGS, whose memory is needed elsewhere
    after = {key: value for key, value in optimizer.state().items() if key not in pairs}
    assert all(np.array_equal(state[key], value) for key, value in after.items())
    assert len(optimizer.state().get("steps", [])) == 0


def test_the_best_iterate_survives_a_resume() -> None:
    def rising(image: tf.Tensor) -> Evaluation:  # lowest at the second iterate, highest later
        total = tf.abs(tf.reduce_mean(image) - 0.4)
        return Evaluation(total, tf.ones_like(image))

    whole, resumed = (FirstOrder("SGD", 0.125, average=0.5) for _ in range(2))
    whole.begin(tf.fill([1, 2, 2, 3], 0.5))
    take(whole, rising, 6)
    resumed.restore(saved_and_loaded(whole.state()))
    for optimizer in (whole, resumed):
        assert float(optimizer.finish(rising).total) == pytest.approx(0.025)
        np.testing.assert_allclose(optimizer.result, np.full((1, 2, 2, 3), 0.375))
    np.testing.assert_array_equal(resumed.image, whole.image)


def test_the_rate_falls_along_a_cosine() -> None:
    optimizer = FirstOrder("SGD", 0.1, final_rate=0.2)
    optimizer.begin(tf.fill([1, 2, 2, 3], 0.5))
    for progress, expected in ((0.0, 0.4), (0.5, 0.34), (1.0, 0.32)):
        optimizer.step(slope, progress)
        np.testing.assert_allclose(optimizer.image, np.full((1, 2, 2, 3), expected), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "addam"}, "no optimizer addam. Did you mean 'Adam'? Valid: Adadelta"),
        ({"name": "zzz"}, "no optimizer zzz. Valid: Adadelta, Adafactor"),
        ({"options": {"beta1": 0.5}}, "Adam has no option beta1. Did you mean 'beta_1'?"),
        ({"options": {"beta_2": 0.5, "name": "x"}}, "Adam has no option name."),
        ({"options": {"learning_rate": 0.5}}, "Adam has no option learning_rate."),
        ({"options": {"clipnorm": 1.0, "clipvalue": 1.0}}, "Keras' Adam says: Only one of"),
        ({"learning_rate": 0}, "learning_rate must be above 0, received 0"),
        ({"levels": 0}, "levels must be at least 1, received 0"),
        ({"growth": 0.0}, "growth must be above 0, received 0.0"),
        ({"final_rate": 1.5}, "final_rate must be from 0 to 1, received 1.5"),
        (
            {"options": {"beta_1": 1}},
            "beta_1=1 is not valid: it must be a number from 0 to below 1",
        ),
        ({"options": {"epsilon": None}}, "epsilon=None is not valid: it must be a number of 0 or"),
        (
            {"name": "SGD", "options": {"nesterov": 1}},
            "nesterov=1 is not valid: it must be true or",
        ),
        ({"average": 1.0}, "average must be at least 0 and below 1, received 1.0"),
    ],
)
def test_wrong_arguments_are_answered(arguments, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        FirstOrder(**arguments)


def test_every_keras_optimizer_is_offered_and_no_wrapper() -> None:
    assert {"Adam", "SGD", "RMSprop", "Nadam", "Lion"} <= set(KERAS)
    assert not {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"} & set(KERAS)


@pytest.mark.parametrize(
    ("writer", "reader"), [("Adam", "SGD"), ("Adam", "LBFGS"), ("LBFGS", "Adam")]
)
def test_a_state_of_another_kind_is_refused(writer, reader) -> None:
    optimizer = make(writer)
    optimizer.begin(start())
    with pytest.raises(ValueError, match="saved state does not belong to"):
        make(reader).restore(optimizer.state())
