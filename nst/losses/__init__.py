"""The terms of the loss."""

from nst.losses.base import AdditiveTerm, Evaluation, FeatureTerm, References, Style, Term, View
from nst.losses.contextual import Contextual
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
from nst.losses.moments import CentralMoments, Covariance, MeanStd, Wasserstein
from nst.losses.neighbours import FeatureSplitting, NearestNeighbour
from nst.losses.patches import MRF
from nst.losses.pixels import Edges, Laplacian, ValueRange
from nst.losses.products import CrossLayer, Shifted
from nst.losses.self_similarity import SelfSimilarity
from nst.losses.sliced import Histogram, SlicedWasserstein
from nst.losses.terms import Content, Gram, StatisticTerm, TotalVariation
from nst.losses.transport import RelaxedTransport
from nst.losses.weighting import Weights, weigh

__all__ = [
    "MRF",
    "AdditiveTerm",
    "CentralMoments",
    "Content",
    "Contextual",
    "Covariance",
    "CrossLayer",
    "Edges",
    "Evaluation",
    "FeatureSplitting",
    "FeatureTerm",
    "Gram",
    "Histogram",
    "Laplacian",
    "MeanStd",
    "NearestNeighbour",
    "References",
    "RegionSums",
    "RelaxedTransport",
    "SelfSimilarity",
    "Shifted",
    "SlicedWasserstein",
    "StatisticTerm",
    "Style",
    "Sums",
    "Term",
    "TotalVariation",
    "ValueRange",
    "View",
    "Wasserstein",
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
