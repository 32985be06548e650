"""The terms of the loss."""

from nst.losses.functional import (
    content_distance,
    gram_distance,
    gram_matrix,
    gram_sums,
    total_variation,
)
from nst.losses.terms import Content, FeatureTerm, Gram, Term, TotalVariation

__all__ = [
    "Content",
    "FeatureTerm",
    "Gram",
    "Term",
    "TotalVariation",
    "content_distance",
    "gram_distance",
    "gram_matrix",
    "gram_sums",
    "total_variation",
]
