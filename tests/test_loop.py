"""The plan of scales, and the loop: its records, its clock, and a resumed run being the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from conftest import references, saved_and_loaded
from hypothesis import given
from hypothesis import strategies as st

from nst import runtime
from nst.canvas import Canvas, resample
from nst.config.composition import compose
from nst.loop import Loop
from nst.losses import Content, Evaluation, Gram, References, Term, View, Weights, weigh
from nst.objective import Loss, Objective
from nst.optimizers import LBFGS, Diverged, FirstOrder, Optimizer
from nst.record import Record
from nst.scales import Scale, plan

SQRT2 = 2**0.5
MARGIN = 2
CANVAS = Canvas(MARGIN)
SCALES = (Scale(12, 16, 2), Scale(17, 23, 1), Scale(24, 32, 3))
OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "Adam": lambda: FirstOrder("Adam", 0.01, average=0.9),
    "L-BFGS": lambda: LBFGS(history=3),
}
TERMS = {
    "content": Content(["block1_conv2"]),
    "style": Gram(["block1_conv1", "block2_conv1"]),
}
WEIGHTS = {"content": weigh(TERMS["content"], 1.0), "style": weigh(TERMS["style"], 10.0)}


@pytest.fixture(scope="module", autouse=True)
def determinism() -> Iterator[None]:
    """As every run has it; the tests of other files find TensorFlow as it was."""
    with runtime.configured(None, deterministic=True):
        yield


@given(
    shape=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    steps=st.integers(1, 1000),
    min_size=st.none() | st.integers(1, 4000),
    factor=st.floats(1.05, 4),
    exponent=st.floats(-4, 4),
)
def test_a_plan_of_anything(shape, steps, min_size, factor, exponent) -> None:
    scales = plan(shape, steps, min_size, factor, exponent)
    assert sum(scale.steps for scale in scales) == steps
    assert min(scale.steps for scale in scales) >= 1
    assert (scales[-1].height, scales[-1].width) == shape
    assert len(scales) == 1 or max(scales[0].height, scales[0].width) >= min_size
    for scale, finer in itertools.pairwise(scales):
        assert max(finer.height, finer.width) == pytest.approx(
            factor * max(scale.height, scale.width), abs=0.5 + 0.5 * factor
        )
    for scale in scales:
        ratio = max(scale.height, scale.width) / max(shape)
        for side, full in zip((scale.height, scale.width), shape, strict=True):
            assert side == pytest.approx(full * ratio, abs=1.01)


def test_no_scale_that_fits_is_left_out() -> None:
    sides = [max(s.height, s.width) for s in plan((300, 512), 100, 128, SQRT2, -1.0)]
    assert sides == [128, 181, 256, 362, 512]  # although 512 / sqrt(2)**4 is below 128 in floats
    sides = [max(s.height, s.width) for s in plan((300, 512), 100, 129, SQRT2, -1.0)]
    assert sides == [181, 256, 362, 512]
    assert plan((300, 512), 7, None, SQRT2, -1.0) == plan((300, 512), 7, 512, SQRT2, -1.0)


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        (128, [128]),
        (256, [181, 256]),
        (512, [181, 256, 362, 512]),
        (724, [181, 256, 362, 512, 724]),
    ],
)
def test_the_default_begins_at_180_px_at_least(size, sides) -> None:
    scales = plan((size, size), 200, **compose().pyramid)
    assert [scale.width for scale in scales] == sides


@pytest.mark.parametrize(("exponent", "order"), [(-2.0, -1), (0.0, 0), (2.0, 1)])
def test_steps_follow_the_long_side_to_a_power(exponent, order) -> None:
    scales = plan((512, 512), 600, 128, 2.0, exponent)
    counts = np.array([scale.steps for scale in scales])
    expected = np.array([128.0, 256, 512]) ** exponent
    np.testing.assert_allclose(counts / 600, expected / expected.sum(), atol=0.002)
    assert np.all(np.sign(np.diff(counts)) == order)


def test_fewer_steps_than_scales_leave_out_the_coarsest() -> None:
    assert plan((64, 64), 2, 16, 2.0, 1.0) == [Scale(32, 32, 1), Scale(64, 64, 1)]


class Clock:
    """Advances by a second at each look."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1
        return self.now


