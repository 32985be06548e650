"""Runs that come from earlier ones: replay= repeats one, with changes; resume= continues one."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import contents, restored
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst import images
from nst.cli.app import run
from nst.config.composition import compose
from nst.config.validation import check
from nst.errors import InputError
from nst.features import weights
from nst.runs.folder import RunFolder
from nst.runs.identity import identity
from nst.runs.replay import effective
from nst.sources import gather, resolved

OWN = ["content.image=photo.png", "style.image=painting.png", "network=bundled", "size=32"]
OWN += ["optimizer=adam", "init=blend", "pyramid=single", "loss=[content,style,tv]"]
OWN += ["steps=4", "alpha=5e3", "seed=7", "observer=[metrics,checkpoints]"]
OWN += ["observer.checkpoints.every=3"]


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


def recording(base: Base, folder: Path, *changes: str) -> Base:
    """A recording of the same run with changes, as if it had been painted."""
    config = meant(base, *changes)
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(resolved(config, gather(config))))
    return Base(base.here, folder)


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


@pytest.mark.parametrize(
    ("keys", "change"),
    [
        ("content.weight_map=halves.png", "content=stilllife"),
        (
            "style.image=[painting.png,other.png] content.regions=halves.png "
            "style.regions=[red,white]",
            "style.weights=[0,1]",
        ),
    ],
)
def test_regions_and_weight_map_are_exchanged_with_their_hash(
    keys: str, change: str, base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.here)
    halves = Image.new("RGB", (32, 24), "white")
    halves.paste("red", (16, 0, 32, 24))
    halves.save("halves.png")
    config = meant(base, *keys.split())
    config.regions.sha256 = gather(config).guidance.sha256
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    again = Base(base.here, tmp_path)
    assert meant(again).regions.sha256 is not None
    assert meant(again, change).regions.sha256 is None


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
    with pytest.raises(InputError, match=r"content\.image: .* has the sha256 .* expected"):
        meant(Base(base.here, tmp_path))


@pytest.mark.parametrize("word", ["replay", "resume"])
def test_a_start_that_has_changed_is_noticed(word: str, base: Base, tmp_path: Path) -> None:
    start = shutil.copy(base.here / "other.png", tmp_path / "start.png")
    painted = recording(base, tmp_path / "run", "init=file", f"init.image='{start}'")
    shutil.copy(base.here / "photo.png", start)
    overrides = [f"{word}='{painted.folder}'"]
    with pytest.raises(InputError, match=r"init\.image: .* has the sha256 .* expected"):
        gather(effective(compose(overrides), overrides))


@pytest.mark.parametrize(
    "change", ["init.image=photo.png", "init=file init.image=photo.png", "init=content"]
)
def test_a_start_is_exchanged_with_its_hash(
    change: str, base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.here)
    painted = recording(base, tmp_path, "init=file", "init.image=other.png")
    assert meant(painted).init.sha256 == images.load(base.here / "other.png").sha256
    assert meant(painted, "init.noise=0.5").init.sha256 == meant(painted).init.sha256
    changed = meant(painted, *change.split())
    assert changed.init.sha256 is None
    used = images.load(base.here / "photo.png").sha256 if "photo" in change else None
    assert resolved(changed, gather(changed)).init.sha256 == used


@pytest.fixture
def retrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Other bundled weights, in the place of those that ship."""
    data = (weights.ASSETS / "bundled.npz").read_bytes()
    bias = np.load(io.BytesIO(data))["block1_conv1/bias"]
    file = tmp_path / "other assets" / "bundled.npz"
    file.parent.mkdir()
    file.write_bytes(changed(data, **{"block1_conv1/bias": bias + 1}))
    monkeypatch.setattr(weights, "ASSETS", file.parent)
    return file


def warning(folder: Path) -> str | None:
    said: str | None = json.loads((folder / "environment.json").read_text("utf-8"))["warning"]
    return said


def test_a_run_is_repeated_with_other_weights_and_a_warning_that_it_records(
    base: Base, retrained: Path, tmp_path: Path, command: Callable[..., int]
) -> None:
    ours, theirs = base.config.network.sha256, sha256(retrained.read_bytes()).hexdigest()
    again = tmp_path / "again"
    assert command(f"replay='{base.folder}'", f"hydra.run.dir='{again}'") == 0
    line = f"network: {retrained} has the sha256 {theirs[:12]}, expected {ours[:12]}"
    assert warning(again) == f"{line}: the picture will differ"
    assert line in (again / "run.log").read_text("utf-8")
    assert (again / "result.png").read_bytes() != base.result
    assert RunFolder(again).config().network.sha256 == theirs
    assert warning(base.folder) is None


