"""The weights of terms and of their parts: data of the objective, not of the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nst.losses.base import Term


class Weights(NamedTuple):
    """Effective weights of a term and of its parts within it."""

    term: float
    parts: Mapping[str, float]


def weigh(term: Term, weight: float, part_weights: Sequence[float] | None = None) -> Weights:
    """Gives a term its weights.

    Args:
        term: The term.
        weight: Weight of the whole term, >= 0.
        part_weights: One number >= 0 for each of its parts (for most terms, the layers); None for
            equal weights with sum 1 (Gatys et al. 2015, eq. 5).

    Raises:
        ValueError: A weight is negative, or there are not as many as parts.
    """
    parts = term.parts
    shares = [1 / len(parts)] * len(parts) if part_weights is None else list(part_weights)
    if not weight >= 0:
        raise ValueError(f"weight must be 0 or more, received {weight}")
    if len(shares) != len(parts):
        raise ValueError(f"{len(parts)} layers, but {len(shares)} layer_weights")
    if any(not share >= 0 for share in shares):
        raise ValueError(f"layer_weights must be 0 or more, received {shares}")
    return Weights(weight, dict(zip(parts, shares, strict=True)))
