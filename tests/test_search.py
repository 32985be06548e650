"""Searches: what they may choose from, what they remember, and how they are continued."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import pytest
import tensorflow as tf
from command_line import until
from omegaconf import DictConfig
from PIL import Image

import nst
from nst.cli.app import run
from nst.compare.comparison import Comparison
from nst.compare.figures import search
from nst.compare.gallery import Gallery
from nst.compare.table import brief
from nst.config import compose
from nst.errors import InputError, Pruned
from nst.record import Record
from nst.runs.folder import RunFolder
from nst.runs.status import outcome
from nst.sweeps.findings import Findings, findings
from nst.sweeps.objectives import DIRECTIONS, check_objectives
from nst.sweeps.pruning import watching
from nst.sweeps.search import plan_search
from nst.sweeps.space import STUDY, Choice, Range, candidates, grid_of, of_trials, split
from nst.sweeps.study import Study, check_study
from nst.sweeps.sweeper import _workers

PHOTOS = Path(nst.__file__).parent / "assets" / "content"

# --- what is searched -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("alpha=interval(1,10)", Range("alpha", 1.0, 10.0, None, False)),
        ("alpha=tag(log,interval(1e2,1e5))", Range("alpha", 1e2, 1e5, None, True)),
        ("size=int(interval(32,64))", Range("size", 32, 64, None, False)),
        ("size=range(32,64,16)", Range("size", 32, 48, 16, False)),
        ("size=range(64,32,-16)", Range("size", 48, 64, 16, False)),
        ("steps=range(1,1000000000)", Range("steps", 1, 999999999, 1, False)),
        ("alpha=range(0,0.3,0.1)", Range("alpha", 0, 0.2, 0.1, False)),
        ("optimizer=adam,lbfgs", Choice("optimizer", ("adam", "lbfgs"))),
    ],
)
def test_hydras_grammar_gives_the_space(override: str, expected: Any) -> None:
    assert split(["seed=1", override]) == (["seed=1"], [expected])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("alpha=interval(2,1)", "from a smaller to a larger"),
        ("alpha=tag(log,interval(0,1))", "starts above 0"),
        ("alpha=tag(lag,interval(1,2))", "there is no tag lag"),
        ("alpha=tag(log,choice(1,2))", "log takes an interval"),
        ("size=range(5,5)", "the range is empty"),
        ("size=range(1,5,0)", "a step other than 0"),
        ("hydra.sweep.dir=a,b", "all jobs of a command share it"),
        ("alpha=3", "nothing to search"),
        ("alpha=interval(1,1)", "nothing to search"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        split([override])


def test_a_later_override_replaces_an_earlier_one() -> None:
    assert split(["alpha=1,2", "alpha=interval(1,2)", "beta=1,2", "beta=3"]) == (
        ["beta=3"],
        [Range("alpha", 1.0, 2.0, None, False)],
    )


def test_the_candidates_have_every_extreme_value() -> None:
    _, space = split(["optimizer=adam,lbfgs", "size=int(interval(32,64))"])
    found = {override for job in candidates(space) for override in job}
    assert found == {"optimizer=adam", "optimizer=lbfgs", "size=32", "size=44", "size=64"}


def test_values_are_short_and_stay_inside_the_range() -> None:
    wide, narrow = Range("alpha", 1.0, 1e5, None, True), Range("alpha", 0.0, 0.99999, None, False)
    assert wide.text(1234.567) == "1235.0"
    assert narrow.text(0.999985) == "0.99999"


def test_a_range_with_a_fraction_for_a_step_has_fractions() -> None:
    _, [dimension] = split(["alpha=range(0,0.3,0.1)"])
    assert dimension.extremes == ("0.0", "0.2")
    assert dimension.text(0.1) == "0.1"


def test_trials_are_ordinary_jobs() -> None:
    assert of_trials(["search=pareto", "search.n_trials=2", "hydra.verbose=true", "beta=1"]) == [
        "beta=1"
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["search.metrics=[style_distanc]"], "Did you mean 'style_distance'"),
        (["search.metrics=[]"], "name at least one"),
        (["search.metrics=[grain]"], "no metric grain"),
        (["search.metrics=[style_distance_vgg16]"], "needs evaluation.network=vgg16"),
        (["search.metrics=[total,total]"], "named twice"),
        (["search.directions=[up,minimize]"], "write minimize or maximize"),
        (["search.directions=[maximize]"], "1 for 2 metrics"),
        (["search.pruner=median"], "Optuna prunes by one metric only"),
    ],
)
def test_metrics_that_make_no_sense_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_objectives(compose(["search=pareto", *settings]).search, None)


def test_every_metric_has_a_direction() -> None:
    assert set(DIRECTIONS.values()) <= {"minimize", "maximize"}
    assert (DIRECTIONS["style_distance"], DIRECTIONS["structure"]) == ("minimize", "maximize")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["size=interval(32,64)"], "is not a whole number; write int(interval(…))"),
        (["alpha=interval(1,2)", "search.sampler=tpo"], "search.sampler=tpo"),
        (["alpha=interval(1,2)", "search.n_trials=0"], "search.n_trials=0"),
        (["alpha=interval(1,2)", f"content.image={PHOTOS}"], "in a search name each picture"),
        (["alpha=interval(1,2)", "search.pruner=medium"], "Did you mean 'median'?"),
        (["alpha=1e2,1e3", "optimizer=adam,lbfgs"], "4 combinations, and 40 trials would repeat"),
    ],
)
def test_a_search_is_checked_before_it_starts(
    overrides: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    place = [f"hydra.sweep.dir={sweep}", "network=bundled"]
    assert run(["-m", "search=pareto", *place, *overrides]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nst: ")
    assert said in line
    assert not sweep.exists()


def test_what_an_experiment_sweeps_is_rewritten_as_in_a_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    sweep = "{params: {style: '[starry,wave],wave', alpha: 'interval(1,2)'}}"
    (folder / "mixes.yaml").write_text(f"# @package _global_\nhydra: {{sweeper: {sweep}}}\n")
    given = [f"hydra.searchpath=['file://{tmp_path / 'conf'}']", "experiment=mixes", "search=best"]
    composed = compose(given, hydra=True)
    (styles,) = (d for d in plan_search(composed, given).space if d.key == "style")
    assert styles.extremes == ("starry+wave", "wave")


def test_the_settings_of_a_search_need_a_search() -> None:
    with pytest.raises(InputError, match="nothing is searched; add search=pareto"):
        compose(["search.n_trials=3"])


def test_a_search_without_optuna_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst.sweeps.search.find_spec", lambda name: None)
    composed = compose(["search=pareto"], hydra=True)
    with pytest.raises(InputError, match=r"pip install 'nst\[search\]'"):
        plan_search(composed, ["search=pareto", "alpha=interval(1,2)"])


# --- what is remembered -----------------------------------------------------------------------

RANGES = ["alpha=tag(log,interval(1,1e4))", "optimizer=adam,lbfgs"]


def settings(*overrides: str, option: str = "pareto") -> DictConfig:
    return compose([f"search={option}", *overrides]).search


def study(folder: Path, chosen: DictConfig, ranges: list[str] = RANGES) -> Study:
    return Study(folder, chosen, ["seed=1"], split(ranges)[1])


def measured(overrides: Any) -> dict[str, float]:
    """Metrics whose best trade-offs are all values of alpha, with adam."""
    chosen = dict(override.split("=") for override in overrides)
    alpha, slow = float(chosen["alpha"]), chosen["optimizer"] == "lbfgs"
    return {"content_distance": 1 / alpha + slow, "style_distance": alpha + slow, "total": alpha}


def worked(trials: Study, count: int) -> list[Any]:
    done = []
    for _ in range(count):
        (trial,) = trials.ask(1)
        trials.tell(trial, "completed", measured(trial.overrides))
        done.append(trial)
    return done


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_continued_search_chooses_as_an_uninterrupted_one(sampler: str, tmp_path: Path) -> None:
    chosen = settings(f"search.sampler={sampler}")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    whole = worked(study(tmp_path / "one", chosen), 13)
    parts = worked(study(tmp_path / "two", chosen), 11) + worked(study(tmp_path / "two", chosen), 2)
    assert parts == whole
    assert len({tuple(trial.overrides) for trial in whole}) > 10


def test_a_trial_without_an_end_is_continued_under_its_number(tmp_path: Path) -> None:
    chosen = settings()
    first, second = study(tmp_path, chosen).ask(2)
    again = study(tmp_path, chosen)
    again.tell(first, "interrupted", {})
    assert again.stopped() == [first, second]
    again.tell(first, "completed", measured(first.overrides))
    again.tell(second, "failed", {})
    assert again.stopped() == []
    assert again.best() == [first.number]


def test_a_kill_while_a_trial_is_chosen_leaves_no_job(tmp_path: Path) -> None:
    chosen = settings()
    study(tmp_path, chosen).ask(1)
    with sqlite3.connect(tmp_path / STUDY) as db:
        db.execute("DELETE FROM trial_params WHERE param_name = 'optimizer'")
    again = study(tmp_path, chosen)
    assert again.stopped() == []
    assert [trial.number for trial in again.ask(1)] == [1]


def record(step: int, total: float) -> Record:
    return Record(step, 0, step, float(step), total, {}, {}, {}, lambda: tf.zeros((1, 8, 8, 3)))


@pytest.mark.parametrize("metric", ["total", "style_distance"])
def test_a_trial_worse_than_most_is_pruned_half_way(metric: str, tmp_path: Path) -> None:
    """Also by a metric that is measured only for this."""
    chosen = settings("search.pruner=median", f"search.metrics=[{metric}]", option="best")
    trials, ended = study(tmp_path, chosen), []
    for quality in (1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 0.5):  # Optuna prunes none of the first five
        (trial,) = trials.ask(1)
        watch = watching(tmp_path, trial.number, 30, lambda _, q=quality: {"style_distance": q})
        try:
            for step in range(31):
                watch(record(step, quality))
        except Pruned as error:
            assert f"{metric} 9 after 3 of 30 steps" in str(error)
            trials.tell(trial, "pruned", {})
            ended.append(trial.number)
        else:
            trials.tell(trial, "completed", {metric: quality})
    assert ended == [5]
    assert trials.best() == [6]
    assert trials.stopped() == []


def test_without_a_pruner_no_trial_is_watched(tmp_path: Path) -> None:
    trials = study(tmp_path, settings(option="best"))
    for _ in range(7):
        (trial,) = trials.ask(1)
        watch = watching(tmp_path, trial.number, 10, lambda _: {})
        for step in range(11):
            watch(record(step, float(trial.number)))
        trials.tell(trial, "completed", {"total": float(trial.number)})
    assert trials.best() == [0]


def test_a_pruned_run_says_what_it_is() -> None:
    assert outcome(Pruned("style_distance 9")) == ("pruned", "style_distance 9")


def test_a_metric_that_is_missing_makes_a_failed_trial(tmp_path: Path) -> None:
    trials = study(tmp_path, settings())
    for metrics in ({"content_distance": 1.0}, {"content_distance": 1.0, "style_distance": None}):
        (trial,) = trials.ask(1)
        trials.tell(trial, "completed", metrics)
    assert trials.best() == []


def test_there_are_no_more_trials_than_asked_for(tmp_path: Path) -> None:
    assert len(study(tmp_path, settings("search.n_trials=3")).ask(5)) == 3


@contextmanager
def another_process(folder: Path) -> Iterator[list[str]]:
    """Has a process choose two trials, end the first, and wait until it is killed.

    Yields:
        The numbers of both, and of those that it took for stopped.
    """
    script = f"""
