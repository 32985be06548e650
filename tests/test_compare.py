"""Comparisons, on run folders written by hand: tiny pictures, made-up metrics, real configs."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from nst.cli.watching import reported
from nst.compare.chance import seed_noise
from nst.compare.cli import main
from nst.compare.comparison import Comparison, gather
from nst.compare.correlation import correlation
from nst.compare.effects import effects
from nst.compare.figures import pareto as pareto_chart
from nst.compare.figures.labels import around
from nst.compare.figures.marks import fronts, marks, pareto
from nst.compare.gallery import load_gallery
from nst.compare.layout import pages
from nst.compare.load import read
from nst.compare.report.page import listed
from nst.compare.report.running import seconds_left
from nst.compare.settings import shown
from nst.compare.statistics import number, spread
from nst.compare.table import csv_text
from nst.compare.thumbnails import jpeg, shrink
from nst.compare.write import compare
from nst.config.composition import compose
from nst.images import from_array, load
from nst.metrics.table import AXES
from nst.runs.folder import RunFolder
from nst.sources.guidance import digest_of

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 60  # s
LAUGHS = b"a0: &a0 [1, 1]\n"  # 2⁴⁰ numbers, were it unfolded
LAUGHS += b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40))
BASES = {
    name: compose([f"optimizer={name}", "network=bundled"]) for name in ("adam", "lbfgs", "sgd")
}


def picture(path: Path, colour: tuple[int, int, int] = (90, 120, 160), size: int = 40) -> Path:
    ramp = np.linspace(0.5, 1.0, size)[:, None, None] * np.ones((1, size * 3 // 2, 1))
    Image.fromarray(np.uint8(ramp * colour)).save(path)
    return path


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    names = {"town": (90, 120, 160), "night": (40, 60, 160), "scream": (200, 90, 40)}
    return {name: picture(folder / f"{name}.png", colour) for name, colour in names.items()}


def make_run(
    folder: Path,
    images: dict[str, Path],
    changes: dict[str, Any] | None = None,
    *,
    optimizer: str = "adam",
    style: str = "night",
    distances: tuple[float, float] | None = (0.5, 0.2),
    status: str = "completed",
    reason: str = "all steps done",
    result: bool = True,
) -> Path:
    """Writes what a run leaves behind; without distances it has no final metrics."""
    folder.mkdir(parents=True)
    config = resolved(images, optimizer, style)
    for key, value in (changes or {}).items():
        OmegaConf.update(config, key, value, force_add=True)
        if key in ("alpha", "beta"):
            config.loss["content" if key == "alpha" else "style"].weight = value
    run = RunFolder(folder)
    run.write("config.yaml", OmegaConf.to_yaml(config).encode())
    lines = [
        {
            "step": s,
            "evaluations": s + 1,
            "seconds": s / 10,
            "total": 2.0,
            "raw": {"content": 1e-3 * s},
        }
        for s in range(5)
    ]
    run.write("metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
    if result:
        picture(folder / "result.png", (len(folder.name) * 10, 80, 80))
    if distances is not None:
        both = dict(zip(("content_distance", "style_distance"), distances, strict=True))
        run.write_json("metrics.json", both | {"seconds": 3.0, "evaluations": 5, "steps": 4})
    run.write_status(status, reason=reason)
    return folder


def resolved(images: dict[str, Path], optimizer: str = "adam", style: str = "night") -> DictConfig:
    config = OmegaConf.create(OmegaConf.to_container(BASES[optimizer], resolve=True))
    config.content.image, config.content.sha256 = str(images["town"]), load(images["town"]).sha256
    config.style.image, config.style.sha256 = str(images[style]), load(images[style]).sha256
    for term in ("content", "style"):
        config.loss[term].layer_weights = [0.5] * len(config.loss[term].layers)
    return config


def keys_between(tmp_path: Path, images: dict[str, Path], *runs: dict[str, Any]) -> Sequence[str]:
    for index, run in enumerate(runs):
        make_run(tmp_path / str(index), images, **run)
    return gather([tmp_path]).keys


def fingerprint(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(p): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if "comparison" not in p.parts
    }


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory, images: dict[str, Path]) -> Path:
    """Three alphas by two styles: one failed, one stopped, one not there yet."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "multirun.yaml").write_text("hydra: {}")
    outcomes: dict[int, dict[str, Any]] = {
        3: {"status": "failed", "reason": "Diverged: <b>&\"'", "result": False, "distances": None},
        4: {"status": "running", "reason": "", "distances": None},
    }
    for index, (alpha, style) in enumerate(product((1e2, 1e3, 1e4), ("night", "scream"))):
        if index == 5:
            continue
        given_metrics = {"distances": (0.6 - 0.1 * index, 0.1 + 0.1 * index)}
        make_run(
            folder / f"{index}_alpha={alpha:g}_style={style}",
            images,
            {"alpha": alpha},
            style=style,
            **(given_metrics | outcomes.get(index, {})),
        )
    return folder


@pytest.fixture(scope="session")
def comparison(sweep: Path) -> Comparison:
    return gather([sweep])


COMMAND = """
import sys
from nst.compare.chance import seed_noise
from nst.compare.cli import main
status = main(sys.argv[1:])
print([name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras")])
sys.exit(status)
"""


