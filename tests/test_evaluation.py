"""Distances in one fixed convention: their anchors, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import paint

from nst.distances import CONTENT_LAYERS, STYLE_LAYERS
from nst.evaluation import evaluate
from nst.images import resize
from nst.metrics.remembered import remembered
from nst.sources import Guidance

CONTENT, STYLE, OTHER = paint(96, 128, 1), paint(80, 64, 2), paint(96, 128, 3)


def distances(result: np.ndarray, content: np.ndarray, style: np.ndarray) -> tuple[float, float]:
    metrics = evaluate(result, content, [(style, 1.0)])
    return metrics["content_distance"], metrics["style_distance"]


def test_the_content_image_has_content_distance_zero_and_style_distance_one() -> None:
    assert distances(CONTENT, CONTENT, STYLE) == pytest.approx((0, 1), abs=1e-6)


def test_the_style_image_has_style_distance_zero() -> None:
    content_distance, style_distance = distances(STYLE, CONTENT[:80, :64], STYLE)
    assert style_distance == pytest.approx(0, abs=1e-6)
    assert content_distance > 0.5


def test_an_image_without_structure_has_a_content_distance_of_order_one() -> None:
    flat = np.broadcast_to(CONTENT.mean((0, 1)), CONTENT.shape)
    content_distance, style_distance = distances(flat, CONTENT, STYLE)
    assert 0.5 < content_distance < 5
    assert style_distance > 0


def test_more_of_the_style_is_nearer_to_it_and_farther_from_the_content() -> None:
    content, style = CONTENT, paint(96, 128, 2)
    steps = [distances((1 - t) * content + t * style, content, style) for t in (0, 0.3, 0.6, 1)]
    content_distances, style_distances = np.transpose(steps)
    assert np.all(np.diff(content_distances) > 0)
    assert style_distances[-1] == min(style_distances)


def test_distances_are_means_over_layers() -> None:
    metrics = evaluate(OTHER, CONTENT, [(STYLE, 1.0)])
    for kind, layers in (("content", CONTENT_LAYERS), ("style", STYLE_LAYERS)):
        by_layer = metrics[f"{kind}_distance_by_layer"]
        assert tuple(by_layer) == layers
        assert metrics[f"{kind}_distance"] == pytest.approx(np.mean(list(by_layer.values())))
        assert {type(value) for value in by_layer.values()} == {float}


def test_equal_content_and_style_do_not_divide_by_zero() -> None:
    content_distance, style_distance = distances(CONTENT, CONTENT, CONTENT)
    assert content_distance == pytest.approx(0, abs=1e-6)
    assert style_distance == pytest.approx(0, abs=1e-3)
    content_distance, style_distance = distances(OTHER, CONTENT, CONTENT)
    assert content_distance > 0.5
    assert 0.1 < style_distance < 10  # neither equal nor divided by rounding noise


def test_images_of_one_colour_do_not_divide_by_zero() -> None:
    flat = np.full_like(CONTENT, 0.4)
    assert distances(flat, flat, STYLE) == (pytest.approx(0, abs=1e-3), pytest.approx(1))
    for images in ((CONTENT, flat, STYLE), (CONTENT, CONTENT, flat), (flat, flat, flat)):
        assert max(distances(*images)) < 1e5  # divided by rounding noise they would be above 1e9


def test_from_512_px_upwards_the_size_of_the_result_hardly_matters() -> None:
    content, style = resize(CONTENT, (192, 256)), resize(STYLE, (320, 256))
    expected = distances(resize(OTHER, (384, 512)), content, style)
    assert distances(resize(OTHER, (768, 1024)), content, style) == pytest.approx(
        expected, rel=0.05
    )


def test_a_smaller_result_is_measured_at_its_own_size() -> None:
    content, style = paint(384, 512, 1), paint(320, 256, 2)
    expected = distances(OTHER, resize(content, (96, 128)), resize(style, (128, 102)))
    assert distances(OTHER, content, style) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("size", [(384, 512), (96, 128)], ids=["at its size", "to be resized"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_types_of_numbers(dtype, size) -> None:
    result = resize(OTHER, size)
    expected = distances(result, CONTENT, STYLE)
    assert distances(result.astype(dtype), CONTENT, STYLE) == pytest.approx(expected, rel=1e-2)


def test_thin_images() -> None:
    assert np.isfinite(distances(paint(8, 256, 1), paint(8, 256, 2), paint(256, 4, 3))).all()


def test_styles_are_blended_as_for_the_loss() -> None:
    other = 0.2 * paint(64, 64, 9)
    alone = distances(OTHER, CONTENT, STYLE)

    def blended(*styles: tuple[np.ndarray, float]) -> tuple[float, float]:
        metrics = evaluate(OTHER, CONTENT, styles)
        return metrics["content_distance"], metrics["style_distance"]

    assert blended((STYLE, 1.0), (STYLE, 3.0)) == pytest.approx(alone, rel=1e-4)
    assert blended((STYLE, 2.0), (other, 0.0)) == pytest.approx(alone, rel=1e-4)
    assert blended((STYLE, 1.0), (other, 1.0))[1] != pytest.approx(alone[1], rel=1e-2)
    assert blended((STYLE, 1.0), (other, 3.0)) == blended((STYLE, 2.0), (other, 6.0))


def test_each_region_is_compared_with_its_own_style() -> None:
    upper = np.zeros((96, 128, 2), np.float32)
    upper[:48, :, 0] = upper[48:, :, 1] = 1
    one, other = (np.float32([[[first, 1 - first]]]) for first in (1, 0))
    above, below = (
        0.3 * paint(48, 128, seed) + np.float32(tint)
        for seed, tint in ((2, (0.6, 0.1, 0.1)), (5, (0.1, 0.2, 0.6)))
    )
    painted = np.concatenate([above, below])
    styles = [(np.concatenate([half, half[::-1]]), 0.5) for half in (above, below)]

    def distance(*of_styles: np.ndarray, content: np.ndarray = upper) -> float:
        guidance = Guidance(content, of_styles)
        measured = evaluate(painted, CONTENT, styles, None, guidance)
        return float(measured["style_distance_by_layer"]["block1_conv1"])  # sees no other region

    assert distance(one, other) < 0.01
    assert distance(other, one) > 0.5
    # What is in no region does not count: all of it would be far from the first style.
    assert distance(one[..., :1], 0 * one[..., :1], content=upper[..., :1]) < 0.01
    assert distance(one[..., :1], 0 * one[..., :1], content=1 + 0 * upper[..., :1]) > 0.1


def test_regions_that_take_everything_change_no_distance() -> None:
    ones = np.ones((1, 1, 1), np.float32)
    plain, whole = (
        evaluate(OTHER, CONTENT, [(STYLE, 1.0)], None, guidance)
        for guidance in (None, Guidance(ones, (ones,)))
    )
    assert whole["style_distance"] == pytest.approx(plain["style_distance"], rel=1e-5)


def test_sources_are_measured_once_and_anew_when_they_change() -> None:
    content, measured = CONTENT.copy(), []

    @remembered(2)
    def summed(image: np.ndarray) -> float:
        measured.append(image)
        return float(image.sum())

    for image in (content, CONTENT, OTHER, content, content.astype(np.float64)):
        assert summed(image) == image.sum()
    assert len(measured) == 3
    before = distances(STYLE, content[:80, :64], OTHER)
    content[...] = OTHER[::-1]  # the same array
    after = distances(STYLE, content[:80, :64], OTHER)
    assert after == distances(STYLE, OTHER[::-1][:80, :64], OTHER)
    assert after != before
