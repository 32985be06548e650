"""What all methods that are compared have in common: images, network, norms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nst
from benchmarks.steps import CONTENT, STYLE
from nst import images
from nst.features import weights

ASSETS = Path(nst.__file__).parent / "assets"
PAIRS = (("harbour", "starry"), ("stilllife", "wave"), ("harbour", "cubist"))


class Network(NamedTuple):
    """Which network, as overrides and as the source of its weights."""

    overrides: tuple[str, ...]
    source: weights.Source


def tensor(array: np.ndarray) -> Any:
    """Returns a tensor of PyTorch."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def files(pair: tuple[str, str]) -> tuple[Path, Path]:
    """Returns the paths of content and style."""
    content, style = pair
    return ASSETS / "content" / f"{content}.jpg", ASSETS / "style" / f"{style}.jpg"


def pictures(pair: tuple[str, str], size: int) -> list[np.ndarray]:
    """Returns content and style, each ``[H, W, 3]`` with this long side."""
    loaded = [images.load(path).rgb for path in files(pair)]
    return [images.resize(rgb, images.fit(rgb.shape[:2], size)) for rgb in loaded]


def ingredients(network: Network, *calibration: Any) -> tuple[list[weights.Layer], dict[str, Any]]:
    """Returns the layers and, by name, the matrices that feature maps are multiplied by."""
    from nst.features.encoder import Encoder

    layers = weights.load(network.source)
    names = [layer.name for layer in layers]
    norms = Encoder(layers, "avg").norms(calibration, (*STYLE, CONTENT))
    matrices = {
        name: norm.numpy() if norm.shape.rank == 2 else np.diag(1.0 / norm.numpy())
        for name, norm in norms.items()
    }
    return layers[: names.index(STYLE[-1]) + 1], matrices
