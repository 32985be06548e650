"""What nobody wants in a picture: frames and ripples, measured at the defaults and without."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from nst import stylize
from nst.images import Pixels

PAIRS = [("harbour", "starry"), ("stilllife", "wave")]
ADAM = ("optimizer=adam",)
ON_LEVELS = (
    *ADAM,
    "optimizer.levels=5",
    "optimizer.growth=1.4",
    "optimizer.learning_rate=0.006",
    "optimizer.average=0.95",
    "optimizer.options.epsilon=0.003",
)
PLAIN = np.s_[8:30, 8:150]  # sky and wall


@pytest.fixture(scope="module")
def paint() -> Callable[..., Pixels]:
    """Paints a small picture of a shipped pair."""

    @cache
    def picture(content: str, style: str, *overrides: str) -> Pixels:
        usual = [f"content={content}", f"style={style}", "network=bundled", "size=160", "steps=100"]
        return np.asarray(stylize(overrides=[*usual, *overrides]), float) / 255

    return picture


def frame(picture: Pixels) -> float:
    """How far the outermost row is from the next, relative to rows inside; mean of four borders."""
    turned = (picture, picture[::-1], picture.swapaxes(0, 1), picture.swapaxes(0, 1)[::-1])
    steps = [np.abs(np.diff(side[:30], axis=0)).mean((1, 2)) for side in turned]
    return float(np.mean([step[0] / step[8:].mean() for step in steps]))


def ripples(picture: Pixels) -> float:
    """Mean absolute Laplacian: how far each pixel is from its four neighbours."""
    x = picture.mean(2)
    around = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]
    return float(np.abs(4 * x[1:-1, 1:-1] - around).mean())


@pytest.mark.parametrize("optimizer", [(), ADAM], ids=["default", "adam"])
def test_a_margin_keeps_frames_off(optimizer, paint) -> None:
    with_margin, without = (
        [frame(paint(*pair, *optimizer, *more)) for pair in PAIRS] for more in ((), ("margin=0",))
    )
    assert max(with_margin) < 1.1
    assert np.mean(with_margin) < 0.9 * np.mean(without)  # one pair hardly has a frame even without


@pytest.mark.parametrize("pair", PAIRS)
def test_levels_keep_ripples_out_of_plain_areas(pair, paint) -> None:
    assert ripples(paint(*pair, *ON_LEVELS)[PLAIN]) < 0.95 * ripples(paint(*pair, *ADAM)[PLAIN])
