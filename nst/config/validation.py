"""Checks beyond types: ranges, names and lengths. Free of TensorFlow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst.config.names import listed
from nst.errors import InputError, did_you_mean
from nst.features.weights import CONVOLUTIONS, layer_channels
from nst.images.recolour import METHODS, SPACES

LONG_SIDE = (16, 16000)  # of the result, px
MOST_STYLES = 16
COLOR_MODES = ("none", "luminance", "match", "match_after")

Check = Callable[[Any], str | None]  # returns what a value must be, or None if it is valid


def between(low: float, high: float) -> Check:
    """Returns a check for a number from low to high, inclusive."""
    return lambda x: None if low <= x <= high else f"a number from {low:.10g} to {high:.10g}"


def above(low: float) -> Check:
    """Returns a check for a finite number greater than low."""
    return lambda x: None if low < x < math.inf else f"a number above {low:g}"


def at_least(low: float) -> Check:
    """Returns a check for a finite number of at least low."""
    return lambda x: None if low <= x < math.inf else f"a number of {low:g} or more"


def each(test: Check) -> Check:
    """Returns a check for a value, or every item of a list of them."""
    return lambda x: next(filter(None, map(test, listed(x))), None)


def one_of(*names: str) -> Check:
    """Returns a check for one of a few names."""
    return lambda x: (
        None if x in names else f"one of {', '.join(names)}.{did_you_mean(str(x), names)}"
    )


def long_side(size: int | str) -> str | None:
    """Checks a long side: px, ``content`` for the content image's, or a percentage of it."""
    if isinstance(size, str):
        share = re.fullmatch(r"content|(\d+(?:\.\d+)?)%", size)
        right = share is not None and (share[1] is None or float(share[1]) > 0)
    else:
        right = between(*LONG_SIDE)(size) is None
    low, high = LONG_SIDE
    words = f"a whole number from {low} to {high}, content, or a percentage such as 50%"
    return None if right else words


def file_name(name: str) -> str | None:
    """Checks a file name without folder and extension."""
    if re.search(r"\.(png|jpe?g|webp|tiff?)$", name, re.IGNORECASE):
        return "a name without an extension: output.format adds it"
    if not name or name.startswith(".") or re.search(r"[/\\\0\n]", name) or len(name) > 100:
        return "a file name without a folder: hydra.run.dir sets the folder"
    return None


def files_or_colours(regions: Any) -> str | None:
    """Checks the regions of the styles: a file, or a list of files and colours."""
    entries = [regions] if isinstance(regions, str) else regions
    right = isinstance(entries, Sequence) and all(
        isinstance(part, str | int)
        for entry in entries
        for part in ([entry] if isinstance(entry, str | int) else entry)
    )
    words = "a region picture, or a list with a region picture or a colour for each style"
    return None if right and len(entries) else words


CHECKS: dict[str, Check] = {
    "alpha": at_least(0),
    "beta": at_least(0),
    "size": long_side,
    "margin": between(0, 256),
    "steps": at_least(1),
    "seed": between(0, 2**32 - 1),
    "style.scale": each(between(0.1, 4)),
    "color.mode": one_of(*COLOR_MODES),
    "color.method": one_of(*METHODS),
    "color.space": one_of(*SPACES),
    "regions.erode": between(0, 1),
    "init.base": one_of("content", "style", "file"),
    "init.noise": between(0, 1),
    "network.name": one_of("auto", *CONVOLUTIONS),
    "network.timeout": above(0),
    "network.pooling": one_of("max", "avg"),
    "network.padding": one_of("zeros", "replicate"),
    "optimizer.learning_rate": above(0),
    "optimizer.average": lambda x: None if 0 <= x < 1 else "a number from 0 to below 1",
    "optimizer.levels": between(1, 10),
    "optimizer.growth": above(0),
    "optimizer.final_rate": between(0, 1),
    "optimizer.history": at_least(1),
    "optimizer.memory": above(0),
    "optimizer.max_evaluations": at_least(1),
    "pyramid.min_size": at_least(16),
    "pyramid.factor": above(1),
    "pyramid.exponent": between(-4, 4),
    "evaluation.network": one_of("bundled", "vgg16", "vgg19"),
    "output.format": one_of("png", "jpg", "webp", "tiff"),
    "output.quality": between(1, 100),
    "runtime.precision": one_of("auto", "float32", "bfloat16", "float16"),
    "runtime.threads": at_least(1),
    "runtime.gradient_every": at_least(1),
    "runtime.tile": lambda x: (
        None if x == "auto" or (isinstance(x, int) and x >= 64) else "auto, null, or 64 px or more"
    ),
    "search.sampler": one_of("tpe", "nsga2", "random", "grid"),
    "search.n_trials": at_least(1),
    "search.timeout": above(0),
    "search.batch": at_least(1),
    "search.seed": between(0, 2**32 - 1),
}
NODE_CHECKS: dict[str, Check] = {  # for terms and observers, by the last part of the key
    "weight": at_least(0),
    "orders": between(2, 10),
    "directions": at_least(1),
    "samples": at_least(1),
    "every": at_least(1),
    "scalars_every": at_least(1),
    "images_every": at_least(1),
    "seconds": above(0),
}


