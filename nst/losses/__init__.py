"""The terms of the loss."""

from nst.losses.base import AdditiveTerm, Evaluation, FeatureTerm, References, Style, Term, View
from nst.losses.functional import (
    RegionSums,
    Sums,
    blend,
    content_distance,
    gram_distance,
    gram_matrix,
    gram_sums,
    mean,
    positions,
    total_variation,
    weighted,
)
from nst.losses.terms import Content, Gram, StatisticTerm, TotalVariation
from nst.losses.weighting import Weights, weigh

__all__ = [
    "AdditiveTerm",
    "Content",
    "Evaluation",
    "FeatureTerm",
    "Gram",
    "References",
    "RegionSums",
    "StatisticTerm",
    "Style",
    "Sums",
    "Term",
    "TotalVariation",
    "View",
    "Weights",
    "blend",
    "content_distance",
    "gram_distance",
    "gram_matrix",
    "gram_sums",
    "mean",
    "positions",
    "total_variation",
    "weigh",
    "weighted",
]
