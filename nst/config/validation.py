"""Checks beyond types: ranges, and what must fit together. Free of TensorFlow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst.config.names import listed
from nst.config.ranges import CHECKS, NODE_CHECKS, Check, each, file_name, files_or_colours, given
from nst.config.settings import FILES
from nst.errors import InputError, did_you_mean
from nst.features.vgg import layer_channels

MOST_STYLES = 16
DEEP = ("png", "tiff")  # formats of results that have 16 bits a channel


def check(config: DictConfig) -> None:
    """Checks a composed configuration.

    Raises:
        InputError: A value is out of range or contradicts another; the line says what is valid.
    """
    for key in sorted(OmegaConf.missing_keys(config)):
        raise InputError(f"{key}: it needs a value")
    for key, test in CHECKS.items():
        _require(key, OmegaConf.select(config, key), test)
    for key in (*FILES, "evaluation.weights"):
        _require(key, OmegaConf.select(config, key), each(given))
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
    _check_output(config.output)
    _check_styles(config.style)
    _require("style.regions", config.style.regions, files_or_colours)
    _check_terms(config)
    _check_color(config.color)
    if config.init.base == "file" and config.init.image is None:
        raise InputError("init.image: init=file needs a picture: add init.image=PATH")
    if config.init.base != "file" and config.init.image is not None:
        raise InputError(f"init.image={config.init.image}: nothing reads it; add init=file")
    _check_network(config)
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
        check_layers(f"loss.{name}.layers", list(layers), network)
        if layer_weights is not None and len(layer_weights) != len(layers):
            raise InputError(
                f"loss.{name}.layer_weights: {len(layer_weights)} numbers for {len(layers)} "
                f"layers; give one for each, or null"
            )
        if any(not 0 <= weight < math.inf for weight in layer_weights or ()):
            raise InputError(f"loss.{name}.layer_weights: {layer_weights} must all be 0 or more")


def _check_network(config: DictConfig) -> None:
    network = config.network
    if network.weights is not None and network.name == "bundled":
        raise InputError("network.weights: the bundled network has its own; use network=vgg19")
    own = ("pooling", "padding")
    if network.name != "keras":
        for key in own:
            if network[key] is None:
                raise InputError(f"network.{key}: it needs a value")
        for key in ("application", "smooth"):
            if network[key]:
                raise InputError(f"network.{key}={network[key]}: it needs network=keras")
        return
    if network.application is None:
        raise InputError("network.application: network=keras needs a name, for example ResNet50")
    for key in own:
        if network[key] is not None:
            raise InputError(
                f"network.{key}={network[key]}: {network.application} has its own; "
                f"add network.{key}=null"
            )
    if config.runtime.precision not in ("auto", "float32"):
        raise InputError(
            f"runtime.precision={config.runtime.precision}: network=keras computes in float32"
        )
    for key in ("content.regions", "content.weight_map", "runtime.tile"):
        if OmegaConf.select(config, key) not in (None, "auto"):
            raise InputError(
                f"{key}: of network=keras it is not known which pixels a layer sees; "
                f"use network=vgg19, vgg16 or bundled, or {key}=null"
            )


def _check_output(output: DictConfig) -> None:
    _require("output.name", output.name, file_name)
    if output.bits == 8:
        return
    if output.format not in DEEP:
        raise InputError(
            f"output.bits={output.bits}: {output.format} has 8 bits; "
            f"use output.format={' or '.join(DEEP)}"
        )
    if output.profile != "srgb":
        raise InputError(
            f"output.profile={output.profile}: colours are converted with 8 bits only; "
            f"use output.bits=8, or output.profile=srgb"
        )


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


def check_layers(key: str, layers: Sequence[str], network: str) -> None:
    """Checks the layers of a term.

    Args:
        key: Of the configuration, for the message.
        layers: Their names.
        network: The name of the network.

    Raises:
        InputError: There is none, the network lacks one, or one is named twice.
    """
    if not layers:
        raise InputError(f"{key}: name at least one layer, or leave the term out of loss=[…]")
    valid = layers if network == "keras" else list(layer_channels(network))  # Keras knows its own
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
