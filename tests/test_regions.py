"""Regions: read from any palette, matched by colour, and each painted in its own style."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from command_line import python
from conftest import paint
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nst import stylize
from nst.config import check, compose, quoted
from nst.errors import InputError
from nst.features.encoder import Geometry
from nst.features.propagation import propagated
from nst.images import from_array, from_memory, load, read_regions
from nst.images.colour_names import called
from nst.regions.cli import main
from nst.runs.folder import RunFolder
from nst.sources import Guidance, read_guidance
from nst.studio import Studio, prepare
from nst.studio import paint as painting

RED, BLUE, GREY, BLACK, WHITE = (
    np.array(colour, np.uint8)
    for colour in ((220, 30, 30), (30, 60, 220), (128,) * 3, (0,) * 3, (255,) * 3)
)
SETTINGS = ["network=bundled", "size=32", "steps=2", "margin=2", "pyramid=single"]


def halves(*colours: np.ndarray, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Vertical stripes of equal width, one for each colour."""
    stripes = np.arange(size[1]) * len(colours) // size[1]
    return np.array(colours)[np.broadcast_to(stripes, size)]


def file_of(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


# --- reading ------------------------------------------------------------------------------------


def test_equal_colours_are_a_region() -> None:
    regions = read_regions(from_array(halves(RED, BLUE, BLUE, BLACK)))
    assert [round(share, 3) for share in regions.shares] == [0.5, 0.25, 0.25]
    np.testing.assert_array_equal(regions.weights.sum(-1), 1)
    np.testing.assert_array_equal(regions.weights[0, 40], [1, 0, 0])
    assert [name.split()[0] for name in called(regions.colours)] == ["blue", "black", "red"]


def test_noise_of_a_jpeg_makes_no_region() -> None:
    whole = halves(RED, BLUE, GREY, size=(96, 120))
    clean = read_regions(from_array(whole))
    noisy = read_regions(from_memory(file_of(whole, "JPEG", quality=60)))
    assert len(noisy.colours) == 3
    moved = clean.weights.argmax(-1) != noisy.weights.argmax(-1)
    order = [int(np.linalg.norm(noisy.colours - c, axis=1).argmin()) for c in clean.colours]
    moved = clean.weights.argmax(-1) != noisy.weights[..., order].argmax(-1)
    assert moved.mean() < 0.02


def test_smooth_edges_between_black_and_white_are_not_the_grey_region() -> None:
    large = np.repeat(halves(BLACK, WHITE, GREY, size=(320, 480)), 1, axis=0)
    tilted = Image.fromarray(large).resize((97, 64), Image.Resampling.LANCZOS)
    regions = read_regions(from_array(np.asarray(tilted)))
    assert len(regions.colours) == 3
    grey = regions.weights[..., np.abs(regions.colours.mean(-1) - 0.5).argmin()]
    assert grey[:, :60].max() == 0
    assert grey.mean() == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("width", [6, 60])
def test_a_soft_edge_belongs_to_both_sides_in_part(width: int) -> None:
    share = np.clip((np.arange(160) - 80) / width + 0.5, 0, 1)[None, :, None]
    mixed = np.rint((1 - share) * RED + share * BLUE).astype(np.uint8).repeat(40, axis=0)
    regions = read_regions(from_array(mixed))
    assert len(regions.colours) == 2
    blue = regions.weights[..., regions.colours[:, 2].argmax()]
    np.testing.assert_allclose(blue[20], share[0, :, 0], atol=0.12)


def test_a_photograph_is_no_region_picture() -> None:
    with pytest.raises(InputError, match="no flat areas of colour"):
        read_regions(from_array(paint(64, 64, 3).clip(0, 1)))


def test_seventeen_colours_are_too_many() -> None:
    levels = [(r, g, b) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 255)]
    colours = [np.array(level, np.uint8) for level in levels]
    assert len(read_regions(from_array(halves(*colours[:16], size=(32, 160)))).colours) == 16
    with pytest.raises(InputError, match="more than 16 colours"):
        read_regions(from_array(halves(*colours[:17], size=(32, 170))))


# --- matching -----------------------------------------------------------------------------------

CONTENT = from_array(paint(48, 64, 1).clip(0, 1))
STYLE = from_array(paint(40, 40, 2).clip(0, 1))
OTHER = from_array(paint(44, 36, 4).clip(0, 1))