import time
from pathlib import Path
from nst.config import compose
from nst.sweeps.space import split
from nst.sweeps.study import Study

search = compose(["search=pareto", "search.n_trials=6"]).search
study = Study(Path({str(folder)!r}), search, ["seed=1"], split({RANGES})[1])
first, second = study.ask(2)
study.tell(first, "completed", dict.fromkeys(search.metrics, 1.0))
print(first.number, second.number, *[trial.number for trial in study.stopped()], flush=True)
time.sleep(100)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()
        finally:
            process.kill()


def test_a_trial_belongs_to_one_process_until_that_ends(tmp_path: Path) -> None:
    here = study(tmp_path, settings("search.n_trials=6"))
    (own,) = here.ask(1)
    with another_process(tmp_path) as numbers:
        assert numbers == ["1", "2", "2"], "numbers do not collide, and 0 is not taken for stopped"
        assert [trial.number for trial in here.stopped()] == [0]
        assert [trial.number for trial in here.ask(9)] == [3, 4, 5], "n_trials counts all trials"
    assert [trial.number for trial in here.stopped()] == [0, 2, 3, 4, 5], "2 lost its process"
    assert own.number == 0


def test_a_grid_tries_every_combination_once(tmp_path: Path) -> None:
    trials = study(tmp_path, settings("search.sampler=grid"), ["alpha=1,2,3", "beta=range(0,2)"])
    asked = trials.ask(10)
    found = {tuple(trial.overrides) for trial in asked}
    assert found == {(f"alpha={a}", f"beta={b}") for a in (1, 2, 3) for b in (0, 1)}
    for trial in asked:
        trials.tell(trial, "completed", dict.fromkeys(DIRECTIONS, float(trial.number)))
    assert (trials.ask(1), trials.best()) == ([], [0])


