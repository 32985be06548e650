"""What all methods that are compared start from: images, network, norms."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

import nst
from benchmarks.measuring import tensorflow
from benchmarks.steps import CONTENT, STYLE
from nst import images
from nst.features import vgg, weights

ASSETS = Path(nst.__file__).parent / "assets"
PAIRS = (("harbour", "starry"), ("stilllife", "wave"), ("harbour", "cubist"))


class Ingredients(NamedTuple):
    """Of NumPy's arrays alone: TensorFlow and PyTorch can crash in one process.

    Attributes:
        pair: Names of the pictures.
        size: Their long side, px.
        content: RGB in [0, 1], ``[H, W, 3]``.
        style: Likewise, of a size of its own.
        layers: Those of the bundled network up to the last style layer.
        norms: By name, the matrices that feature maps are multiplied by.
    """

    pair: tuple[str, str]
    size: int
    content: np.ndarray
    style: np.ndarray
    layers: list[vgg.Layer]
    norms: dict[str, np.ndarray]


def files(pair: tuple[str, str]) -> tuple[Path, Path]:
    """Returns the paths of content and style."""
    content, style = pair
    return ASSETS / "content" / f"{content}.jpg", ASSETS / "style" / f"{style}.jpg"


def pictures(pair: tuple[str, str], size: int) -> list[np.ndarray]:
    """Returns content and style, each ``[H, W, 3]`` with this long side."""
    loaded = [images.load(path).rgb for path in files(pair)]
    return [images.resize(rgb, images.fit(rgb.shape[:2], size)) for rgb in loaded]


def ingredients(pair: tuple[str, str], size: int) -> Ingredients:
    """Returns what a method needs to paint a pair with this long side."""
    tf = tensorflow()
    from nst.features.encoder import Encoder

    content, style = pictures(pair, size)
    layers = weights.load(weights.locate("bundled"))
    both = [tf.constant(picture[None]) for picture in (content, style)]
    norms = {
        name: norm.numpy() if norm.shape.rank == 2 else np.diag(1.0 / norm.numpy())
        for name, norm in Encoder(layers, "avg").norms(both, (*STYLE, CONTENT)).items()
    }
    names = [layer.name for layer in layers]
    used = layers[: names.index(STYLE[-1]) + 1]
    return Ingredients(pair, size, content, style, used, norms)