def found(regions: np.ndarray | None, *of_styles: Any, weight_map: Any = None) -> Guidance:
    styles = dict(zip(("first", "second"), (STYLE, OTHER)[: max(1, len(of_styles))], strict=False))
    entries = [from_array(s) if isinstance(s, np.ndarray) else s for s in of_styles]
    return read_guidance(
        CONTENT,
        styles,
        None if regions is None else from_array(regions),
        entries or None,
        None if weight_map is None else from_array(weight_map),
    )


def test_regions_are_matched_by_colour_and_the_rest_keeps_the_photograph() -> None:
    slightly = (BLUE.astype(int) + 6).astype(np.uint8)
    guided = found(halves(RED, BLUE), halves(slightly, GREY, GREY, size=(40, 40)))
    assert guided.content is not None
    assert guided.content.shape == (48, 64, 1)
    np.testing.assert_array_equal(guided.content[0, :, 0], np.arange(64) >= 32)
    assert guided.styles[0] is not None
    assert guided.styles[0].mean() == pytest.approx(1 / 3, abs=0.02)
    lines = "\n".join(guided.lines)
    assert "red #dc1e1e: 50.0 % of the content, keeps the photograph" in lines
    assert "50.0 % of the content, takes 35.0 % of first" in lines
    assert "unused" in lines


def test_a_colour_for_each_style_gives_it_all_of_the_style() -> None:
    guided = found(halves(RED, BLUE, GREY), ("blue",), ("dc1e1e", "gray"))
    assert guided.content is not None
    np.testing.assert_array_equal(guided.content.sum(-1), 1)
    of_first, of_second = guided.styles
    assert of_first is not None
    assert of_second is not None
    np.testing.assert_array_equal(of_first + of_second, np.ones((1, 1, 2)))
    assert guided.content.shape[-1] == 2  # red and grey want the same: they are one region


def test_the_regions_of_the_least_visible_style_are_seen() -> None:
    alpha = np.zeros((640, 640, 1), np.float32)
    alpha[321:337, 321:337] = 1.0  # less than half a pixel of the region picture
    style = replace(from_array(np.ones((640, 640, 3), np.float32)), alpha=alpha)
    regions = halves(RED, size=(16, 16))
    guided = read_guidance(
        CONTENT, {"style": style}, from_array(halves(RED, BLUE)), [from_array(regions)], None
    )
    assert guided.styles[0] is not None
    assert guided.styles[0].size > 0


def test_regions_that_all_want_the_whole_style_are_no_regions() -> None:
    everything = found(halves(RED, BLUE, GREY, BLACK), ("red", "blue", "gray", "black"))
    assert everything.content is None
    assert found(halves(RED), halves(RED, size=(40, 40))).content is None


@pytest.mark.parametrize(
    ("regions", "of_styles", "message"),
    [
        (
            halves(RED, size=(48, 48)),
            [("red",)],
            "48x48 px, but the image it belongs to, array, has 64x48",
        ),
        (
            halves(RED, BLUE),
            [halves(RED, size=(40, 60))],
            "style.regions: .*aspect ratios must agree",
        ),
        (halves(RED, BLUE), [("green",)], "green is not in content.regions, which has "),
        (halves(RED, BLUE), [halves(GREY, size=(40, 40))], "none of its colours occurs"),
        (halves(RED, BLUE), [], "content.regions: it needs style.regions beside it"),
        (None, [("red",)], "style.regions: it needs content.regions beside it"),
    ],
)
def test_what_does_not_fit_together_is_reported(regions, of_styles, message) -> None:
    with pytest.raises(InputError, match=message):
        found(regions, *of_styles)


def test_a_black_weight_map_is_reported_and_a_plain_one_changes_nothing() -> None:
    with pytest.raises(InputError, match="the content would count nowhere"):
        found(None, weight_map=halves(BLACK))
    assert found(None, weight_map=halves(GREY)).weights is None


# --- propagation --------------------------------------------------------------------------------

GEOMETRY = {"shallow": Geometry(1, 2), "deep": Geometry(4, 6)}


def test_maps_are_averaged_down_to_each_layer() -> None:
    step = tf.constant(np.broadcast_to(np.arange(22) >= 10, (1, 9, 22))[..., None], tf.float32)
    maps = propagated(step, GEOMETRY, GEOMETRY)
    np.testing.assert_array_equal(maps["shallow"], step)
    np.testing.assert_array_equal(maps["deep"][0, :, :, 0], [[0, 0, 0.5, 1, 1, 1]] * 3)


