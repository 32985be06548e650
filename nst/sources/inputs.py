"""Gathers the images and weights that a configuration names. Free of TensorFlow.

Runs before a run folder is created, so that wrong input leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nst import images
from nst.config.ranges import LONG_SIDE
from nst.errors import InputError
from nst.features import weights
from nst.features.catalogue import check_layers
from nst.images import Picture
from nst.sources.guidance import Guidance
from nst.sources.loading import load_picture
from nst.sources.styles import StyleSource, load_guidance, load_styles
from nst.sources.weight_files import changed_weights, check_file, check_kernels


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

    content: Picture
    styles: tuple[StyleSource, ...]
    style_hashes: tuple[str, ...]
    base: Picture
    network: weights.Source
    guidance: Guidance = field(default_factory=Guidance)
    judge: weights.Source | None = None


def gather(config: Any, given: Mapping[str, Picture] | None = None) -> Inputs:
    """Loads and fetches everything that a checked configuration names.

    Args:
        config: The configuration.
        given: Images that a program has in memory, by key (``content.image``); the configuration
            names them ``memory:…``.

    Raises:
        InputError: A file is missing or damaged, or does not match its hash.
    """
    given = given or {}
    content, size = _content(config, given)
    named = load_styles(config.style, given, size)
    guides = load_guidance(config, given, content, named)
    styles = tuple(
        replace(style, picture=images.visible(style.picture)) for style in named if style.weight > 0
    )
    base = {"content": content, "style": styles[0].picture}.get(config.init.base)
    return Inputs(
        content,
        styles,
        tuple(style.picture.sha256 for style in named),
        base or _start(config.init, given, size),
        _network(config),
        guides,
        _judge(config.evaluation.network, config.evaluation.weights),
    )


def _content(config: Any, given: Mapping[str, Picture]) -> tuple[Picture, int]:
    """Loads the content image; returns the long side of the result, px, as well."""

    def load(enough: int | None = None) -> Picture:
        content = config.content
        return load_picture("content.image", content.image, given, content.sha256, enough)

    # To know a share of the content's size, all of it is decoded.
    size = long_side(config.size, load()) if isinstance(config.size, str) else int(config.size)
    return load(size), size


def _start(init: Any, given: Mapping[str, Picture], size: int) -> Picture:
    return load_picture("init.image", init.image, given, init.sha256, size)


def long_side(size: int | str, content: Picture) -> int:
    """Turns ``size=``, px or ``content`` or ``50%`` of the content image's, into px.

    Raises:
        InputError: The result would be too small or too large.
    """
    if isinstance(size, int):
        return size
    whole: int = max(content.rgb.shape[:2])
    pixels = whole if size == "content" else round(whole * float(size.rstrip("%")) / 100)
    low, high = LONG_SIDE
    if not low <= pixels <= high:
        raise InputError(f"size={size}: that is {pixels} px here; the long side is {low} to {high}")
    return pixels


def _network(config: Any) -> weights.Source:
    network = config.network
    if network.application is not None:
        for name, term in config.loss.items():
            check_layers(network.application, f"loss.{name}.layers", term.get("layers") or ())
    check_file("network.weights", network.weights)
    source = weights.locate(
        network.name,
        network.weights,
        network.url,
        network.md5,
        network.timeout,
        network.application,
    )
    check_kernels(source)
    return _compared(source, network.sha256)


def _compared(source: weights.Source, sha256: str | None) -> weights.Source:
    """Adds a warning to weights that are not those that a run has recorded."""
    if (change := changed_weights(source, sha256)) is None:
        return source
    warnings = filter(None, (source.warning, f"network: {change}: the picture will differ"))
    return replace(source, warning="; ".join(warnings))


def _judge(network: str, path: str | None) -> weights.Source | None:
    if network == "bundled":
        return None
    check_file("evaluation.weights", path)
    try:
        source = weights.locate(network, path or str(weights.cached(network)))
        check_kernels(source)
        return source
    except InputError as error:
        raise InputError(
            f"evaluation.network={network} needs its ImageNet weights: name the file with "
            f"evaluation.weights=PATH ({error})"
        ) from error