@pytest.fixture(scope="session")
def printed(sweep: Path) -> str:
    """Runs the real command on the sweep, which must not change a run folder."""
    before = fingerprint(sweep)
    command = [sys.executable, "-c", COMMAND, str(sweep)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert fingerprint(sweep) == before
    return done.stdout


@pytest.fixture(scope="session")
def report(sweep: Path, printed: str) -> Path:
    written = sweep / "comparison" / "report.html"
    assert f"Report: {written}\n" in printed
    return written


# Which keys differ


def test_what_follows_from_a_handle_is_not_shown_twice(comparison: Comparison) -> None:
    assert comparison.keys == ["alpha", "style"]
    assert comparison.values == {"alpha": [100.0, 1000.0, 10000.0], "style": ["night", "scream"]}


@pytest.mark.parametrize(
    ("runs", "keys"),
    [
        ([{}, {}], []),
        ([{"optimizer": "adam"}, {"optimizer": "lbfgs"}, {"optimizer": "sgd"}], ["optimizer"]),
        (
            [
                {"optimizer": "adam", "changes": {"optimizer.learning_rate": 0.05}},
                {"optimizer": "sgd"},
            ],
            ["optimizer", "optimizer.learning_rate"],
        ),
        ([{"changes": {"init.noise": 1.0, "init.detail": 0.0}}, {}], ["init"]),
        ([{"changes": {"init.noise": 0.3}}, {}], ["init.noise"]),
        (
            [
                {
                    "changes": {
                        "pyramid.min_size": None,
                        "pyramid.factor": 2**0.5,
                        "pyramid.exponent": -0.5,
                    }
                },
                {},
            ],
            ["pyramid"],
        ),
        ([{"changes": {"pyramid.min_size": 128}}, {}], ["pyramid.min_size"]),
        ([{"changes": {"loss.content.weight": 7.0}}, {}], ["loss.content.weight"]),
        (
            [{"changes": {"network.name": "vgg19", "network.url": "https://x"}}, {}],
            ["network"],
        ),
        (
            [{"changes": {"network.name": "vgg19", "network.normalize": False}}, {}],
            ["network", "network.normalize"],
        ),
        (
            [
                {
                    "changes": {
                        "loss.style.layers": ["block1_conv1"],
                        "loss.style.layer_weights": [1.0],
                    }
                },
                {},
            ],
            ["loss.style.layers"],
        ),
        (
            [{"changes": {"loss.style.layer_weights": [1, 2, 3, 4]}}, {}],
            ["loss.style.layer_weights"],
        ),
        ([{"changes": {"observer.metrics.every": 9, "resume": "x"}}, {}], []),
        ([{"changes": {"seed": 1, "size": 99}}, {}], ["size", "seed"]),
        ([{"changes": {"loss.hue": {"_target_": "own.Hue", "weight": 3.0}}}, {}], ["loss"]),
        ([{"changes": {"a_key_of_another_version": 3}}, {}], ["a_key_of_another_version"]),
        ([{"changes": {"a_key_of_another_version": None}}, {}], []),
    ],
)
def test_keys(
    tmp_path: Path, images: dict[str, Path], runs: list[dict[str, Any]], keys: list[str]
) -> None:
    assert keys_between(tmp_path, images, *runs) == keys


def test_two_images_of_one_name_are_told_apart(tmp_path: Path, images: dict[str, Path]) -> None:
    (tmp_path / "other").mkdir()
    other = picture(tmp_path / "other" / "night.png", (1, 2, 3))
    sha = load(other).sha256
    found = keys_between(
        tmp_path / "runs", images, {}, {"changes": {"style.image": str(other), "style.sha256": sha}}
    )
    assert found == ["style"]


def test_a_job_that_did_not_start_takes_its_place(tmp_path: Path, images: dict[str, Path]) -> None:
    make_run(tmp_path / "0", images, {"alpha": 1.0})
    planned = tmp_path / "1" / ".hydra" / "config.yaml"
    planned.parent.mkdir(parents=True)
    config = compose(
        [
            "alpha=2",
            "optimizer=adam",
            f"content.image={images['town']}",
            f"style.image={images['night']}",
        ]
    )
    planned.write_text(OmegaConf.to_yaml(config))  # network and hashes still open
    (tmp_path / "1" / "status.json").write_text('{"status": "not run"}')
    found = gather([tmp_path])
    assert found.keys == ["alpha"]
    assert found.runs[1].state == "not run"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e6, "1e6"), (1e-8, "1e-8"), (1000.0, "1000"), (0.02, "0.02"), (True, "true"), (None, "–"),
     (4294967295, "4294967295"), (("block4_conv2", "block5_pool"), "4_2 block5_pool")],
)  # fmt: skip
def test_values_read_well(value: Any, text: str) -> None:
    assert shown(value) == text


# Where they stand


def test_the_key_with_most_values_makes_the_columns(comparison: Comparison) -> None:
    (page,) = pages(comparison.runs, comparison.keys)
    assert page.columns == ("alpha=100", "alpha=1000", "alpha=10000")
    assert [title for title, _ in page.rows] == ["style=night", "style=scream"]
    cells = {
        (t, c): cell for t, row in page.rows for c, cell in zip(page.columns, row, strict=True)
    }
    assert [run.name for run in cells["style=scream", "alpha=1000"].runs] == [
        "3_alpha=1000_style=scream"
    ]
    assert cells["style=scream", "alpha=10000"].runs == ()