def test_an_eroded_region_holds_only_what_sees_nothing_else() -> None:
    step = np.broadcast_to(np.arange(22) >= 10, (1, 9, 22)).astype(np.float32)
    both = tf.constant(np.stack([step, 1 - step], -1))
    maps = propagated(both, GEOMETRY, GEOMETRY, 1.0)
    np.testing.assert_array_equal(maps["shallow"][0, 4, :, 0], np.arange(22) >= 12)
    np.testing.assert_array_equal(maps["deep"][0, 1, :, 1], [1, 0, 0, 0, 0, 0])
    thin = tf.constant(np.eye(22, dtype=np.float32)[None, ..., None])
    np.testing.assert_array_equal(propagated(thin, GEOMETRY, ["shallow"], 1.0)["shallow"], thin)


# --- painting -----------------------------------------------------------------------------------


def studio(tmp_path: Path, *overrides: str, **maps: np.ndarray) -> Studio:
    pictures = {"content": np.rint(255 * CONTENT.rgb), "style": np.rint(255 * STYLE.rgb)} | maps
    for name, pixels in pictures.items():
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")
    files = ["content.image=content.png", "style.image=style.png", *overrides]
    config = compose(
        [
            *SETTINGS,
            *(o.replace("=", f"={tmp_path}/", 1) if o.endswith(".png") else o for o in files),
        ]
    )
    check(config)
    return prepare(config)


def last(prepared: Studio) -> Any:
    *_, record = painting(prepared).run()
    return record


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("[nowhere.png]", "nowhere.png does not exist"),
        ("[blue,red]", r"2 for 1 style images; .*\[\[blue,red\]\]"),
        ("[blu]", "blu is neither a picture nor a colour"),
    ],
)
def test_wrong_regions_of_a_style_are_reported(entry: str, says: str, tmp_path) -> None:
    keys = ["content.regions=regions.png", f"style.regions={entry}"]
    with pytest.raises(InputError, match=says):
        studio(tmp_path, *keys, regions=halves(RED, BLUE))


def test_a_hexadecimal_value_that_reads_as_a_number_is_a_colour(tmp_path) -> None:
    keys = ["content.regions=regions.png", "style.regions=[000080]"]
    found = studio(tmp_path, *keys, regions=halves(RED, np.array([0, 0, 128], np.uint8)))
    lines = "\n".join(found.inputs.guidance.lines)
    assert "navy #000080: 50.0 % of the content, takes all" in lines


def test_masks_of_ones_paint_the_same_bytes_as_no_masks(tmp_path) -> None:
    plain = studio(tmp_path)
    ones = {"regions": halves(RED), "of_style": halves(RED, size=(40, 40)), "map": halves(WHITE)}
    keys = ["content.regions=regions.png", "style.regions=of_style.png"]
    masked = studio(tmp_path, *keys, "content.weight_map=map.png", **ones)
    np.testing.assert_array_equal(last(masked).image, last(plain).image)
    assert masked.identity != plain.identity


def test_a_region_without_a_style_keeps_the_photograph(tmp_path) -> None:
    keys = ["content.regions=regions.png", "style.regions=[blue]", "alpha=0", "loss.tv.weight=0"]
    keys.append("loss.style.layers=[block1_conv1,block2_conv1]")
    prepared = studio(tmp_path, *keys, regions=halves(RED, BLUE))
    objective = prepared.objectives(24, 32)
    image = tf.random.stateless_uniform((1, 28, 36, 3), (1, 2))
    gradient = np.abs(objective(image).gradient.numpy()[0]).sum(-1)
    assert gradient[:, 30:].min() > 0
    reach = prepared.objectives.loss.encoder.geometry["block2_conv1"]
    assert gradient[:, : 18 - reach.radius - reach.stride].max() == 0


def test_where_the_weight_map_is_black_the_content_does_not_count(tmp_path) -> None:
    keys = ["content.weight_map=map.png", "loss=[content]", "loss.content.layers=[block1_conv1]"]
    prepared = studio(tmp_path, *keys, map=halves(BLACK, WHITE))
    plain = studio(tmp_path, *keys[1:])
    image = tf.random.stateless_uniform((1, 28, 36, 3), (1, 2))
    gradient, before = (s.objectives(24, 32)(image).gradient.numpy()[0] for s in (prepared, plain))
    assert np.abs(gradient[:, :14]).max() == 0
    whole = before[:, 24:] * 2  # half of the picture has twice the weight
    np.testing.assert_allclose(gradient[:, 24:], whole, rtol=0.02, atol=1e-3 * whole.max())


def test_a_weight_map_that_no_term_reads_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"content.weight_map: no term .* content does"):
        studio(tmp_path, "content.weight_map=map.png", "loss=[style,tv]", map=halves(BLACK, WHITE))


