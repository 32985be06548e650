"""How much each term counts, and each of its parts: data of an objective, no part of a term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nst.losses.base import Term


class Weights(NamedTuple):
    """Effective weights: of a term, and of its parts within it."""

    term: float
    parts: Mapping[str, float]


def weigh(term: Term, weight: float, part_weights: Sequence[float] | None = None) -> Weights:
    """Gives a term its weights.

    Args:
        term: The term.
        weight: Of the whole term, >= 0.
        part_weights: One number >= 0 for each of its parts (of most terms: the layers); None for
            equal ones with sum 1 (Gatys et al. 2015, eq. 5).

    Raises:
        ValueError: A weight is negative, or their number is not that of the parts.
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
