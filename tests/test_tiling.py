"""Tiles: the same objective as of the whole image, position by position."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nst.losses import Content, FeatureTerm, Gram, Term, TotalVariation, weigh
from nst.objective import Objective, used_layers
from nst.tiling import TiledObjective, not_additive, tiles

TERMS: dict[str, Term] = {
    "content": Content(["block2_conv2", "block3_conv1"]),
    "style": Gram(["block1_conv1", "block2_conv1", "block3_conv1"]),
    "tv": TotalVariation(),
}
WEIGHTS = {"content": 2.0, "style": 30.0, "tv": 500.0}


def both(encoder, content, style, side, terms=TERMS, grey=False):
    """The objective of the whole image, and the same in tiles."""
    weights = {name: weigh(term, WEIGHTS[name]) for name, term in terms.items()}
    norms = encoder.norms([content, style], used_layers(terms))
    styles = [(style, 1.0), (style[:, ::-1, :30], 2.0)]
    whole = Objective(encoder, terms, weights, norms, content, styles, grey)
    return whole, TiledObjective(encoder, terms, weights, norms, content, styles, side, grey)


@pytest.mark.parametrize(
    ("shape", "side"),
    [((64, 96), 32), ((75, 61), 16), ((33, 47), 200), ((50, 131), 64)],
    ids=["even", "odd sizes", "a tile larger than the image", "long"],
)
def test_tiled_equals_whole(shape, side, bundled, picture) -> None:
    content, style, image = picture(*shape, 1), picture(57, 44, 2), picture(*shape, 3)
    whole, tiled = both(bundled, content, style, side)
    expected, found = whole(image), tiled(image)
    assert float(found.total) == pytest.approx(float(expected.total), rel=1e-6)
    tf.nest.assert_same_structure(found.parts, expected.parts)
    for one, other in zip(*map(tf.nest.flatten, (found.parts, expected.parts)), strict=True):
        assert float(one) == pytest.approx(float(other), rel=2e-6)
    assert relative(found.gradient, expected.gradient) < 1e-5
    norms = whole.gradient_norms(image)
    assert tiled.gradient_norms(image) == pytest.approx(norms, rel=1e-4)


@pytest.mark.parametrize("name", TERMS)
def test_the_gradient_of_each_term_is_that_of_the_whole(name, bundled, picture) -> None:
    content, style, image = (picture(70, 52, seed) for seed in (1, 2, 3))
    whole, tiled = both(bundled, content, style, 32, {name: TERMS[name]})
    assert relative(tiled(image).gradient, whole(image).gradient) < 1e-5


def relative(found: tf.Tensor, expected: tf.Tensor) -> float:
    return float(tf.norm(found - expected) / tf.norm(expected))


def test_the_deepest_layer_and_grey_images_need_nothing_else(bundled, picture) -> None:
    content, style, image = (picture(90, 150, seed) for seed in (1, 2, 3))
    terms = {"style": Gram(["block5_conv1"])}
    whole, tiled = both(bundled, content, style, 16, terms, grey=True)
    assert relative(tiled(image).gradient, whole(image).gradient) < 1e-5
    assert float(tiled(image).total) == pytest.approx(float(whole(image).total), rel=1e-6)


def test_every_pixel_belongs_to_one_tile() -> None:
    for shape, side in (((100, 37), 32), ((16, 16), 64), ((5, 400), 48)):
        count = np.zeros(shape, int)
        for rows, columns in tiles(shape, side, 32, 16):
            count[rows.start : rows.stop, columns.start : columns.stop] += 1
            assert rows.start % 16 == rows.low % 16 == columns.start % 16 == columns.low % 16 == 0
        assert (count == 1).all()


def test_a_term_that_is_no_sum_is_refused(bundled, picture) -> None:
    matching = FeatureTerm(["block1_conv1"])
    assert not_additive({"style": matching, "tv": TotalVariation()}) == ["style"]
    with pytest.raises(ValueError, match="no sums over positions: style"):
        both(bundled, picture(32, 32), picture(32, 32), 32, {"style": matching})
