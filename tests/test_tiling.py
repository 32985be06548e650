"""Tiles: the same objective as of the whole image, position by position."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from conftest import references

from nst import forecast
from nst.cli.app import run
from nst.cli.checks import check_run
from nst.config.composition import compose
from nst.errors import InputError
from nst.forecast import Pace, duration
from nst.losses import Content, FeatureTerm, Gram, Term, TotalVariation, weigh
from nst.memory import Plan, check, pairs_kept
from nst.objective import Loss, Objective, TiledObjective, not_additive, used_layers
from nst.objective.tiles import tiles
from nst.optimizers import LBFGS
from nst.runtime import (
    machine_memory,
    memory,
    memory_available,
    memory_limit,
    peak_memory,
    reset_peak,
)
from nst.runtime.memory import address_space
from nst.scales import Scale
from nst.sources import gather, planned
from nst.studio import prepare
from nst.transfer import described

TERMS: dict[str, Term] = {
    "content": Content(["block2_conv2", "block3_conv1"]),
    "style": Gram(["block1_conv1", "block2_conv1", "block3_conv1"]),
    "tv": TotalVariation(),
}
WEIGHTS = {"content": 2.0, "style": 30.0, "tv": 500.0}


def both(
    encoder, content, style, side, terms=TERMS, grey=False
) -> tuple[Objective, TiledObjective]:
    """The objective of the whole image, and the same in tiles."""
    weights = {name: weigh(term, WEIGHTS[name]) for name, term in terms.items()}
    norms = encoder.norms([content, style], used_layers(terms))
    loss = Loss(encoder, terms, weights, norms, grey)
    compared = references(content, (style, 1.0), (style[:, ::-1, :30], 2.0))
    return Objective(loss, compared), TiledObjective(loss, compared, side)


@pytest.mark.parametrize(
    ("shape", "side"),
    [((64, 96), 32), ((75, 61), 16), ((33, 47), 200), ((50, 131), 64)],
    ids=["even", "odd sizes", "a tile larger than the image", "long"],
)
def test_tiled_equals_whole(shape, side, bundled, picture) -> None:
    content, style, image = picture(*shape, 1), picture(57, 44, 2), picture(*shape, 3)
    whole, tiled = both(bundled, content, style, side)
    expected, found = whole(image), tiled(image)
    assert float(found.total) == pytest.approx(float(expected.total), rel=1e-6)
    tf.nest.assert_same_structure(found.parts, expected.parts)
    for one, other in zip(*map(tf.nest.flatten, (found.parts, expected.parts)), strict=True):
        assert float(one) == pytest.approx(float(other), rel=2e-6)
    assert relative(found.gradient, expected.gradient) < 1e-5
    norms = whole.gradient_norms(image)
    assert tiled.gradient_norms(image) == pytest.approx(norms, rel=1e-4)


@pytest.mark.parametrize("name", TERMS)
def test_the_gradient_of_each_term_is_that_of_the_whole(name, bundled, picture) -> None:
    content, style, image = (picture(70, 52, seed) for seed in (1, 2, 3))
    whole, tiled = both(bundled, content, style, 32, {name: TERMS[name]})
    assert relative(tiled(image).gradient, whole(image).gradient) < 1e-5


def relative(found: tf.Tensor, expected: tf.Tensor) -> float:
    return float(tf.norm(found - expected) / tf.norm(expected))


def test_the_deepest_layer_and_grey_images_need_nothing_else(bundled, picture) -> None:
    content, style, image = (picture(90, 150, seed) for seed in (1, 2, 3))
    terms = {"style": Gram(["block5_conv1"])}
    whole, tiled = both(bundled, content, style, 64, terms, grey=True)
    assert relative(tiled(image).gradient, whole(image).gradient) < 1e-5
    assert float(tiled(image).total) == pytest.approx(float(whole(image).total), rel=1e-6)


def test_every_pixel_belongs_to_one_tile() -> None:
    for shape, side in (((100, 37), 32), ((16, 16), 64), ((5, 400), 48)):
        count = np.zeros(shape, int)
        for rows, columns in tiles(shape, side, 32, 16):
            count[rows.start : rows.stop, columns.start : columns.stop] += 1
            assert rows.start % 16 == rows.low % 16 == columns.start % 16 == columns.low % 16 == 0
        assert (count == 1).all()


def test_a_term_that_is_no_sum_is_refused(bundled, picture) -> None:
    matching = FeatureTerm(["block1_conv1"])
    assert not_additive({"style": matching, "tv": TotalVariation()}) == ["style"]
    with pytest.raises(ValueError, match="no sums over positions: style"):
        both(bundled, picture(32, 32), picture(32, 32), 32, {"style": matching})


def test_a_loss_that_no_tiles_can_compute_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    overrides = ["network=bundled", "loss=[content,laplacian,style]", "runtime.tile=64"]
    overrides += [f"hydra.run.dir={tmp_path}/run"]
    with pytest.raises(InputError, match=r"loss\.laplacian cannot be computed in tiles"):
        check_run(compose(overrides, hydra=True), overrides)
    assert not (tmp_path / "run").exists()


def test_the_picture_in_tiles_is_that_of_the_whole(bundled, picture) -> None:
    content, style = picture(60, 80, 1), picture(57, 44, 2)
    pictures = []
    for objective in both(bundled, content, style, 32):
        optimizer = LBFGS(history=5, bounded=True)
        optimizer.begin(content)
        for _ in range(14):
            optimizer.step(objective)
        pictures.append(optimizer.result)
    assert float(tf.reduce_max(tf.abs(pictures[0] - content))) > 0.1
    # Some steps later L-BFGS amplifies any other rounding: after 50 it is 2 %, at the same loss.
    assert relative(*pictures) < 1e-4


def test_a_run_has_tiles_where_they_are_asked_for() -> None:
    overrides = ["network=bundled", "size=96", "content=harbour", "style=starry"]
    whole, tiled = (
        prepare(compose([*overrides, f"runtime.tile={tile}"])).objectives(72, 96)
        for tile in ("auto", 64)
    )
    assert isinstance(whole, Objective)
    assert isinstance(tiled, TiledObjective)
    image = tf.fill([1, 88, 112, 3], 0.5)
    assert float(tiled(image).total) == pytest.approx(float(whole(image).total), rel=1e-6)


LAYERS = *(f"block{i}_conv1" for i in range(1, 6)), "block4_conv2"
PLAN = Plan(6016, 8016, "bundled", LAYERS, LAYERS[-1:], 2, 10**6)


def test_automatic_tiles_are_none_or_the_largest_that_fit() -> None:
    assert PLAN.tiled(1e12).tile is None
    chosen = PLAN.tiled(12e9)
    assert chosen.tile is not None
    assert chosen.memory <= 12e9 < PLAN.memory
    larger = replace(chosen, tile=chosen.tile + 256)
    assert larger.memory > 12e9 or chosen.tile + 256 > 4096
    assert PLAN.tiled(1e9).tile == 256, "nothing fits: check() says so"


@pytest.mark.parametrize(
    ("network", "width", "tile", "pairs", "measured"),  # peak of a run on a processor, GB
    [
        ("bundled", 512, None, 10, 1.13),
        ("bundled", 2048, None, 10, 4.29),
        ("bundled", 2048, 512, 10, 2.45),
        ("bundled", 4096, 512, 2, 3.65),
        ("vgg16", 1024, None, 4, 3.03),
        ("vgg16", 1024, 256, 4, 1.78),
        ("vgg19", 1024, None, 4, 3.48),
        ("vgg19", 1024, 512, 4, 2.26),
    ],
)
def test_the_forecast_of_memory_is_as_runs_were(network, width, tile, pairs, measured) -> None:
    plan = Plan(3 * width // 4, width, network, LAYERS, LAYERS[-1:], pairs, 10**6, tile)
    assert plan.memory / 1e9 == pytest.approx(measured, rel=0.2)


@pytest.mark.skipif(not memory.RESET.exists(), reason="only Linux can")
def test_the_peak_of_a_job_is_not_that_of_an_earlier_one() -> None:
    taken = np.ones(40_000_000)  # 320 MB
    high = peak_memory()
    del taken
    reset_peak()
    assert high is not None
    assert peak_memory() < high - 200e6


@pytest.mark.parametrize("term", ["content", "self_similarity"])
def test_the_forecast_of_memory_counts_what_the_content_term_keeps(term) -> None:
    config = compose(["network=bundled", f"loss=[{term},style,tv]"])
    plan = planned(config, gather(config))
    assert plan.content_layers == tuple(config.loss[term].layers)


def test_what_does_not_fit_names_the_largest_size_that_does() -> None:
    check(PLAN, 1e12, 8000)
    with pytest.raises(InputError, match=r"size=8000 takes about .* runtime.tile=\d+ .* fits"):
        check(PLAN, 12e9, 8000)
    with pytest.raises(InputError, match=r"size=(\d+) is the largest that fits") as error:
        check(replace(PLAN, tile=1024), 4e9, 8000)
    size = int(re.findall(r"size=(\d+)", str(error.value))[1])
    smaller = replace(PLAN, height=6 * size // 8, width=size, tile=256)
    assert 3.5e9 < smaller.memory < 4.1e9


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux says its limits")
def test_a_limit_on_the_address_space_is_one_on_memory() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (10**10, before[1]))
        assert memory_available() <= memory_limit() <= address_space() <= 10**10 - 1.5e9
        with pytest.raises(InputError, match=r"GB of memory, and ulimit -v leaves .* fits"):
            check_run(compose(["network=bundled", "size=16000"], hydra=True), [])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="control groups are Linux's")
@pytest.mark.parametrize(("controllers", "version"), [("", ""), ("cpu,memory", "memory")])
def test_the_limits_of_all_control_groups_around_it_count(
    controllers, version, tmp_path, monkeypatch
) -> None:
    _, *files, _ = memory.CONTROL_GROUPS[version]
    limits = {"": "max", "job": 10**8, "job/step": 2 * 10**8, "job/step/task": "max"}
    for path, limit in limits.items():
        (tmp_path / path).mkdir(exist_ok=True)
        (tmp_path / path / "memory.stat").touch()
        for file, value in zip(files, (limit, 3 * 10**7), strict=True):
            (tmp_path / path / file).write_text(f"{value}\n")
    groups = {version: (str(tmp_path), *memory.CONTROL_GROUPS[version][1:])}
    monkeypatch.setattr(memory, "CONTROL_GROUPS", groups)
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")

    def limit_in(path: str) -> float:
        memory.MEMBERSHIP.write_text(f"3:pids:/job\n0:{controllers}:{path}\n")
        return machine_memory()

    assert limit_in("/") == limit_in("/of the host/job") > 10**9
    assert limit_in("/job/step/task") == 10**8
    own = memory._entry(memory.STATUS, "VmRSS")
    assert memory_available() == pytest.approx(own + 7 * 10**7, abs=5e7)


def test_large_images_keep_fewer_curvature_pairs_but_two() -> None:
    pairs = [pairs_kept(10, 1.25e9, 12 * side * side * 3 // 4) for side in (512, 2048, 4096, 16000)]
    assert pairs == [10, 10, 4, 2]
    assert pairs_kept(1, 1.0, 10**9) == 1


def test_a_forecast_says_what_is_coming_and_writes_nothing(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["network=bundled", "size=64", "pyramid.min_size=32", "runtime.tile=64", "margin=8"]
    assert run(["--forecast", *small]) == 0
    assert re.fullmatch(
        r"64x48 px in 3 scales from 32x24, 300 steps: about 1\.\d GB of memory, \d+ (s|min); "
        r"tiles of 64 px\n",
        capsys.readouterr().out,
    )
    assert not list(tmp_path.iterdir())


def test_the_jobs_of_a_sweep_share_what_was_timed_for_a_forecast(monkeypatch) -> None:
    timed, real = [], forecast._measured
    monkeypatch.setattr(forecast, "_measured", lambda *what: timed.append(what) or real(*what))
    small = ["network=bundled", "size=48", "steps=8"]
    for more in (["alpha=5", "seed=1"], ["alpha=70"], ["optimizer.history=3"]):
        described(compose([*small, *more]))
    assert len(timed) == 4  # two sizes each


@pytest.mark.parametrize(("pace", "said"), [(1e-6, "less than a minute"), (1e-5, "5 min")])
def test_a_short_run_times_little_to_say_how_long_it_takes(pace, said, monkeypatch) -> None:
    sides = []

    def timed(_, side: int) -> forecast.Timing:
        sides.append(side)
        return forecast.Timing(side**2, pace * side**2)

    monkeypatch.setattr(forecast, "_timed", timed)
    line = forecast.forecast(prepare(compose(["network=bundled"])))
    assert line.endswith(f"GB of memory, {said}")
    assert set(sides) == ({128} if pace == 1e-6 else {128, 384}), "the larger picture takes seconds"


@pytest.mark.parametrize(
    ("more", "evaluations"),
    [
        ("seed=1", 1 + 3 / 50),  # each of the three terms by itself, in every 50th step
        ("runtime.gradient_every=2", 1 + 3 / 2),
        ("loss=[self_similarity,style,tv]", 2 + 3 / 50),  # a new draw makes the last one void
        ("runtime.tile=64", 1 + 3 / 50),  # of the whole image: what tiles cost is added later
    ],
)
def test_a_usual_step_is_forecast_with_all_its_evaluations(more, evaluations, monkeypatch) -> None:
    evaluated, real = [], Objective.__call__
    monkeypatch.setattr(Objective, "__call__", lambda *of: evaluated.append(of) or real(*of))
    monkeypatch.setattr(forecast, "time", SimpleNamespace(perf_counter=lambda: len(evaluated)))
    found = forecast._measured(prepare(compose(["network=bundled", more])), 128)
    assert found.seconds == pytest.approx(evaluations)


def test_the_forecast_counts_pixels_steps_and_tiles() -> None:
    scales = [Scale(100, 100, 10), Scale(1000, 1000, 4)]
    whole = duration(scales, PLAN, 0, Pace(0.1, 1e-6))
    assert whole == pytest.approx(15 * (0.1 + 0.01) + 9 * (0.1 + 1) + 0.6)
    tiled = duration(scales, replace(PLAN, tile=500), 0, Pace(0.1, 1e-6))
    assert 1.3 < (tiled - 3) / (whole - 3) < 1.8
