"""Whose colours a picture has: maps between means and covariances by hand, and whole runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import paint, saved_and_loaded
from omegaconf import OmegaConf
from PIL import Image

import nst.studio
from nst import images, stylize
from nst.colours import Colours, parts
from nst.config import check, compose
from nst.config.settings import hparams
from nst.errors import InputError
from nst.evaluation import evaluate
from nst.features.weights import ASSETS
from nst.images import recolour
from nst.images.oklab import srgb_to_linear, to_oklab
from nst.images.recolour import METHODS, SPACES, linear_map, match, moments
from nst.runs.folder import RunFolder
from nst.runs.identity import identity
from nst.runs.replay import effective
from nst.sources import Guidance, Inputs, StyleSource, gather, resolved
from nst.transfer import Result, transfer

MODES = ("none", "luminance", "match", "match_after")
FAST = ["network=bundled", "size=40", "steps=6", "margin=2", "optimizer=adam", "pyramid=single"]
WARM, COLD = (0.5, 0.35, 0.2), (0.2, 0.35, 0.5)


def tinted(shape: tuple[int, int], tint: tuple[float, float, float], seed: int) -> np.ndarray:
    """A picture about a colour, well inside the range of a screen."""
    return np.float32(tint) + 0.2 * (paint(*shape, seed) - np.float32(0.5))


def lightness(rgb: np.ndarray) -> np.ndarray:
    return to_oklab(rgb)[..., 0]


# --- means and covariances by hand ------------------------------------------------------------


def test_moments_are_those_of_pencil_and_paper() -> None:
    colours = np.array([[[0, 0, 1], [1, 0, 1]], [[0, 2, 1], [1, 2, 1]]], np.float32)
    mean, covariance = moments(colours)
    np.testing.assert_allclose(mean, [0.5, 1, 1])
    np.testing.assert_allclose(covariance, np.diag([0.25, 1, 0]))
    mean, covariance = moments(colours, np.array([[1, 1], [0, 0]], np.float32))
    np.testing.assert_allclose(mean, [0.5, 0, 1])  # the upper row alone
    np.testing.assert_allclose(covariance, np.diag([0.25, 0, 0]))


def test_maps_between_known_covariances() -> None:
    source, target = np.diag([4.0, 1.0, 9.0]), np.diag([1.0, 4.0, 0.0])
    for method in METHODS:  # axis by axis the ratio of deviations, whatever the method
        np.testing.assert_allclose(
            linear_map(source, target, method), np.diag([0.5, 2, 0]), atol=1e-9
        )
    source, target = np.diag([1.0, 4.0]), np.array([[4.0, 2.0], [2.0, 2.0]])
    # Roots by hand: target = L Lᵀ with L = [[2, 0], [1, 1]], so L diag(1, 1/2).
    np.testing.assert_allclose(linear_map(source, target, "cholesky"), [[2, 0], [1, 0.5]])
    # A 2 x 2 root is (M + √det I) / √(trace + 2 √det): here (target + 2 I) / √10.
    np.testing.assert_allclose(
        linear_map(source, target, "pca"), np.array([[6, 1], [2, 2]]) / np.sqrt(10)
    )
    # S½ target S½ = [[4, 4], [4, 8]], its root [[8, 4], [4, 12]] / √20.
    np.testing.assert_allclose(
        linear_map(source, target, "transport"), np.array([[8, 2], [2, 3]]) / np.sqrt(20)
    )


@pytest.mark.parametrize("method", METHODS)
def test_any_map_turns_one_covariance_into_the_other(method: str) -> None:
    for seed in range(5):
        a, b = np.random.default_rng(seed).normal(size=(2, 3, 3))
        source, target = a @ a.T + 0.1 * np.eye(3), b @ b.T
        matrix = linear_map(source, target, method)
        np.testing.assert_allclose(matrix @ source @ matrix.T, target, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_matched_to_grey_is_grey_however_its_colours_vary(method: str) -> None:
    grain = paint(20, 20, 1)[..., :1]
    along_a_line = np.float32([0.5, 0.35, 0.2]) + np.float32([0.2, 0.17, 0.16]) * grain
    for rgb in (along_a_line, tinted((20, 20), WARM, 1)):
        matched = match(rgb, np.repeat(grain, 3, -1), method=method)
        assert np.ptp(matched, -1).max() < 1e-4
        assert matched.std() > 0.1


def test_transport_moves_colours_least() -> None:
    rgb, target = tinted((20, 20), WARM, 1), tinted((20, 20), COLD, 2)
    moved = {
        method: np.mean((match(rgb, target, method=method, space="srgb") - rgb) ** 2)
        for method in METHODS
    }
    assert moved["transport"] <= min(moved.values()) * 1.0001
    assert moved["transport"] < moved["cholesky"]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", METHODS)
def test_matched_colours_have_the_target_s_moments(method: str, space: str) -> None:
    into: dict[str, Callable[[Any], Any]] = {
        "oklab": to_oklab,
        "srgb": np.asarray,
        "linear": srgb_to_linear,
    }
    out = match(tinted((24, 30), WARM, 1), tinted((20, 16), COLD, 2), method=method, space=space)
    for found, wanted in zip(
        moments(into[space](out)), moments(into[space](tinted((20, 16), COLD, 2))), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_of_all_spaces_oklab_loses_least_to_the_range_of_a_screen() -> None:
    def shipped(name: str) -> np.ndarray:
        rgb = images.load(ASSETS / name).rgb
        return images.resize(rgb, images.fit(rgb.shape[:2], 128))

    def missed(style: np.ndarray, content: np.ndarray, space: str) -> float:
        found, wanted = (
            moments(to_oklab(image))[1] for image in (match(style, content, space=space), content)
        )
        return float(np.linalg.norm(recolour._root(found) - recolour._root(wanted)))

    styles = [shipped(f"style/{n}.jpg") for n in ("starry", "wave", "cubist", "mosaic")]
    contents = [shipped(f"content/{name}.jpg") for name in ("harbour", "stilllife")]
    far = {s: np.mean([missed(a, b, s) for a in styles for b in contents]) for s in SPACES}
    assert far["oklab"] < far["srgb"] < far["linear"], far


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", METHODS)
def test_images_without_colour_or_contrast_are_handled(method: str, space: str) -> None:
    coloured = tinted((20, 20), WARM, 1)
    grey = np.repeat(coloured[..., :1], 3, -1)
    flat = np.full((20, 20, 3), np.float32([0.2, 0.4, 0.6]))
    black = np.zeros_like(flat)
    for source in (coloured, grey, flat, black):
        for target in (coloured, grey, flat, black):
            out = match(source, target, method=method, space=space)
            assert np.isfinite(out).all()
            assert out.min() >= 0
            assert out.max() <= 1
            np.testing.assert_allclose(out.mean((0, 1)), target.mean((0, 1)), atol=0.02)
            if target is grey:
                assert images.is_grey(out)
    assert np.ptp(match(flat, coloured, method=method, space=space), (0, 1)).max() < 1e-6


def test_the_noise_of_a_grey_jpeg_is_not_blown_up_to_colours() -> None:
    random, coloured = np.random.default_rng(0), tinted((40, 40), WARM, 1)
    noisy = np.repeat(tinted((40, 40), (0.5, 0.5, 0.5), 2)[..., :1], 3, -1)
    noisy = noisy + random.uniform(-1, 1, noisy.shape).astype(np.float32) / 255
    chroma = to_oklab(match(noisy, coloured))[..., 1:].reshape(-1, 2)
    # What is left varies with lightness alone, along a line.
    assert np.linalg.svd(chroma - chroma.mean(0), compute_uv=False)[1] / 40 < 0.006


# --- lightness and chroma ---------------------------------------------------------------------


def test_oklab_of_known_colours() -> None:
    known = {  # from Ottosson's table of XYZ, and CSS Color 4's of sRGB red
        (1, 1, 1): (1, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (1, 0, 0): (0.62796, 0.22486, 0.12585),
        (0, 0, 1): (0.45201, -0.03246, -0.31153),
    }
    for rgb, lab in known.items():
        np.testing.assert_allclose(to_oklab(np.float32(rgb)), lab, atol=1e-4)


def test_grey_keeps_lightness_and_chroma_comes_back() -> None:
    rgb = paint(16, 20, 3).clip(0, 1)
    grey = recolour.greyed(rgb)
    assert np.ptp(grey, -1).max() == 0
    np.testing.assert_allclose(lightness(grey), lightness(rgb), atol=1e-5)
    np.testing.assert_allclose(recolour.with_chroma(grey, rgb), rgb, atol=2e-3)


def test_a_lightness_that_cannot_have_the_chroma_keeps_hue_and_lightness() -> None:
    blue = np.full((4, 4, 3), np.float32([0, 0, 1]))
    pale = recolour.with_chroma(np.full((4, 4, 3), np.float32(0.9)), blue)
    np.testing.assert_allclose(lightness(pale), lightness(np.full_like(blue, 0.9)), atol=1e-3)
    before, after = to_oklab(blue)[0, 0, 1:], to_oklab(pale)[0, 0, 1:]
    assert np.linalg.norm(after) < 0.5 * np.linalg.norm(before)
    np.testing.assert_allclose(np.arctan2(*after), np.arctan2(*before), atol=0.02)


def test_the_lightness_of_a_style_gets_mean_and_deviation_of_the_content() -> None:
    style, content = tinted((20, 24), WARM, 1), tinted((16, 16), COLD, 2)
    out = recolour.match_lightness(style, content)
    assert np.ptp(out, -1).max() == 0
    for measure in (np.mean, np.std):
        assert measure(lightness(out)) == pytest.approx(measure(lightness(content)), abs=1e-4)


# --- runs -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> dict[str, np.ndarray]:
    return {"content": tinted((30, 40), COLD, 1), "style": tinted((32, 32), WARM, 2)}


def overrides(mode: str) -> list[str]:
    return [*FAST, f"color={mode}"]


@pytest.fixture(scope="module")
def painted(pair: dict[str, np.ndarray]) -> dict[str, Result]:
    """The pair in every mode, from the style on: in two steps it keeps what colours it has."""
    given = {f"{name}.image": images.from_array(values) for name, values in pair.items()}
    names = ["content.image=memory:array", "style.image=memory:array", "init=style", "steps=2"]
    return {m: transfer(compose([*overrides(m), *names]), given=given) for m in MODES}


def test_every_mode_gives_the_colours_that_it_names(
    pair: dict[str, np.ndarray], painted: dict[str, Result]
) -> None:
    wanted = to_oklab(pair["content"])
    found = {m: to_oklab(np.asarray(p.image) / np.float32(255)) for m, p in painted.items()}
    assert np.abs(found["luminance"] - wanted)[..., 1:].mean() < 0.004, "pixel by pixel"
    means = {
        m: np.abs(lab.mean((0, 1)) - wanted.mean((0, 1)))[1:].max() for m, lab in found.items()
    }
    assert means["match_after"] < 0.002
    assert means["match"] < 0.01
    assert means["none"] > 0.05
    for measure in (np.mean, np.std):
        assert measure(found["luminance"][..., 0]) == pytest.approx(
            measure(wanted[..., 0]), abs=0.02
        )


def test_the_distances_are_those_of_the_final_picture_from_the_files(
    pair: dict[str, np.ndarray], painted: dict[str, Result]
) -> None:
    """Not of what was optimised: in some modes that lacks its final colours, or the sources do."""
    for result in painted.values():
        final = np.asarray(result.image) / np.float32(255)
        measured = evaluate(final, pair["content"], [(pair["style"], 1.0)])
        assert result.metrics["content_distance"] == pytest.approx(
            measured["content_distance"], rel=0.03
        )
        found, wanted = (m["style_distance_by_layer"] for m in (result.metrics, measured))
        for layer in list(wanted)[:4]:  # of the fifth, so small a picture has six positions
            assert found[layer] == pytest.approx(wanted[layer], rel=0.05), layer


def test_the_luminance_is_what_is_optimised(pair: dict[str, np.ndarray]) -> None:
    records: list[Any] = []
    given = {f"{k}.image": images.from_array(v) for k, v in pair.items()}
    config = compose(
        [*overrides("luminance"), "content.image=memory:array", "style.image=memory:array"]
    )
    studio = nst.studio.prepare(config, given)
    loop = nst.studio.paint(studio)
    for record in loop.run():
        records.append(record)
        assert np.ptp(loop.optimizer.image.numpy(), -1).max() < 1e-6
    assert records[-1].total < records[0].total
    for record in records:  # the first and the result too
        chroma = to_oklab(record.image.numpy()[0])[..., 1:]
        np.testing.assert_allclose(chroma, to_oklab(pair["content"])[..., 1:], atol=0.01)
    np.testing.assert_array_equal(records[-1].image, loop.result)


@pytest.mark.parametrize("mode", ["luminance", "match_after"])
def test_a_resumed_run_ends_in_the_same_bytes(
    mode: str, pair: dict[str, np.ndarray], picture: Any
) -> None:
    given = {f"{k}.image": images.from_array(v) for k, v in pair.items()}
    names = ["content.image=memory:array", "style.image=memory:array", "pyramid=sqrt2"]
    config = compose([*overrides(mode), *names, "pyramid.min_size=20"])
    studio = nst.studio.prepare(config, given)
    whole = nst.studio.paint(studio)
    *_, last = whole.run()
    stopped, resumed = nst.studio.paint(studio), nst.studio.paint(studio)
    for record in stopped.run():
        if record.step == 3:
            break
    resumed.restore(saved_and_loaded(stopped.state()))
    *_, again = resumed.run()
    np.testing.assert_array_equal(again.image, last.image)


@pytest.mark.slow
def test_a_recorded_run_shows_its_final_colours_and_replays(
    pair: dict[str, np.ndarray], tmp_path: Path
) -> None:
    for name, values in pair.items():
        images.to_pil(values).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in pair]
    run = tmp_path / "run"
    picture = stylize(*files, overrides=overrides("luminance"), folder=run)
    last = Image.open(run / "snapshots" / "000006.png")
    assert last.tobytes() == picture.tobytes() == Image.open(run / "result.png").tobytes()
    assert RunFolder(run).config().color == {"mode": "luminance", "method": None, "space": None}
    assert stylize(overrides=[f"replay={run}"]).tobytes() == picture.tobytes()
    plain = stylize(overrides=[f"replay={run}", "color=none"])
    assert plain.tobytes() == stylize(*files, overrides=FAST).tobytes() != picture.tobytes()


def test_a_recording_from_before_the_group_replays_and_resumes_without_it(tmp_path: Path) -> None:
    config = resolved(compose(FAST), gather(compose(FAST)))
    now = identity(config, gather(config))
    assert now != identity(resolved(compose(overrides("match")), gather(config)), gather(config))
    del config["color"]
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    wanted = [f"replay={tmp_path}"]
    old = resolved(effective(compose(wanted), wanted), gather(config))
    assert old.color.mode == "none"
    assert identity(old, gather(old)) == now


def test_each_of_several_styles_is_matched() -> None:
    content = images.from_array(tinted((20, 24), COLD, 1))
    styles = tuple(
        StyleSource(images.from_array(tinted((20, 20), tint, seed)), 1.0, 1.0)
        for seed, tint in enumerate((WARM, (0.3, 0.5, 0.3)))
    )
    usual = gather(compose(FAST))
    inputs = replace(usual, content=content, styles=styles, base=styles[1].picture)
    wanted = moments(to_oklab(content.rgb))
    seen = Colours("match", "transport", "oklab").before(inputs)
    for style, before in zip(seen.styles, styles, strict=True):
        for found, moment in zip(moments(to_oklab(style.picture.rgb)), wanted, strict=True):
            np.testing.assert_allclose(found, moment, atol=2e-3)
        assert style.picture.sha256 == before.picture.sha256
    assert seen.base is seen.styles[1].picture, "a start from a style has its new colours"
    assert seen.content is content


def test_what_is_transparent_has_no_colour_that_counts() -> None:
    rgba = np.dstack([tinted((20, 24), COLD, 1), np.zeros((20, 24), np.float32)])
    rgba[:, :16, 3] = 1
    content, opaque = images.from_array(rgba), images.from_array(rgba[:, :16, :3].copy())
    style = tinted((20, 20), WARM, 2)
    usual, seen = gather(compose(FAST)), []
    for kept in (content, opaque):
        source = StyleSource(images.from_array(style), 1.0, 1.0)
        inputs = replace(usual, content=kept, styles=(source,), base=kept)
        seen.append(Colours("match", "transport", "oklab").before(inputs).styles[0].picture.rgb)
    np.testing.assert_allclose(*seen, atol=1e-5)
    painted = stylize(rgba, style, overrides=overrides("match_after"))
    assert painted.mode == "RGBA"
    np.testing.assert_array_equal(
        np.asarray(painted)[..., 3] > 127, images.resize(rgba[..., 3], (33, 40)) > 0.5
    )


@pytest.mark.parametrize("mode", MODES[1:])
def test_a_grey_content_makes_a_grey_picture(mode: str, pair: dict[str, np.ndarray]) -> None:
    grey = np.repeat(pair["content"][..., :1], 3, -1)
    painted = np.asarray(stylize(grey, pair["style"], overrides=overrides(mode))).astype(int)
    assert np.ptp(painted, -1).max() <= (0 if mode != "match" else 1)
    assert painted.std() > 3


def test_wrong_settings_of_colour_are_refused() -> None:
    for wrong, says in (
        (["color=match", "color.method=hist"], r"color\.method=hist.*transport, cholesky, pca"),
        (["color=match", "color.space=lab"], r"color\.space=lab.*oklab.*Did you mean 'oklab'"),
        (["color.method=pca"], r"color\.method=pca: color=none matches no colours"),
        (["color=match", "color.space=null"], r"color\.space: color=match needs a value"),
        (["color.mode=colour"], r"color\.mode=colour.*none, luminance"),
    ):
        with pytest.raises(InputError, match=says):
            check(compose(wrong))


def test_hparams_have_the_mode_as_people_set_it() -> None:
    columns = hparams(compose(["color=match"]))
    assert (columns["color"], columns["color.space"]) == ("match", "oklab")
    assert hparams(compose([]))["color"] == "none"


# --- with regions -----------------------------------------------------------------------------

LEFT = np.repeat(np.float32([[[1, 0]] * 20 + [[0, 1]] * 20]), 40, axis=0)  # of two regions, and
RIGHT = LEFT[:, ::-1]  # the other way round


def halved() -> tuple[Any, Guidance]:
    """A content that is warm on the left and cold on the right; its style's regions are swapped."""
    warm, cold = tinted((40, 20), WARM, 1), tinted((40, 20), COLD, 2)
    content = images.from_array(np.concatenate([warm, cold], 1))
    style = images.from_array(tinted((40, 40), (0.4, 0.5, 0.3), 3))
    guidance = Guidance(LEFT, (RIGHT,))
    given = Inputs(content, (StyleSource(style, 1.0, 1.0),), (), content, None, guidance)  # type: ignore[arg-type]
    return given, guidance