Objectives = Callable[[int, int], Objective]


@pytest.fixture(scope="module")
def content(picture) -> tf.Tensor:
    return picture(24, 32, seed=1)


@pytest.fixture(scope="module")
def transfer(bundled, content, picture) -> Callable[..., Objectives]:
    """Makes the objectives of a small style transfer."""
    layers = [layer for term in TERMS.values() for layer in term.layers]
    norms = bundled.norms([content], layers)

    def make(
        canvas: Canvas = CANVAS,
        terms: Mapping[str, Term] = TERMS,
        weights: Mapping[str, Weights] = WEIGHTS,
    ) -> Objectives:
        def objective(height: int, width: int) -> Objective:
            here, style = (
                canvas.extend(resample(x, height, width)) for x in (content, picture(24, 32, 2))
            )
            loss = Loss(bundled, terms, weights, norms)
            return Objective(loss, references(here, (style, 1.0)))

        return objective

    return make


@pytest.fixture(scope="module")
def make_loop(transfer, picture) -> Callable[..., Loop]:
    """Makes a loop that starts from a third picture, unless something else is given."""
    usual = {
        "image": picture(12, 16, 3),
        "scales": SCALES,
        "canvas": CANVAS,
        "objective": transfer(),
        "seed": 0,
        "gradient_every": 3,
        "clock": Clock(100.0),
    }
    return lambda optimizer, **changes: Loop(optimizer=optimizer, **(usual | changes))


@pytest.mark.parametrize(
    ("height", "width", "margin"), [(5, 7, 0), (5, 7, 3), (5, 1, 4), (3, 4, 9)]
)
def test_a_margin_mirrors_the_image_and_is_cut_off_again(height, width, margin, picture) -> None:
    image, canvas = picture(height, width), Canvas(margin)
    wide = canvas.extend(image)
    assert wide.shape == (1, height + 2 * margin, width + 2 * margin, 3)
    np.testing.assert_array_equal(canvas.cut(wide), image)
    for k in range(1, min(margin, height - 1) + 1):
        np.testing.assert_array_equal(wide[:, margin - k], wide[:, margin + k])
    assert set(np.ravel(wide)) == set(np.ravel(image))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_canvas_is_painted_and_the_picture_shown(name, make_loop) -> None:
    loop = make_loop(OPTIMIZERS[name]())
    for record in loop.run():
        scale = SCALES[record.scale]
        assert record.image.shape == (1, scale.height, scale.width, 3)
        canvas = loop.optimizer.image
        assert canvas.shape == (1, scale.height + 2 * MARGIN, scale.width + 2 * MARGIN, 3)
    assert np.any(CANVAS.extend(record.image) != loop.optimizer.result)  # it moved too


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_picture_is_finished_once_for_all_that_look_at_it(name, make_loop) -> None:
    finished = []
    loop = make_loop(OPTIMIZERS[name](), finish=lambda painted: finished.append(1) or 1 - painted)
    *_, last = loop.run()
    assert not finished, "nobody has looked"
    assert last.image is loop.result is loop.result
    assert len(finished) == 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_records_of_every_iterate_and_of_the_result(name, make_loop, picture) -> None:
    loop = make_loop(OPTIMIZERS[name]())
    np.testing.assert_array_equal(loop.result, picture(12, 16, seed=3))
    records, results = [], []
    for record in loop.run():
        records.append(record)
        results.append(loop.result.numpy())
    assert [record.step for record in records] == [0, 1, 2, 3, 4, 5, 6]
    assert [record.scale for record in records] == [0, 0, 1, 2, 2, 2, 2]
    for record in records:
        scale = SCALES[record.scale]
        assert record.image.shape == (1, scale.height, scale.width, 3)
        assert 0 <= float(tf.reduce_min(record.image)) <= float(tf.reduce_max(record.image)) <= 1
    np.testing.assert_array_equal(records[0].image, picture(12, 16, seed=3))
    for step in (1, 4, 5):  # of the same scale as the step before
        np.testing.assert_array_equal(records[step].image, results[step - 1])
    np.testing.assert_array_equal(records[-1].image, results[-1])
    different = len({record.image.numpy().tobytes() for record in records})
    # Adam's first step of a scale is shown once a better total than the start's is measured.
    assert different == {"Adam": 5, "L-BFGS": 7}[name]
    evaluations = [record.evaluations for record in records]
    assert evaluations == sorted(evaluations)
    assert evaluations[-1] == loop.optimizer.evaluations >= 6
    assert records[1].total < records[0].total