def test_a_third_key_makes_pages(tmp_path: Path, images: dict[str, Path]) -> None:
    for index, (alpha, beta, size) in enumerate(product((1.0, 2.0), (3.0, 4.0), (64, 128))):
        make_run(tmp_path / str(index), images, {"alpha": alpha, "beta": beta, "size": size})
    found = gather([tmp_path])
    made = pages(found.runs, found.keys)
    assert [page.title for page in made] == ["size=64", "size=128"]
    for page in made:
        assert all(len(cell.runs) == 1 for _, row in page.rows for cell in row if cell)


def test_seeds_share_a_cell_where_two_keys_take_rows_and_columns(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    for index, (alpha, style, seed) in enumerate(product((1.0, 2.0), ("night", "scream"), (0, 1))):
        make_run(tmp_path / str(index), images, {"alpha": alpha, "seed": seed}, style=style)
    found = gather([tmp_path])
    (page,) = pages(found.runs, found.keys)
    assert all(len(cell.runs) == 2 for _, row in page.rows for cell in row if cell)


def test_seeds_are_an_axis_beside_a_single_key(tmp_path: Path, images: dict[str, Path]) -> None:
    for index, (alpha, seed) in enumerate(product((1.0, 2.0), (0, 1, 2))):
        make_run(tmp_path / str(index), images, {"alpha": alpha, "seed": seed})
    found = gather([tmp_path])
    (page,) = pages(found.runs, found.keys)
    titles = {page.columns[0].split("=")[0], page.rows[0][0].split("=")[0]}
    assert titles == {"alpha", "seed"}


def test_runs_picked_by_hand_make_a_list_not_a_grid_of_gaps(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    for index in range(4):
        changes = {"alpha": 1.0 + index, "beta": 2.0 + index, "size": 64 + index}
        make_run(tmp_path / str(index), images, changes)
    found = gather([tmp_path])
    (page,) = pages(found.runs, found.keys)
    captions = [cell.caption for _, row in page.rows for cell in row if cell]
    assert captions[0] == "alpha=1 beta=2 size=64"
    assert len(captions) == 4


# What they say


def test_main_effects_by_hand(tmp_path: Path, images: dict[str, Path]) -> None:
    content = {(1.0, 3.0): 0.2, (1.0, 4.0): 0.4, (2.0, 3.0): 0.6, (2.0, 4.0): 0.8}
    for index, ((alpha, beta), seed) in enumerate(product(content, (0, 1))):
        changes, noise = {"alpha": alpha, "beta": beta, "seed": seed}, 0.01 if seed else -0.01
        distances = (content[alpha, beta] + noise, 0.5 + noise)
        make_run(tmp_path / str(index), images, changes, distances=distances)
    found = gather([tmp_path])
    by_key = {effect.key: effect for effect in effects(found.runs, found.keys)}
    low, high = by_key["alpha"].spreads["content_distance"]
    assert (low.mean, high.mean) == (pytest.approx(0.3), pytest.approx(0.7))
    assert low.deviation == pytest.approx(np.std([0.2, 0.4], ddof=1))
    assert "exceeds the variation between seeds" in by_key["alpha"].verdicts[0]
    assert "does not exceed" in by_key["beta"].verdicts[1]  # all the same


def test_seed_noise_is_pooled() -> None:
    class One:
        def __init__(self, seed: int, value: float) -> None:
            self.settings, self.metrics = {"seed": seed}, {"x": value}

    groups: Any = [
        [One(0, 1.0), One(1, 3.0)],
        [One(0, 5.0), One(1, 5.0), One(2, 8.0)],
        [One(0, 9.0)],
    ]
    deviation, freedom = seed_noise(groups, "x")
    assert freedom == 3
    assert deviation == pytest.approx(np.sqrt((2.0 + 6.0) / 3))


def test_missing_combinations_do_not_pass_for_an_effect(comparison: Comparison) -> None:
    """One style has come to its end for one alpha only: it must not count there."""
    effect = {effect.key: effect for effect in comparison.effects}["alpha"]
    assert effect.shared == 1
    assert [len(points) for points in effect.points["content_distance"]] == [1] * len(effect.values)
    assert "too few seeds" in effect.verdicts[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (301, "301"),
        (0.12345, "0.123"),
        (12345.6, "12346"),
        (0.0, "0"),
        (31.24, "31.2"),
        (312345678.4, "312345678"),
        (1.23456e12, "1.23e12"),
        (9e99, "9e99"),
        (1.2345e-5, "1.23e-5"),
        (-1e-9, "-1e-9"),
    ],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text


def test_mean_and_spread_stop_at_the_same_decimal() -> None:
    assert str(spread([0.30, 0.32, 0.34])) == "0.320 ± 0.020"
    assert str(spread([0.3])) == "0.300"
    assert str(spread([1e12, 3e12])) == "2e12 ± 1.41e12"


def test_each_style_has_a_front_of_its_own(tmp_path: Path, images: dict[str, Path]) -> None:
    """However well a run meets one style, that says nothing about one that meets another."""
    for index, (style, alpha) in enumerate(product(("night", "scream"), (1.0, 2.0))):
        place = (0.1 + 0.1 * alpha + 0.5 * (style == "scream"), 0.9)
        make_run(tmp_path / str(index), images, {"alpha": alpha}, style=style, distances=place)
    found = gather([tmp_path])
    assert fronts(marks(found.runs, found.keys, found.gallery, AXES), AXES) == [[0], [2]]


def test_runs_of_other_weights_are_another_task(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The style distance is measured from the mix."""
    for index, first in enumerate((1.0, 0.5, 0.0)):
        folder = make_run(tmp_path / str(index), images, {"style.weights": [first, 1 - first]})
        metrics = {"style_distance": 0.3 - 0.1 * index, "structure": 0.1 * index}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    found = gather([tmp_path], by="style_distance")
    assert [run.name for run in found.ranked] == ["0", "1", "2"]
    assert correlation(found.runs, "style_distance", "structure") is None
    assert main([str(tmp_path), "--blind"]) == 2
    assert "the same weights" in capsys.readouterr().err


def test_any_two_metrics_make_a_front_in_their_own_directions(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for index, (style, structure) in enumerate([(0.1, 0.2), (0.2, 0.9), (0.3, 0.8)]):
        folder = make_run(tmp_path / str(index), images, {"alpha": float(index)})
        metrics = {"style_distance": style, "structure": structure}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    axes = ("style_distance", "structure")
    found = gather([tmp_path], axes=axes)
    assert fronts(marks(found.runs, found.keys, found.gallery, axes), axes) == [[0, 1]]
    assert main([str(tmp_path), "--axes", ",".join(axes), "--out", f"{tmp_path}/out"]) == 0
    assert "Style distance against structure" in (tmp_path / "out/report.html").read_text("utf-8")
    for wrong, message in (("structur,edges", "Did you mean 'structure'"), ("edges", "name two")):
        assert main([str(tmp_path), f"--axes={wrong}"]) == 2
        assert message in capsys.readouterr().err


def test_the_seeds_of_a_setting_are_one_mark(tmp_path: Path, images: dict[str, Path]) -> None:
    for index, (alpha, seed) in enumerate(product((1.0, 2.0), (0, 1, 2))):
        changes = {"alpha": alpha, "seed": seed}
        make_run(tmp_path / str(index), images, changes, distances=(alpha, float(seed)))
    make_run(tmp_path / "9", images, {"alpha": 3.0}, distances=None)
    found = gather([tmp_path])
    first, second = marks(found.runs, found.keys, found.gallery, AXES)
    assert (first.mean, second.mean) == ((1.0, 1.0), (2.0, 1.0))
    assert first.label == ["alpha=1", "3 runs"]
    assert fronts([first, second], AXES) == [[0]]


def test_of_more_marks_than_there_is_room_for_those_on_a_front_have_pictures(
    tmp_path: Path, images: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for index, style in enumerate((0.5, 0.9, 0.1)):
        changes, distances = {"alpha": float(index)}, (0.1 + 0.1 * index, style)
        make_run(tmp_path / str(index), images, changes, distances=distances)
    found, labels, card = gather([tmp_path]), [], pareto_chart._card
    monkeypatch.setattr(pareto_chart, "_card", lambda *of: labels.append(of[1]) or card(*of))
    for most in (3, 2):
        monkeypatch.setattr(pareto_chart, "MOST_CARDS", most)
        pareto_chart.draw(found.runs, found.keys, found.gallery, AXES)
    assert labels == [["alpha=0"], ["alpha=1"], ["alpha=2"], ["alpha=0"], ["alpha=2"]]


unit = st.floats(0, 1, allow_subnormal=False)


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=20))
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    front = {points[i] for i in pareto(points)}
    beaten = {p for p in points if any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)}
    assert front == set(points) - beaten


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=9))
def test_thumbnails_do_not_hide_each_other(points: list[tuple[float, float]]) -> None:
    anchors = np.array(points) * 600 + 200
    centres = around(anchors, (100.0, 80.0), (0.0, 0.0, 1000.0, 1000.0), anchors[:1], anchors)
    apart = np.abs(centres[:, None] - centres[None])
    clear = (apart[..., 0] >= 99.9) | (apart[..., 1] >= 79.9)
    assert (clear | np.eye(len(points), dtype=bool)).all()


# What is written


def test_all_files_are_there(report: Path) -> None:
    names = sorted(path.name for path in report.parent.iterdir())
    assert names == ["front.png", "report.html", "runs.csv", "sheet.png"]
    for name in ("front.png", "sheet.png"):
        with Image.open(report.parent / name) as image:
            image.load()
            assert min(image.size) > 400


def test_the_table_has_a_row_a_run(report: Path) -> None:
    with (report.parent / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["completed"] * 3 + ["failed", "stopped"]
    assert [float(row["alpha"]) for row in rows] == [100, 100, 1000, 1000, 10000]
    assert float(rows[0]["content_distance"]) == 0.6
    assert rows[3]["content_distance"] == ""
    assert float(rows[4]["evaluations"]) == 5  # of an unfinished run, from its history


def test_a_result_narrower_than_what_a_run_takes_is_shown(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    folder = make_run(tmp_path / "run", images)
    Image.new("RGB", (300, 8)).save(folder / "result.png")
    gallery = load_gallery(gather([folder]).runs)
    assert gallery.results[folder].size == (300, 8)
    assert gallery.notes == {}


def test_a_result_larger_than_what_a_run_takes_is_shown(
    tmp_path: Path, images: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst.images.io.MOST_PIXELS", 60 * 40)  # what the sources have
    Image.new("RGB", (60, 41)).save(make_run(tmp_path / "run", images) / "result.png")
    (run,) = gather([tmp_path / "run"]).runs
    assert (run.state, run.reason) == ("completed", "all steps done")


@pytest.mark.parametrize("sign", ["=", "＝"])
def test_no_text_of_the_table_is_a_formula_and_numbers_stay_numbers(
    tmp_path: Path, images: dict[str, Path], sign: str
) -> None:
    formula = f"{sign}HYPERLINK(A1)"
    for index, beta in enumerate((-2.5, 1.0)):
        folder = make_run(tmp_path / f"{index}", images, {"beta": beta, "margin": f"@{index}"})
        RunFolder(folder).write_json("status.json", {"status": f"-{formula}", "reason": formula})
        RunFolder(folder).write_json("metrics.json", {f"+{formula}": -3.0, "content_distance": 1})
    table = csv_text(gather([tmp_path]))
    heading, first, _ = csv.reader(table.splitlines())
    row = dict(zip(heading, first, strict=True))
    assert (row["status"], row["reason"]) == (f"'-{formula}", f"'{formula}")
    assert (row["beta"], row["margin"], row[f"'+{formula}"]) == ("-2.5", "'@0", "-3.0")


class Page(HTMLParser):
    """Checks that tags close, and collects what would be fetched."""

    VOID = ("meta", "img", "input", "link", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append(tag)
        self.attributes |= set(found)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []
        self.sources += (
            [found.get("src") or ""] if tag in ("img", "script") and "src" in found else []
        )
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_whole_and_needs_nothing(report: Path) -> None:
    text = report.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert len(page.sources) > 10
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    targets = set(re.findall(r"""url\(["']?([^)"']{1,10})""", text))
    assert all(target.startswith(("data:image", "#")) for target in targets), targets
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)
    for link in page.links:
        assert link.startswith("#") or (report.parent / link.replace("%3D", "=")).exists()
    assert text.count('aria-label="from the result to') == 4  # a slider for a run with a picture


def test_of_many_values_of_a_setting_the_report_names_two() -> None:
    assert listed([1.0, 2.0, 3.0]) == "1, 2, 3"
    assert listed([float(n) for n in range(1, 201)]) == "200 values from 1 to 200"


def test_text_from_outside_is_escaped(report: Path) -> None:
    text = report.read_text("utf-8")
    assert "Diverged: &lt;b&gt;&amp;&quot;&#x27;" in text
    assert "<b>&\"'" not in text


def test_the_report_says_how_unfinished_runs_stand(report: Path) -> None:
    text = report.read_text("utf-8")
    for words in (
        "3 completed, 1 failed, 1 stopped",
        "not run",
        "failed at step 4",
        "stopped at step 4",
    ):
        assert words in text


def test_a_second_comparison_leaves_no_page_of_the_first(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    make_run(tmp_path / "runs" / "0", images)
    out = tmp_path / "out"
    out.mkdir()
    for name in ("sheet-2.png", "sheet-mine.png", "report.html"):
        (out / name).write_bytes(b"")
    compare([tmp_path / "runs"], out)
    assert sorted(path.name for path in out.glob("sheet*")) == ["sheet-mine.png", "sheet.png"]


def test_pictures_keep_to_the_budget() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    thumbnail = shrink(from_array(noise), 60_000)
    assert len(thumbnail.large) <= 60_000
    assert thumbnail.size == (400, 300)
    assert thumbnail.large_size[0] / thumbnail.large_size[1] == pytest.approx(4 / 3, abs=0.02)
    assert thumbnail.crop.size == (320, 160)
    best = len(jpeg(thumbnail.cell))
    assert len(jpeg(thumbnail.cell, 0.6 * best)) <= 0.6 * best
    assert (np.asarray(thumbnail.crop) == noise[70:230, 40:360]).all()  # pixel by pixel


# The command


def test_many_runs_in_one_table(printed: str) -> None:
    lines = printed.splitlines()
    assert re.split(r"  +", lines[0].strip())[:4] == [
        "state",
        "alpha",
        "style",
        "content distance (↓ better)",
    ]
    assert lines[5].startswith("stopped at step 4")
    assert lines[5].rstrip().endswith("4_alpha=10000_style=night")


def test_a_reader_that_leaves_early_loses_nothing_but_the_rest(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    """As ``| head -1`` does."""
    make_run(tmp_path / "sweep" / "0", images)
    command = [sys.executable, "-m", "nst.compare", str(tmp_path / "sweep")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert (tmp_path / "sweep" / "comparison" / "report.html").is_file()


def test_no_tensorflow(printed: str) -> None:
    assert printed.splitlines()[-1] == "[]"


def test_two_runs_side_by_side(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = make_run(tmp_path / "a", images, {"alpha": 1.0}, distances=(0.25, 0.5))
    second = make_run(tmp_path / "b[red]", images, {"alpha": 2.0}, distances=(0.75, 0.125))
    monkeypatch.chdir(tmp_path)
    assert main([str(first), str(second)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^alpha +1 +2 *$", printed, re.MULTILINE)
    assert re.search(
        r"^content distance \(↓ better\) +0\.250 +0\.750 +\+200 % *$", printed, re.MULTILINE
    )
    assert re.search(
        r"^style distance \(↓ better\) +0\.500 +0\.125 +-75 % *$", printed, re.MULTILINE
    )
    assert re.search(r"^steps +4 +4 *$", printed, re.MULTILINE)
    assert "b[red]" in printed  # no markup of the terminal's
    (report,) = tmp_path.glob("outputs/comparisons/*/report.html")
    assert str(report.relative_to(tmp_path)) in printed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sweeep", "does not exist. Did you mean 'sweep'?"),
        ("empty", "no run folder and contains none"),
        ("outer", "Folders below it do: "),
        ("file.txt", "is a file"),
        ("x" * 300, "cannot read"),
        ("~nobody99", "does not exist"),
    ],
)
def test_wrong_folders_end_in_one_line(
    tmp_path: Path,
    images: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    make_run(tmp_path / "sweep" / "0", images)
    make_run(tmp_path / "outer" / "sweep" / "0", images)
    before = fingerprint(tmp_path)
    assert main([str(tmp_path / "sweep"), str(tmp_path / name)]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: FOLDER"),
        (["--ot", "x", "a"], "unrecognized"),
        ([""], "the path is empty; . is the current folder"),
    ],
)
def test_a_wrong_command_line_ends_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.startswith("nst: ")
    assert message.count("\n") == 1


def test_nothing_is_written_into_a_run_folder(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", images)
    before = fingerprint(tmp_path)
    for out in (run, run / "deeper"):
        assert main([str(run), "--out", str(out)]) == 2
        assert "stays as it is" in capsys.readouterr().err
    assert fingerprint(tmp_path) == before


def test_a_place_that_cannot_be_written_to_is_named(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "sweep" / "0", images)
    (tmp_path / "sweep" / "comparison").write_text("in the way")
    assert main([str(tmp_path / "sweep")]) == 2
    assert "--out=DIR takes another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "content", "state"),
    [
        ("status.json", b'{"status": "comp', "damaged"),
        ("status.json", b"[1, 2]", "damaged"),
        ("metrics.json", b'{"content_dist', "damaged"),
        ("metrics.json", b'{"content_distance": "much", "style_distance": null}', "completed"),
        ("metrics.jsonl", b'{"step": 0, "total": 1}\n{"step": 1, "to', "completed"),
        ("metrics.jsonl", b'null\n[]\n{"raw": 3}\n{"raw": {"content": "x"}}\n\xff\n', "completed"),
        ("config.yaml", b"alpha: [1, ", "damaged"),
        ("config.yaml", b"- 1\n- 2\n", "damaged"),
        ("config.yaml", b"", "damaged"),
        ("config.yaml", b"alpha: 3\n", "completed"),  # of a version that knew little
        ("config.yaml", b"alpha: ${nowhere}\n", "damaged"),
        ("config.yaml", b"alpha: ${beta}\nbeta: ${alpha}\n", "damaged"),
        ("config.yaml", b"[" * 20_000, "damaged"),
        ("config.yaml", LAUGHS, "damaged"),
        ("config.yaml", b"alpha: \xff\xfe\n", "damaged"),
        ("config.yaml", b"content: {image: 5}\nstyle: {image: ~nobody99/x}\n", "completed"),
        ("config.yaml", b"content: town\nloss: [1]\nseed: .nan\nsize: .inf\n", "completed"),
        ("config.yaml", b"content: {image: %s}\n" % (b"x" * 6000), "completed"),
        ("status.json", b"[" * 200_000, "damaged"),
        ("status.json", b"\xff\xfe\0", "damaged"),
        ("metrics.json", b'{"a":' * 100_000, "damaged"),
        ("metrics.json", b'{"content_distance": 1%s}' % (b"0" * 400), "completed"),
        ("metrics.jsonl", b'{"a":' * 100_000, "completed"),
        ("result.png", b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
        ("result.png", b"", "damaged"),
    ],
)
def test_a_broken_run_shows_as_such_among_good_ones(
    tmp_path: Path, images: dict[str, Path], file: str, content: bytes, state: str
) -> None:
    for index in range(3):
        make_run(tmp_path / str(index), images, {"alpha": 1.0 + index})
    (tmp_path / "1" / file).write_bytes(content)
    found = gather([tmp_path])
    assert [run.state for run in found.runs] == ["completed", state, "completed"]
    assert state == "completed" or file in found.runs[1].reason or file == "config.yaml"
    assert "\n" not in found.runs[1].reason
    assert len(list(csv.reader(io.StringIO(csv_text(found))))) == 4


HUGE = "1" + 400 * "0"


@pytest.mark.parametrize(
    ("metrics", "history"),
    [
        ('{"content_distance": 3e8, "style_distance": 1e6, "seconds": 1e-300}', "{}"),
        ('{"content_distance": 1e308, "style_distance": 1e308, "seconds": 1e308}', "{}"),
        ('{"content_distance": 9e99, "style_distance": 9e99, "evaluations": 9e99}', "{}"),
        ('{"content_distance": 1e-308, "style_distance": 0}', "{}"),
        ('{"content_distance": -1, "style_distance": -1e99}', "{}"),
        ('{"content_distance": NaN, "style_distance": -Infinity, "steps": NaN}', "{}"),
        ("{}", f'{{"step": {HUGE}, "evaluations": {HUGE}, "total": 1e308, "raw": {{"x": -9e99}}}}'),
        ("{}", '{"step": NaN, "seconds": Infinity, "total": NaN, "raw": {"x": NaN}}'),
    ],
)
def test_absurd_numbers_break_no_figure(
    tmp_path: Path, images: dict[str, Path], metrics: str, history: str
) -> None:
    for index, seed in product(range(2), range(2)):
        folder = make_run(tmp_path / f"{index}{seed}", images, {"alpha": 1.0 + index, "seed": seed})
        if index == seed:
            (folder / "metrics.json").write_text(metrics)
            (folder / "metrics.jsonl").write_text(f"{history}\n{history}\n")
    assert Page(compare([tmp_path]).read_text("utf-8")).open == []


EVIL = "<script>alert(1)<script>\"onload='x' &amp; $x_{$ 花 \x1b[31m"  # without "/": names a folder


@pytest.mark.filterwarnings("error")
def test_whatever_a_run_says_is_text(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder's name, a value, a key, a state, a reason, a term, an image's name."""
    for index in range(2):
        folder = make_run(tmp_path / f"{index}{EVIL}", images, {"alpha": 1.0 + index})
        config = OmegaConf.load(folder / "config.yaml")
        own = {"style": {"image": f"/x/{EVIL}{index}.png"}, f"k{EVIL}": f"v{EVIL}{index}"}
        RunFolder(folder).write(
            "config.yaml", OmegaConf.to_yaml(OmegaConf.merge(config, own)).encode()
        )
        RunFolder(folder).write_json("status.json", {"status": EVIL, "reason": f"\ud800\0{EVIL}"})
        record = {"step": 1, "evaluations": 1, "seconds": 1, "total": 1, "raw": {EVIL: 1 + index}}
        (folder / "metrics.jsonl").write_text(json.dumps(record))
    assert main([str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "<script>" in printed.out
    assert not re.search(r"[\0\x1b\ud800]", printed.out)
    text = (tmp_path / "comparison" / "report.html").read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert page.tags.count("script") == 1  # its own
    assert not {name for name in page.attributes if name.startswith("on")}
    assert text.count("&lt;script&gt;alert(1)&lt;script&gt;") > 20


def test_a_folder_whose_name_is_no_text_is_compared(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / os.fsdecode(b"caf\xe9"), images)
    (run / "result.png").write_bytes(b"damaged")
    make_run(tmp_path / "b", images, {"alpha": 2.0})
    assert main([str(tmp_path)]) == 0
    assert "caf\N{REPLACEMENT CHARACTER}" in capsys.readouterr().out
    assert "caf%E9" in (tmp_path / "comparison" / "report.html").read_text("utf-8")
    assert os.fsencode(run) in (tmp_path / "comparison" / "runs.csv").read_bytes()


def test_a_recorded_configuration_is_read_and_nothing_else(
    tmp_path: Path, images: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No class is built, no resolver called, no object made from a YAML tag."""
    monkeypatch.setenv("SECRET", "swordfish")
    trace = tmp_path / "written"
    path = {"_target_": "pathlib.Path", "_args_": [str(trace)]}
    evil = {"_target_": "pathlib.Path.write_text", "_args_": [path, "x"]}
    for name in ("config.yaml", ".hydra/config.yaml"):
        changes = {"observer": {"own": evil}, "loss.own": evil, "optimizer": evil}
        folder = make_run(tmp_path / "runs" / name.replace("/", "_"), images, changes)
        config = (folder / "config.yaml").read_text()
        (folder / "config.yaml").unlink()
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{config}\nhome: ${{oc.env:SECRET}}\nsame: ${{home}}\n")
    tagged = make_run(tmp_path / "runs" / "tagged", images)
    tag = "!!python/object/apply:os.mkdir"
    (tagged / "config.yaml").write_text(f"alpha: {tag} [{trace}]\n")
    report = compare([tmp_path / "runs"])
    found = {run.name: run for run in gather([tmp_path / "runs"]).runs}
    assert found[".hydra_config.yaml"].config["same"] == "${oc.env:SECRET}"
    assert "swordfish" not in str(found["config.yaml"])
    assert found["tagged"].state == "damaged"
    assert not trace.exists()
    assert not [path for path in report.parent.iterdir() if b"swordfish" in path.read_bytes()]


def test_files_elsewhere_that_a_run_links_to_are_not_shown(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    private = tmp_path / "private"
    private.write_text("swordfish: 3\n")
    for name in ("config.yaml", "metrics.json", "result.png", "timelapse.webp"):
        file = make_run(tmp_path / "runs" / name, images) / name
        file.unlink(missing_ok=True)
        file.symlink_to(private)
    runs = {run.name: run for run in gather([tmp_path / "runs"]).runs}
    assert runs["config.yaml"].reason.startswith("config.yaml is a link that leads out")
    assert runs["result.png"].picture is None
    assert [run.state for run in runs.values()] == ["damaged"] * 3 + ["completed"]
    report = compare([tmp_path / "runs"]).read_text("utf-8")
    assert "swordfish" not in report
    assert base64.b64encode(private.read_bytes()).decode() not in report


def test_pictures_elsewhere_are_shown_only_to_those_who_had_them(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    """Content, style and weight map by their recorded hashes; an address is not contacted."""
    town, hashes = str(images["town"]), [load(images["town"]).sha256]
    guided = {"content.weight_map": town, "regions.sha256": digest_of([], hashes)}
    own = make_run(tmp_path / "own", images, guided)
    unknown: dict[str, Any] = {"content.sha256": None, "style.sha256": "0" * 64}
    unknown |= {"content.weight_map": town, "regions.sha256": None}
    foreign = make_run(tmp_path / "foreign", images, unknown)
    address = {"content.image": "http://192.0.2.1/town.png", "content.sha256": hashes[0]}
    make_run(tmp_path / "web", images, address)
    gallery = gather([tmp_path]).gallery
    assert foreign not in {*gallery.contents, *gallery.styles, *gallery.maps}
    assert list(gallery.maps[own]) == ["weight map: town"]
    assert list(gallery.contents) == [own]
    assert own in gallery.styles


def test_a_report_on_the_worst_of_runs(tmp_path: Path, images: dict[str, Path]) -> None:
    """No config, a cut picture, a history of rubbish, nothing completed: still a report."""
    make_run(tmp_path / "0", images, distances=None, status="failed", reason="x\ny")
    (tmp_path / "0" / "metrics.jsonl").write_bytes(b'{"raw": 3}\nnull\n{"evaluations": "x"}\n')
    make_run(tmp_path / "1", images, distances=(float("nan"), float("inf")))
    (tmp_path / "1" / "result.png").write_bytes((images["town"]).read_bytes()[:60])
    make_run(tmp_path / "2", images, distances=None, status="failed", result=False)
    (tmp_path / "2" / "config.yaml").unlink()
    assert Page(compare([tmp_path]).read_text("utf-8")).open == []


def test_a_run_that_nobody_works_on_is_stopped(tmp_path: Path, images: dict[str, Path]) -> None:
    folder = make_run(tmp_path / "run", images, status="running", distances=None)
    assert read(folder, "run").state == "stopped"
    with RunFolder(folder).locked():
        assert read(folder, "run").state == "running"


def test_a_killed_run_shows_its_last_snapshot(tmp_path: Path, images: dict[str, Path]) -> None:
    folder = make_run(tmp_path / "run", images, status="running", distances=None, result=False)
    (folder / "snapshots").mkdir()
    for step in (0, 50, 100):
        picture(folder / "snapshots" / f"{step:06d}.png", (step, 80, 80))
    assert read(folder, "run").picture == folder / "snapshots" / "000100.png"
    assert gather([tmp_path]).gallery.results.keys() == {folder}
    picture(folder / "result.png")
    assert read(folder, "run").picture == folder / "result.png"


def test_a_folder_given_twice_counts_once(tmp_path: Path, images: dict[str, Path]) -> None:
    run = make_run(tmp_path / "run", images)
    assert len(gather([run, tmp_path, run / ".." / "run"]).runs) == 1


def test_jobs_come_in_the_order_of_their_numbers_and_keep_them(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    """So that a link to chosen jobs is right when others have begun; other runs count from 1."""
    for index in (10, 9, 1):
        make_run(tmp_path / f"{index}_x", images)
    found = gather([tmp_path])
    assert [run.name for run in found.runs] == ["1_x", "9_x", "10_x"]
    assert [found.number(run) for run in found.runs] == [1, 9, 10]
    found = gather([tmp_path, make_run(tmp_path / "other" / "9_y", images)])
    assert [found.number(run) for run in found.runs] == [1, 2, 3, 4]


# The report of a sweep that runs


def test_a_running_sweep_says_what_is_left_and_an_ended_one_stands_still(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    make_run(tmp_path / "0", images, {"steps": 4})  # 3 s
    make_run(tmp_path / "1", images, {"alpha": 2.0, "steps": 8}, status="running", distances=None)
    with RunFolder(tmp_path / "1").locked():  # 4 of 8 steps, 0.4 s
        runs = gather([tmp_path]).runs
        assert seconds_left(runs, 4) == pytest.approx((4 - 1 - 0.5) * (3.0 + 0.4) / 1.5)
        assert main([str(tmp_path), "--running", "4"]) == 0
    report = tmp_path / "comparison" / "report.html"
    live = report.read_text("utf-8")
    assert "Running: 1 of 4 jobs have ended, 1 running, about 6 s left" in live
    assert "running at step 4 of 8" in live
    assert 'class="live card"' in live
    assert main([str(tmp_path)]) == 0
    assert 'class="live card"' not in report.read_text("utf-8")


def test_a_sweep_rewrites_its_report_until_it_ends(tmp_path: Path, images: dict[str, Path]) -> None:
    make_run(tmp_path / "0", images)
    report = tmp_path / "comparison" / "report.html"
    with reported(tmp_path, 3, every=0.01):
        end = time.monotonic() + PATIENCE
        while not report.is_file():
            assert time.monotonic() < end
            time.sleep(0.05)
    assert "of 3 jobs have ended" in report.read_text("utf-8")
    assert not [path for path in report.parent.iterdir() if path.name.startswith(".")]


# Pictures over time, and side by side


def test_the_report_has_the_snapshots_and_the_time_lapse(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    folder = make_run(tmp_path / "0", images)
    (folder / "snapshots").mkdir()
    for step in range(20):
        picture(folder / "snapshots" / f"{step:06d}.png", (step, 80, 80))
    (folder / "snapshots" / "000010.png").write_bytes(b"cut short")
    Image.open(folder / "result.png").save(folder / "timelapse.webp")
    film = gather([tmp_path]).gallery.films[folder]
    assert len(film) in (11, 12)  # of 20, and one may be the damaged one
    assert (min(film), max(film)) == (0, 19)
    text = compare([tmp_path]).read_text("utf-8")
    assert 'alt="step 19"' in text
    assert "data:image/webp;base64," in text
    assert 'href="../0/timelapse.webp"' in text


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")
def test_a_link_opens_chosen_runs_at_a_place_and_leaves_out_others(
    report: Path, tmp_path: Path
) -> None:
    chosen = "view=0+2&at=2+0.4+0.5&label=alpha&max=content_distance+0.45"
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"{report.as_uri()}#{chosen}"]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    panes = dom.split('class="panes')[1].split("<h2")[0]
    assert re.findall(r"<figcaption>(.*?)</figcaption>", panes) == [
        "alpha=100, result",
        "alpha=1000, result",
    ]
    assert panes.count("scale(2)") == 2
    assert re.search(r'class="said[^>]*>2 chosen, 1 of \d runs pass, zoom 2.0<', dom)
    assert re.search(r'id="run-0"[^>]* hidden', dom)
