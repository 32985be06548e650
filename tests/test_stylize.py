"""`nst.stylize()` as other programs call it: pictures in memory, progress, clear errors."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from omegaconf import OmegaConf
from PIL import Image

from nst import stylize
from nst.cli.ending import say
from nst.errors import InputError
from nst.record import Record
from nst.runs.folder import RunFolder

FAST = ["network=bundled", "size=32", "steps=3", "pyramid=single"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name in ("content", "style"):
        values = random.integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(values).save(folder / f"{name}.png")
    return folder / "content.png", folder / "style.png"


@pytest.fixture(scope="module")
def by_path(files: tuple[Path, Path]) -> bytes:
    return stylize(*files, overrides=FAST).tobytes()


FORMS: dict[str, Callable[[Path], Any]] = {
    "PIL": Image.open,
    "array": lambda path: np.asarray(Image.open(path)),
    "floats": lambda path: np.asarray(Image.open(path)) / 255,
    "bytes": Path.read_bytes,
    "file": lambda path: io.BytesIO(path.read_bytes()),
    "text": str,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_in_memory_paints_like_its_file(
    form: str, files: tuple[Path, Path], by_path: bytes
) -> None:
    content, style = (FORMS[form](file) for file in files)
    assert stylize(content, style, overrides=FAST).tobytes() == by_path


def test_an_initial_picture_in_memory_is_the_start(files: tuple[Path, Path]) -> None:
    first: list[np.ndarray] = []
    stylize(
        *files,
        init=Image.new("RGB", (32, 24), (51, 102, 153)),
        overrides=FAST,
        progress=lambda record: first.append(record.image.numpy()),
    )
    np.testing.assert_allclose(first[0][0, 10, 10], [0.2, 0.4, 0.6], atol=1e-6)


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("maps")
    pictures = {"regions": ("red", "blue"), "of_style": ("blue", "red"), "map": ("white", "black")}
    paths = {}
    for name, (left, right) in pictures.items():
        image = Image.new("RGB", (32, 24), left)
        image.paste(right, (16, 0, 32, 24))
        paths[name] = folder / f"{name}.png"
        image.save(paths[name])
    return paths


def test_regions_weights_and_a_weight_map_in_memory_are_like_their_files(
    files: tuple[Path, Path], maps: dict[str, Path], tmp_path: Path
) -> None:
    overrides = [
        f"style.image=[{files[1]},{files[0]}]",
        "style.weights=[2,1]",
        f"content.regions={maps['regions']}",
        f"style.regions=[{maps['of_style']},[red,blue]]",
        f"content.weight_map={maps['map']}",
    ]
    by_path = stylize(files[0], overrides=[*FAST, *overrides])
    settings: dict[str, Any] = {
        "style_weights": np.array([2, 1]),
        "content_regions": Image.open(maps["regions"]),
        "style_regions": [np.asarray(Image.open(maps["of_style"])), ["red", "blue"]],
        "weight_map": maps["map"].read_bytes(),
    }
    run = tmp_path / "run"
    styles = [Image.open(files[1]), files[0]]
    in_memory = stylize(files[0], styles, overrides=FAST, folder=run, **settings)
    assert in_memory.tobytes() == by_path.tobytes()
    config = RunFolder(run).config()
    assert config.content.regions == "memory:image"
    assert list(config.style.regions) == ["memory:array", ["red", "blue"]]
    assert config.content.weight_map == "memory:bytes"
    again = stylize(None, styles, overrides=[f"replay={run}"], **settings)
    assert again.tobytes() == in_memory.tobytes()
    alone = stylize(*files, content_regions=maps["regions"], style_regions="red", overrides=FAST)
    listed = stylize(*files, content_regions=maps["regions"], style_regions=["red"], overrides=FAST)
    assert alone.tobytes() == listed.tobytes() != stylize(*files, overrides=FAST).tobytes()


def test_one_style_takes_several_regions(files: tuple[Path, Path], maps: dict[str, Path]) -> None:
    regions: dict[str, Any] = {"content_regions": maps["regions"], "overrides": FAST}
    both = stylize(*files, style_regions=[["blue", "red"]], **regions)
    assert both.tobytes() == stylize(*files, overrides=FAST).tobytes()  # there are no others
    assert both.tobytes() != stylize(*files, style_regions=[["blue"]], **regions).tobytes()


def test_a_replay_takes_other_weights_of_its_styles_with_regions_too(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    halves = np.zeros((24, 32, 3), np.uint8)
    halves[:, :16, 0] = halves[:, 16:, 2] = 255
    Image.fromarray(halves).save(tmp_path / "halves.png")
    stylize(
        files[0],
        [files[1], files[0]],
        content_regions=tmp_path / "halves.png",
        style_regions=["red", "blue"],
        overrides=FAST,
        folder=tmp_path / "run",
    )
    again = stylize(style_weights=[1, 0], overrides=[f"replay={tmp_path / 'run'}"])
    assert again.size == (32, 24)


def test_a_record_names_what_was_in_memory_by_its_hash(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    picture = stylize(Image.open(files[0]), files[1], overrides=FAST, folder=run)
    config = RunFolder(run).config()
    assert config.content.image == "memory:image"
    assert len(config.content.sha256) == 64
    with pytest.raises(InputError, match=r"content\.image: .*memory: name a file"):
        stylize(overrides=[f"replay={run}"])
    again = stylize(overrides=[f"replay={run}", f"content.image={files[0]}"])
    assert again.tobytes() == picture.tobytes()
    assert stylize(Image.open(files[0]), overrides=[f"replay={run}"]).tobytes() == again.tobytes()


def test_a_repeated_run_starts_from_another_picture_where_one_is_given(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    run, start = tmp_path / "run", tmp_path / "start.png"
    Image.new("RGB", (32, 24), "red").save(start)
    first = stylize(*files, init=start, overrides=FAST, folder=run)
    Image.new("RGB", (32, 24), "blue").save(start)
    with pytest.raises(InputError, match=r"init\.image: .* has the sha256 .* expected"):
        stylize(overrides=[f"replay={run}"])
    again = stylize(init=start, overrides=[f"replay={run}"])
    assert again.tobytes() == stylize(*files, init=start, overrides=FAST).tobytes()
    assert again.tobytes() != first.tobytes()


def test_progress_is_told_of_every_step(files: tuple[Path, Path]) -> None:
    seen: list[tuple[int, bool]] = []
    stylize(*files, overrides=FAST, progress=lambda record: seen.append((record.step, record.last)))
    assert seen == [(0, False), (1, False), (2, False), (3, True)]


def test_an_exception_of_the_callback_ends_the_run_with_the_picture_so_far(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def stop(record: Any) -> None:
        if record.step == 1:
            raise Enough("seen enough")

    with pytest.raises(Enough):
        stylize(*files, overrides=FAST, folder=tmp_path / "run", progress=stop)
    status = RunFolder(tmp_path / "run").status
    assert status["status"] == "failed"
    assert "seen enough" in status["reason"]
    assert Image.open(tmp_path / "run" / "result.png").size == (32, 24)


def test_a_stopped_run_goes_on_in_its_folder(
    files: tuple[Path, Path], by_path: bytes, tmp_path: Path
) -> None:
    def stop(record: Record) -> None:
        if record.step == 2:
            raise KeyboardInterrupt

    run, seen = str(tmp_path / "run"), list[int]()
    observers = ["observer=[checkpoints]", "observer.checkpoints.every=2"]
    with pytest.raises(KeyboardInterrupt):
        stylize(*files, overrides=[*FAST, *observers], folder=run, progress=stop)
    with pytest.raises(InputError, match=r"resume=.*overrides=\['replay=.*'\] and folder='"):
        stylize(overrides=[f"resume={run}"])
    watch = {"progress": lambda record: seen.append(record.step)}
    assert stylize(overrides=[f"replay={run}"], folder=run, **watch).tobytes() == by_path
    assert seen == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"content": 3}, "content: int is no picture"),
        ({"style": {"a": 1}}, "style: dict is no picture"),
        ({"style": np.zeros((4, 4))}, "style: array has 4x4 px"),
        ({"content": np.full((20, 20), 7.0)}, "content: array of floats from 7 to 7"),
        (
            {"content": str(np.zeros((30, 30)).tolist())},
            "content.image: .* cannot be read: File name too",
        ),
        ({"content": "nowhere.png"}, "content.image: .*nowhere.png does not exist"),
        ({"content": b"hello"}, "content: bytes is not an image"),
        ({"init": io.StringIO("a")}, "init: .* is open as text"),
        ({"overrides": "a b"}, "overrides: give a list"),
        ({"content_regions": 3}, "content.regions: int is no picture"),
        ({"style_regions": ["red"]}, "style.regions: it needs content.regions"),
        ({"style_regions": "nowher"}, "style.regions: nowher is neither a picture nor"),
        ({"weight_map": np.zeros((20, 20))}, "weight_map: array has 20x20 px, but the image it"),
        ({"style_weights": [1, 2]}, "style.weights: a list of 2, but style.image names 1"),
        ({"style_weights": [-1]}, "style.weights: .* must all be 0 or more"),
        ({"content": "memory:image"}, "content.image: .* name a file"),
        (
            {"overrides": ["style.weights=[2,1]"], "style": ["a.png"] * 2, "style_weights": [1, 2]},
            "style.weights: given as an argument and",
        ),
        ({"overrides": ["content.sha256=0"], "content": "a.png"}, "content.sha256: given as an"),
        ({"overrides": ["init.base=style"], "init": "a.png"}, "init.base: given as an argument"),
        (
            {"overrides": ["style=wave"], "style": "a.png"},
            "style: given as an argument and",
        ),
        ({"overrides": ["hydra.run.dir=a"]}, "hydra.run.dir: .* folder= names a run folder"),
    ],
)
def test_anything_else_ends_in_one_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        stylize(**{"overrides": FAST, **arguments})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_the_transparent_part_of_a_style_leaves_no_white(files: tuple[Path, Path]) -> None:
    style = np.zeros((48, 64, 4), np.uint8)
    style[:24, :32, :3] = np.asarray(Image.open(files[1]))
    style[:24, :32, 3] = 255
    cropped = stylize(files[0], style, overrides=FAST)
    assert cropped.tobytes() == stylize(files[0], style[:24, :32, :3], overrides=FAST).tobytes()


def test_a_notebook_shows_a_bar(files: tuple[Path, Path]) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    code = f"from nst import stylize\n_ = stylize({str(files[0])!r}, overrides={FAST})"
    failing = f"{code[:-1]}, folder='/dev/null')"
    cells = [nbformat.v4.new_code_cell(source) for source in (code, failing)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    shown, left = (
        [out["data"]["text/html"] for out in cell.outputs if "data" in out] for cell in cells
    )
    assert len(shown) == 1
    assert "step 3/3" in shown[0]
    assert left == [""]
    assert cells[1].outputs[-1].output_type == "error"


def test_a_run_out_of_memory_says_what_takes_less(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def full(record: Record) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "a page\nabout a graph")

    with pytest.raises(MemoryError, match="out of memory at 32x24 px") as raised:
        stylize(*files, overrides=FAST, progress=full)
    assert [say(raised.value), say(MemoryError())] == [1, 1]
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("MemoryError; a smaller size= or runtime.tile= takes less memory")


def test_wrong_input_leaves_no_folder(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        stylize(tmp_path / "none.png", files[1], overrides=FAST, folder=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_outside_of_a_notebook_nothing_is_printed(
    files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    stylize(*files, overrides=FAST)
    assert capfd.readouterr().out == ""


def test_the_recorded_configuration_has_no_pixels(files: tuple[Path, Path], tmp_path: Path) -> None:
    stylize(*(file.read_bytes() for file in files), overrides=FAST, folder=tmp_path / "run")
    assert len(OmegaConf.to_yaml(RunFolder(tmp_path / "run").config())) < 5000
