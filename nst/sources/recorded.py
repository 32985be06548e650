"""The configuration with every automatic choice made: what a run records and repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from nst import images
from nst.config.names import listed
from nst.config.settings import FEEDS
from nst.memory import IMAGE, SHARE, Plan, pairs_kept
from nst.memory import check as check_memory
from nst.runtime import machine_memory, memory_available, memory_limit, native_bfloat16
from nst.scales import plan
from nst.sources.inputs import Inputs, long_side
from nst.sources.locations import recorded_name
from nst.sources.styles import recorded_regions


def resolved(config: DictConfig, inputs: Inputs) -> DictConfig:
    """Replaces interpolations, relative paths and ``auto`` by their values."""
    plain = DictConfig(OmegaConf.to_container(config, resolve=True))
    plain.resume = plain.replay = None
    plain.size = long_side(plain.size, inputs.content)
    _record_images(plain, inputs)
    if plain.network.weights is not None:
        plain.network.weights = str(inputs.network.path)
    if inputs.judge is not None:
        plain.evaluation.weights = str(inputs.judge.path)
    plain.network.name = inputs.network.network
    plain.network.sha256 = inputs.network.sha256
    if plain.runtime.precision == "auto":
        fast = native_bfloat16() and plain.network.name != "keras"
        plain.runtime.precision = "bfloat16" if fast else "float32"
    plain.runtime.tile = planned(plain, inputs).tile
    return plain


def _record_images(config: DictConfig, inputs: Inputs) -> None:
    """Fills in absolute paths and hashes, in place."""
    config.content.sha256 = inputs.content.sha256
    config.style.image = _one_or_all([recorded_name(str(n)) for n in listed(config.style.image)])
    config.style.sha256 = _one_or_all(inputs.style_hashes)
    config.regions.sha256 = inputs.guidance.sha256
    config.init.sha256 = inputs.base.sha256 if config.init.base == "file" else None
    for group, key in (
        *(("content", key) for key in ("image", "regions", "weight_map")),
        ("init", "image"),
    ):
        if config[group][key] is not None:
            config[group][key] = recorded_name(config[group][key])
    if config.style.regions is not None:
        config.style.regions = recorded_regions(config.style.regions)


def _one_or_all(items: Sequence[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else list(items)


def planned(config: DictConfig, inputs: Inputs) -> Plan:
    """Plans the memory of a resolved run.

    Raises:
        InputError: The machine has less; the message names the largest size that fits.
    """
    shape = images.fit(inputs.content.rgb.shape[:2], config.size)
    height, width = (side + 2 * config.margin for side in shape)
    network, layers = _known(config)
    optimizer = config.optimizer
    most, memory = optimizer.get("history"), 1e9 * optimizer.get("memory", math.inf)
    steps = plan(shape, config.steps, **config.pyramid)[-1].steps
    pairs = None if most is None else min(steps, pairs_kept(most, memory, IMAGE * height * width))
    pictures = [inputs.content, *(style.picture for style in inputs.styles)]
    tile = config.runtime.get("tile")
    found = Plan(
        height,
        width,
        network,
        tuple(layer for names in layers.values() for layer in names),
        tuple(k for name, used in layers.items() if FEEDS.get(name) == "alpha" for k in used),
        pairs,
        sum(picture.rgb.shape[0] * picture.rgb.shape[1] for picture in pictures),
        None if tile == "auto" else tile,
    )
    if tile == "auto" and config.network.name != "keras":
        found = found.tiled(SHARE * memory_available())
    limit = memory_limit()
    there = "ulimit -v leaves" if limit < machine_memory() else "there are"
    check_memory(found, limit, config.size, there)
    return found


def _known(config: DictConfig) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Returns a network whose size is known, and the layers of each term."""
    layers = {name: tuple(term.get("layers") or ()) for name, term in config.loss.items()}
    if config.network.name != "keras":
        return config.network.name, layers
    # The maps of all of VGG19 take as much memory per pixel as those of most other networks.
    return "vgg19", {"content": ("block4_conv2",), "style": ("block5_conv4",)}