def at(scale: int) -> tuple[int, int]:
    return SCALES[scale].height, SCALES[scale].width


def test_records_hold_what_the_objective_says(make_loop, transfer) -> None:
    plain = Canvas(0)
    objective = transfer(plain)
    records = list(make_loop(LBFGS(history=3), canvas=plain, objective=objective).run())
    first, last = records[0], records[-1]
    for record in (first, last):  # L-BFGS shows the very image that it evaluates
        evaluation = objective(*at(record.scale))(record.image)
        assert record.total == pytest.approx(float(evaluation.total))
        assert record.gradient["total"] == pytest.approx(float(tf.norm(evaluation.gradient)))
    measured = objective(*at(0)).gradient_norms(first.image)
    assert {name: first.gradient[name] for name in TERMS} == pytest.approx(measured)
    for record in records:
        assert {name: set(parts) for name, parts in record.parts.items()} == {
            name: set(term.layers) for name, term in TERMS.items()
        }
        assert record.raw["style"] == pytest.approx(0.5 * sum(record.parts["style"].values()))
        assert record.weighted["style"] == pytest.approx(10 * record.raw["style"])
        assert sum(record.weighted.values()) == pytest.approx(record.total, rel=1e-5)


def test_gradients_of_terms_are_measured_every_few_steps(make_loop) -> None:
    scales = (Scale(12, 16, 5), Scale(17, 23, 4))
    records = list(make_loop(FirstOrder(), scales=scales).run())
    measured = [record.step for record in records if set(record.gradient) == {"total", *TERMS}]
    assert measured == [0, 3, 6, 9]
    assert all(set(r.gradient) == {"total"} for r in records if r.step not in measured)


def essence(record: Record) -> tuple[object, ...]:
    """All but the seconds, bytes for images."""
    image = record.image.numpy().tobytes()
    return (record.step, record.scale, record.evaluations, record.total, record.parts,
            record.gradient, image)  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_anywhere_a_run_ends_in_the_same_bytes(name, make_loop) -> None:
    whole = make_loop(OPTIMIZERS[name]())
    records, states = [], []
    for record in whole.run():
        records.append(essence(record))
        states.append(saved_and_loaded(whole.state()))
    for done, state in enumerate(states, start=1):
        resumed = make_loop(OPTIMIZERS[name]())
        resumed.restore(state)
        rest = [essence(record) for record in resumed.run()]
        # The state after the last record is that after the last update: its record comes again.
        assert rest == records[min(done, len(records) - 1) :]
        assert resumed.result.numpy().tobytes() == whole.result.numpy().tobytes()


def test_a_run_that_is_left_can_be_resumed_by_its_own_state(make_loop) -> None:
    left = make_loop(FirstOrder())
    for record in left.run():
        if record.step == 2:
            break
    resumed = make_loop(FirstOrder())
    resumed.restore(left.state())
    np.testing.assert_array_equal(resumed.result, left.result)
    assert [record.step for record in resumed.run()] == [3, 4, 5, 6]


def test_seconds_are_those_of_the_given_clock(make_loop) -> None:
    loop = make_loop(FirstOrder(), clock=Clock(1e6))
    seconds = [record.seconds for record in loop.run()]
    assert seconds == [1, 2, 3, 4, 5, 6, 7]
    state = loop.state()
    assert state["seconds"] == 8
    resumed = make_loop(FirstOrder(), clock=Clock(-50.0))
    resumed.restore(state | {"step": 5, "scale": 2, "scale_step": 2})
    assert [record.seconds for record in resumed.run()] == [9, 10]


