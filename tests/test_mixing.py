"""Several style images: how they are named, mixed, recorded and compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from command_line import python
from omegaconf import OmegaConf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nst import stylize
from nst.compare.comparison import gather as compared
from nst.compare.layout import pages
from nst.compare.report.pictures import source_images
from nst.config import USER_ERRORS, check, compose, explain, quoted
from nst.config.mixing import mixed
from nst.config.names import label, stem
from nst.config.overrides import drawn, multiplied, parse, with_paths_quoted
from nst.config.settings import hparams
from nst.errors import InputError
from nst.runs.folder import RunFolder
from nst.sources import gather

FAST = ["network=bundled", "size=32", "steps=3", "pyramid=single"]
NAMES = ("town", "night sky", "花")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name in NAMES:
        values = random.integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(values).save(folder / f"{name}.png")
    return tuple(folder / f"{name}.png" for name in NAMES)


def painted(files: Sequence[Path], *styles: int, more: Sequence[str] = ()) -> np.ndarray:
    chosen = [files[n] for n in styles]
    return np.asarray(stylize(files[0], chosen, overrides=[*FAST, *more])).astype(int)


@pytest.mark.parametrize("init", ["content", "style"])
def test_a_style_with_all_the_weight_paints_what_it_paints_alone(
    init: str, files: tuple[Path, ...]
) -> None:
    start = f"init={init}"
    alone = painted(files, 1, more=[start])
    first = painted(files, 1, 2, more=[start, "style.weights=[1,0]"])
    np.testing.assert_array_equal(first, alone)
    second = painted(files, 2, 1, more=[start, "style.weights=[0,0.3]"])
    np.testing.assert_array_equal(second, alone)


def test_only_the_ratio_of_weights_matters(files: tuple[Path, ...]) -> None:
    equal = painted(files, 1, 2)
    np.testing.assert_array_equal(painted(files, 1, 2, more=["style.weights=[8,8]"]), equal)
    other = painted(files, 1, 2, more=["style.weights=[3,1]"])
    assert np.abs(other - equal).max() > 1


def test_a_style_mixed_with_itself_changes_nothing(files: tuple[Path, ...]) -> None:
    mixed = painted(files, 1, 1, more=["style.weights=[0.3,0.7]"])
    np.testing.assert_allclose(mixed, painted(files, 1), atol=1)


def test_each_style_may_have_a_scale(files: tuple[Path, ...]) -> None:
    named = f"style.image=['{files[1]}','{files[2]}']"
    config = compose([*FAST, named, "style.scale=[0.5,2]", "style.weights=[1,3]"])
    check(config)
    styles = gather(config).styles
    assert [(style.weight, style.scale) for style in styles] == [(0.25, 0.5), (0.75, 2)]


# --- names ------------------------------------------------------------------------------------


def test_options_are_mixed_with_their_hashes_and_scales(tmp_path: Path) -> None:
    (tmp_path / "style").mkdir()
    lines = "defaults: [_base, _self_]\nimage: mine.png\nscale: 2.0\n"
    (tmp_path / "style" / "mine.yaml").write_text(lines)
    path = f"hydra.searchpath=['file://{tmp_path}']"
    style = compose([path, "style=[starry_night,mine]", "style.weights=[3,1]"]).style
    assert [Path(name).stem for name in style.image] == ["starry_night", "mine"]
    assert [bool(sha256) for sha256 in style.sha256] == [True, False]
    assert (list(style.scale), list(style.weights)) == ([1, 2], [3, 1])
    (tmp_path / "style" / "mine.yaml").write_text(lines.replace("2.0", "1.0"))
    assert compose([path, "style=[starry_night,mine]"]).style.scale == 1, "read anew"
    same = compose(["style=starry+wave"]).style
    assert same == compose(["style=[starry,wave]"]).style
    assert (same.sha256, same.scale) == (None, 1)


def test_a_file_names_a_mix_by_a_plus_and_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    overrides = [f"hydra.searchpath=['file://{tmp_path}']", "experiment=mix"]
    for given in ("mosaic+wave", "[mosaic,wave]", "mosaic+wav"):
        lines = f"# @package _global_\ndefaults:\n  - override /style: {given}\n"
        (tmp_path / "experiment" / "mix.yaml").write_text(lines + "style:\n  weights: [3, 1]\n")
        if given == "mosaic+wave":
            style = compose(overrides).style
            assert list(style.image) == ["asset:style/mosaic.jpg", "asset:style/wave.jpg"]
            assert list(style.weights) == [3, 1]
            continue
        with pytest.raises(USER_ERRORS) as error:
            compose(overrides)
        assert re.search(r"/style: starry\+wave|wav: there is no such", explain(error.value))


@pytest.mark.parametrize(
    ("override", "values"),
    [
        ("style.image=[a b.png,花.png]", [["a b.png", "花.png"]]),
        ("style.image=[a b.png, 花.png]", [["a b.png", "花.png"]]),
        ("style.image=['a b.png',花.png]", [["a b.png", "花.png"]]),
        ("style.image=[c,d.png,0123,no.png]", [["c,d.png", "0123", "no.png"]]),
        ("style.image=[a,b],[0123,花.png],x.png", [["a", "b"], ["0123", "花.png"], "x.png"]),
        ("style.image=[[a],b]", [[["a"], "b"]]),
        ("style.image=[]", [[]]),
        ("style.image=[e].png", ["[e].png"]),
    ],
)
def test_paths_in_lists_are_taken_as_they_are_typed(
    override: str, values: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a b.png", "花.png", "c,d.png", "0123", "[e].png"):
        Path(name).touch()
    jobs = multiplied(drawn([with_paths_quoted(override)]))
    assert [parse(job)[0].value() for job in jobs] == values


def test_a_mix_is_named_by_all_its_images() -> None:
    assert stem(["a/night sky.jpg", "asset:style/wave.jpg"]) == "night_sky+wave"
    assert label("style.weights=[0.5,0.5]") == "weights=0.5+0.5"
    assert label("style.image=[a/b.jpg,'c d.jpg'],alpha=1") == "style=b+c_d_alpha=1"


SEVENTEEN = ",".join(f"{n}.png" for n in range(17))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("style=[starry,wav]", r"style=wav: there is no such option.*Valid: cubist"),
        ("style=[[starry]]", r"style=\[\[starry\]\]: a mix takes names of options"),
        ("style=[]", "a mix takes names of options"),
        ("style.image=[]", "0 images; 1 to 16"),
        (f"style.image=[{SEVENTEEN}]", "17 images; 1 to 16"),
        ("style.image=[a,[b]]", r"\['b'\] is not a path"),
        ("style.image={a: b}", "is not a path"),
        ("style.image=null", "style.image: it needs a value"),
        ("style=[starry,wave] style.weights=[1]", r"style.weights: a list of 1, .* names 2"),
        ("style.scale=[1,2]", r"style.scale: a list of 2, .* names 1"),
        ("style=[starry,wave] style.weights=[0,0]", "every weight is 0"),
        ("style=[starry,wave] style.weights=[-1,2]", r"style.weights: .* must all be 0 or more"),
        ("style=[starry,wave] style.weights=[1,x]", "x is not a number"),
        ("style=[starry,wave] style.scale=[1,9]", "a number from 0.1 to 4"),
        ("style.image=[asset:style/wave.jpg,no.png]", r"style.image\[1\]: .*no.png does not exist"),
    ],
)
def test_a_wrong_mix_is_answered_in_one_line(overrides: str, words: str) -> None:
    with pytest.raises(USER_ERRORS) as error:
        config = compose(re.split(r" (?=style)", overrides))
        check(config)
        gather(config)
    assert re.search(words, explain(error.value))
    assert "\n" not in explain(error.value)


# --- records ----------------------------------------------------------------------------------


def test_a_sweep_over_the_mix_is_recorded_replayed_and_compared(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    images = f"style.image=[{files[1]},{files[2]}]"
    weights = "style.weights=[1,0],[0.5,0.5]"
    more = [*FAST, f"content.image={files[0]}", "hydra.sweep.dir=sweep", "init=style"]
    done = python("-m", "nst.run", "-m", images, weights, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folders = [tmp_path / "sweep" / name for name in ("0_weights=1+0", "1_weights=0.5+0.5")]
    mix = RunFolder(folders[1])
    config = mix.config()
    assert list(config.style.image) == [str(files[1]), str(files[2])]
    assert len(set(config.style.sha256)) == 2
    replay = f"replay={quoted(folders[1])}"
    again = stylize(overrides=[replay])
    assert again.tobytes() == Image.open(mix.result).tobytes()
    first = stylize(overrides=[f"replay={quoted(mix.result)}", "style.weights=[2,0]"])
    assert first.tobytes() == Image.open(RunFolder(folders[0]).result).tobytes()
    with pytest.raises(InputError, match=r"style\.weights: a list of 2, but style.image names 1"):
        stylize(overrides=[replay, f"style.image='{files[2]}'"])

    assert hparams(config)["style"] == "night_sky+run"
    assert hparams(config)["style.weights"] == "0.5 0.5"
    tags = {n: EventAccumulator(str(folder)).Reload().Tags() for n, folder in enumerate(folders)}
    shown = [{tag for tag in tags[n]["tensors"] if tag.startswith("source/style")} for n in tags]
    assert shown == [{"source/style"}, {"source/style_1", "source/style_2"}]

    found = compared([tmp_path / "sweep"])
    assert list(found.keys) == ["style.weights"]
    (page,) = pages(found.runs, found.keys)
    assert [len(cells) for _, cells in page.rows] == [2], "side by side"
    assert [len(found.gallery.styles[folder]) for folder in folders] == [2, 2]
    assert source_images(found).count("<figure>") == 3
    report = (tmp_path / "sweep" / "comparison" / "report.html").read_text("utf-8")
    assert "style: night_sky" in report


def test_styles_in_memory_are_mixed_like_their_files(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    given = [np.asarray(Image.open(files[1])), files[2]]
    run = tmp_path / "run"
    picture = stylize(files[0], given, overrides=FAST, folder=run)
    np.testing.assert_array_equal(np.asarray(picture), painted(files, 1, 2))
    assert list(RunFolder(run).config().style.image) == ["memory:array", str(files[2])]
    assert stylize(None, given, overrides=[f"replay={run}"]).tobytes() == picture.tobytes()
    with pytest.raises(InputError, match=r"style.image\[0\]: .*memory: name a file"):
        stylize(overrides=[f"replay={run}"])
    with pytest.raises(InputError, match="0 images"):
        stylize(files[0], [], overrides=FAST)


def test_scales_have_a_column_of_their_own_among_the_hparams() -> None:
    config = OmegaConf.create(OmegaConf.to_container(compose(["size=64"]), resolve=True))
    assert hparams(config)["style.scale"] == 1.0
    config.style.scale = [1.0, 2.0]
    assert "style.scale" not in hparams(config)
    assert hparams(config)["style.scales"] == "1 2"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("loss=+edges", "loss=[content,style,tv,edges]"),
        ("loss=+edges+tv+laplacian", "loss=[content,style,tv,edges,laplacian]"),
        ("loss=+edges,[content,style]", "loss=[content,style,tv,edges],[content,style]"),
        ("style=+starry", "style=+starry"),
        ("alpha=+3", "alpha=+3"),
    ],
)
def test_a_plus_adds_to_the_options_of_a_group(override: str, expected: str) -> None:
    assert mixed([override]) == [expected]
