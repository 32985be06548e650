"""What tests share: pictures of a few pixels, the bundled network, and no GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # before anything imports TensorFlow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest


def paint(height: int, width: int, seed: int) -> np.ndarray:
    """Waves of three colours and some grain, float32 `[height, width, 3]` in [0, 1]."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width][..., None]
    down, across = random.uniform(-0.6, 0.6, (2, 3))
    waves = 0.5 + 0.3 * np.sin(down * rows + across * columns + random.uniform(0, 6, 3))
    return (waves + random.uniform(-0.2, 0.2, (height, width, 3))).astype(np.float32)


@pytest.fixture(scope="session")
def picture() -> Callable[..., Any]:
    """Makes a tensor `[1, height, width, 3]`; another seed, another picture."""
    import tensorflow as tf

    return lambda height, width, seed=0: tf.constant(paint(height, width, seed)[None])


@pytest.fixture(scope="session")
def bundled_layers() -> list[Any]:
    """The layers of the network that ships with the package."""
    from nst import weights

    return weights.load(weights.locate("bundled", None, None, None, 0.0))


@pytest.fixture(scope="session")
def bundled(bundled_layers: list[Any]) -> Any:
    """An encoder with them."""
    from nst.encoder import Encoder

    return Encoder(bundled_layers)
