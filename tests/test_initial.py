"""Where each scale starts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nst.canvas import batch, resample
from nst.images import cover
from nst.initial import Initial


@pytest.fixture
def base(picture) -> np.ndarray:
    return picture(24, 36, seed=4).numpy()[0]


def initial(base: np.ndarray, **changes) -> Initial:
    usual = {"base": base, "noise": 0.0, "detail": 1.0, "seed": 0, "grey": False}
    return Initial(**(usual | changes))


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


def test_a_grey_start_has_no_colour_at_any_scale(base) -> None:
    start = initial(base, grey=True, noise=0.3)
    first = start.first(12, 18)
    for image in (first, start.enlarge(first, 24, 36)):
        assert float(tf.reduce_max(tf.math.reduce_std(image, -1))) < 1e-6
