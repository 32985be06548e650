"""The schemas of what a configuration builds: terms, optimizers and observers.

``conf/`` names them without their ending: ``/schema/FeatureTerm``. Keys beside ``_target_`` are
arguments of the class.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from omegaconf import MISSING


@dataclass
class TermConf:
    """A term of the loss; the user's terms extend it."""

    _target_: str = MISSING
    weight: float = MISSING


@dataclass
class FeatureTermConf(TermConf):
    """A term that compares feature maps layer by layer."""

    layers: List[str] = MISSING
    layer_weights: Optional[List[float]] = None


@dataclass
class StyleTermConf(FeatureTermConf):
    """A term that takes the place of the style's, at the same weight."""

    scale: Optional[float] = None


@dataclass
class CentralMomentsConf(StyleTermConf):
    """A term that compares moments up to an order."""

    orders: int = MISSING


@dataclass
class ShiftedConf(StyleTermConf):
    """A term that compares positions at some distances."""

    shifts: List[int] = MISSING


@dataclass
class HistogramConf(StyleTermConf):
    """A term that compares a sample of the positions."""

    samples: int = MISSING


@dataclass
class SlicedWassersteinConf(HistogramConf):
    """A term that compares a sample of the positions on random lines."""

    directions: int = MISSING


@dataclass
class HypercolumnTermConf(TermConf):
    """A term that compares the layers at a position together."""

    scale: Optional[float] = None
    layers: List[str] = MISSING


@dataclass
class NearestNeighbourConf(HypercolumnTermConf):
    """Hypercolumns matched with the content image's."""

    cell: int = MISSING
    positions: int = MISSING


@dataclass
class PatchTermConf(StyleTermConf):
    """Patches matched layer by layer."""

    patch: int = MISSING
    positions: int = MISSING


@dataclass
class ContextualConf(StyleTermConf):
    """A term that compares positions layer by layer, each with every other."""

    positions: int = MISSING
    style_positions: int = MISSING
    bandwidth: float = MISSING


@dataclass
class TransportConf(HypercolumnTermConf):
    """Distributions of hypercolumns."""

    positions: int = MISSING
    style_positions: int = MISSING


@dataclass
class SelfSimilarityConf(HypercolumnTermConf):
    """Similarities of positions with each other."""

    positions: int = MISSING


@dataclass
class LaplacianConf(TermConf):
    """Contours of the content image."""

    pool: int = MISSING


@dataclass
class OptimizerConf:
    """Base schema of the optimizers."""

    _target_: str = MISSING


@dataclass
class FirstOrderConf(OptimizerConf):
    """A first-order optimizer: Adam, SGD or any other of Keras."""

    name: str = MISSING
    learning_rate: float = MISSING
    average: float = MISSING
    levels: int = MISSING
    growth: float = MISSING
    final_rate: float = MISSING
    options: Dict[str, Any] = MISSING


@dataclass
class LBFGSConf(OptimizerConf):
    """Limited-memory BFGS."""

    history: int = MISSING
    memory: float = MISSING
    max_evaluations: int = MISSING
    bounded: bool = MISSING


@dataclass
class ObserverConf:
    """Base schema of the observers."""

    _target_: str = MISSING


@dataclass
class EveryConf(ObserverConf):
    """An observer that acts every n steps."""

    every: int = MISSING


@dataclass
class CheckpointsConf(EveryConf):
    """Checkpoints, by steps and by time."""

    seconds: float = MISSING


@dataclass
class TimelapseConf(ObserverConf):
    """The time-lapse of a run."""

    frames: int = MISSING
    size: int = MISSING
    seconds: float = MISSING


@dataclass
class MLflowConf(EveryConf):
    """The store of MLflow, and the experiment in it."""

    uri: Optional[str] = None
    experiment: str = MISSING


@dataclass
class TensorBoardConf(ObserverConf):
    """The event file."""

    scalars_every: int = MISSING
    images_every: int = MISSING


@dataclass
class ProgressConf(ObserverConf):
    """The progress bar."""

    seconds: float = MISSING


NODES = (
    TermConf,
    FeatureTermConf,
    StyleTermConf,
    CentralMomentsConf,
    ShiftedConf,
    HistogramConf,
    SlicedWassersteinConf,
    NearestNeighbourConf,
    PatchTermConf,
    ContextualConf,
    TransportConf,
    SelfSimilarityConf,
    LaplacianConf,
    FirstOrderConf,
    LBFGSConf,
    EveryConf,
    CheckpointsConf,
    MLflowConf,
    TensorBoardConf,
    TimelapseConf,
    ProgressConf,
)
