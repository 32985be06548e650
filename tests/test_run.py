"""Whole runs through the real command line: what they leave, say and return, however they end."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import pytest
from command_line import PATIENCE, ROOT, contents, python, until
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from PIL import Image

import nst.cli.app
import nst.run
from nst import images, sources
from nst.cli.ending import say
from nst.cli.job import store_from
from nst.cli.signals import obeyed
from nst.config.composition import compose
from nst.errors import InputError
from nst.runs.folder import RunFolder
from nst.runtime import import_tensorflow
from nst.sources import recorded

STEPS, EVERY = 150, 5
OWN = ["content.image=content.png", "style.image=style.png", "network=bundled", "size=32"]
OWN += ["optimizer=adam", "init=blend", "pyramid=sqrt2", "pyramid.min_size=16"]
OWN += [f"steps={STEPS}", f"observer.checkpoints.every={EVERY}"]
FILES = {"result.png", "config.yaml", "metrics.json", "metrics.jsonl", "status.json", "run.log"}
FILES |= {"environment.json", "snapshots", "checkpoints", ".hydra"}


@dataclass
class Command:
    """A command line at work: ``python -m nst.run …``."""

    process: subprocess.Popen[str]
    terminal: int | None = None  # the other end of its standard error, where that is a terminal
    shown: list[bytes] = field(default_factory=list)

    def wait(self) -> Command:
        """Waits for its end and takes what it said."""
        self.out, self.err = self.process.communicate(timeout=PATIENCE)
        return self

    @property
    def status(self) -> int:
        return self.process.returncode

    @property
    def said(self) -> str:
        return self.out + self.err


def begin(here: Path, *overrides: str, terminal: bool = False) -> Command:
    """Starts a run in a folder."""
    # What hides TensorFlow's lines is to be nst's doing, not the environment's.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120"}
    ours, theirs = os.openpty() if terminal else (None, subprocess.PIPE)
    command = Command(
        command_line.begin(*OWN, *overrides, cwd=here, env=environment, stderr=theirs), ours
    )
    if terminal:
        os.close(theirs)
        threading.Thread(target=drain, args=(command,), daemon=True).start()
    return command


def drain(command: Command) -> None:
    """Reads a terminal until nobody writes to it any more."""
    assert command.terminal is not None
    try:
        while text := os.read(command.terminal, 4096):
            command.shown.append(text)
    except OSError:  # how Linux says that the other end is closed
        os.close(command.terminal)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a content and a style image."""
    here = tmp_path_factory.mktemp("here").resolve()
    for seed, (name, shape) in enumerate({"content": (24, 32), "style": (20, 20)}.items()):
        values = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(values).save(here / f"{name}.png")
    return here


@pytest.fixture(scope="module")
def twins(here: Path) -> tuple[Command, Command]:
    """The same run twice at the same moment, the second one from a terminal."""
    first, second = begin(here), begin(here, terminal=True)
    return first.wait(), second.wait()


@pytest.fixture(scope="module")
def folders(here: Path, twins: tuple[Command, Command]) -> list[Path]:
    """Their run folders, in the order of the two commands."""
    paths = [re.findall(r"^(outputs\S+)/result\.png", twin.out, re.MULTILINE) for twin in twins]
    return [here / path for found in paths for path in found]


@pytest.fixture(scope="module")
def stopped(here: Path) -> Iterator[Mapping[str, tuple[Command, Path]]]:
    """Runs that are stopped by signals, and one that diverges, all at once."""
    chosen = {
        "SIGINT": ["steps=100000"],
        "SIGTERM": ["steps=100000"],
        "SIGHUP": ["steps=100000"],
        "NaN": ["beta=3e38"],
    }
    # A name with a space and a dot: what is asked for is obeyed to the letter.
    paths = {name: here / "stopped runs" / f"by.{name}" for name in chosen}
    commands = {
        name: begin(here, *more, f"hydra.run.dir='stopped runs/by.{name}'")
        for name, more in chosen.items()
    }
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            until(commands[name].process, paths[name] / "checkpoints" / "latest.npz")
            commands[name].process.send_signal(getattr(signal, name))
        yield {name: (command.wait(), paths[name]) for name, command in commands.items()}
    finally:
        for command in commands.values():
            command.process.kill()


