"""What the report says of settings, on runs made up of settings and metrics alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nst.compare.chance import studentised_range
from nst.compare.effects import Effect, effects
from nst.compare.figures import curves
from nst.compare.load import RunRecord
from nst.compare.report.charts import effect_tables
from nst.config.settings import Value
from nst.metrics.table import EVERY


def run(settings: dict[str, Value], **metrics: float) -> RunRecord:
    everything = {"content": "town", "style": "night"} | settings
    return RunRecord(Path(), "", "completed", "", {}, True, metrics, [], everything)


def only(runs: Sequence[RunRecord], keys: Sequence[str]) -> Effect:
    (effect,) = effects(runs, keys)
    return effect


# Which metrics


def test_a_metric_that_runs_lack_hands_its_verdict_to_no_other() -> None:
    runs = [
        run({"alpha": alpha, "seed": seed}, content_distance=alpha, seconds=alpha)
        for alpha, seed in product((1.0, 2.0), (0, 1))
    ]
    (verdict,) = only(runs, ["alpha", "seed"]).verdicts
    assert verdict.startswith("content distance")


def test_a_metric_that_some_runs_lack_is_judged_by_the_others() -> None:
    """Those with other settings of both keys count for the noise alone."""
    runs = [
        run({"alpha": alpha, "beta": 1.0, "seed": seed}, content_distance=seed, style_distance=seed)
        for alpha, seed in product((1.0, 2.0), (0, 1, 2))
    ]
    runs += [run({"alpha": 1.0, "beta": 2.0, "seed": s}, content_distance=s) for s in (0, 1, 2)]
    alpha, _ = effects(runs, ["alpha", "beta", "seed"])
    content, style = alpha.verdicts
    assert "6 degrees" in content
    assert "4 degrees" in style


def test_charts_show_both_distances_and_the_time_wherever_a_table_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("content_distance", "style_distance", "seconds", "evaluations", "structure")
    runs = [run({"alpha": a}, **dict.fromkeys(names, a)) for a in (1.0, 2.0)]
    monkeypatch.setattr(curves, "EVERY", dict(reversed(EVERY.items())))
    chart = curves.main_effects(effects(runs, ["alpha"]))
    assert [name for name in EVERY if EVERY[name].heading in chart] == list(names[:3])


# What is chance


@pytest.mark.parametrize("seeds", [(0, 1), (0, 1, 2)])
def test_seeds_that_change_nothing_say_nothing_about_chance(seeds: Sequence[int]) -> None:
    """As where the content image is the start."""
    runs = [
        run({"alpha": alpha, "seed": seed}, content_distance=alpha)
        for alpha, seed in product((0.1, 0.2), seeds)
    ]
    (verdict,) = only(runs, ["alpha", "seed"]).verdicts
    assert "every seed gave the same picture, so the seed tells nothing about chance" in verdict
    assert "exceed" not in verdict


@pytest.mark.parametrize(
    ("count", "freedom", "point"),
    [(2, 10, 3.151), (2, 4, 3.927), (3, 2, 8.331), (3, 12, 3.773), (4, 20, 3.958), (5, 10, 4.654),
     (9, 18, 4.955), (10, 20, 5.008), (20, 60, 5.241)],
)  # fmt: skip
def test_the_studentised_range_is_that_of_the_tables(
    count: int, freedom: int, point: float
) -> None:
    assert studentised_range(count, freedom) == pytest.approx(point, rel=0.03)


@pytest.mark.parametrize("count", [2, 9])
def test_noise_passes_for_an_effect_in_one_sweep_of_twenty_however_many_values(count: int) -> None:
    random = np.random.default_rng(1)
    sweeps = [
        [
            run({"alpha": float(alpha), "seed": seed}, content_distance=random.normal(9.0))
            for alpha, seed in product(range(count), (0, 1, 2))
        ]
        for _ in range(400)
    ]
    verdicts = [only(runs, ["alpha", "seed"]).verdicts[0] for runs in sweeps]
    assert 0.02 < np.mean(["exceeds" in verdict for verdict in verdicts]) < 0.08


# Which runs compare


def test_what_makes_the_task_has_no_effect() -> None:
    for key in ("content", "style", "style.weights", "content.regions", "style.regions"):
        runs = [
            run({key: value, "seed": seed}, content_distance=seed)
            for value, seed in product(("starry", "wave"), (0, 1))
        ]
        assert effects(runs, [key, "seed"]) == []


def test_effects_are_those_within_tasks() -> None:
    """The styles differ by 0.6 and alpha makes 0.1, which the deviation over styles would hide."""
    runs = [
        run({"style": style, "alpha": alpha}, content_distance=level + 0.1 * alpha)
        for (style, level), alpha in product((("starry", 0.1), ("wave", 0.7)), (0.0, 1.0))
    ]
    effect = only(runs, ["style", "alpha"])
    assert (effect.key, effect.tasks, effect.shared) == ("alpha", 2, 2)
    low, high = effect.spreads["content_distance"]
    assert (low.mean, high.mean) == (pytest.approx(0.4), pytest.approx(0.5))
    assert low.deviation == pytest.approx(0.0, abs=1e-12)
    assert "The runs are of 2 pairs of content and style" in effect_tables([effect])


def test_values_that_share_no_task_are_not_compared() -> None:
    runs = [
        run({"style": style, "alpha": alpha}, content_distance=alpha)
        for style, alpha in (("starry", 1.0), ("wave", 2.0))
    ]
    assert effects(runs, ["style", "alpha"]) == []


def test_settings_that_never_met_count_within_tasks_and_with_a_warning() -> None:
    """Alpha makes 0.1, and so does beta, which always goes with it; wave has no large alpha."""
    tried = [("starry", 1.0, 3.0, 0.1), ("starry", 2.0, 4.0, 0.3), ("wave", 1.0, 3.0, 0.9)]
    runs = [
        run({"style": style, "alpha": alpha, "beta": beta}, content_distance=distance)
        for style, alpha, beta, distance in tried
    ]
    alpha, _ = effects(runs, ["style", "alpha", "beta"])
    assert alpha.shared == 0
    assert alpha.points["content_distance"] == [[0.1], [0.3]]
    assert "never tried with the same other settings" in effect_tables([alpha])


def test_a_task_with_more_combinations_of_one_value_does_not_pass_for_an_effect() -> None:
    """Beta differs everywhere, so combinations of alpha do not pair."""
    tried = [("starry", 1.0, 1, 0.1), ("starry", 1.0, 2, 0.1), ("starry", 2.0, 3, 0.1)]
    tried += [("wave", 1.0, 4, 0.9), ("wave", 2.0, 5, 0.9), ("wave", 2.0, 6, 0.9)]
    runs = [
        run({"style": style, "alpha": alpha, "beta": beta}, content_distance=distance)
        for style, alpha, beta, distance in tried
    ]
    low, high = only(runs, ["style", "alpha", "beta"]).spreads["content_distance"]
    assert low.mean == pytest.approx(high.mean)