def stopping(make_loop, transfer, content) -> Loop:
    """A loop that begins at the minimum, so that there is nothing to do at the first scale."""
    at_minimum = resample(content, *at(0))
    scales = (Scale(12, 16, 9), Scale(17, 23, 2), Scale(24, 32, 2))
    objective = transfer(terms={"content": TERMS["content"]})
    return make_loop(LBFGS(history=3), scales=scales, objective=objective, image=at_minimum)


def test_an_optimizer_that_stops_ends_its_scale_and_the_run_goes_on(
    make_loop, transfer, content
) -> None:
    loop, reasons, records = stopping(make_loop, transfer, content), [], []
    for record in loop.run():
        records.append(record)
        reasons.append(loop.optimizer.stopped)
    assert [record.step for record in records] == [0, 1, 2, 3, 4, 5]
    assert [record.scale for record in records] == [0, 1, 1, 2, 2, 2]
    assert reasons[0].startswith("converged")
    assert reasons[1:] == [None] * 5
    assert records[0].total == pytest.approx(0, abs=1e-9)
    assert records[2].total < records[1].total


def test_a_run_that_has_stopped_at_a_scale_is_resumed_at_the_next(
    make_loop, transfer, content
) -> None:
    whole = stopping(make_loop, transfer, content)
    steps = whole.run()
    next(steps)
    resumed = stopping(make_loop, transfer, content)
    resumed.restore(saved_and_loaded(whole.state()))
    assert [essence(r) for r in resumed.run()] == [essence(r) for r in steps]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_that_starts_at_the_minimum_ends_there(name, make_loop, transfer, content) -> None:
    """Steps of a rule have a size of their own, however near the minimum is."""
    scales, objective = (Scale(24, 32, 5),), transfer(terms={"content": TERMS["content"]})
    records = list(
        make_loop(OPTIMIZERS[name](), scales=scales, objective=objective, image=content).run()
    )
    assert records[-1].total <= records[0].total
    np.testing.assert_array_equal(records[-1].image, content)


def test_an_optimizer_learns_how_much_of_its_scale_is_done(make_loop) -> None:
    seen: list[float] = []

    class Watched(FirstOrder):
        def step(self, objective: Callable[..., Evaluation], progress: float = 0.0) -> Evaluation:
            seen.append(progress)
            return super().step(objective, progress)

    list(make_loop(Watched()).run())
    assert seen == pytest.approx([0, 1 / 2, 0, 0, 1 / 3, 2 / 3])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_divergence_is_raised_and_the_result_is_the_last_good_image(
    name, make_loop, transfer
) -> None:
    def objective(height: int, width: int) -> Objective:
        weight = 1.0 if (height, width) == at(0) else 1e39  # infinity in float32
        terms = {"content": TERMS["content"]}
        weights = {"content": weigh(TERMS["content"], weight)}
        return transfer(terms=terms, weights=weights)(height, width)

    loop, records = make_loop(OPTIMIZERS[name](), objective=objective), []
    with pytest.raises(Diverged, match="the loss is not finite"):
        for record in loop.run():
            records.append(record)
    assert [record.step for record in records] == [0, 1]
    assert loop.result.shape == (1, 17, 23, 3)
    assert np.isfinite(loop.result).all()


# --- what is drawn anew between steps ---------------------------------------------------------


@dataclass(frozen=True)
class MovingPoint(Term):
    """Squared distance of a few pixels to the style's, at positions drawn for each step."""

    def target(self, references: References) -> Any:
        """The style's pixels, and the first of them."""
        pixels = tf.reshape(references.styles[0].view.image, (-1, 3))
        return pixels, tf.range(8)[:, None]

    def refresh(self, target: Any, view: View, seed: tf.Tensor) -> Any:
        """Draws others."""
        pixels, _ = target
        return pixels, tf.random.stateless_uniform((8, 1), seed, 0, tf.shape(pixels)[0], tf.int32)

    def distances(self, view: View, target: Any) -> dict[str, tf.Tensor]:
        """Their mean squared distance."""
        pixels, drawn = target
        here = tf.gather_nd(tf.reshape(view.image, (-1, 3)), drawn)
        return {"image": tf.reduce_mean((here - tf.gather_nd(pixels, drawn)) ** 2)}