# --- a run that comes to its end --------------------------------------------------------------


def test_it_ends_well(twins: tuple[Command, Command]) -> None:
    assert [(twin.status, twin.err) for twin in twins] == [(0, ""), (0, None)]


def test_runs_of_the_same_moment_have_folders_of_their_own(folders: list[Path], here: Path) -> None:
    assert len(set(folders)) == 2
    for folder in folders:
        name = str(folder.relative_to(here))
        day, time_of_day = r"\d{4}-\d\d-\d\d", r"\d\d-\d\d-\d\d-\d{6}"
        assert re.fullmatch(rf"outputs/{day}/{time_of_day}_content_style", name)
        steps = [line["step"] for line in RunFolder(folder).history()]
        assert steps == list(range(STEPS + 1))


def test_the_run_folder_is_complete_and_holds_nothing_else(folders: list[Path]) -> None:
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        events = {name for name in names if name.startswith("events.out.tfevents.")}
        assert names - events == FILES
        assert len(events) == 1


def test_same_configuration_same_bytes(folders: list[Path]) -> None:
    first, second = (contents(folder) for folder in folders)
    same = [name for name in first if name.endswith((".png", "config.yaml"))]
    assert len(same) > 4
    assert [name for name in same if first[name] != second.get(name)] == []


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_automatic_precision_is_decided(here, monkeypatch, native, precision) -> None:
    monkeypatch.setattr(recorded, "native_bfloat16", lambda: native)  # another processor
    pictures = [f"{name}.image={here / name}.png" for name in ("content", "style")]
    config = compose([*pictures, "network=bundled", "runtime.precision=auto"])
    assert sources.resolved(config, sources.gather(config)).runtime.precision == precision


def test_the_configuration_is_resolved(folders: list[Path], here: Path) -> None:
    text = (folders[0] / "config.yaml").read_text("utf-8")
    assert "${" not in text
    assert "auto" not in text
    assert "???" not in text
    config = RunFolder(folders[0]).config()
    assert config.content.image == str(here / "content.png")
    assert config.content.sha256 == images.load(here / "content.png").sha256
    assert config.loss.content.weight == config.alpha
    assert sum(config.loss.style.layer_weights) == pytest.approx(1.0)
    assert config.resume is None
    assert config.replay is None


def test_the_picture_carries_what_made_it(folders: list[Path]) -> None:
    result = folders[0] / "result.png"
    assert Image.open(result).size == (32, 24)
    assert Image.open(result).mode == "RGB"
    text = images.read_text(result)
    assert OmegaConf.create(text["config"]) == RunFolder(folders[0]).config()
    assert text["seed"] == "0"
    assert text["Software"].startswith("nst ")
    assert {"tensorflow", "keras", "numpy"} <= set(json.loads(text["versions"]))


def test_the_end_is_told_in_numbers(folders: list[Path]) -> None:
    metrics = RunFolder(folders[0]).metrics
    for key in ("content_distance", "style_distance", "seconds", "evaluations", "total"):
        assert metrics[key] > 0
    assert metrics["steps"] == metrics["evaluations"] == STEPS
    assert metrics["total"] == pytest.approx(sum(metrics["weighted"].values()), rel=1e-5)
    assert set(metrics["raw"]) == {"content", "style", "tv"}


def test_status_and_environment_are_told(folders: list[Path]) -> None:
    status = RunFolder(folders[0]).status
    assert (status["status"], status["observers"]) == ("completed", [])
    environment = json.loads((folders[0] / "environment.json").read_text())
    assert environment["network"] == "bundled"
    assert re.fullmatch(r"[0-9a-f]{64}", environment["weights_sha256"])
    assert environment["versions"]["tensorflow"]
    assert environment["cores"] >= 1
    assert "optimizer=adam" in environment["command"]
    overrides = OmegaConf.load(folders[0] / ".hydra" / "overrides.yaml")
    assert list(overrides) == OWN


