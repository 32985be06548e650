"""Gathers the images and weights that a configuration names. Free of TensorFlow.

Runs before a run folder is created, so that wrong input leaves nothing behind.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst import images
from nst.config.names import listed, stem
from nst.config.overrides import PICTURES, is_several
from nst.config.validation import LONG_SIDE
from nst.errors import InputError, did_you_mean
from nst.features import weights
from nst.files.fetch import fetch_image
from nst.forecast import IMAGE, SHARE, Plan, pairs_kept
from nst.forecast import check as check_memory
from nst.guidance import Colours, Guidance, guidance, is_colour
from nst.runtime import memory_available, memory_limit, native_bfloat16
from nst.scales import plan

ASSET = "asset:"  # bundled with the package, the same on every machine
MEMORY = "memory:"  # passed to nst.stylize() by a program; only the hash is recorded
WEB = ("https://", "http://")


class PictureError(InputError):
    """A picture cannot be used.

    Attributes:
        key: The setting that names it.
    """

    def __init__(self, key: str, reason: object) -> None:
        """Names the key in the message."""
        super().__init__(f"{key}: {reason}")
        self.key = key


@dataclass(frozen=True)
class StyleSource:
    """A style image and its settings.

    Attributes:
        picture: The image.
        weight: Its share of the styles, above 0; the shares add up to 1.
        scale: Long side of the style image over that of the result.
    """

    picture: images.Picture
    weight: float
    scale: float


@dataclass(frozen=True)
class Inputs:
    """The images of a run and the source of its network's weights.

    Attributes:
        content: The content image.
        styles: The style images that have a weight above 0, at least one.
        style_hashes: Of every style image that the configuration names.
        base: The image from which the initial image is made.
        network: The source of the encoder's weights.
        guidance: The regions of content and styles, and where the content counts.
        judge: That of a second network, which only measures the result; None for none.
    """

    content: images.Picture
    styles: tuple[StyleSource, ...]
    style_hashes: tuple[str, ...]
    base: images.Picture
    network: weights.Source
    guidance: Guidance = field(default_factory=Guidance)
    judge: weights.Source | None = None


def gather(config: Any, given: Mapping[str, images.Picture] | None = None) -> Inputs:
    """Loads and fetches everything that a checked configuration names.

    Args:
        config: The configuration.
        given: Images that a program has in memory, by key (``content.image``); the configuration
            names them ``memory:…``.

    Raises:
        InputError: A file is missing or damaged, or does not match its hash.
    """
    given = given or {}
    source = config.content.image, config.content.sha256, given
    enough = config.size
    if not isinstance(enough, int):  # a share of the content's size, all of which is decoded
        enough = _long_side(enough, max(_picture("content.image", *source).rgb.shape[:2]))
    content = _picture("content.image", *source, enough)
    named = _styles(config.style, given, enough)
    guides = _guidance(config, given, content, named)
    styles = tuple(
        replace(style, picture=images.visible(style.picture)) for style in named if style.weight > 0
    )
    base = {"content": content, "style": styles[0].picture}.get(config.init.base)
    network = config.network
    return Inputs(
        content,
        styles,
        tuple(style.picture.sha256 for style in named),
        base or _picture("init.image", config.init.image, None, given, enough),
        weights.locate(network.name, network.weights, network.url, network.md5, network.timeout),
        guides,
        _judge(config.evaluation.network, config.evaluation.weights),
    )


def _guidance(
    config: Any,
    given: Mapping[str, images.Picture],
    content: images.Picture,
    named: Sequence[StyleSource],
) -> Guidance:
    """Loads the region pictures of styles with a weight, and the weight map."""

    def picture(key: str, name: str | None) -> images.Picture | None:
        return None if name is None else _picture(key, name, None, given)

    def of_style(entry: Any) -> images.Picture | Colours:
        texts = [str(part) for part in _each(entry)]
        if _colours(texts):
            return tuple(texts)
        if len(texts) > 1 or not _names_a_picture(texts[0]):
            raise InputError(
                f"style.regions: {entry} is neither a picture nor a colour; colours are named like "
                f"blue or 0000ff"
            )
        return _picture("style.regions", texts[0], None, given)

    regions = None if config.style.regions is None else _each(config.style.regions)
    if regions is not None and len(regions) != len(named):
        raise InputError(
            f"style.regions: {len(regions)} for {len(named)} style images; give one for each"
        )
    used = [index for index, style in enumerate(named) if style.weight > 0]
    stems = [stem(name) for name in map(str, listed(config.style.image))]
    calls = [f"{s} {i + 1}" if stems.count(s) > 1 else s for i, s in enumerate(stems)]
    found = guidance(
        content,
        {calls[index]: named[index].picture for index in used},
        picture("content.regions", config.content.regions),
        None if regions is None else [of_style(regions[index]) for index in used],
        picture("content.weight_map", config.content.weight_map),
    )
    if config.regions.sha256 not in (None, found.sha256):
        raise InputError("content.regions, style.regions: a picture has changed since it was used")
    return found


def _each(regions: Any) -> list[Any]:
    return [regions] if isinstance(regions, str | int) else list(regions)


def _names_a_picture(text: str) -> bool:
    return text.startswith((*WEB, ASSET, MEMORY)) or Path(os.path.expanduser(text)).exists()


def _colours(texts: list[str]) -> bool:
    """Tells whether these are colours; a file of that name comes first."""
    return all(is_colour(text) and not os.path.exists(text) for text in texts)


def _judge(network: str, path: str | None) -> weights.Source | None:
    if network == "bundled":
        return None
    try:
        return weights.locate(network, path or str(weights.cached(network)), None, None, 0)
    except InputError as error:
        raise InputError(
            f"evaluation.network={network} needs its ImageNet weights: name the file with "
            f"evaluation.weights=PATH ({error})"
        ) from error


def resolved(config: DictConfig, inputs: Inputs) -> DictConfig:
    """Replaces interpolations, relative paths and ``auto`` by their values."""
    plain = DictConfig(OmegaConf.to_container(config, resolve=True))
    plain.resume = plain.replay = None
    plain.size = _long_side(plain.size, max(inputs.content.rgb.shape[:2]))
    plain.content.image = _recorded_name(plain.content.image)
    plain.content.sha256 = inputs.content.sha256
    plain.style.image = _one_or_all([_recorded_name(str(n)) for n in listed(plain.style.image)])
    plain.style.sha256 = _one_or_all(inputs.style_hashes)
    for key in ("regions", "weight_map"):
        if plain.content[key] is not None:
            plain.content[key] = _recorded_name(plain.content[key])
    if plain.style.regions is not None:
        plain.style.regions = [
            _recorded_name(entry) if isinstance(entry, str) and not _colours([entry]) else entry
            for entry in _each(plain.style.regions)
        ]
    plain.regions.sha256 = inputs.guidance.sha256
    if plain.init.image is not None:
        plain.init.image = _recorded_name(plain.init.image)
    if plain.network.weights is not None:
        plain.network.weights = str(inputs.network.path)
    if inputs.judge is not None:
        plain.evaluation.weights = str(inputs.judge.path)
    plain.network.name = inputs.network.network
    if plain.runtime.precision == "auto":
        plain.runtime.precision = "bfloat16" if native_bfloat16() else "float32"
    plain.runtime.tile = planned(plain, inputs).tile
    return plain


def planned(config: DictConfig, inputs: Inputs) -> Plan:
    """Plans the memory of a resolved run.

    Raises:
        InputError: The machine has less; the message names the largest size that fits.
    """
    shape = images.fit(inputs.content.rgb.shape[:2], config.size)
    height, width = (side + 2 * config.margin for side in shape)
    layers = {name: tuple(term.get("layers") or ()) for name, term in config.loss.items()}
    optimizer = config.optimizer
    most, memory = optimizer.get("history"), 1e9 * optimizer.get("memory", math.inf)
    steps = plan(shape, config.steps, **config.pyramid)[-1].steps
    pairs = None if most is None else min(steps, pairs_kept(most, memory, IMAGE * height * width))
    pictures = [inputs.content, *(style.picture for style in inputs.styles)]
    tile = config.runtime.get("tile")
    found = Plan(
        height,
        width,
        config.network.name,
        tuple(layer for names in layers.values() for layer in names),
        layers.get("content", ()),
        pairs,
        sum(picture.rgb.shape[0] * picture.rgb.shape[1] for picture in pictures),
        None if tile == "auto" else tile,
    )
    if tile == "auto":
        found = found.tiled(SHARE * memory_available())
    check_memory(found, memory_limit(), config.size)
    return found


def locate_image(name: str) -> Path:
    """Finds the file behind an image's name: a path, ``asset:…``, or a web address (cached).

    Raises:
        InputError: There is no such asset, the address does not answer, or the image existed only
            in a program's memory.
    """
    if name.startswith(MEMORY):
        raise InputError("this image existed only in a program's memory: name a file instead")
    if name.startswith(WEB):
        return fetch_image(name)
    if not name.startswith(ASSET):
        return Path(os.path.expanduser(name)).absolute()
    path = weights.ASSETS / name.removeprefix(ASSET)
    if not path.is_file() or not path.resolve().is_relative_to(weights.ASSETS.resolve()):
        assets = [f"{ASSET}{p.relative_to(weights.ASSETS)}" for p in weights.ASSETS.glob("*/*.*")]
        raise InputError(f"nothing called {name} ships with nst.{did_you_mean(name, assets)}")
    return path


def _long_side(size: int | str, content: int) -> int:
    """Turns ``content`` and ``50%`` into px; ``content`` is the long side of the content image."""
    if isinstance(size, int):
        return size
    pixels = content if size == "content" else round(content * float(size.rstrip("%")) / 100)
    if not LONG_SIDE[0] <= pixels <= LONG_SIDE[1]:
        raise InputError(
            f"size={size}: that is {pixels} px here; "
            f"the long side is {LONG_SIDE[0]} to {LONG_SIDE[1]}"
        )
    return pixels


def _recorded_name(name: str) -> str:
    """Returns the name of an image as a run records it: paths become absolute."""
    return name if name.startswith((*WEB, ASSET, MEMORY)) else str(locate_image(name))


def _one_or_all(items: Sequence[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else list(items)


def _styles(config: Any, given: Mapping[str, images.Picture], size: int) -> list[StyleSource]:
    """Loads every style image for a picture of a size, px.

    Weights become shares, so that only their ratios matter.
    """
    names = listed(config.image)
    weights = listed(1.0 if config.weights is None else config.weights, len(names))
    hashes, scales = (listed(value, len(names)) for value in (config.sha256, config.scale))
    keys = style_keys(len(names))
    pictures = [
        _picture(key, str(name), sha256, given, math.ceil(size * scale))
        for key, name, sha256, scale in zip(keys, names, hashes, scales, strict=True)
    ]
    return [
        StyleSource(picture, weight / sum(weights), scale)
        for picture, weight, scale in zip(pictures, weights, scales, strict=True)
    ]


def style_keys(count: int) -> list[str]:
    """Names the style images for messages, and for pictures in memory."""
    return ["style.image"] if count == 1 else [f"style.image[{n}]" for n in range(count)]


# Those of a run with two styles: the next job of a sweep usually shares most.
@lru_cache(maxsize=3)
def _load(path: Path, changed: int, enough: int | None) -> images.Picture:
    return images.load(path, enough)


def _picture(
    key: str,
    name: str,
    sha256: str | None,
    given: Mapping[str, images.Picture],
    enough: int | None = None,
) -> images.Picture:
    if name.startswith(MEMORY) and key in given:
        return given[key]
    try:
        path = locate_image(name)
        picture = _load(path, _changed(path), enough)
    except InputError as error:
        raise PictureError(key, _meant_as_several(key, name) or error) from error
    if sha256 is not None and picture.sha256 != str(sha256).lower():
        raise InputError(f"{key}: {name} has the sha256 {picture.sha256}, expected {sha256}")
    return picture


def _meant_as_several(key: str, name: str) -> str | None:
    if key not in PICTURES or name.startswith((*WEB, ASSET, MEMORY)) or not is_several(name):
        return None
    kind = "a folder" if os.path.isdir(os.path.expanduser(name)) else "a pattern"
    return f"{name} is {kind}: add -m for a job per picture, nst -m {key}='{name}'"


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):  # missing, or an impossible name: load() reports which
        return 0