def test_a_grid_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="seed has more than 10000 values"):
        grid_of([Range("seed", 0, 10**9 - 1, 1, False)])


def test_the_best_are_those_that_no_other_beats(tmp_path: Path) -> None:
    single = study(tmp_path, settings("search.directions=[maximize]", option="best"))
    done = worked(single, 4)
    highest = max(done, key=lambda trial: measured(trial.overrides)["total"])
    assert single.best() == [highest.number]


@pytest.mark.parametrize(
    ("chosen", "fixed", "ranges", "said"),
    [
        (settings("search.metrics=[total,seconds]"), ["seed=1"], RANGES, "other metrics"),
        (settings(), ["seed=2"], RANGES, "other settings"),
        (settings(), ["seed=1"], ["alpha=interval(1,2)"], "other ranges"),
    ],
)
def test_a_folder_with_another_search_is_refused(
    chosen: DictConfig, fixed: list[str], ranges: list[str], said: str, tmp_path: Path
) -> None:
    study(tmp_path, settings())
    check_study(tmp_path, settings("search.n_trials=99"), ["seed=1"], split(RANGES)[1])
    with pytest.raises(InputError, match=said):
        check_study(tmp_path, chosen, fixed, split(ranges)[1])


def test_a_damaged_study_is_reported(tmp_path: Path) -> None:
    (tmp_path / STUDY).write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="is damaged"):
        check_study(tmp_path, settings(), ["seed=1"], split(RANGES)[1])


