"""What the suites of the terms share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from conftest import references

from nst.features.encoder import Encoder
from nst.losses import Term, View, weigh
from nst.objective import Loss, Objective, compiled_step, used_layers


def compile_once(
    terms: Mapping[str, Term], encoder: Encoder, picture: Callable[..., tf.Tensor]
) -> None:
    """Asserts that terms, all together, have finite gradients at any size from one trace."""
    norms = encoder.norms([picture(32, 32, seed=1)], used_layers(terms))
    weights = {name: weigh(term, 1.0) for name, term in terms.items()}
    loss = Loss(encoder, terms, weights, norms)
    for height, width in ((16, 24), (21, 17)):
        content, style = picture(height, width, seed=1), picture(18, 20, seed=2)
        objective = Objective(loss, references(content, (style, 1.0)))
        evaluation = objective.refreshed(content, (0, 1))(content)
        assert np.isfinite(evaluation.gradient).all()
    assert compiled_step(encoder, tuple(terms.items())).traces == 1


def dying(seen: View, whole: bool) -> View:
    """Returns a view whose first channel, or every channel, is dead, as some of wide networks."""
    return seen._replace(
        features={
            layer: f * tf.constant([0] + [0 if whole else 1] * (f.shape[-1] - 1), f.dtype)
            for layer, f in seen.features.items()
        }
    )