def test_what_it_says_where_there_is_no_terminal(twins: tuple[Command, Command]) -> None:
    forecast, *progress, picture, compare = twins[0].out.splitlines()
    assert forecast.startswith(f"32x24 px in 3 scales from 16x12, {STEPS} steps: about 0.")
    assert progress[0].startswith(f"step 0/{STEPS}  16×12 px (1/3)  total ")
    assert progress[-1].startswith(f"step {STEPS}/{STEPS}  32×24 px (3/3)  total ")
    number = r"[-+.\de]+"
    line = rf"step \d+/{STEPS}  \d+×\d+ px \(\d/3\)  total {number}(  \w+ {number})+"
    assert all(re.match(line, text) for text in progress), "nothing else, TensorFlow's lines least"
    assert "steps/s" in progress[-1]
    assert re.fullmatch(r"outputs/\S+/result\.png  \(\d+ s\)", picture)
    assert compare == "Compare: python -m nst.tensorboard"


def test_what_it_shows_on_a_terminal(twins: tuple[Command, Command]) -> None:
    shown = b"".join(twins[1].shown).decode()
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown)
    assert f"{STEPS}/{STEPS}" in plain
    assert "32×24 px (3/3)" in plain
    assert re.search(r"total \S+  content \S+  style \S+  tv \S+  \S+ steps/s", plain)
    assert re.search(r"\d:\d\d", plain), "the time left"
    for noise in ("tensorflow", "cuda", "oneDNN", "absl", "Warning"):
        assert noise not in plain
    assert not [line for line in twins[1].out.splitlines() if line.startswith("step ")]


def test_run_log_has_what_was_said(twins: tuple[Command, Command], folders: list[Path]) -> None:
    log = (folders[0] / "run.log").read_text("utf-8")
    for line in twins[0].out.splitlines():
        assert re.search(rf"^\[[-\d :,]+\]\[INFO\] {re.escape(line)}$", log, re.MULTILINE)


def test_a_taken_folder_is_refused_and_left_alone(folders: list[Path], here: Path) -> None:
    folder, before = folders[0].relative_to(here), contents(folders[0])
    done = begin(here, f"hydra.run.dir={folder}").wait()
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        f"nst: hydra.run.dir: {folder} already holds a run; resume={folder} resumes it, "
        "another folder starts a new one\n"
    )
    assert contents(folders[0]) == before


# --- a run that is killed ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(here: Path) -> dict[str, Any]:
    """A run that is killed after its first checkpoint, and what there is of it then and after."""
    folder = here / "killed"
    command = begin(here, "hydra.run.dir=killed")
    until(command.process, folder / "checkpoints" / "latest.npz")
    command.process.send_signal(signal.SIGKILL)
    command.wait()
    run = RunFolder(folder)
    found = {"status": run.status, "lines": run.history(), "files": contents(folder)}
    found["checkpoint"] = run.load_checkpoint()
    resumed = python("-m", "nst.run", "resume=killed", cwd=here)
    return {**found, "killed": command, "resumed": resumed, "folder": folder}


def test_a_kill_costs_at_most_the_steps_since_the_checkpoint(killed: dict[str, Any]) -> None:
    assert killed["killed"].status == -signal.SIGKILL
    assert killed["status"]["status"] == "running"
    lines = killed["lines"]
    assert EVERY - 1 <= len(lines) < STEPS, "it was to be killed on its way"
    assert len(lines) - int(killed["checkpoint"]["step"]) <= EVERY
    assert not any(name.endswith(".part") for name in killed["files"])


def test_a_resumed_run_ends_in_the_same_bytes(killed: dict[str, Any], folders: list[Path]) -> None:
    resumed, folder = killed["resumed"], killed["folder"]
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert "killed/result.png" in resumed.stdout.splitlines()[-2]
    uninterrupted, ours = contents(folders[0]), contents(folder)
    same = [name for name in uninterrupted if name.endswith((".png", "config.yaml"))]
    assert [name for name in same if ours.get(name) != uninterrupted[name]] == []
    assert RunFolder(folder).status["status"] == "completed"