def forge(folder: Path, command: str) -> bytes:
    """Changes the file of a study by SQL; returns its bytes."""
    with sqlite3.connect(folder / STUDY) as db:
        db.execute(command)
    db.close()
    return (folder / STUDY).read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        'UPDATE study_user_attributes SET value_json = \'{"metrics": ["<b> minimize", "x y"]}\'',
        "UPDATE study_user_attributes SET value_json = '[1, 2]'",
        'UPDATE trial_params SET distribution_json = \'{"name": "os.system"}\'',
        "UPDATE trial_params SET param_name = 'beta' WHERE param_id = 1",
        "UPDATE trial_params SET param_value = -1 WHERE param_name = 'alpha'",
        "UPDATE trial_values SET value = 1e300",
        "DROP TABLE trials",
        "DROP TABLE version_info",
    ],
)
def test_a_study_from_a_stranger_is_reported_and_left_as_it_is(
    command: str, found_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(found_folder / STUDY, tmp_path)
    before = forge(tmp_path, command)
    with pytest.raises(InputError, match="is damaged"):
        findings(tmp_path)
    assert (tmp_path / STUDY).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [STUDY]


def test_a_parallel_search_has_a_trial_per_core_at_once_on_macos_too(monkeypatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert [_workers(DictConfig({"n_jobs": n})) for n in (-1, 3)] == [5, 3]
    assert _workers(DictConfig({})) == 1


# --- what is shown ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("found") / "a b?#%c"
    folder.mkdir()
    worked(study(folder, settings("search.sampler=random")), 15)
    return folder


@pytest.fixture(scope="module")
def found(found_folder: Path) -> Findings:
    read = findings(found_folder)
    assert read is not None
    return read


def test_findings_hold_every_completed_trial(found: Findings) -> None:
    assert found.metrics == {"content_distance": False, "style_distance": False}
    assert found.keys == {"alpha": True, "optimizer": False}
    assert [trial.number for trial in found.trials] == list(range(15))
    for shares in found.importances.values():
        assert set(shares) == {"alpha", "optimizer"}
        assert sum(shares.values()) == pytest.approx(1)


def test_what_decides_the_metric_is_the_most_important(tmp_path: Path) -> None:
    trials = study(tmp_path, settings("search.sampler=random", option="best"))
    worked(trials, 15)  # total is alpha, whatever the optimizer
    read = findings(tmp_path)
    assert read is not None
    assert read.importances["total"]["alpha"] > 0.6


@pytest.mark.parametrize("draw", [search.progress, search.importances, search.parallel])
def test_figures_are_svg_in_the_colours_of_the_page(draw: Any, found: Findings) -> None:
    svg = draw(found)
    assert svg.startswith("<svg")
    assert "currentColor" in svg


def test_a_metric_alone_has_a_best_value_in_place_of_a_front(tmp_path: Path) -> None:
    worked(study(tmp_path, settings(option="best")), 2)
    read = findings(tmp_path)
    assert read is not None
    assert "best so far" in search.progress(read)
    assert search.importances(read) == "", "two trials say nothing of importance"


def test_the_table_shows_what_was_searched(tmp_path: Path) -> None:
    worked(study(tmp_path, settings(option="best")), 1)
    nothing = Gallery({}, {}, {}, {}, {}, {})
    assert brief(Comparison([], [], nothing, findings(tmp_path)))[-1] == "total"


def test_the_hypervolume_is_the_area_between_front_and_corner() -> None:
    places = [(0.0, 2.0), (1.0, 1.0), (2.0, 2.0)]  # the last one is beaten by both
    assert search.hypervolume(places, (3.0, 4.0)) == 3 * 2 + 2 * 1


# --- typing it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("search=par", ["search=pareto"]),
        ("color=", ["color=luminance", "color=match", "color=match_after", "color=none"]),
    ],
)
def test_bash_completes_the_options_of_a_group(
    typed: str,
    proposed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["nst"])
    monkeypatch.setenv("COMP_LINE", f"nst {typed}")
    monkeypatch.setenv("COMP_POINT", str(len(f"nst {typed}")))
    assert run(["-sc", "query=bash"]) == 0
    assert sorted(capsys.readouterr().out.split()) == proposed


