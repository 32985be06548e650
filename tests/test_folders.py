"""Folders and patterns of pictures as values of a sweep: a job per picture, named after it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import python, restored
from conftest import paint
from PIL import Image

from nst.cli.app import run
from nst.cli.checks import check_sweep
from nst.cli.ending import say
from nst.config import compose
from nst.config.overrides import with_paths_quoted
from nst.errors import InputError
from nst.sweeps.plan import Sweep, of_all_jobs, plan_sweep

FAST = ["network=bundled", "size=24", "steps=1", "pyramid=single", "optimizer=adam", "margin=0"]
FAST += ["observer=[metrics]", "color=match"]
PICTURES = ("a b.jpg", "c.PNG", "d,e=1.png")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of three pictures, and files that are none; the process is left as it was."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate(reversed(PICTURES)):
        values = (paint(20, 24, seed).clip(0, 1) * 255).astype(np.uint8)
        Image.fromarray(values).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("not a picture")
    (tmp_path / "photos" / ".hidden.jpg").write_text("")
    (tmp_path / "photos" / "more.png").mkdir()
    shutil.copy(tmp_path / "photos" / "c.PNG", tmp_path / "one.png")
    with restored():
        yield tmp_path / "photos"


def planned(*overrides: str) -> Sweep:
    """The sweep of a command line with ``-m``."""
    given = [with_paths_quoted(o) for o in [*FAST, "hydra.sweep.dir=sweep", *overrides]]
    return plan_sweep(compose(of_all_jobs(given), hydra=True), given)


def contents(sweep: Sweep) -> list[str]:
    return [job.config.content.image for job in sweep.jobs]


def names(sweep: Sweep) -> list[str]:
    return [job.folder.path.name for job in sweep.jobs]


def test_a_folder_is_a_job_per_picture_in_the_order_of_names(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = planned("content.image=photos")
    assert contents(sweep) == [f"photos/{name}" for name in PICTURES]
    assert names(sweep)[:2] == ["0_content=a_b", "1_content=c"]
    assert names(sweep)[2].startswith("2_content=d")
    (line,) = [record.getMessage() for record in caplog.records]
    assert "photos: passed over what is not a picture: more.png, notes.txt" in line
    assert contents(planned("content.image=./photos/")) == [f"./photos/{n}" for n in PICTURES]


def test_a_pattern_is_a_job_per_file_that_fits(photos: Path) -> None:
    assert contents(planned("content.image=photos/[ac]*")) == ["photos/a b.jpg", "photos/c.PNG"]
    assert contents(planned("content.image=./**/*.png")) == ["./one.png", "./photos/d,e=1.png"]
    assert names(planned("content.image=photos/c.*")) == ["0_content=c"], "named, though alone"
    shutil.move("one.png", "o[n]e.png")
    assert contents(planned("content.image=o[n]e.png")) == ["o[n]e.png"], "a file, no pattern"


def test_folders_of_both_kinds_and_other_values_are_multiplied(photos: Path) -> None:
    sweep = planned("content.image=one.png,photos", "style.image=photos/*.PNG", "alpha=1e2,1e3")
    assert len(sweep.jobs) == 4 * 1 * 2
    assert contents(sweep)[::2] == ["one.png", *(f"photos/{name}" for name in PICTURES)]
    assert names(sweep)[:2] == [
        "0_alpha=100_content=one_style=c",
        "1_alpha=1000_content=one_style=c",
    ]
    listed = planned("style.image=photos")
    assert [job.config.style.image for job in listed.jobs] == [f"photos/{n}" for n in PICTURES]


def test_a_folder_that_an_experiment_names_is_listed_too(photos: Path) -> None:
    (photos.parent / "conf" / "experiment").mkdir(parents=True)
    (photos.parent / "conf" / "experiment" / "all.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        "      content.image: photos\n"
    )
    folder = f"hydra.searchpath=['file://{photos.parent / 'conf'}']"
    assert contents(planned("experiment=all", folder)) == [f"photos/{name}" for name in PICTURES]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("empty", "empty holds no picture (formats read: jpg, png"),
        ("texts", "jp2, heic): notes.txt"),
        ("photos/*.tif", "photos/*.tif fits no picture"),
        ("phots", "phots does not exist. Did you mean 'photos'?"),
        ("phots/*.jpg", "phots/*.jpg fits no picture"),
    ],
)
def test_a_folder_without_pictures_is_wrong_input(
    value: str, says: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    Path("texts").mkdir()
    shutil.copy(photos / "notes.txt", "texts")
    assert run(["-m", *FAST, "hydra.sweep.dir=sweep", f"content.image={value}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nst: content.image: ")
    assert says in line
    assert not Path("sweep").exists()


@pytest.mark.parametrize(("value", "kind"), [("photos", "a folder"), ("photos/*", "a pattern")])
@pytest.mark.parametrize("key", ["content.image", "style.image"])
def test_without_the_option_the_message_names_it(
    key: str, value: str, kind: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*FAST, f"{key}={value}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        f"{key}: {value} is {kind}: add -m for a job per picture, nst -m {key}='{value}'"
    )


def test_a_damaged_picture_of_a_folder_stops_no_check_and_one_by_name_does(
    photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photos / "c.PNG").write_bytes((photos / "c.PNG").read_bytes()[:60])
    check_sweep(planned("content.image=photos"))
    assert "c.PNG" in caplog.text
    assert "its job will fail, the others run" in caplog.text
    with pytest.raises(InputError, match=r"c\.PNG"):
        check_sweep(planned("content.image='photos/a b.jpg','photos/c.PNG'"))
    with pytest.raises(InputError, match="alpha=-1"):
        check_sweep(planned("content.image=photos", "alpha=-1"))


TWICE = """
import json, os, sys
from nst.cli.app import run

command, mended = json.load(sys.stdin)
first = run(command)
os.replace(mended, "photos/c.PNG")
print(json.dumps([first, run(command)]))
"""


@pytest.mark.slow
def test_a_sweep_over_a_folder_runs_all_but_the_damaged_and_continues(photos: Path) -> None:
    shutil.move(photos / "c.PNG", "mended")
    (photos / "c.PNG").write_bytes(Path("mended").read_bytes()[:60])
    command = ["-m", *FAST, "hydra.sweep.dir=sweep", "content.image=photos"]
    done = python("-c", TWICE, cwd=photos.parent, text=json.dumps([command, "mended"]))
    assert json.loads(done.stdout.splitlines()[-1]) == [1, 0], done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    first, second = done.stdout.split("To continue")
    states = [line.split()[0] for line in first.splitlines() if "_content=" in line]
    assert sorted(s for s in states if s in ("completed", "failed")) == ["completed"] * 2 + [
        "failed"
    ]
    assert second.count("already completed, not run again") == 2
    for job in planned("content.image=photos").jobs:
        assert job.folder.status["status"] == "completed"


def test_messages_fit_a_line(photos: Path) -> None:
    for n in range(9):
        (photos / f"{n}.doc").write_text("")
    for path in photos.glob("*.[jpP]*"):
        path.unlink() if path.is_file() else path.rmdir()
    with pytest.raises(InputError) as caught:
        planned("content.image=photos")
    assert "0.doc, 1.doc, 2.doc and 7 more" in str(caught.value)
    assert say(caught.value) == 2
