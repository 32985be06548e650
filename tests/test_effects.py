"""What the report says of settings, on runs made up of settings and metrics alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from nst.compare.effects import Effect, effects
from nst.compare.figures import curves
from nst.compare.load import RunRecord
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
