"""The picture's file: its name and format, and what it carries whatever they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from nst import images, stylize
from nst.compare.load import read
from nst.config.composition import compose
from nst.config.settings import influential
from nst.config.validation import check
from nst.errors import InputError
from nst.images import tiff
from nst.runs.folder import RunFolder, recorded_config, result_name

FAST = ["network=bundled", "size=32", "steps=2", "pyramid=single", "observer=[]"]


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff"])
def test_a_picture_of_any_format_can_be_found_and_replayed(kind: str, tmp_path: Path) -> None:
    output = ["output.name='Porträt'", f"output.format={kind}", "output.quality=100"]
    picture = stylize(overrides=[*FAST, *output], folder=tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert run.result == tmp_path / "run" / f"Porträt.{kind}"
    assert not (tmp_path / "run" / "result.png").exists()
    assert read(tmp_path / "run", "run").picture == run.result
    painted = images.load(run.result).rgb - np.asarray(picture, np.float32) / 255
    assert np.abs(painted).max() <= (0.05 if kind == "jpg" else 0)
    assert recorded_config(run.result) == run.config()
    assert set(images.read_text(run.result)) == {"Software", "config", "seed", "versions"}
    again = stylize(overrides=[f"replay='{run.result}'", "observer=[]"])
    assert again.tobytes() == picture.tobytes()


def test_a_result_of_16_bits_is_the_picture_before_rounding(tmp_path: Path) -> None:
    deep = ["output.format=tiff", "output.bits=16"]
    picture = stylize(overrides=[*FAST, *deep], folder=tmp_path / "run")
    result = tmp_path / "run" / "result.tiff"
    values, _ = tiff.decode(result.read_bytes(), "result.tiff")
    assert len(np.unique(values)) > 256
    assert np.abs(values - np.asarray(picture, np.float32) / 255).max() <= 0.501 / 255
    assert recorded_config(result) == RunFolder(tmp_path / "run").config()
    again = stylize(overrides=[f"replay={result}"], folder=tmp_path / "again")
    assert (tmp_path / "again" / "result.tiff").read_bytes() == result.read_bytes()
    assert again.tobytes() == picture.tobytes()


def test_lower_quality_is_a_smaller_file(tmp_path: Path) -> None:
    sizes = []
    for quality in (20, 90):
        overrides = [*FAST, "output.format=jpg", f"output.quality={quality}"]
        stylize(overrides=overrides, folder=tmp_path / str(quality))
        sizes.append((tmp_path / str(quality) / "result.jpg").stat().st_size)
    assert sizes[0] < sizes[1]


def test_recordings_older_than_the_setting_replay_as_png(tmp_path: Path) -> None:
    picture = stylize(overrides=FAST, folder=tmp_path / "run")
    config = RunFolder(tmp_path / "run").config()
    del config["output"]
    OmegaConf.save(config, tmp_path / "run" / "config.yaml")
    assert RunFolder(tmp_path / "run").result == tmp_path / "run" / "result.png"
    assert read(tmp_path / "run", "run").picture == tmp_path / "run" / "result.png"
    again = stylize(overrides=[f"replay={tmp_path / 'run'}"], folder=tmp_path / "again")
    assert Image.open(tmp_path / "again" / "result.png").tobytes() == picture.tobytes()
    assert again.tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("output.format=jpeg", "one of png, jpg, webp, tiff. Did you mean"),
        ("output.quality=0", "a number from 1 to 100"),
        ("output.name=a/b", "without a folder"),
        ("output.name=..", "without a folder"),
        ("output.name=me.JPG", "without an extension"),
        ("output.name=''", "without a folder"),
        ("output.nam=a", "output.nam"),
        ("output.bits=12", "8 or 16"),
        ("output.profile=adobe", "one of srgb, content"),
    ],
)
def test_wrong_values_end_in_one_line(override: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        stylize(overrides=[*FAST, override])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["output.format=jpg"], "jpg has 8 bits; use output.format=png or tiff"),
        (["output.profile=content"], "use output.bits=8, or output.profile=srgb"),
    ],
)
def test_16_bits_do_not_go_with_everything(overrides: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        check(compose(["output.bits=16", *overrides]))


def test_recordings_older_than_bits_and_profile_are_the_same_runs(tmp_path: Path) -> None:
    stylize(overrides=FAST, folder=tmp_path / "run")
    config = RunFolder(tmp_path / "run").config()
    influences = influential(config)
    for key in ("bits", "profile"):
        del config.output[key]
    assert influential(config) == influences
    OmegaConf.save(config, tmp_path / "run" / "config.yaml")
    stylize(overrides=[f"replay={tmp_path / 'run'}"], folder=tmp_path / "again")
    assert RunFolder(tmp_path / "again").config().output.bits == 8


@pytest.mark.parametrize(
    "output", [{"name": "../../a", "format": "png"}, {"name": "a", "format": "/../../b"}]
)
def test_no_recording_names_a_file_outside_of_its_folder(output: dict[str, str]) -> None:
    assert "/" not in result_name(output)


def test_names_with_dots_and_spaces_are_names() -> None:
    config = compose(["output.name='me and you v1.2'"])
    check(config)
    assert result_name(config.output) == "me and you v1.2.png"
