"""The schema of the configuration: keys and types. Free of TensorFlow.

Values and their comments are in ``conf/``. What no type can say (ranges, layer names, files) is
checked in :mod:`nst.config.validation`. ``conf/`` names a schema without its ending:
``/schema/FeatureTerm``.
"""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class ImageConf:
    """The content image: a path, ``asset:`` name or https address, and its hash if known."""

    image: str = MISSING
    sha256: Optional[str] = None


@dataclass
class ContentImageConf(ImageConf):
    """A content image, its regions, and where it counts more."""

    regions: Optional[str] = None
    weight_map: Optional[str] = None


@dataclass
class StyleConf:
    """The style image, or several to mix: a list has one item for each."""

    image: Any = MISSING  # a path, or a list of them: OmegaConf has no unions with lists
    sha256: Any = None
    weights: Optional[List[float]] = None
    scale: Any = MISSING
    regions: Any = None  # files, or colours of a list


@dataclass
class RegionsConf:
    """How regions are applied to feature maps, and the hash of their files."""

    erode: float = MISSING
    sha256: Optional[str] = None


@dataclass
class ColorConf:
    """Whose colours the picture has, and the map that moves them."""

    mode: str = MISSING
    method: Optional[str] = None
    space: Optional[str] = None


@dataclass
class InitConf:
    """The initial image: ``(1 - noise) * base + noise * white noise``."""

    base: str = MISSING
    image: Optional[str] = None
    noise: float = MISSING


@dataclass
class NetworkConf:
    """The network that computes the feature maps, and the source of its weights."""

    name: str = MISSING
    weights: Optional[str] = None
    url: Optional[str] = None
    md5: Optional[str] = None
    timeout: float = MISSING
    pooling: str = MISSING
    padding: str = MISSING
    normalize: bool = MISSING


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
class CentralMomentsConf(FeatureTermConf):
    """A term that compares moments up to an order."""

    orders: int = MISSING


@dataclass
class ShiftedConf(FeatureTermConf):
    """A term that compares positions at some distances."""

    shifts: List[int] = MISSING


@dataclass
class HistogramConf(FeatureTermConf):
    """A term that compares a sample of the positions."""

    samples: int = MISSING


@dataclass
class SlicedWassersteinConf(HistogramConf):
    """A term that compares a sample of the positions on random lines."""

    directions: int = MISSING


@dataclass
class HypercolumnTermConf(TermConf):
    """A term that compares the layers at a position together."""

    layers: List[str] = MISSING


@dataclass
class NearestNeighbourConf(HypercolumnTermConf):
    """Hypercolumns matched with the content image's."""

    cell: int = MISSING
    positions: int = MISSING


@dataclass
class PatchTermConf(FeatureTermConf):
    """Patches matched layer by layer."""

    patch: int = MISSING
    positions: int = MISSING


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
class PyramidConf:
    """The scales, coarse to fine."""

    min_size: Optional[int] = None
    factor: float = MISSING
    exponent: float = MISSING


@dataclass
class ObserverConf:
    """Base schema of the observers."""

    _target_: str = MISSING


@dataclass
class EveryConf(ObserverConf):
    """An observer that acts every n steps."""

    every: int = MISSING


@dataclass
class TensorBoardConf(ObserverConf):
    """The event file."""

    scalars_every: int = MISSING
    images_every: int = MISSING


@dataclass
class ProgressConf(ObserverConf):
    """The progress bar."""

    seconds: float = MISSING


@dataclass
class RuntimeConf:
    """The settings of TensorFlow."""

    precision: str = MISSING
    deterministic: bool = MISSING
    threads: Optional[int] = None
    gradient_every: int = MISSING
    tile: Optional[Union[int, str]] = None


@dataclass
class SearchConf:
    """The search of a sweep."""

    metrics: List[str] = MISSING
    directions: Optional[List[str]] = None
    sampler: str = MISSING
    n_trials: int = MISSING
    timeout: Optional[float] = None
    batch: Optional[int] = None
    seed: int = MISSING


@dataclass
class OutputConf:
    """The image file of the result."""

    name: str = MISSING
    format: str = MISSING
    quality: int = MISSING


@dataclass
class EvaluationConf:
    """The network that judges the result besides the bundled one."""

    network: str = MISSING
    weights: Optional[str] = None


@dataclass
class Config:
    """The root of the configuration."""

    alpha: float = MISSING
    beta: float = MISSING
    size: Union[int, str] = MISSING
    margin: int = MISSING
    steps: int = MISSING
    seed: int = MISSING
    resume: Optional[str] = None
    replay: Optional[str] = None
    content: ContentImageConf = field(default_factory=ContentImageConf)
    search: Optional[SearchConf] = None
    style: StyleConf = field(default_factory=StyleConf)
    color: ColorConf = field(default_factory=ColorConf)
    regions: RegionsConf = field(default_factory=RegionsConf)
    init: InitConf = field(default_factory=InitConf)
    network: NetworkConf = field(default_factory=NetworkConf)
    loss: Dict[str, TermConf] = field(default_factory=dict)
    optimizer: OptimizerConf = field(default_factory=OptimizerConf)
    pyramid: PyramidConf = field(default_factory=PyramidConf)
    observer: Dict[str, ObserverConf] = field(default_factory=dict)
    runtime: RuntimeConf = field(default_factory=RuntimeConf)
    evaluation: EvaluationConf = field(default_factory=EvaluationConf)
    output: OutputConf = field(default_factory=OutputConf)


def register() -> None:
    """Registers the schemas; safe to call again."""
    store = ConfigStore.instance()
    store.store(name="config_schema", node=Config)
    nodes = (
        TermConf,
        FeatureTermConf,
        CentralMomentsConf,
        ShiftedConf,
        HistogramConf,
        SlicedWassersteinConf,
        NearestNeighbourConf,
        PatchTermConf,
        TransportConf,
        SelfSimilarityConf,
        LaplacianConf,
        FirstOrderConf,
        LBFGSConf,
        EveryConf,
        TensorBoardConf,
        ProgressConf,
    )
    for node in nodes:
        store.store(group="schema", name=node.__name__.removesuffix("Conf"), node=node)