def check(config: DictConfig) -> None:
    """Checks a composed configuration.

    Raises:
        InputError: A value is out of range or contradicts another; the line says what is valid.
    """
    for key in sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{key}: it needs a value")
    for key, test in CHECKS.items():
        _require(key, OmegaConf.select(config, key), test)
    for group in ("loss", "observer"):
        for name, node in (config[group] or {}).items():
            for key, value in node.items():
                _require(f"{group}.{name}.{key}", value, NODE_CHECKS.get(key, lambda _: None))
    for key, value in (config.optimizer.get("options") or {}).items():
        if not isinstance(value, int | float | None):
            raise InputError(
                f"optimizer.options.{key}: {value} is neither a number nor true or false"
            )
    check_keys(config)
    _require("output.name", config.output.name, file_name)
    _check_styles(config.style)
    _require("style.regions", config.style.regions, files_or_colours)
    _check_terms(config)
    _check_color(config.color)
    if config.init.base == "file" and config.init.image is None:
        raise InputError("init.image: init=file needs a picture: add init.image=PATH")
    if config.network.weights is not None and config.network.name == "bundled":
        raise InputError("network.weights: the bundled network has its own; use network=vgg19")
    if config.evaluation.weights is not None and config.evaluation.network == "bundled":
        raise InputError(
            "evaluation.weights: the bundled network has its own; add evaluation.network=vgg19"
        )


def check_search(config: DictConfig) -> None:
    """Checks the settings of a search, in a configuration that may lack what it searches.

    Raises:
        InputError: A value is out of range.
    """
    for key, test in CHECKS.items():
        if key.startswith("search."):
            _require(key, OmegaConf.select(config, key), test)


def _require(key: str, value: Any, test: Check) -> None:
    if value is None:  # optional, or not a key of the chosen option
        return
    try:
        valid = test(value)
    except TypeError:  # a recorded configuration edited by hand
        valid = "a number"
    if valid is not None:
        raise InputError(f"{key}={value} is not valid: it must be {valid}")


def check_keys(config: DictConfig) -> None:
    """Checks for keys forced in with ``+`` or ``++`` that nothing reads.

    Raises:
        InputError: There is one; the message names the nearest valid key.
    """
    for path, node in _typed_nodes(config):
        schema: Any = OmegaConf.get_type(node)
        known = list(map(str, node)) if schema is dict else [field.name for field in fields(schema)]
        for key in map(str, node):
            if key not in known:
                raise InputError(f"{path}{key}: nothing reads this key.{did_you_mean(key, known)}")


def _typed_nodes(config: DictConfig, path: str = "") -> Iterator[tuple[str, DictConfig]]:
    yield path, config
    for key in map(str, config):
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none():
            yield from _typed_nodes(node, f"{path}{key}.")


def _check_styles(style: DictConfig) -> None:
    for key in ("image", "scale"):
        if style[key] is None:
            raise InputError(f"style.{key}: it needs a value")
    images = listed(style.image)
    for image in images:
        if not isinstance(image, str | int | float):  # a file may be called 1.5
            raise InputError(f"style.image: {image} is not a path; mix several with [a.jpg,b.jpg]")
    if not 1 <= len(images) <= MOST_STYLES:
        raise InputError(f"style.image: {len(images)} images; 1 to {MOST_STYLES} can be mixed")
    for key in ("weights", "scale", "sha256"):
        given = listed(style[key], len(images))
        if len(given) != len(images):
            raise InputError(
                f"style.{key}: a list of {len(given)}, but style.image names {len(images)}; "
                f"give one for each{', or null for equal weights' if key == 'weights' else ''}"
            )
    weights = listed(style.weights, 0)
    if any(not 0 <= weight < math.inf for weight in weights):
        raise InputError(f"style.weights: {weights} must all be 0 or more")
    if weights and not any(weights):
        raise InputError("style.weights: every weight is 0; give at least one style a weight")


def _check_terms(config: DictConfig) -> None:
    terms = config.loss
    if not terms:
        raise InputError("loss: name at least one term, for example loss=[content,style]")
    if not any(term.weight > 0 for term in terms.values()):
        raise InputError("loss: every weight is 0, so nothing would change; set alpha or beta")
    network = "vgg19" if config.network.name == "auto" else config.network.name
    for name, term in terms.items():
        layers, layer_weights = term.get("layers"), term.get("layer_weights")
        if layers is None:
            continue
        _check_layers(f"loss.{name}.layers", list(layers), list(layer_channels(network)), network)
        if layer_weights is not None and len(layer_weights) != len(layers):
            raise InputError(
                f"loss.{name}.layer_weights: {len(layer_weights)} numbers for {len(layers)} "
                f"layers; give one for each, or null"
            )
        if any(not 0 <= weight < math.inf for weight in layer_weights or ()):
            raise InputError(f"loss.{name}.layer_weights: {layer_weights} must all be 0 or more")


def _check_color(color: DictConfig) -> None:
    """Checks that what sets the map of colours goes with a mode that has one."""
    matching = color.mode.startswith("match")
    for key in ("method", "space"):
        if matching and color[key] is None:
            raise InputError(f"color.{key}: color={color.mode} needs a value")
        if not matching and color[key] is not None:
            raise InputError(
                f"color.{key}={color[key]}: color={color.mode} matches no colours; add color=match"
            )


def _check_layers(key: str, layers: Sequence[str], valid: Sequence[str], network: str) -> None:
    if not layers:
        raise InputError(f"{key}: name at least one layer, or leave the term out of loss=[…]")
    for layer in layers:
        if layer not in valid:
            # the papers call Keras' block4_conv2 conv4_2 or relu4_2
            keras_name = re.sub(r"^(?:conv|relu)(\d)_(\d)$", r"block\1_conv\2", layer)
            raise InputError(
                f"{key}: {network} has no layer {layer}."
                f"{did_you_mean(keras_name, valid) or did_you_mean(layer, valid)} "
                f"Valid: {', '.join(valid)}"
            )
    if len(set(layers)) < len(layers):
        raise InputError(f"{key}: a layer is named twice in {layers}")
