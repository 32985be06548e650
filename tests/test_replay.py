"""Runs that come from earlier ones: replay= does one again, with changes; resume= goes on with one."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst import images
from nst.cli.app import run
from nst.config.composition import compose
from nst.config.validation import check
from nst.errors import InputError
from nst.runs.folder import RunFolder
from nst.runs.replay import effective
from nst.sources import gather

OWN = ["content.image=photo.png", "style.image=painting.png", "network=bundled", "size=32"]
OWN += ["optimizer=adam", "init=blend", "pyramid=single", "loss=[content,style,tv]"]
OWN += ["steps=4", "alpha=5e3", "seed=7", "observer=[metrics,checkpoints]"]


@dataclass(frozen=True)
class Base:
    """A completed run, and where its command was given."""

    here: Path
    folder: Path

    @property
    def result(self) -> bytes:
        return (self.folder / "result.png").read_bytes()

    @property
    def config(self) -> DictConfig:
        return RunFolder(self.folder).config()


@pytest.fixture
def command() -> Iterator[Callable[..., int]]:
    """The command line in this process, which it leaves as it was."""
    with restored():
        yield lambda *arguments: run(arguments)


@contextmanager
def restored() -> Iterator[None]:
    """Puts back what a command line changes in its process: log handlers, a signal, arguments."""
    root = logging.getLogger()
    handlers, level, arguments = root.handlers[:], root.level, sys.argv[:]
    sigterm, environment = signal.getsignal(signal.SIGTERM), os.environ.copy()
    try:
        yield
    finally:
        root.handlers[:], root.level, sys.argv[:] = handlers, level, arguments
        signal.signal(signal.SIGTERM, sigterm)
        os.environ.pop("HYDRA_FULL_ERROR", None)
        os.environ.update(environment)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    here = tmp_path_factory.mktemp("here").resolve()
    for seed, name in enumerate(("photo.png", "painting.png", "other.png")):
        values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(values).save(here / name)
    with pytest.MonkeyPatch.context() as patch, restored():
        patch.chdir(here)
        assert run([*OWN, "hydra.run.dir=base"]) == 0
    return Base(here, here / "base")


def meant(base: Base, *changes: str) -> DictConfig:
    """The configuration that a replay with changes means, checked, its pictures there."""
    overrides = [f"replay='{base.folder}'", *changes]
    config = effective(compose(overrides), overrides)
    check(config)
    gather(config)
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return DictConfig(plain)


# --- replay -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["", "result.png"])
def test_unchanged_it_gives_the_same_bytes_from_anywhere(
    source: str,
    base: Base,
    tmp_path: Path,
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # the pictures are not here
    assert command(f"replay='{base.folder / source}'") == 0
    (again,) = tmp_path.glob("outputs/*/*_photo_painting")
    assert (again / "result.png").read_bytes() == base.result
    assert RunFolder(again).config() == base.config


def test_a_picture_alone_is_enough(
    base: Base, tmp_path: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(base.folder / "result.png", tmp_path / "a friend's picture.png")
    assert command("replay=a friend's picture.png", "alpha=2e4", "hydra.run.dir=again") == 0
    changed = RunFolder(tmp_path / "again")
    assert (changed.path / "result.png").read_bytes() != base.result
    assert changed.config().loss.content.weight == changed.config().alpha == 2e4
    for line in changed.history():
        assert line["weighted"]["content"] == pytest.approx(2e4 * line["raw"]["content"])


def test_a_sweep_over_a_replay(
    base: Base, tmp_path: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"replay='{base.folder}'"
    assert command("-m", source, "alpha=5e3,6e3", "hydra.sweep.dir=sweep") == 0
    same, other = (RunFolder(path) for path in sorted((tmp_path / "sweep").glob("[01]_*")))
    assert (same.path / "result.png").read_bytes() == base.result
    assert (other.path / "result.png").read_bytes() != base.result
    assert command(f"replay={other.path}", "hydra.run.dir=bare") == 0  # sweep/1_alpha=6000
    again = (tmp_path / "bare" / "result.png").read_bytes()
    assert again == (other.path / "result.png").read_bytes()
    assert (same.config().alpha, other.config().loss.content.weight) == (5e3, 6e3)


def test_what_is_not_named_stays_as_recorded(base: Base) -> None:
    expected = base.config
    assert meant(base) == expected
    changed = meant(base, "alpha=1", "loss.style.weight=3", "size=48", "init.noise=0.25")
    assert changed.alpha == changed.loss.content.weight == 1.0
    assert (changed.loss.style.weight, changed.size, changed.init.noise) == (3.0, 48, 0.25)
    for key, value in {"alpha": 5e3, "size": 32}.items():
        changed[key] = value
    changed.loss.content.weight, changed.loss.style.weight = 5e3, expected.beta
    changed.init.noise = 0.5
    assert changed == expected


def test_a_weight_of_its_own_does_not_follow_alpha(base: Base, tmp_path: Path) -> None:
    config = base.config
    config.loss.content.weight = 9.0  # as loss.content.weight=9 would have been recorded
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    changed = meant(Base(base.here, tmp_path), "alpha=1", "beta=2")
    assert (changed.loss.content.weight, changed.loss.style.weight) == (9.0, 2.0)


def test_a_picture_is_exchanged_with_its_hash(base: Base) -> None:
    other = base.here / "other.png"
    changed = meant(base, f"style.image='{other}'")
    assert changed.style.image == str(other)
    assert changed.style.sha256 in (None, images.load(other).sha256)
    assert changed.content == base.config.content
    assert meant(base, "style=starry").style.image == "asset:style/starry.jpg"


def test_a_group_is_exchanged_as_a_whole(base: Base) -> None:
    assert "learning_rate" not in meant(base, "optimizer=lbfgs").optimizer
    assert list(meant(base, "loss=[content]").loss) == ["content"]
    assert list(meant(base, "~loss.tv").loss) == ["content", "style"]
    assert meant(base, "pyramid=sqrt2", "pyramid.min_size=16").pyramid.min_size == 16


def test_pictures_that_have_changed_are_noticed(base: Base, tmp_path: Path) -> None:
    config = base.config
    shutil.copy(base.here / "other.png", tmp_path / "photo.png")
    config.content.image = str(tmp_path / "photo.png")
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    with pytest.raises(InputError, match=r"content\.image: .* has the sha256 .* expected was"):
        meant(Base(base.here, tmp_path))


# --- what cannot be ---------------------------------------------------------------------------


def pictures_without(folder: Path) -> None:
    """Pictures that no run has made."""
    Image.new("RGB", (16, 16)).save(folder / "plain.png")
    text = PngInfo()
    text.add_text("Software", "another")
    Image.new("RGB", (16, 16)).save(folder / "another.png", pnginfo=text)
    Image.new("RGB", (16, 16)).save(folder / "photo.jpg")


WRONG = {
    "replay=bass": "bass is not a run folder: it holds no config.yaml. Did you mean 'base'?",
    "replay=plain.png": "plain.png holds no text: only a result.png of a run carries its config",
    "replay=another.png": "another.png carries no configuration: only a result.png of a run does",
    "replay=photo.jpg": "photo.jpg is not an image, or damaged (read are: PNG)",
    "replay=base alhpa=3": "alhpa: there is no such key. Did you mean 'alpha'? "
    "`python -m nst.run --help` shows them all",
    "replay=base ++alhpa=3": "alhpa: nothing reads this key. Did you mean 'alpha'?",
    "replay=base alpha=-1": "alpha=-1.0 is not valid: it must be a number of 0 or more",
    "replay=base experiment=gatys2015": "replay: an experiment is a whole setting of its own; "
    "name single keys",
    "resume=bass": "bass is not a run folder: it holds no config.yaml. Did you mean 'base'?",
    "resume=base": "resume: base is completed; replay=base does it again",
    "resume=base alpha=3": "resume= continues a run as it was, so it cannot take alpha=3; "
    "replay=base does it again with changes",
    "resume=base replay=base": "resume= continues a run as it was, so it cannot take "
    "replay=base; replay=base does it again with changes",
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_said_in_one_line(
    case: str,
    base: Base,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(base.here)
    pictures_without(base.here)
    before = sorted(base.here.rglob("*"))
    assert command(*case.split()) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"nst: {WRONG[case]}\n")
    assert sorted(base.here.rglob("*")) == before


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("alpha: 5000.0", "alpha: wave", "{source}: alpha: wave is not a number"),
        ("alpha: 5000.0", "alhpa: 5000.0", "{source}: alhpa: there is no such key"),
        ("size: 32", "size: null", "{source}: size: it needs a value"),
        ("  padding: replicate\n", "", "{source}: the key network.padding is missing"),
        ("weight: 5000.0", "weight: x", "loss.content.weight=x is not valid"),
        ("name: bundled", "name: bundlet", "network.name=bundlet is not valid"),
        ("alpha: 5000.0", "alpha: [", "the configuration in {source}/config.yaml is damaged"),
    ],
)
@pytest.mark.parametrize("word", ["replay", "resume"])
def test_a_record_that_was_edited_is_checked(
    old: str, new: str, line: str, word: str, base: Base, tmp_path: Path
) -> None:
    text = (base.folder / "config.yaml").read_text("utf-8")
    assert old in text
    (tmp_path / "config.yaml").write_text(text.replace(old, new))
    overrides = [f"{word}='{tmp_path}'"]
    with pytest.raises(InputError) as error:
        check(effective(compose(overrides), overrides))
    assert str(error.value).startswith(line.replace("{source}", str(tmp_path)))


# --- resume -----------------------------------------------------------------------------------


def test_an_interrupted_run_goes_on_in_its_own_folder(
    base: Base, tmp_path: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stopped run"
    shutil.copytree(base.folder, folder)
    (folder / "checkpoints" / "latest.npz").unlink(missing_ok=True)  # it did not get that far
    RunFolder(folder).write_status("interrupted")
    (folder / "result.png").unlink()
    monkeypatch.chdir(tmp_path)
    assert command("resume='stopped run'") == 0
    assert (folder / "result.png").read_bytes() == base.result
    assert RunFolder(folder).status["status"] == "completed"
    assert [line["step"] for line in RunFolder(folder).history()] == [0, 1, 2, 3, 4]
    assert {path.name for path in tmp_path.iterdir()} == {"stopped run"}


def test_two_processes_do_not_work_in_one_folder(
    base: Base, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "busy"
    shutil.copytree(base.folder, folder)
    RunFolder(folder).write_status("running")
    before = (folder / "status.json").read_bytes()
    with RunFolder(folder).locked():
        assert command(f"resume='{folder}'") == 2
    assert capsys.readouterr().err == f"nst: another process is at work in {folder}\n"
    assert (folder / "status.json").read_bytes() == before