# --- through the command line -----------------------------------------------------------------


def test_a_killed_search_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photo.png", "painting.png")):
        values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(values).save(name)
    command = [
        *("-m", "search=best", "alpha=tag(log,interval(1,1e4))", "search.n_trials=3"),
        *("search.metrics=[style_distance]", "search.pruner=median"),
        *("content.image=photo.png", "style.image=painting.png", "network=bundled", "size=32"),
        *("pyramid=single", "optimizer=adam", "steps=30", "observer=[metrics,checkpoints]"),
        *("observer.checkpoints.every=5", "hydra.sweep.dir=sweep", "hydra.job.chdir=true"),
    ]
    begun = command_line.begin(*command, cwd=tmp_path)
    try:
        while not list(tmp_path.glob("sweep/1_*/checkpoints/latest.npz")):
            until(begun)
        assert RunFolder(next(tmp_path.glob("sweep/1_*"))).busy(), "as any job of a sweep"
    finally:
        begun.kill()
        begun.communicate()
    before = {path.name for path in Path("sweep").glob("[0-9]*_*")}
    stamp = next(Path("sweep").glob("0_*/metrics.json")).stat().st_mtime_ns

    monkeypatch.setattr("sys.argv", ["nst"])
    assert run(command) == 0
    folders = sorted(Path("sweep").glob("[0-9]*_*"))
    assert [path.name.split("_")[0] for path in folders] == ["0", "1", "2"]
    assert before <= {path.name for path in folders}
    assert next(Path("sweep").glob("0_*/metrics.json")).stat().st_mtime_ns == stamp
    assert {RunFolder(path).status["status"] for path in folders} == {"completed"}
    assert [len(RunFolder(path).history()) for path in folders] == [31] * 3
    with sqlite3.connect(Path("sweep") / STUDY) as db:
        (looks,) = db.execute("SELECT count(*) FROM trial_intermediate_values").fetchone()
    assert looks == 3 * 9, "the pruner was asked at every tenth, of the continued trial too"
    assert ">Search</h2>" in Path("sweep/comparison/report.html").read_text("utf-8")
