"""Metrics that nothing optimises: anchors computed by hand, and what they do not depend on."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from conftest import paint

from nst.config.composition import compose
from nst.config.settings import influential
from nst.errors import InputError
from nst.evaluation import evaluate
from nst.features.weights import locate
from nst.images.filters import BINOMIAL, blur
from nst.images.oklab import to_oklab
from nst.metrics.artefacts import border, clipping, grain
from nst.metrics.color import color_distance
from nst.metrics.distributions import bases, blended, quantiles, squared_distance
from nst.metrics.patches import patch_distance
from nst.metrics.structure import edge_score, structure
from nst.metrics.table import METRICS, Metric
from nst.sources import gather

CONTENT, STYLE = paint(48, 64, 1), paint(40, 56, 2)
FURTHER = {
    *("patch_distance", "color_distance_style", "color_distance_content"),
    *("structure", "edges", "grain", "border", "clipping"),
}

JUDGED = ["evaluation.network=vgg16", "evaluation.weights=a.h5"]


def flat(*colour: float) -> np.ndarray:
    return np.broadcast_to(np.float32(colour), (24, 32, 3))


def test_every_metric_is_in_the_evaluation_and_in_the_table() -> None:
    measured = evaluate(CONTENT, CONTENT, [(STYLE, 1.0)])
    assert set(measured) >= FURTHER
    assert set(METRICS) >= FURTHER
    assert {key for key in measured if not key.endswith("by_layer")} <= set(METRICS)


def test_a_second_judge_measures_both_distances_under_its_own_name() -> None:
    bundled = locate("bundled")
    measured = evaluate(CONTENT, CONTENT, [(STYLE, 1.0)], bundled)
    assert measured["style_distance_bundled"] == measured["style_distance"]
    assert "content_distance_bundled_by_layer" in measured


def test_a_judge_without_weights_is_one_error_before_the_work(tmp_path: Path) -> None:
    config = compose(
        ["network=bundled", "evaluation.network=vgg16", f"evaluation.weights={tmp_path / 'no.h5'}"]
    )
    with pytest.raises(InputError, match=r"evaluation\.network=vgg16 needs .*evaluation\.weights"):
        gather(config)


def test_the_judge_is_no_part_of_what_makes_a_picture() -> None:
    plain, judged = (compose(["network=bundled", *more]) for more in ([], JUDGED))
    assert influential(plain) == influential(judged)


def test_the_documentation_has_the_table() -> None:
    page = (Path(__file__).parents[1] / ".github" / "docs" / "runs.md").read_text("utf-8")
    for key in FURTHER:
        metric = METRICS[key]
        row = f"| `{key}` | {metric.range} | {metric.direction} | {metric.meaning} |"
        assert row in page


@pytest.mark.parametrize("size", [(16, 16), (16, 97), (33, 17)], ids=str)
def test_small_constant_and_grey_images_have_finite_metrics(size: tuple[int, int]) -> None:
    grey = np.repeat(paint(*size, 3)[..., :1], 3, axis=2)
    images = [paint(*size, 1), grey, np.full((*size, 3), 0.4, np.float32), np.zeros((*size, 3))]
    for result, content, style in itertools.product(images, repeat=3):
        for value in (
            patch_distance(result, content, [style], [1.0]),
            color_distance(result, [style], [1.0]),
            structure(result, content),
            edge_score(result, content),
            grain(result, [style], [1.0]),
            border(result),
            clipping(result),
        ):
            assert np.isfinite(value)
            assert value >= 0


def test_patches_of_the_style_have_distance_zero_and_those_of_the_content_one() -> None:
    assert patch_distance(STYLE, CONTENT, [STYLE], [1.0]) == 0
    assert patch_distance(CONTENT, CONTENT, [STYLE], [1.0]) == pytest.approx(1)
    assert 0.1 < patch_distance(STYLE, CONTENT, [CONTENT], [1.0]) < 10
    assert patch_distance(STYLE, CONTENT, [STYLE, CONTENT], [2.0, 0.0]) == 0


def test_patches_do_not_count_colour() -> None:
    assert patch_distance(STYLE + 0.1, CONTENT, [STYLE], [1.0]) == pytest.approx(0, abs=1e-6)


def test_a_crop_of_noise_is_nearer_to_it_in_patches_than_waves_are() -> None:
    noise = np.random.default_rng(0).random((96, 96, 3)).astype(np.float32)
    assert patch_distance(noise[:48], CONTENT, [noise[48:]], [1.0]) < 0.05


def test_the_distance_of_shifted_samples_is_the_shift() -> None:
    samples = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    shift = np.float32([0.3, -0.4, 1.2])  # of length 1.3
    one, other = (quantiles(x, bases(3, 2)) for x in (samples, samples + shift))
    assert 3 * squared_distance(one, other) == pytest.approx(1.3**2, rel=1e-5)


def test_quantiles_do_not_depend_on_the_number_of_samples() -> None:
    few, many = (np.linspace(0, 3, n, dtype=np.float32)[:, None] for n in (100, 3000))
    line = np.float32([[1.0]])
    middle = quantiles(few, line)
    assert middle[:, 0] == pytest.approx(3 * (np.arange(256) + 0.5) / 256, abs=0.02)
    assert squared_distance(middle, quantiles(many, line)) < 1e-3
    assert blended([middle, middle + 4], [3.0, 1.0]) == pytest.approx(middle + 1)


def test_images_of_one_colour_are_as_far_apart_as_their_colours() -> None:
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    expected = np.linalg.norm(to_oklab(np.float32(red)) - to_oklab(np.float32(blue)))
    assert color_distance(flat(*red), [flat(*blue)], [1.0]) == pytest.approx(expected, rel=1e-4)


def test_colours_count_wherever_they_are() -> None:
    shuffled = np.random.default_rng(0).permutation(CONTENT.reshape(-1, 3)).reshape(CONTENT.shape)
    assert color_distance(shuffled, [CONTENT], [1.0]) == pytest.approx(0, abs=1e-6)
    assert color_distance(CONTENT, [STYLE], [1.0]) > 0.005


def test_structure_ignores_brightness_and_contrast() -> None:
    assert structure(CONTENT, CONTENT) == pytest.approx(1, abs=1e-5)
    assert structure(0.3 * CONTENT + 0.5, CONTENT) == pytest.approx(1, abs=1e-3)
    assert structure(1 - CONTENT, CONTENT) < 0.1
    assert structure(paint(48, 64, 7), CONTENT) < 0.6


def test_a_blend_with_another_picture_loses_structure_and_edges() -> None:
    other = paint(48, 64, 7)
    blends = [(1 - t) * CONTENT + t * other for t in (0, 0.4, 1)]
    for metric in (structure, edge_score):
        values = [metric(image, CONTENT) for image in blends]
        assert values == sorted(values, reverse=True)
        assert values[0] == pytest.approx(1, abs=1e-5)


def step_at(column: int) -> np.ndarray:
    image = np.full((24, 64, 3), 0.2, np.float32)
    image[:, column:] = 0.8
    return image


@pytest.mark.parametrize(("moved", "score"), [(0, 1), (2, 1), (3, 0)])
def test_an_edge_counts_up_to_two_pixels_away(moved: int, score: float) -> None:
    assert edge_score(step_at(32 + moved), step_at(32)) == score


def test_images_without_edges_agree_with_each_other_alone() -> None:
    assert edge_score(flat(0.2, 0.2, 0.2), flat(0.9, 0.1, 0.5)) == 1
    assert edge_score(step_at(32), np.full((24, 64, 3), 0.5, np.float32)) == 0


def test_grain_grows_with_the_square_of_the_contrast() -> None:
    assert grain(STYLE, [STYLE], [1.0]) == pytest.approx(1)
    assert grain(2 * STYLE, [STYLE], [1.0]) == pytest.approx(4, rel=1e-3)
    assert grain(blur(STYLE, BINOMIAL), [STYLE], [1.0]) < 0.3
    assert grain(flat(0.5, 0.5, 0.5), [flat(0.1, 0.1, 0.1)], [1.0]) == 1


def test_a_frame_is_seen_and_textures_and_ramps_are_none() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None] * np.ones((48, 1, 3), np.float32)
    noise = np.random.default_rng(0).random((96, 128, 3)).astype(np.float32)
    framed = np.pad(noise[2:-2, 2:-2], ((2, 2), (2, 2), (0, 0)), constant_values=1.0)
    lines = np.pad(flat(0.5, 0.5, 0.5)[1:-1, 1:-1], ((1, 1), (1, 1), (0, 0)))
    assert border(ramp) < 1e-3
    assert border(noise) < 0.1
    assert border(framed) > 2 * border(noise)
    assert border(lines) > 0.8


def test_clipping_counts_pixels_at_either_end() -> None:
    image = np.full((10, 10, 3), 0.5, np.float32)
    image[0, :2], image[1, 0, 2] = 1.0, 0.001
    assert clipping(image) == pytest.approx(0.03)


def test_directions_order_values() -> None:
    for better, best_first in (("lower", [1, 2]), ("higher", [2, 1]), ("one", [1.1, 0.5, 4])):
        metric = Metric("", better, "", "")  # type: ignore[arg-type]
        assert sorted(best_first, key=metric.badness) == best_first
