"""What every style term promises, whichever statistic it compares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from conftest import references
from terms import compile_once, dying

from nst.config import compose
from nst.config.settings import STYLES
from nst.features.encoder import Encoder
from nst.losses import (
    CentralMoments,
    Covariance,
    CrossLayer,
    Gram,
    Histogram,
    MeanStd,
    References,
    Shifted,
    SlicedWasserstein,
    Style,
    Term,
    View,
    Wasserstein,
    weigh,
)
from nst.losses.moments import Moments, central_moments, gaussian, trace_of_root
from nst.losses.sampling import at_ranks, drawn_positions
from nst.objective import Loss, Objective, TiledObjective, not_additive
from nst.studio import terms_of

LAYERS = ("block1_conv1", "block2_conv1")
TERMS: dict[str, Term] = {
    "gram": Gram(LAYERS),
    "mean_std": MeanStd(LAYERS),
    "covariance": Covariance(LAYERS),
    "wasserstein": Wasserstein(LAYERS),
    "cmd": CentralMoments(LAYERS),
    "shifted": Shifted(LAYERS, shifts=[1, 2]),
    "cross_layer": CrossLayer(LAYERS),
    "sliced": SlicedWasserstein(LAYERS, directions=4),
    "histogram": Histogram(LAYERS),
}
ORDERED = {"shifted", "cross_layer"}  # see where features are, relative to each other
SEED = tf.constant([1, 2], tf.int64)


def view(height: int, width: int, seed: int, dtype: str = "float64", gain: float = 1.0) -> View:
    random = np.random.default_rng(seed)
    shapes = {LAYERS[0]: (height, width, 3), LAYERS[1]: (-(-height // 2), -(-width // 2), 4)}
    features = {k: gain * np.abs(random.normal(size=(1, *s))) for k, s in shapes.items()}
    return View(
        tf.zeros([1, height, width, 3]), {k: tf.constant(f, dtype) for k, f in features.items()}
    )


def distance(
    term: Term, seen: View, *styles: View, weights: tuple[float, ...] = (1.0,)
) -> tf.Tensor:
    weighted = [
        Style(s, tf.constant(w, s.features[LAYERS[0]].dtype))
        for s, w in zip(styles, weights, strict=True)
    ]
    target = term.refresh(term.target(References(seen, weighted)), seen, SEED)
    return tf.add_n([tf.cast(d, tf.float64) for d in term.distances(seen, target).values()])


@pytest.mark.parametrize("name", TERMS)
def test_it_is_zero_at_the_style_and_above_elsewhere(name: str) -> None:
    style = view(9, 7, 1)
    assert abs(float(distance(TERMS[name], style, style))) < 1e-6
    assert float(distance(TERMS[name], view(9, 7, 2, gain=2.0), style)) > 1e-3


@pytest.mark.parametrize("name", TERMS)
def test_its_gradient_is_that_of_finite_differences(name: str) -> None:
    term, seen, style = TERMS[name], view(6, 5, 1), view(7, 6, 2)
    target = term.refresh(
        term.target(References(seen, [Style(style, tf.constant(1.0, tf.float64))])), seen, SEED
    )

    def loss(features: dict[str, tf.Tensor]) -> tf.Tensor:
        found = term.distances(seen._replace(features=features), target).values()
        return tf.add_n([tf.cast(d, tf.float64) for d in found])

    variables = dict(seen.features)
    with tf.GradientTape() as tape:
        tape.watch(variables)
        value = loss(variables)
    gradient = tape.gradient(value, variables)
    for layer, x in variables.items():
        step = np.random.default_rng(3).normal(size=x.shape) * 1e-6
        ends = [float(loss({**variables, layer: x + sign * step})) for sign in (1, -1)]
        expected = float(tf.reduce_sum(gradient[layer] * step))
        assert (ends[0] - ends[1]) / 2 == pytest.approx(expected, rel=2e-3, abs=1e-12)


@pytest.mark.parametrize("name", TERMS)
def test_whether_it_sees_the_order_of_positions(name: str) -> None:
    seen, style = view(8, 8, 1), view(8, 8, 2)
    order = np.random.default_rng(0).permutation(64)
    features = {
        LAYERS[0]: tf.reshape(
            tf.gather(tf.reshape(seen.features[LAYERS[0]], [64, 3]), order), [1, 8, 8, 3]
        ),
        LAYERS[1]: seen.features[LAYERS[1]],
    }
    values = [
        float(distance(TERMS[name], v, style)) for v in (seen, seen._replace(features=features))
    ]
    assert (values[0] == pytest.approx(values[1], rel=1e-9)) == (name not in ORDERED)


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ("sliced", "histogram")])
def test_a_mix_of_a_style_with_itself_is_the_style(name: str) -> None:
    seen, style = view(8, 6, 1), view(9, 5, 2)
    alone = float(distance(TERMS[name], seen, style))
    assert float(distance(TERMS[name], seen, style, style, weights=(0.2, 0.8))) == pytest.approx(
        alone
    )


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (16, 5)])
def test_small_images_and_flat_styles_give_finite_values_and_gradients(
    name: str, shape: tuple[int, int]
) -> None:
    seen, flat = view(*shape, 1, "float32"), view(6, 6, 2, "float32", gain=0.0)
    with tf.GradientTape() as tape:
        tape.watch(seen.features)
        value = distance(TERMS[name], seen, flat)
    gradients = [g for g in tape.gradient(value, seen.features).values() if g is not None]
    assert all(np.isfinite(g).all() for g in [value, *gradients])


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("whole", [False, True], ids=["a channel", "a layer"])
def test_what_is_dead_in_the_picture_has_a_gradient_of_numbers(name: str, whole: bool) -> None:
    seen, style = dying(view(9, 8, 1, "float32"), whole), view(7, 6, 2, "float32")
    for wanted in (style, dying(style, whole)):
        with tf.GradientTape() as tape:
            tape.watch(seen.features)
            value = distance(TERMS[name], seen, wanted)
        gradients = tape.gradient(value, seen.features).values()
        assert all(np.isfinite(g).all() for g in [value, *gradients])


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_features_rounded_to_half_precision_change_little(name: str, dtype: str) -> None:
    term, style = TERMS[name], view(9, 7, 1, "float32")
    seen = view(8, 6, 2, "float32", gain=2.0)
    rounded = seen._replace(
        features={k: tf.cast(tf.cast(f, dtype), "float32") for k, f in seen.features.items()}
    )
    values = [float(distance(term, each, style)) for each in (seen, rounded)]
    assert values[1] == pytest.approx(values[0], rel=0.02)


@pytest.mark.parametrize("name", TERMS)
def test_what_is_drawn_depends_on_the_step_alone(name: str) -> None:
    """So a resumed run, which begins with a fresh target, makes the same bytes."""
    term, seen, style = TERMS[name], view(8, 6, 1), view(9, 5, 2)
    fresh = term.target(References(seen, [Style(style)]))
    used = term.refresh(fresh, view(4, 4, 3), SEED + 1)
    drawn = [tf.nest.flatten(term.refresh(target, seen, SEED)) for target in (fresh, used)]
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(*drawn, strict=True))


# --- regions and tiles ------------------------------------------------------------------------


def guided(seen: View, left: float) -> View:
    """Gives a view two regions: left and right of a share of its width."""
    found = {}
    for layer, features in seen.features.items():
        _, height, width, _ = features.shape
        inside = np.repeat((np.arange(width) < left * width)[None, :, None], height, 0)
        found[layer] = tf.constant(np.concatenate([inside, ~inside], -1)[None], tf.float32)
    return seen._replace(regions=found)


@pytest.mark.parametrize("name", TERMS)
def test_each_region_is_compared_with_the_same_one_of_the_style(name: str) -> None:
    term, style = TERMS[name], view(8, 8, 1)
    guide = guided(style, 0.5)
    assert abs(float(distance(term, guide, guide))) < 1e-6
    turned = {k: f[:, :, ::-1] for k, f in style.features.items()}  # right and left exchanged
    exchanged = guided(style._replace(features=turned), 0.5)
    assert float(distance(term, exchanged, guide)) > 1e-3


@pytest.mark.parametrize("name", TERMS)
def test_a_region_of_all_positions_is_no_region(name: str) -> None:
    term, seen, style = TERMS[name], view(8, 6, 1), view(9, 5, 2)
    everything = [
        v._replace(regions={k: tf.ones_like(f[..., :1]) for k, f in v.features.items()})
        for v in (seen, style)
    ]
    assert float(distance(term, *everything)) == pytest.approx(float(distance(term, seen, style)))


@pytest.mark.parametrize("name", TERMS)
def test_a_style_of_weight_zero_does_not_count(name: str) -> None:
    seen, style, other = view(8, 6, 1), view(9, 5, 2), view(7, 7, 3, gain=3.0)
    mixed = [float(distance(TERMS[name], seen, style, other, weights=w)) for w in ((1, 0), (1, 1))]
    alone = float(distance(TERMS[name], seen, style))
    drawn = 0.1 if name in ("sliced", "histogram") else 1e-6  # as many as there are, or samples
    assert mixed[0] == pytest.approx(alone, rel=drawn)
    assert mixed[1] != pytest.approx(alone, rel=0.15)


def test_positions_are_drawn_in_proportion_to_their_weights() -> None:
    weights = tf.constant([[[[0.0], [3.0]], [[1.0], [0.0]]]])
    assert drawn_positions(4, weights, 8, SEED)[:, 0].numpy().tolist() == [1] * 6 + [2] * 2
    assert drawn_positions(4, None, 4, SEED)[:, 0].numpy().tolist() == [0, 1, 2, 3]
    half = drawn_positions(100, None, 50, SEED)[:, 0].numpy()
    assert (half // 2 == np.arange(50)).all()


@pytest.mark.slow
def test_all_sums_over_positions_are_the_same_in_tiles(
    bundled: Encoder, picture: Callable[..., tf.Tensor]
) -> None:
    refused = not_additive(TERMS)
    assert refused == ["sliced", "histogram"]
    terms = {name: term for name, term in TERMS.items() if name not in refused}
    content, style, image = (
        picture(45, 61, seed=1),
        picture(40, 33, seed=2),
        picture(45, 61, seed=3),
    )
    norms = bundled.norms([content, style], LAYERS)
    weights = {name: weigh(term, 1.0) for name, term in terms.items()}
    bound = Loss(bundled, terms, weights, norms), references(content, (style, 1.0))
    whole, tiled = Objective(*bound)(image), TiledObjective(*bound, 32)(image)
    for name, parts in whole.parts.items():
        for part, value in parts.items():
            found = float(tiled.parts[name][part])
            assert found == pytest.approx(float(value), rel=1e-4), (name, part)
    apart = tf.norm(tiled.gradient - whole.gradient) / tf.norm(whole.gradient)
    assert float(apart) < 1e-4


def test_all_compile_into_one_step_for_any_size(
    bundled: Encoder, picture: Callable[..., tf.Tensor]
) -> None:
    compile_once(TERMS, bundled, picture)


def test_sliced_draws_other_lines_for_each_step() -> None:
    term, seen, style = TERMS["sliced"], view(8, 8, 1), view(8, 8, 2)
    target = term.target(References(seen, [Style(style, tf.constant(1.0, tf.float64))]))
    drawn = [term.refresh(target, seen, tf.constant([1, n], tf.int64)) for n in (1, 2, 1)]
    lines = [d[LAYERS[0]][0].directions.numpy() for d in drawn]
    assert (lines[0] == lines[2]).all()
    assert not np.allclose(lines[0], lines[1])


def test_by_hand() -> None:
    """Two Gaussians on the axes, (0, diag 1, 4) and (3, diag 4, 4): (9 + 9 + 1 + 0) / 2."""
    moments = [
        Moments(
            tf.constant([m, m], tf.float64),
            tf.constant([[a + m * m, m * m], [m * m, 4 + m * m]], tf.float64),
        )
        for m, a in ((0.0, 1.0), (3.0, 4.0))
    ]
    assert float(Wasserstein(LAYERS).distance(moments[0], gaussian(moments[1]))) == pytest.approx(
        9.5, rel=2e-3
    )
    assert float(Covariance(LAYERS).distance(*moments)) == pytest.approx(9 / 4)
    assert float(trace_of_root(tf.constant([[2.0, 1.0], [1.0, 2.0]]))) == pytest.approx(1 + 3**0.5)
    powers = [tf.constant([0.0, 1.0]), tf.constant([0.5, 2.0])]  # means of x and x²
    assert [c.numpy().tolist() for c in central_moments(powers)] == [[0.0, 1.0], [0.5, 1.0]]
    ranks = at_ranks(tf.constant([[4.0], [0.0], [2.0]]), 6).numpy().ravel()
    np.testing.assert_allclose(ranks, [0, 0.5, 1.5, 2.5, 3.5, 4], atol=1e-6)


@pytest.mark.parametrize("name", STYLES)
def test_beta_weighs_every_style_term(name: str) -> None:
    weights = [
        terms_of(compose([f"loss=[{name}]", f"beta={beta}"]).loss)[1][name] for beta in (1e2, 3e2)
    ]
    assert weights[1].term == pytest.approx(3 * weights[0].term)
    assert weights[1].parts == weights[0].parts
