"""Where each scale starts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nst.canvas import batch, resample
from nst.images import Picture, cover, fit, resize
from nst.initial import Initial, roughness
from nst.sources import StyleSource


@pytest.fixture
def base(picture) -> np.ndarray:
    return picture(24, 36, seed=4).numpy()[0]


def initial(base: np.ndarray, **changes) -> Initial:
    usual = {"base": base, "noise": 0.0, "detail": 1.0, "grain": 0.0, "seed": 0, "grey": False}
    return Initial(**({"styles": [rough(0.1)]} | usual | changes))


def rough(deviation: float, weight: float = 1.0, scale: float = 1.0) -> StyleSource:
    """A style of grey noise about grey."""
    noise = np.random.default_rng(1).normal(0.5, deviation, (240, 360, 1))
    rgb = np.broadcast_to(noise, (240, 360, 3)).astype(np.float32)
    return StyleSource(Picture(rgb, None, "noise", ""), weight, scale)


def test_a_picture_that_nothing_was_painted_on_is_the_base_again_at_the_next_scale(base) -> None:
    start = initial(base)
    larger = start.enlarge(start.first(12, 18), 24, 36)
    np.testing.assert_allclose(larger[0], base, atol=1e-6)


def test_without_detail_a_picture_is_only_enlarged(base, picture) -> None:
    painted = picture(12, 18, seed=5)
    larger = initial(base, detail=0.0).enlarge(painted, 24, 36)
    np.testing.assert_array_equal(larger, resample(painted, 24, 36))


def test_detail_is_a_share_of_what_the_smaller_scale_had_no_pixels_for(base) -> None:
    painted = tf.fill((1, 12, 18, 3), 0.5)
    fine, coarse = base, resample(batch(cover(base, (12, 18))), 24, 36)[0]
    larger = initial(base, detail=0.25).enlarge(painted, 24, 36)
    np.testing.assert_allclose(larger[0], 0.5 + 0.25 * (fine - coarse), atol=1e-6)


def test_noise_and_base_are_mixed_by_their_shares(base) -> None:
    half, white = initial(base, noise=0.5).first(24, 36), initial(base, noise=1.0).first(24, 36)
    np.testing.assert_allclose(half[0], 0.5 * base + 0.5 * white[0], atol=1e-6)


def test_roughness_is_that_of_white_noise_and_no_matter_of_edges_or_colour(base) -> None:
    noise = rough(0.1).picture.rgb
    assert roughness(noise) == pytest.approx(0.1, rel=0.03)
    noise[:, 180:] += 0.4
    assert roughness(noise) == pytest.approx(0.1, rel=0.06)
    assert roughness(np.ones((40, 2000, 3), np.float32)) == pytest.approx(0, abs=1e-6)


def test_each_larger_scale_begins_with_noise_as_rough_as_the_styles(base) -> None:
    painted = tf.fill((1, 180, 270, 3), 0.5)
    styles = [rough(0.04, 0.25), rough(0.08, 0.75)]
    start = initial(base, detail=0.0, grain=0.5, styles=styles)
    larger = start.enlarge(painted, 240, 360).numpy()[0]
    assert roughness(larger) == pytest.approx(0.5 * (0.25 * 0.04 + 0.75 * 0.08), rel=0.05)
    np.testing.assert_array_equal(larger, start.enlarge(painted, 240, 360)[0])
    other = initial(base, detail=0.0, grain=0.5, styles=styles, seed=1)
    assert np.abs(larger - other.enlarge(painted, 240, 360)[0]).max() > 0.01


def test_a_base_of_the_same_aspect_is_never_cropped() -> None:
    content = np.random.default_rng(0).random((1000, 667, 3), np.float32)
    height, width = fit(content.shape[:2], 512)
    np.testing.assert_array_equal(cover(content, (height, width)), resize(content, (height, width)))


def test_a_grey_start_has_no_colour_at_any_scale(base) -> None:
    start = initial(base, grey=True, noise=0.3, grain=0.5)
    first = start.first(12, 18)
    for image in (first, start.enlarge(first, 24, 36)):
        assert float(tf.reduce_max(tf.math.reduce_std(image, -1))) < 1e-6
