"""The schema of the configuration: keys and types. Free of TensorFlow.

Values and their comments are in ``conf/``. What no type can say (ranges, layer names, files) is
checked in :mod:`nst.config.validation`.
"""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from nst.config.nodes import NODES, ObserverConf, OptimizerConf, TermConf


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
    sha256: Optional[str] = None
    noise: float = MISSING
    detail: float = MISSING
    grain: float = MISSING


@dataclass
class NetworkConf:
    """The network that computes the feature maps, and the source of its weights."""

    name: str = MISSING
    weights: Optional[str] = None
    sha256: Optional[str] = None
    url: Optional[str] = None
    md5: Optional[str] = None
    timeout: float = MISSING
    pooling: Optional[str] = MISSING
    padding: Optional[str] = MISSING
    normalize: bool = MISSING
    application: Optional[str] = None
    smooth: Optional[bool] = None


@dataclass
class PyramidConf:
    """The scales, coarse to fine."""

    min_size: Optional[int] = None
    factor: float = MISSING
    exponent: float = MISSING


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
    pruner: Optional[str] = None
    seed: int = MISSING


@dataclass
class OutputConf:
    """The image file of the result."""

    name: str = MISSING
    format: str = MISSING
    quality: int = MISSING
    bits: int = MISSING
    profile: str = MISSING


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
    for node in NODES:
        store.store(group="schema", name=node.__name__.removesuffix("Conf"), node=node)