def test_a_changed_region_picture_is_noticed(tmp_path) -> None:
    keys = ["content.regions=regions.png", "style.regions=[blue]"]
    before = studio(tmp_path, *keys, regions=halves(RED, BLUE))
    assert before.config.regions.sha256 == before.inputs.guidance.sha256
    assert before.config.content.regions == str(tmp_path / "regions.png")
    again = [f"regions.sha256={before.config.regions.sha256}", *keys]
    with pytest.raises(InputError, match="has changed since"):
        studio(tmp_path, *again, regions=halves(RED, RED, BLUE))


@pytest.mark.slow
def test_tiles_give_the_same_with_regions_and_weights(tmp_path) -> None:
    keys = ["content.regions=regions.png", "style.regions=of_style.png"]
    keys += ["content.weight_map=map.png", "loss.style.layers=[block1_conv2,block3_conv1]"]
    keys += ["loss.content.layers=[block2_conv1]"]
    maps = {
        "regions": halves(RED, BLUE, GREY),
        "of_style": halves(RED, BLUE, size=(40, 40)),
        "map": halves(GREY, WHITE, BLACK),
    }
    objectives = studio(tmp_path, *keys, **maps).objectives
    image = tf.random.stateless_uniform((1, 70, 90, 3), (1, 2))
    whole, tiled = (replace(objectives, tile=tile)(66, 86)(image) for tile in (None, 48))
    assert float(tiled.total) == pytest.approx(float(whole.total), rel=1e-5)
    largest = np.abs(whole.gradient).max()
    np.testing.assert_allclose(tiled.gradient, whole.gradient, atol=1e-4 * largest)


# --- on the command line -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_sweep_over_regions_is_named_recorded_replayed_and_compared(tmp_path) -> None:
    maps = {"photo": np.rint(255 * CONTENT.rgb).astype(np.uint8), "a": halves(RED, BLUE)}
    maps |= {"b": halves(BLUE, RED), "face": halves(BLACK, WHITE)}
    for name, pixels in maps.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    keys = ["content.image=photo.png", "content.regions=a.png,b.png", "style.regions=[blue]"]
    keys += ["content.weight_map=face.png", "color=match", "hydra.sweep.dir=sweep"]
    done = python("-m", "nst.run", "-m", *SETTINGS, *keys, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "50.0 % of the content, takes all of starry" in done.stdout + done.stderr
    first, second = (
        RunFolder(tmp_path / "sweep" / f"{n}_content.regions={name}") for n, name in enumerate("ab")
    )
    pictures = [run.result.read_bytes() for run in (first, second)]
    assert pictures[0] != pictures[1]
    again = stylize(overrides=[f"replay={quoted(first.result)}"])
    assert again.tobytes() == Image.open(first.result).tobytes()
    with pytest.raises(InputError, match=r"it needs content\.regions"):
        stylize(overrides=[f"replay={quoted(first.result)}", "content.regions=null"])

    events = EventAccumulator(str(first.path)).Reload().Tags()["tensors"]
    assert {"source/content_regions", "source/weight_map"} <= set(events)
    report = (tmp_path / "sweep" / "comparison" / "report.html").read_text("utf-8")
    for words in ("regions of the content: a", "regions of the content: b", "weight map: face"):
        assert report.count(f"<figcaption>{words}<") == 1


# --- making a region picture --------------------------------------------------------------------


def test_a_region_picture_is_made_and_read_again(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    sky = np.tile(np.linspace(0.7, 0.9, 60, dtype=np.float32)[:, None, None], (1, 90, 3))
    sky = sky * np.float32([0.5, 0.7, 1])
    ground = paint(60, 90, 1) * np.float32([0.7, 0.5, 0.3])
    lower = (np.arange(60) >= 32)[:, None, None]
    Image.fromarray((255 * np.where(lower, ground, sky).clip(0, 1)).astype(np.uint8)).save("a.png")
    assert main(["a.png", "--colours", "2"]) == 0
    said = capsys.readouterr().out
    regions = read_regions(load("a_regions.png"))
    assert regions.shares == pytest.approx([32 / 60, 28 / 60], abs=0.05)
    assert regions.weights[:20, :, 0].min() == 1
    name = called(regions.colours)[0].split()[0]
    assert f"'style.regions=[{name}]'" in said
    assert main(["a.png"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["a.png", "--colours=99"]) == 2
    assert "2 to 16 regions" in capsys.readouterr().err