def test_a_network_of_the_users_choice_has_no_recorded_hash(base: Base) -> None:
    for change in ("network=bundled", "network.name=bundled", "network.weights=null"):
        assert meant(base, change).network.sha256 is None
    assert meant(base, "network.pooling=max").network.sha256 == base.config.network.sha256
    assert gather(meant(base)).network.warning is None


@pytest.mark.parametrize("more", [[], ["steps=9"]])
def test_a_run_does_not_go_on_with_other_weights(
    more: list[str],
    stopped: Path,
    retrained: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(stopped, tmp_path / "run")
    ours, theirs = RunFolder(folder).config().network.sha256, weights.locate("bundled").sha256
    before = contents(folder)
    assert command(f"resume={folder}", *more) == 2
    assert capsys.readouterr().err == (
        f"nst: resume: {retrained} has the sha256 {theirs[:12]}, expected {ours[:12]}: a run goes "
        f"on with the weights that it began with; replay={folder} repeats it with these\n"
    )
    assert contents(folder) == before


def test_a_recording_from_before_hashes_of_start_and_weights_is_the_same_run(
    base: Base, tmp_path: Path
) -> None:
    start = f"init.image='{base.here / 'other.png'}'"
    painted = recording(base, tmp_path, "init=file", start)
    config = painted.config
    inputs = gather(config)
    now = identity(config, inputs)
    del config.init["sha256"], config.network["sha256"], config.network["application"]
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    old = meant(painted)
    assert (old.init.sha256, old.network.sha256) == (None, None)
    assert identity(config, inputs) == identity(resolved(old, inputs), inputs) == now


def test_a_recording_from_before_details_and_grain_starts_scales_without_them(
    base: Base, tmp_path: Path
) -> None:
    painted = recording(base, tmp_path)
    config = painted.config
    assert config.init.detail > 0
    del config.init["detail"], config.init["grain"]
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    old = meant(painted)
    assert (old.init.detail, old.init.grain) == (0.0, 0.0)


def test_a_recording_without_the_hash_of_its_weights_takes_any(
    base: Base, retrained: Path, tmp_path: Path
) -> None:
    painted = recording(base, tmp_path / "run")
    config = painted.config
    assert config.network.sha256 == sha256(retrained.read_bytes()).hexdigest()
    del config.network["sha256"]
    (painted.folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    assert gather(meant(painted)).network.warning is None


# --- what cannot be ---------------------------------------------------------------------------


def pictures_without(folder: Path) -> None:
    """Pictures that no run has made."""
    Image.new("RGB", (16, 16)).save(folder / "plain.png")
    text = PngInfo()
    text.add_text("Software", "another")
    Image.new("RGB", (16, 16)).save(folder / "another.png", pnginfo=text)
    Image.new("RGB", (16, 16)).save(folder / "photo.jpg")


WRONG = {
    "replay=bass": "bass does not exist. Did you mean 'base'?",
    "replay=plain.png": "plain.png holds no text: only a result.png of a run carries its config",
    "replay=another.png": "another.png carries no configuration: only a result.png of a run does",
    "replay=photo.jpg": "photo.jpg holds no text: only a result.png of a run carries its config",
    "replay=base alhpa=3": "alhpa: there is no such key. Did you mean 'alpha'? "
    "`python -m nst.run --cfg job` shows them all",
    "replay=base ++alhpa=3": "alhpa: nothing reads this key. Did you mean 'alpha'?",
    "replay=base alpha=-1": "alpha=-1.0 is not valid: it must be a number of 0 or more",
    "replay=base experiment=gatys2015": "replay: an experiment would replace the whole "
    "configuration; change single keys",
    "resume=bass": "bass does not exist. Did you mean 'base'?",
    "resume=base": "resume: base is completed; add steps=… for more steps, or repeat it with "
    "replay=base",
    "resume=base steps=4": "steps=4: base is planned for 4; replay=base steps=4 starts over",
    "resume=base alpha=3": "resume= continues a run unchanged, so it cannot take alpha=3; "
    "replay=base repeats it with changes",
    "resume=base replay=base": "give either resume=, to continue a run, or replay=, to repeat one",
    "resume=base/result.png": "base/result.png is no run folder, but base is one.",
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
        ("  padding: replicate\n", "", "{source}: its configuration lacks the key network.padding"),
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


# --- recordings from strangers ----------------------------------------------------------------


def with_observer(**node: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: config["observer"].update(evil=node)


def with_value(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        *parents, last = key.split(".")
        for parent in parents:
            config = config[parent]
        config[last] = value

    return change


FOREIGN: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a function and its arguments": (
        with_observer(_target_="pathlib.Path.write_text", _args_=["WRITTEN", "x"]),
        "observer.evil._args_ is not allowed in a recording",
    ),
    "a class of Python's": (
        with_observer(_target_="pathlib.Path"),
        "asks for pathlib.Path (observer.evil._target_), which is not a class that nst ships",
    ),
    "a function that this package imports": (
        with_observer(_target_="nst.observers.files.write_atomic", path="WRITTEN", data="x"),
        "asks for nst.observers.files.write_atomic",
    ),
    "a library that this package imports": (
        with_observer(_target_="nst.losses.terms.tf.io.write_file", filename="WRITTEN"),
        "asks for nst.losses.terms.tf.io.write_file",
    ),
    "a class of this package at another place": (
        with_observer(_target_="nst.optimizers.LBFGS", history=1),
        "asks for nst.optimizers.LBFGS (observer.evil._target_)",
    ),
    "a class among the arguments": (
        with_value("loss.content.layers", [{"_target_": "pathlib.Path"}]),
        "asks for pathlib.Path (loss.content.layers.0._target_)",
    ),
    "a class among the options": (
        with_value("optimizer.options.beta_1", {"_target_": "nst.optimizers.FirstOrder"}),
        "asks for nst.optimizers.FirstOrder (optimizer.options.beta_1._target_)",
    ),
    "a half-made object": (
        with_value("loss.tv._partial_", True),
        "loss.tv._partial_ is not allowed in a recording",
    ),
    "an argument that there is not": (
        with_value("observer.metrics.folder", "/"),
        "observer.metrics.folder: nst.observers.Metrics has no such argument",
    ),
    "the environment": (
        with_value("content.image", "${oc.env:HOME}"),
        "it contains the interpolation ${oc.env:HOME}; a recording has none",
    ),
    "a store to write into": (
        with_value(
            "observer.mlflow",
            {"_target_": "nst.observers.MLflow", "uri": "file:WRITTEN", "experiment": "a"},
        ),
        "asks to record the run in file:WRITTEN (observer.mlflow.uri). If you trust it, set "
        "MLFLOW_TRACKING_URI=file:WRITTEN",
    ),
    "the default of a store": (
        with_value(
            "observer.mlflow",
            {"_target_": "nst.observers.MLflow", "uri": None, "experiment": "a"},
        ),
        "asks to record the run in the store that is the default of MLflow (observer.mlflow.uri). "
        "If you trust it, set MLFLOW_TRACKING_URI=STORE",
    ),
    "a folder to write into": (
        with_value("hydra", {"run": {"dir": "WRITTEN"}}),
        "hydra: there is no such key",
    ),
    "no class at all": (
        with_value("loss.tv", None),
        "its configuration lacks the key loss.tv._target_",
    ),
    "a term that is a number": (
        with_value("optimizer", 3),
        "its configuration lacks the key optimizer",
    ),
}


def foreign(base: Base, path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A picture whose configuration somebody has changed."""
    picture = Image.open(base.folder / "result.png")
    config = yaml.safe_load(picture.text["config"])
    change(config)
    text = PngInfo()
    for key, value in picture.text.items():
        text.add_text(key, yaml.safe_dump(config) if key == "config" else value)
    picture.save(path, pnginfo=text)


@pytest.mark.parametrize("case", FOREIGN)
def test_a_picture_from_a_stranger_is_refused_in_a_line(
    case: str,
    base: Base,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change, line = FOREIGN[case]
    monkeypatch.chdir(tmp_path)
    foreign(base, tmp_path / "mail.png", change)
    assert command("replay=mail.png", "alpha=2") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert line in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["mail.png"]


@pytest.mark.parametrize("case", FOREIGN)
def test_a_folder_from_a_stranger_is_not_resumed(case: str, base: Base, tmp_path: Path) -> None:
    config = yaml.safe_load((base.folder / "config.yaml").read_text("utf-8"))
    change, line = FOREIGN[case]
    change(config)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    overrides = [f"resume='{tmp_path}'"]
    with pytest.raises(InputError, match=re.escape(line)):
        effective(compose(overrides), overrides)


@pytest.mark.parametrize("name", ["run.log", "snapshots/000001.png", "checkpoints"])
def test_no_file_elsewhere_is_written_to_by_way_of_a_folder(
    name: str, base: Base, tmp_path: Path
) -> None:
    folder = shutil.copytree(base.folder, tmp_path / "run")
    RunFolder(folder).write_status("interrupted")
    overrides = [f"resume='{folder}'"]
    assert effective(compose(overrides), overrides).steps == base.config.steps
    link = folder / name
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path)
    with pytest.raises(InputError, match=f"resume: {link} is a link that leads out of the folder"):
        effective(compose(overrides), overrides)


def test_the_store_of_the_user_is_used(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = base.config
    config.observer = compose(["observer=[mlflow]", "observer.mlflow.uri=file:mine"]).observer
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    overrides = [f"replay='{tmp_path}'", "observer=+mlflow", "observer.mlflow.uri=file:mine"]
    assert effective(compose(overrides), overrides).observer.mlflow.uri == "file:mine"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:mine")
    assert effective(compose(overrides[:1]), overrides[:1]).observer.mlflow.uri == "file:mine"


def test_yaml_that_unfolds_is_refused(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    (tmp_path / "config.yaml").write_text("\n".join(["a0: &a0 lol", *levels]))
    with pytest.raises(InputError, match="contains YAML references or tags"):
        RunFolder(tmp_path).config()
    (tmp_path / "config.yaml").write_text("alpha: " + "[" * 5000)
    with pytest.raises(InputError, match="nested more than 20 levels deep"):
        RunFolder(tmp_path).config()


def test_an_address_in_a_recording_is_not_asked(base: Base, tmp_path: Path) -> None:
    config = base.config
    config.network = compose(["network=vgg19"]).network
    config.network.url = "https://stranger.example/vgg19.h5"
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    overrides = [f"replay='{tmp_path}'"]
    ours = compose(["network=vgg19"]).network.url
    assert effective(compose(overrides), overrides).network.url == ours
    overrides.append("network.url=https://mirror.example/vgg19.h5")
    assert effective(compose(overrides), overrides).network.url == overrides[1].split("=")[1]


def test_a_class_of_the_users_own_needs_the_users_word(
    base: Base,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "watching.py").write_text(
        "from nst.observers import Observer\n\n\nclass Witness(Observer):\n"
        "    def start(self, run):\n        (run.folder.path / 'seen').touch()\n"
    )
    option = tmp_path / "own" / "observer" / "witness.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("# @package observer\nwitness:\n  _target_: watching.Witness\n")
    foreign(
        base, tmp_path / "mail.png", with_value("observer", {"w": {"_target_": "watching.Witness"}})
    )

    assert command("replay=mail.png", "hydra.run.dir=refused") == 2
    said = capsys.readouterr().err
    assert "asks for watching.Witness" in said
    assert "--config-dir=FOLDER" in said
    assert not (tmp_path / "refused").exists()
    assert command("--config-dir=own", "replay=mail.png", "hydra.run.dir=allowed") == 0
    assert (tmp_path / "allowed" / "seen").exists()
    swept = ["replay=mail.png", "alpha=1,2", "hydra.sweep.dir=swept"]
    assert command("-m", "--config-dir=own", *swept) == 0
    assert len(list(tmp_path.glob("swept/*/seen"))) == 2


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


@pytest.mark.parametrize(
    ("optimizer", "steps"),
    [("adam", 5), ("lbfgs", 1), ("lbfgs", 5)],  # a checkpoint is due after the third and the sixth
)
def test_a_completed_run_takes_more_steps_as_if_they_had_been_asked_for_at_first(
    optimizer: str, steps: int, base: Base, tmp_path: Path, command: Callable[..., int]
) -> None:
    again, longer = [f"replay='{base.folder}'", f"optimizer={optimizer}"], tmp_path / "longer"
    assert command(*again, f"steps={steps}", f"hydra.run.dir='{longer}'") == 0
    before = RunFolder(longer).result.read_bytes()
    assert command(f"resume='{longer}'", "steps=9") == 0
    assert command(*again, "steps=9", f"hydra.run.dir='{tmp_path / 'new'}'") == 0
    found, asked = RunFolder(longer), RunFolder(tmp_path / "new")
    assert found.result.read_bytes() == asked.result.read_bytes() != before
    assert found.config() == asked.config()
    assert found.status["status"] == "completed"
    assert found.status["identity"] == asked.status["identity"]
    assert [line["step"] for line in found.history()] == list(range(10))


def test_a_run_that_is_killed_on_its_way_to_more_steps_is_a_stopped_one(
    base: Base, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "longer")
    shutil.copytree(base.folder, folder.path)
    overrides = [f"resume='{folder.path}'", "steps=9"]
    folder.lengthen(effective(compose(overrides), overrides))
    assert folder.status["status"] == "interrupted"
    assert not folder.metrics
    overrides = overrides[:1]
    assert effective(compose(overrides), overrides).steps == 9


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("min_size: null", "min_size: 16", "divides its steps among 3 scales"),
        ("final_rate: 1.0", "final_rate: 0.1", "lowers its learning rate until its last step"),
    ],
)
def test_a_schedule_that_more_steps_would_change_is_left_alone(
    old: str, new: str, says: str, base: Base, tmp_path: Path
) -> None:
    text = (base.folder / "config.yaml").read_text("utf-8")
    assert old in text
    (tmp_path / "config.yaml").write_text(text.replace(old, new))
    overrides = [f"resume='{tmp_path}'", "steps=9"]
    with pytest.raises(InputError) as error:
        effective(compose(overrides), overrides)
    assert str(error.value) == (
        f"steps=9: {tmp_path} {says}; replay={tmp_path} steps=9 starts over, and replay={tmp_path} "
        f"pyramid=single init=file init.image={tmp_path / 'result.png'} paints on from its picture"
    )
    RunFolder(tmp_path).write_status("completed")
    with pytest.raises(InputError, match=r"is completed; repeat it with replay="):
        effective(compose(overrides[:1]), overrides[:1])


def test_a_pyramid_of_one_scale_takes_more_steps(base: Base, tmp_path: Path) -> None:
    text = (base.folder / "config.yaml").read_text("utf-8")
    (tmp_path / "config.yaml").write_text(text.replace("min_size: null", "min_size: 32"))
    overrides = [f"resume='{tmp_path}'", "steps=9"]
    assert effective(compose(overrides), overrides).steps == 9


def test_a_new_run_leaves_a_folder_alone_that_another_command_is_about_to_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(sys, "argv", ["nst"])
    with RunFolder(folder).locked():
        assert run(["network=bundled", "steps=1", f"hydra.run.dir={folder}"]) == 2
    assert capsys.readouterr().err == f"nst: another process is using {folder}\n"
    assert list(folder.iterdir()) == []


def test_two_processes_do_not_work_in_one_folder(
    base: Base, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "busy"
    shutil.copytree(base.folder, folder)
    RunFolder(folder).write_status("running")
    before = (folder / "status.json").read_bytes()
    with RunFolder(folder).locked():
        assert command(f"resume='{folder}'") == 2
    assert capsys.readouterr().err == f"nst: another process is using {folder}\n"
    assert (folder / "status.json").read_bytes() == before


# --- what is damaged --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(base: Base) -> Path:
    """The same run, stopped after its last step but one, with a checkpoint of that."""
    folder = shutil.copytree(base.folder, base.here / "stopped")
    (folder / "result.png").unlink()
    (folder / "metrics.json").unlink()
    RunFolder(folder).write_status("interrupted")
    return folder


def arrays(**named: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **named)
    return file.getvalue()


def changed(data: bytes, **named: Any) -> bytes:
    held = dict(np.load(io.BytesIO(data)))
    return arrays(**held | {key: value.astype(held[key].dtype) for key, value in named.items()})


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "garbage": lambda data: bytes(range(256)) * 4,
    "one bit": lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
    "another run's": lambda data: arrays(step=np.asarray(1)),
    "objects": lambda data: arrays(step=np.asarray([print], dtype=object)),
    "one array": lambda data: data[data.index(b"\x93NUMPY") :],
    "another type": lambda data: arrays(
        **{
            key: value.astype(complex) if key == "optimizer/image" else value
            for key, value in np.load(io.BytesIO(data)).items()
        }
    ),
    "no scale": lambda data: changed(data, scale=np.asarray(9)),
    "no step": lambda data: changed(data, step=np.asarray(-1), scale_step=np.asarray(-1)),
    "too late": lambda data: changed(data, step=np.asarray(10**9)),
    "not finite": lambda data: changed(
        data, **{"optimizer/image": np.full((1, 40, 48, 3), np.nan)}
    ),
}


def test_a_stopped_run_is_continued_whatever_network_was_found(
    base: Base, tmp_path: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.here)
    nowhere = ["network=auto", "network.url=https://127.0.0.1:9/x", "network.timeout=2"]
    assert command(*OWN, *nowhere, f"hydra.run.dir={tmp_path}") == 0
    folder = RunFolder(tmp_path)
    assert folder.config().network.name == "bundled"
    folder.write_status("interrupted")
    folder.result.unlink()
    assert command(f"resume={tmp_path}") == 0
    again, ours = Image.open(folder.result), Image.open(base.folder / "result.png")
    assert again.tobytes() == ours.tobytes()
    assert folder.status["status"] == "completed"


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_checkpoint_is_named_and_the_run_left_as_it_was(
    case: str,
    base: Base,
    stopped: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(stopped, tmp_path / "run")
    checkpoint = folder / "checkpoints" / "latest.npz"
    checkpoint.write_bytes(DAMAGED[case](checkpoint.read_bytes()))
    before = contents(folder)
    assert command(f"resume={folder}") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"nst: {checkpoint} is damaged or belongs to another configuration (")
    assert said.endswith("; delete it to start from the beginning\n")
    assert said.count("\n") == 1
    assert contents(folder) == before
    checkpoint.unlink()
    assert command(f"resume={folder}") == 0
    assert (folder / "result.png").read_bytes() == base.result


@pytest.mark.parametrize(
    ("old", "new", "more", "line"),
    [
        ("size: 32", "size: 48", [], "holds a run with another configuration"),
        ("margin: 8", "margin: 4", ["steps=9"], "latest.npz is damaged or belongs to another"),
    ],
)
def test_an_edited_configuration_is_not_resumed(
    old: str,
    new: str,
    more: list[str],
    line: str,
    stopped: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(stopped, tmp_path / "run")
    config = folder / "config.yaml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    before = contents(folder)
    assert command(f"resume={folder}", *more) == 2
    assert line in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("status.json", b"{", "status.json is damaged"),
        ("status.json", b"[1]", "status.json is damaged: it is not a JSON object"),
        ("status.json", b"\xff\xfe", "status.json is damaged"),
        ("metrics.jsonl", b'{"step": 0}\nx\n{"step": 2}\n', "metrics.jsonl, line 2 is damaged"),
        ("metrics.jsonl", b'{"step": -1}\n', "metrics.jsonl, line 1 is damaged: it has no step"),
        ("metrics.jsonl", b"{}\n", "metrics.jsonl, line 1 is damaged: it has no step"),
        ("config.yaml", b"\xff\x00", "config.yaml is damaged"),
        ("config.yaml", b"- 1\n", "config.yaml is damaged: it is a list, not a mapping"),
        ("config.yaml", b"a: !!python/name:os.system\n", "config.yaml is damaged"),
    ],
)
def test_a_damaged_file_is_named_and_left_as_it_was(
    name: str,
    content: bytes,
    line: str,
    stopped: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(stopped, tmp_path / "run")
    (folder / name).write_bytes(content)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert command(f"resume={folder}") == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["metrics.jsonl", "run.log", "checkpoints/latest.npz"])
def test_what_is_no_file_is_named(name: str, stopped: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(stopped, tmp_path / "run")
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    with pytest.raises(InputError, match=f"resume: {folder / name} is no file; remove it"):
        effective(compose([f"resume={folder}"]), [f"resume={folder}"])


# --- what cannot be written -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["result.png", "metrics.json"])
def test_a_run_that_cannot_write_its_end_has_failed_and_is_resumed(
    name: str,
    base: Base,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(base.here)
    folder = tmp_path / "run"
    (folder / name).mkdir(parents=True)  # a folder cannot be replaced by a file
    assert command(*OWN, f"hydra.run.dir={folder}") == 1
    assert f"{name} could not be written: Is a directory" in capsys.readouterr().err
    status = RunFolder(folder).status
    assert status["status"] == "failed"
    assert f"{name} could not be written" in status["reason"]
    assert not (folder / "metrics.json").is_file()
    (folder / name).rmdir()
    assert command(f"resume={folder}") == 0
    assert (folder / "result.png").read_bytes() == base.result
    assert RunFolder(folder).status["status"] == "completed"
    assert RunFolder(folder).metrics


def test_a_sweep_without_pictures_has_failed(
    base: Base, tmp_path: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.here)
    jobs = [tmp_path / "sweep" / name for name in ("0_alpha=1", "1_alpha=2")]
    for job in jobs:
        (job / "result.png").mkdir(parents=True)
    assert command("-m", *OWN, "alpha=1,2", f"hydra.sweep.dir={tmp_path / 'sweep'}") == 1
    assert [RunFolder(job).status["status"] for job in jobs] == ["failed", "failed"]