def test_a_resumed_run_has_each_step_once(killed: dict[str, Any], folders: list[Path]) -> None:
    lines, uninterrupted = (RunFolder(f).history() for f in (killed["folder"], folders[0]))
    assert [line["step"] for line in lines] == list(range(STEPS + 1))
    for line, expected in zip(lines, uninterrupted, strict=True):
        assert {**line, "seconds": 0} == {**expected, "seconds": 0}
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds), "its clock goes on where it stopped"


def test_a_resumed_run_keeps_the_command_that_began_it(killed: dict[str, Any]) -> None:
    after = contents(killed["folder"])
    hydra = [name for name in killed["files"] if name.startswith(".hydra/")]
    assert len(hydra) == 3
    assert all(after[name] == killed["files"][name] for name in hydra)
    assert after["run.log"].startswith(killed["files"]["run.log"])


# --- runs that are stopped, and one that fails ------------------------------------------------


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_picture_and_reason(
    name: str, stopped: Mapping[str, tuple[Command, Path]]
) -> None:
    command, folder = stopped[name]
    assert command.status == 130
    assert command.err == (
        f"nst: interrupted; the picture so far is {folder / 'result.png'}, "
        f"and nst {shlex.quote(f'resume={folder}')} goes on\n"
    )
    assert "Traceback" not in command.said
    status = RunFolder(folder).status
    assert status["status"] == "interrupted"
    assert "resume=" in status["reason"]
    picture = np.asarray(Image.open(folder / "result.png"))
    assert picture.shape[2] == 3
    assert picture.std() > 1
    assert images.read_text(folder / "result.png")["config"] == (folder / "config.yaml").read_text()
    assert not (folder / "metrics.json").exists(), "it did not come to its end"
    assert RunFolder(folder).history()


def test_a_ctrl_c_that_hydra_turns_into_an_error_is_still_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(OmegaConfBaseException) as raised:
        try:
            raise KeyboardInterrupt
        finally:  # as its context managers do when they are interrupted halfway
            raise OmegaConfBaseException("'NoneType' object has no attribute 'flags'")
    assert say(raised.value) == 130
    assert capsys.readouterr().err == "nst: interrupted\n"


def test_nohup_is_obeyed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert set(obeyed()) == {signal.SIGINT, signal.SIGTERM}
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in obeyed()


def test_a_run_that_diverges_fails_in_a_line(stopped: Mapping[str, tuple[Command, Path]]) -> None:
    command, folder = stopped["NaN"]
    assert command.status == 1
    assert command.err.startswith("nst: the run failed: ")
    assert command.err.count("\n") == 1
    assert "not finite" in command.err
    assert "Traceback" not in command.said
    assert "Traceback" in (folder / "run.log").read_text("utf-8")
    status = RunFolder(folder).status
    assert status["status"] == "failed"
    assert status["reason"].startswith("Diverged: ")
    assert "not finite" in status["reason"]
    assert status["observers"] == []
    assert len(status["identity"]) == 64
    assert np.asarray(Image.open(folder / "result.png")).std() > 1
    assert not (folder / "metrics.json").exists()


def test_the_folder_asked_for_is_obeyed_to_the_letter(
    stopped: Mapping[str, tuple[Command, Path]], here: Path
) -> None:
    expected = {"by.SIGINT", "by.SIGTERM", "by.SIGHUP", "by.NaN"}
    assert {path.name for path in (here / "stopped runs").iterdir()} == expected
    outputs = list((here / "outputs").glob("*/*"))
    assert len(outputs) in (0, 2), "only the twins write there"


# --- odd places -------------------------------------------------------------------------------

