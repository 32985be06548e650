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
from nst.config.validation import check
from nst.errors import InputError
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
    ],
)
def test_wrong_values_end_in_one_line(override: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        stylize(overrides=[*FAST, override])


@pytest.mark.parametrize(
    "output", [{"name": "../../a", "format": "png"}, {"name": "a", "format": "/../../b"}]
)
def test_no_recording_names_a_file_outside_of_its_folder(output: dict[str, str]) -> None:
    assert "/" not in result_name(output)


def test_names_with_dots_and_spaces_are_names() -> None:
    config = compose(["output.name='me and you v1.2'"])
    check(config)
    assert result_name(config.output) == "me and you v1.2.png"