@pytest.mark.parametrize("method", METHODS)
def test_each_region_of_a_style_takes_the_colours_of_its_own_content(method: str) -> None:
    given, _ = halved()
    seen = Colours("match", method, "oklab").before(given).styles[0].picture.rgb
    for of_style, of_content in ((seen[:, 20:], slice(20)), (seen[:, :20], slice(20, None))):
        got, wanted = (
            moments(to_oklab(part)) for part in (of_style, given.content.rgb[:, of_content])
        )
        np.testing.assert_allclose(got[0], wanted[0], atol=2e-3)
        np.testing.assert_allclose(got[1], wanted[1], atol=2e-4)
    grey = Colours("luminance").before(given).styles[0].picture.rgb
    for part, of_content in ((grey[:, 20:], slice(20)), (grey[:, :20], slice(20, None))):
        wanted = lightness(given.content.rgb[:, of_content])
        assert lightness(part).mean() == pytest.approx(wanted.mean(), abs=2e-3)


def test_a_region_without_a_style_keeps_its_colours_when_the_others_are_matched_after() -> None:
    given, _ = halved()
    painted = tinted((40, 40), (0.4, 0.5, 0.3), 4)
    only = Guidance(LEFT[..., :1], (RIGHT[..., :1],))
    after = Colours("match_after", "transport", "oklab").after(painted, given.content, only)
    np.testing.assert_array_equal(after[:, 20:], painted[:, 20:])
    wanted = to_oklab(given.content.rgb[:, :20]).mean((0, 1))
    np.testing.assert_allclose(to_oklab(after[:, :20]).mean((0, 1)), wanted, atol=2e-3)


def test_regions_that_take_the_same_style_are_matched_as_one() -> None:
    whole = np.ones((1, 1, 2), np.float32)
    (part,) = parts(whole, Guidance(LEFT, (whole,)))
    np.testing.assert_array_equal(part[1], np.ones((40, 40)))
