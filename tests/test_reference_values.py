"""Losses against the equations of their papers, written down again in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from nst.losses import (
    MRF,
    CentralMoments,
    Contextual,
    FeatureSplitting,
    Gram,
    References,
    SelfSimilarity,
    SlicedWasserstein,
    Style,
    Term,
    View,
    Wasserstein,
)
from nst.losses.transport import HYPERCOLUMNS, moment_distance, moments, relaxed_transport

LAYER = "block1_conv1"
Array = np.ndarray


def maps(seed: int, shift: float = 0.0) -> Array:
    """A feature map of 20 x 14 positions and 6 channels, correlated and above 0."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(1, 20, 14, 6)) @ random.normal(size=(6, 6))
    return np.abs(mixed + 1 + shift)


def rows(features: Array) -> Array:
    return features.reshape(-1, features.shape[-1])


def gram(x: Array, y: Array) -> float:
    """Gatys et al. 2015, eq. 3 and 4, means for sums."""
    return ((x.T @ x / len(x) - y.T @ y / len(y)) ** 2).mean()


def wasserstein(x: Array, y: Array) -> float:
    """Dowson and Landau 1982: the trace of the root from the eigenvalues of the product."""
    a, b = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    ridge = 1e-3 * np.trace(b) / len(b) * np.eye(len(b))
    a, b = a + ridge, b + ridge
    overlap = np.sqrt(np.linalg.eigvals(a @ b).real).sum()
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    return (apart + np.trace(a) + np.trace(b) - 2 * overlap) / x.shape[1]


def central_moments(x: Array, y: Array) -> float:
    """Kalischek et al. 2021, eq. 6, norms over the root of the number of channels."""
    a, b = (1 / (1 + np.exp(-z)) for z in (x, y))
    found = [a.mean(0) - b.mean(0)]
    found += [((a - a.mean(0)) ** k).mean(0) - ((b - b.mean(0)) ** k).mean(0) for k in range(2, 6)]
    return sum(np.sqrt((difference**2).mean()) for difference in found)


def cosines(x: Array, y: Array) -> Array:
    unit = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y)]
    return unit[0] @ unit[1].T


def contextual(x: Array, y: Array) -> float:
    """Mechrez et al. 2018, eq. 1 to 5, with the bandwidth 0.1."""
    distances = (1 - cosines(x - y.mean(0), y - y.mean(0))) / 2
    likeness = np.exp((1 - distances / (distances.min(1, keepdims=True) + 1e-5)) / 0.1)
    return -np.log((likeness / likeness.sum(1, keepdims=True)).max(0).mean())


def splitting(x: Array, y: Array) -> float:
    """Kolkin et al. 2022, eq. 5: matched by centred features."""
    nearest = cosines(x - x.mean(0), y - y.mean(0)).argmax(1)
    return (1 - np.diag(cosines(x, y[nearest]))).mean()


def field(x: Array, y: Array) -> float:
    """Li and Wand 2016, eq. 2 and 3, for patches of one position."""
    return ((x - y[cosines(x, y).argmax(1)]) ** 2).mean()


EQUATIONS: dict[str, tuple[Term, Callable[[Array, Array], float]]] = {
    "gram": (Gram([LAYER]), gram),
    "wasserstein": (Wasserstein([LAYER]), wasserstein),
    "cmd": (CentralMoments([LAYER]), central_moments),
    "contextual": (Contextual([LAYER]), contextual),
    "feature_splitting": (FeatureSplitting([LAYER]), splitting),
    "mrf": (MRF([LAYER], patch=1), field),
}


def view(features: Array) -> View:
    return View(tf.zeros([1, 20, 14, 3]), {LAYER: tf.constant(features, tf.float32)})


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_term_has_the_value_of_its_equation(name: str) -> None:
    term, equation = EQUATIONS[name]
    x, y = maps(1), maps(2, shift=0.5)
    target = term.target(References(view(x), [Style(view(y))]))
    found = float(term.distances(view(x), target)[LAYER])
    assert found == pytest.approx(equation(rows(x), rows(y)), rel=1e-3)


def test_the_sliced_distance_is_that_of_sorted_projections() -> None:
    """Heitz et al. 2021, eq. 4."""
    term, x, y = SlicedWasserstein([LAYER], directions=16), maps(1), maps(2)
    target = term.target(References(view(x), [Style(view(y))]))
    lines = target[LAYER][0].directions.numpy()
    np.testing.assert_allclose(np.linalg.norm(lines, axis=0), 1, rtol=1e-5)
    expected = ((np.sort(rows(x) @ lines, 0) - np.sort(rows(y) @ lines, 0)) ** 2).mean()
    assert float(term.distances(view(x), target)[LAYER]) == pytest.approx(expected, rel=1e-3)


def test_relaxed_transport_and_moments_are_those_of_strotss() -> None:
    x, y = rows(maps(1)), rows(maps(2, shift=0.5))
    costs = 1 - cosines(x, y)
    found = relaxed_transport(tf.constant(x), tf.constant(y), HYPERCOLUMNS)
    assert float(found) == pytest.approx(max(costs.min(0).mean(), costs.min(1).mean()), rel=1e-3)
    differences = x.mean(0) - y.mean(0), np.cov(x.T, bias=True) - np.cov(y.T, bias=True)
    expected = sum((np.hypot(d, 0.01) - 0.01).mean() for d in differences)  # rounded near 0
    found = moment_distance(tf.constant(x), moments(tf.constant(y)))
    assert float(found) == pytest.approx(expected, rel=1e-3)


def test_self_similarity_is_that_of_strotss() -> None:
    x, y = maps(1), maps(2)
    shares = []
    for features in (x, y):
        distances = 1 - cosines(rows(features), rows(features))
        shares.append(distances / distances.sum(0, keepdims=True))
    difference = 280 * (shares[0] - shares[1])
    expected = (np.hypot(difference, 0.1) - 0.1).mean()  # rounded near 0
    term, content = SelfSimilarity([LAYER]), view(y)
    found = term.distances(view(x), term.target(References(content, [])))
    assert float(found["hypercolumns"]) == pytest.approx(expected, rel=1e-3)