@pytest.fixture(scope="module")
def moving_objective(transfer) -> Objectives:
    """Makes objectives that are another function at each step."""
    terms = {**TERMS, "moving": MovingPoint()}
    weights = WEIGHTS | {"moving": weigh(MovingPoint(), 100.0)}
    return transfer(terms=terms, weights=weights)


@pytest.fixture
def moving(make_loop, moving_objective) -> Callable[..., Loop]:
    """Makes a loop that minimises them."""
    return lambda name, **more: make_loop(OPTIMIZERS[name](), objective=moving_objective, **more)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_that_draws_anew_is_decided_by_its_seed_and_resumes_in_the_same_bytes(
    name, moving
) -> None:
    whole, states = moving(name), []
    records = []
    for record in whole.run():
        records.append(essence(record))
        states.append(saved_and_loaded(whole.state()))
    assert [essence(record) for record in moving(name).run()] == records
    assert [essence(record) for record in moving(name, seed=1).run()] != records
    for done, state in enumerate(states, start=1):
        resumed = moving(name)
        resumed.restore(state)
        rest = [essence(record) for record in resumed.run()]
        assert rest == records[min(done, len(records) - 1) :]


class Watched:
    """An objective that notes its value at the iterate whenever it was renewed."""

    def __init__(self, objective: Objective, seen: list[float]) -> None:
        self._objective, self._seen = objective, seen
        self.weights, self.gradient_norms = objective.weights, objective.gradient_norms

    def __call__(self, image: tf.Tensor) -> Evaluation:
        return self._objective(image)

    def refreshed(self, image: tf.Tensor, seed: tuple[int, int]) -> Watched:
        renewed = Watched(self._objective.refreshed(image, seed), self._seen)
        self._seen.append(float(renewed(image).total))
        return renewed


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_record_is_of_the_function_that_its_step_went_down(
    name, make_loop, moving_objective
) -> None:
    seen: list[float] = []
    loop = make_loop(
        OPTIMIZERS[name](), objective=lambda *size: Watched(moving_objective(*size), seen)
    )
    totals = [record.total for record in loop.run()]
    # It is renewed for the result of a scale too. The last record is of that of the last scale,
    # which need not be the iterate: it is clipped, or averaged.
    ends = np.cumsum([scale.steps + 1 for scale in SCALES]) - 1
    assert totals[:-1] == pytest.approx(np.delete(seen, ends).tolist(), rel=1e-6)
    assert loop.optimizer.evaluations >= len(totals) - 1


@pytest.mark.parametrize(("height", "width"), [(5, 9), (10, 18), (20, 36), (1, 2)])
def test_resizing_an_iterate_keeps_its_range_and_mean(height, width, picture) -> None:
    image = picture(10, 18)
    resized = resample(image, height, width)
    assert resized.shape == (1, height, width, 3)
    assert 0 <= float(tf.reduce_min(resized)) <= float(tf.reduce_max(resized)) <= 1
    assert float(tf.reduce_mean(resized)) == pytest.approx(float(tf.reduce_mean(image)), abs=0.03)
    if (height, width) == (10, 18):
        np.testing.assert_array_equal(resized, image)


@pytest.mark.parametrize(("name", "most"), [("Adam", 6), ("L-BFGS", 12)])
def test_a_step_copies_no_image_to_the_host(name, most, make_loop, monkeypatch) -> None:
    read: list[int] = []
    kind = type(tf.constant(0)).__mro__[1]
    copy = kind._numpy

    def noted(self: tf.Tensor) -> np.ndarray:
        read.append(int(np.prod(self.shape)))
        return copy(self)

    loop = make_loop(OPTIMIZERS[name](), scales=[Scale(12, 16, 8)])
    run = loop.run()
    next(run), next(run)
    monkeypatch.setattr(kind, "_numpy", noted)
    for _ in range(4):
        next(run)
    monkeypatch.undo()
    scalars = 2 + sum(len(term.layers) for term in TERMS.values())  # of a record, in one tensor
    assert read.count(scalars) == 4
    assert max(read) == scalars
    assert len(read) <= 4 * most
