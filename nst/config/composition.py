"""The configuration: its schema, its resolvers and how it is composed. Free of TensorFlow.

Values and their comments live in ``conf/``; the dataclasses here fix keys and types. What no type can
say (ranges, layer names, files) is checked in :mod:`nst.config.validation`.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field
from os.path import exists
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict

from nst.config.names import label, stem
from nst.errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]
# Inside a wheel conf/ travels as nst/conf; in a checkout it stands at the top level.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
UNSAFE = set("=,' \"()[]{}")  # not to be written bare in the value of an override


@dataclass
class Image:
    """A content or style image: a path, ``asset:`` name or https address, and its hash if known."""

    image: str = MISSING
    sha256: Optional[str] = None


@dataclass
class StyleImage(Image):
    """A style image and the scale of its strokes."""

    scale: float = MISSING


@dataclass
class Init:
    """The initial image: ``(1 - noise) * base + noise * white noise``."""

    base: str = MISSING
    image: Optional[str] = None
    noise: float = MISSING


@dataclass
class Network:
    """The network whose feature maps are compared, and where its weights come from."""

    name: str = MISSING
    weights: Optional[str] = None
    url: Optional[str] = None
    md5: Optional[str] = None
    timeout: float = MISSING
    pooling: str = MISSING
    padding: str = MISSING
    normalize: bool = MISSING


@dataclass
class Term:
    """A term of the loss; own terms extend it."""

    _target_: str = MISSING
    weight: float = MISSING


@dataclass
class FeatureTerm(Term):
    """A term that compares feature maps layer by layer."""

    layers: List[str] = MISSING
    layer_weights: Optional[List[float]] = None


@dataclass
class Optimizer:
    """Base of the optimizers' schemas."""

    _target_: str = MISSING


@dataclass
class FirstOrder(Optimizer):
    """Any optimizer of Keras."""

    name: str = MISSING
    learning_rate: float = MISSING
    average: float = MISSING
    levels: int = MISSING
    growth: float = MISSING
    options: Dict[str, Any] = MISSING


@dataclass
class LBFGS(Optimizer):
    """Limited-memory BFGS."""

    history: int = MISSING
    max_evaluations: int = MISSING
    bounded: bool = MISSING


@dataclass
class Pyramid:
    """The scales, coarse to fine."""

    min_size: Optional[int] = None
    factor: float = MISSING
    exponent: float = MISSING


@dataclass
class Observer:
    """Base of the observers' schemas."""

    _target_: str = MISSING


@dataclass
class Every(Observer):
    """An observer that acts every so many steps."""

    every: int = MISSING


@dataclass
class TensorBoard(Observer):
    """The event file."""

    scalars_every: int = MISSING
    images_every: int = MISSING


@dataclass
class Progress(Observer):
    """The progress bar."""

    seconds: float = MISSING


@dataclass
class Runtime:
    """How TensorFlow computes."""

    precision: str = MISSING
    deterministic: bool = MISSING
    threads: Optional[int] = None
    gradient_every: int = MISSING


@dataclass
class Output:
    """The file of the picture."""

    name: str = MISSING
    format: str = MISSING
    quality: int = MISSING


@dataclass
class Config:
    """The root of the configuration."""

    alpha: float = MISSING
    beta: float = MISSING
    size: int = MISSING
    margin: int = MISSING
    steps: int = MISSING
    seed: int = MISSING
    resume: Optional[str] = None
    replay: Optional[str] = None
    content: Image = field(default_factory=Image)
    style: StyleImage = field(default_factory=StyleImage)
    init: Init = field(default_factory=Init)
    network: Network = field(default_factory=Network)
    loss: Dict[str, Term] = field(default_factory=dict)
    optimizer: Optimizer = field(default_factory=Optimizer)
    pyramid: Pyramid = field(default_factory=Pyramid)
    observer: Dict[str, Observer] = field(default_factory=dict)
    runtime: Runtime = field(default_factory=Runtime)
    output: Output = field(default_factory=Output)


def register() -> None:
    """Registers schemas and resolvers; safe to call again."""
    store = ConfigStore.instance()
    store.store(name="config_schema", node=Config)
    for schema in (Term, FeatureTerm, FirstOrder, LBFGS, Every, TensorBoard, Progress):
        store.store(group="schema", name=schema.__name__, node=schema)
    OmegaConf.register_new_resolver("nst.stem", stem, replace=True)
    OmegaConf.register_new_resolver("nst.label", label, replace=True)


@contextmanager
def _fresh_hydra() -> Iterator[None]:
    """Sets aside a Hydra application that may be running in this process."""
    instance = GlobalHydra.instance()
    running, instance.hydra = instance.hydra, None
    try:
        yield
    finally:
        instance.hydra = running


def compose(overrides: Sequence[str] = (), *, hydra: bool = False) -> DictConfig:
    """Composes the configuration from ``conf/`` and overrides, as the command line does.

    Args:
        overrides: Hydra overrides, for example ``["style=starry", "alpha=1e3"]``.
        hydra: Whether the node ``hydra`` is to be part of the result.

    Returns:
        The configuration, interpolations unresolved.

    Raises:
        HydraException: An override, a key or a type is wrong.
    """
    _check_groups(overrides)
    with _fresh_hydra(), initialize_config_dir(str(CONF_DIR), job_name="nst", version_base="1.3"):
        config: DictConfig = hydra_compose(
            "config", overrides=list(overrides), return_hydra_config=hydra
        )
        return config


def without_hydra(composed: DictConfig) -> DictConfig:
    """Takes the node ``hydra`` off a composed configuration, which it changes."""
    with open_dict(composed):
        del composed["hydra"]
    return composed


def quoted(value: object) -> str:
    """Quotes a value for an override, as Hydra's grammar has it."""
    escaped = str(value).replace("'", r"\'")
    return f"'{escaped}'"


def with_path_quoted(override: str) -> str:
    """Quotes the value of an override where it is an existing path that needs it.

    The folders of a sweep's jobs do: ``replay=sweep/0_alpha=100``.
    """
    key, _, value = override.partition("=")
    return f"{key}={quoted(value)}" if set(value) & UNSAFE and exists(value) else override


def _check_groups(overrides: Sequence[str]) -> None:
    """Says which override gives a group something else than a name; Hydra would not say which."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        group = CONF_DIR / override.key_or_group
        named = override.is_delete() or isinstance(override.value(), (str, QuotedString, list))
        if group.is_dir() and not named and not override.is_sweep_override():
            raise InputError(f"{override.input_line}: a group takes the name of one of its options")


register()
