"""Gathers what a configuration names: images and weights. Free of TensorFlow.

It runs before a run folder is made, so that wrong input leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst import images
from nst.errors import InputError, nearest
from nst.features import weights
from nst.files.fetch import fetch_image
from nst.runtime import native_bfloat16

ASSET = "asset:"  # what ships with the package, the same on every machine
WEB = ("https://", "http://")


@dataclass(frozen=True)
class Inputs:
    """The pictures of a run and the source of its network.

    Attributes:
        content: The content image.
        style: The style image.
        base: What the initial image is made from.
        network: Which weights the encoder gets.
    """

    content: images.Picture
    style: images.Picture
    base: images.Picture
    network: weights.Source


def gather(config: Any) -> Inputs:
    """Loads and fetches everything that a checked configuration names.

    Raises:
        InputError: Something is missing, damaged, or not what its hash says.
    """
    content = _picture("content.image", config.content.image, config.content.sha256)
    style = _picture("style.image", config.style.image, config.style.sha256)
    base = {"content": content, "style": style}.get(config.init.base)
    network = config.network
    return Inputs(
        content,
        style,
        base or _picture("init.image", config.init.image, None),
        weights.locate(network.name, network.weights, network.url, network.md5, network.timeout),
    )


def resolved(config: DictConfig, inputs: Inputs) -> DictConfig:
    """Replaces interpolations, relative paths and ``auto`` by what they came to."""
    plain = DictConfig(OmegaConf.to_container(config, resolve=True))
    plain.resume = plain.replay = None
    for node, picture in ((plain.content, inputs.content), (plain.style, inputs.style)):
        node.image, node.sha256 = _recorded_name(node.image), picture.sha256
    if plain.init.image is not None:
        plain.init.image = _recorded_name(plain.init.image)
    if plain.network.weights is not None:
        plain.network.weights = str(inputs.network.path)
    plain.network.name = inputs.network.network
    if plain.runtime.precision == "auto":
        plain.runtime.precision = "bfloat16" if native_bfloat16() else "float32"
    return plain


def locate_image(name: str) -> Path:
    """Finds the file behind an image's name: a path, ``asset:…``, or a web address (fetched, cached).

    Raises:
        InputError: There is no such asset, or the address does not answer.
    """
    if name.startswith(WEB):
        return fetch_image(name)
    if not name.startswith(ASSET):
        return Path(name).expanduser().absolute()
    path = weights.ASSETS / name.removeprefix(ASSET)
    if not path.is_file() or not path.resolve().is_relative_to(weights.ASSETS.resolve()):
        assets = [f"{ASSET}{p.relative_to(weights.ASSETS)}" for p in weights.ASSETS.glob("*/*.*")]
        raise InputError(f"nothing called {name} ships with nst.{nearest(name, assets)}")
    return path


def _recorded_name(name: str) -> str:
    """Returns the name under which a run records an image: paths become absolute."""
    return name if name.startswith((*WEB, ASSET)) else str(locate_image(name))


# Two, those of one run: the next job of a sweep has at least one of them, as a rule.
@lru_cache(maxsize=2)
def _load(path: Path, changed: int) -> images.Picture:
    return images.load(path)


def _picture(key: str, name: str, sha256: str | None) -> images.Picture:
    try:
        path = locate_image(name)
        picture = _load(path, path.stat().st_mtime_ns if path.exists() else 0)
    except InputError as error:
        raise InputError(f"{key}: {error}") from error
    if sha256 is not None and picture.sha256 != sha256.lower():
        raise InputError(f"{key}: {name} has the sha256 {picture.sha256}, expected was {sha256}")
    return picture