NO_HOME = """
import os, pwd

def unknown(*_):
    raise KeyError

pwd.getpwuid = pwd.getpwnam = unknown
os.environ.pop("HOME", None)
"""
NOBODY = "https://127.0.0.1:9/x"
PLACES = {
    "chdir": (["content.image=Künstler/a#b, c.png", "hydra.job.chdir=true"], {}),
    "home": (["content.image=~/me.png"], {"PYTHONIOENCODING": "ascii"}),
    "no home": (
        ["content.image=content.png", "network=auto", "network.timeout=2", f"network.url={NOBODY}"],
        {},
    ),
    "keras": (
        ["content.image=content.png", "hydra/job_logging=disabled"],
        {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1", "KERAS_HOME": "keras"},
    ),
    "closed": (["content.image=content.png", "hydra/job_logging=stdout"], {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def places(here: Path) -> dict[str, tuple[int, str, dict[str, Any]]]:
    """Short runs with paths, streams and surroundings that are legal and unusual, all at once."""
    home, stranger = here / "home", here / "no home"
    for folder in (home, stranger, here / "Künstler"):
        folder.mkdir()
    shutil.copy(here / "content.png", home / "me.png")
    shutil.copy(here / "content.png", here / "Künstler" / "a#b, c.png")
    (here / "keras").mkdir()
    (here / "keras" / "keras.json").write_text('{"backend": "theano", "floatx": "float16"}')
    (stranger / "sitecustomize.py").write_text(NO_HOME)
    started = {}
    for name, (overrides, more) in PLACES.items():
        own = [o for o in OWN if o.split("=")[0] not in ("content.image", "steps", "network")]
        target = f"hydra.run.dir=~/runs/{name}" if name == "home" else f"hydra.run.dir=at {name}"
        path = f"{stranger}:{ROOT}" if name == "no home" else str(ROOT)
        command = [sys.executable, "-m", "nst.run", "network=bundled", *own, "steps=2", *overrides]
        silent = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh"] if name == "closed" else []
        started[name] = subprocess.Popen(
            [*silent, *command, target],
            cwd=here, env={**os.environ, "HOME": str(home), "PYTHONPATH": path, **more}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    found = {}
    for name, process in started.items():
        said, _ = process.communicate(timeout=PATIENCE)
        folder = home / "runs" / name if name == "home" else here / f"at {name}"
        found[name] = (process.returncode, said, contents(folder))
    return found


@pytest.mark.parametrize("name", PLACES)
def test_a_run_works_in_an_odd_place(
    name: str, places: Mapping[str, tuple[int, str, dict[str, Any]]]
) -> None:
    status, said, files = places[name]
    assert status == 0, said
    assert json.loads(files["status.json"])["status"] == "completed"
    assert files["result.png"]
    assert "Traceback" not in said
    assert "Logging error" not in said


def test_keras_settings_change_no_picture(
    places: Mapping[str, tuple[int, str, dict[str, Any]]],
) -> None:
    pictures = [io.BytesIO(places[name][2]["result.png"]) for name in ("keras", "closed")]
    assert np.array_equal(*(np.asarray(Image.open(picture)) for picture in pictures))


def test_the_console_script_is_the_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"]["nst"] == "nst.run:main"
    assert nst.run.main is nst.cli.app.main


def test_hydra_s_own_logging_is_obeyed(
    places: Mapping[str, tuple[int, str, dict[str, Any]]],
) -> None:
    assert places["keras"][1] == ""
    assert "run.log" not in places["keras"][2]
    assert "step 2/2" in places["chdir"][1]
    assert "step 2/2" in places["chdir"][2]["run.log"].decode()
    assert "run.log" not in places["closed"][2], "job_logging=stdout writes none"


def test_paths_are_shown_from_where_the_command_was_given(
    places: Mapping[str, tuple[int, str, dict[str, Any]]], here: Path
) -> None:
    assert "\nat chdir/result.png  (" in places["chdir"][1]
    assert "\nhome/runs/home/result.png  (" in places["home"][1]
    config = OmegaConf.create(places["chdir"][2]["config.yaml"].decode())
    assert config.content.image == str(here / "Künstler" / "a#b, c.png")


def test_a_page_that_is_not_read_to_its_end_is_no_failure() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "nst.run", "--help"], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_graph_mode_is_refused_in_a_line() -> None:
    import tensorflow as tf

    with tf.Graph().as_default(), pytest.raises(InputError, match="eager execution"):
        import_tensorflow()


# --- odd pictures -----------------------------------------------------------------------------


def odd_pictures() -> dict[str, Image.Image]:
    """Pictures that are legal and unusual, by file name."""
    random = np.random.default_rng(5)

    def noise(*shape: int) -> Image.Image:
        return Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))

    deep = Image.fromarray(random.integers(0, 65536, (20, 30), dtype=np.uint16))
    flat = Image.new("RGB", (30, 20), (90, 120, 30))
    return {
        "tall.png": noise(300, 16, 3),
        "wide.png": noise(16, 300, 3),
        "small.png": noise(16, 16, 3),
        "grey.png": noise(20, 30),
        "clear.png": noise(20, 30, 4),
        "palette.gif": noise(20, 30, 3).convert("P"),
        "print.jpg": noise(20, 30, 4).convert("CMYK"),
        "deep.png": deep,
        "flat.bmp": flat,  # no style has its statistics, no structure is there to keep
    }


@pytest.fixture(scope="module")
def odd(here: Path) -> tuple[Command, dict[str, Path]]:
    """A run of two steps for each of them, as one sweep."""
    pictures = odd_pictures()
    for name, picture in pictures.items():
        picture.save(here / name)
    swept = f"content.image={','.join(pictures)}"
    command = begin(here, "-m", swept, "steps=2", "hydra.sweep.dir=odd", "seed=3").wait()
    found = sorted((here / "odd").glob("[0-9]*"), key=lambda path: int(path.name.split("_")[0]))
    return command, dict(zip(pictures, found, strict=True))


@pytest.mark.parametrize("name", odd_pictures())
def test_an_odd_picture_is_painted(name: str, odd: tuple[Command, dict[str, Path]]) -> None:
    command, found = odd
    assert command.status == 0, command.said
    folder, original = RunFolder(found[name]), odd_pictures()[name]
    assert folder.status["status"] == "completed"
    result = Image.open(folder.path / "result.png")
    assert result.size[::-1] == images.fit(original.size[::-1], 32)
    assert result.mode == ("RGBA" if name == "clear.png" else "RGB")
    for value in numbers(folder.metrics):
        assert np.isfinite(value)


def numbers(metrics: Mapping[str, Any]) -> Iterator[float]:
    for value in metrics.values():
        if isinstance(value, Mapping):
            yield from numbers(value)
        elif isinstance(value, int | float):
            yield value


def test_transparency_goes_with_the_picture(
    odd: tuple[Command, dict[str, Path]], here: Path
) -> None:
    alpha = images.load(here / "clear.png").alpha
    assert alpha is not None
    result = np.asarray(Image.open(odd[1]["clear.png"] / "result.png"))
    expected = np.rint(images.resize(alpha, result.shape[:2]) * 255)
    assert np.abs(result[..., 3] - expected).max() <= 1
    assert result[..., :3].std() > 1


def test_the_jobs_of_a_sweep_are_named_by_what_differs(
    odd: tuple[Command, dict[str, Path]],
) -> None:
    names: Sequence[str] = [path.name for path in odd[1].values()]
    assert names[:3] == ["0_content=tall", "1_content=wide", "2_content=small"]


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sqlite:///runs.db", "sqlite:////here/runs.db"),
        ("sqlite:////there/runs.db", "sqlite:////there/runs.db"),
        ("file:runs", "file:/here/runs"),
        ("file:///there", "file:///there"),
        ("./runs", "/here/runs"),
        ("http://server:5000", "http://server:5000"),
        ("databricks", "databricks"),
    ],
)
def test_a_relative_store_starts_where_the_command_was_given(uri: str, found: str) -> None:
    assert store_from(Path("/here"), uri) == found
