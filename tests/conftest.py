"""What tests share: pictures of a few pixels, the bundled network, and no GPU."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # before anything imports TensorFlow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hypothesis
import numpy as np
import pytest

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has every child ignore it

# The same examples at every run, however slow the machine is.
hypothesis.settings.register_profile("nst", deadline=None, derandomize=True)
hypothesis.settings.load_profile("nst")


MARKS = {  # of whole files
    "cli": "messages packaging recording replay run sweep tensorboard torture",
    "notebook": "walkthrough",
    "slow": "compare folders messages mixing output packaging pictures quality recording replay "
    "run search stylize sweep tensorboard tiling torture walkthrough",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks whole files. Puts lint and types first, then the longest: workers end together."""
    for item in items:
        for mark, files in MARKS.items():
            if item.path.stem.removeprefix("test_") in files.split():
                item.add_marker(mark)
    first = ["test_quality", "test_walkthrough", "test_sweep"]
    items.sort(key=lambda item: [*first, item.path.stem].index(item.path.stem))


def paint(height: int, width: int, seed: int) -> np.ndarray:
    """Waves of three colours and some grain, float32 `[height, width, 3]` in [0, 1]."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width][..., None]
    down, across = random.uniform(-0.6, 0.6, (2, 3))
    waves = 0.5 + 0.3 * np.sin(down * rows + across * columns + random.uniform(0, 6, 3))
    return (waves + random.uniform(-0.2, 0.2, (height, width, 3))).astype(np.float32)


def references(content: Any, *styles: tuple[Any, float]) -> Any:
    """The images of an objective: the content image, and style images with their weights."""
    from nst.losses import References, Style, View

    return References(View(content, {}), [Style(View(image, {}), w) for image, w in styles])


def saved_and_loaded(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A state by way of a file, as a resumed run gets it."""
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    return dict(np.load(file, allow_pickle=False))


@pytest.fixture(scope="session")
def picture() -> Callable[..., Any]:
    """Makes a tensor `[1, height, width, 3]`; another seed, another picture."""
    import tensorflow as tf

    return lambda height, width, seed=0: tf.constant(paint(height, width, seed)[None])


@pytest.fixture(scope="session")
def bundled_layers() -> list[Any]:
    """The layers of the network that ships with the package."""
    from nst.features import weights

    return weights.load(weights.locate("bundled"))


@pytest.fixture(scope="session")
def bundled(bundled_layers: list[Any]) -> Any:
    """An encoder with them."""
    from nst.features.encoder import Encoder

    return Encoder(bundled_layers)


@pytest.fixture(scope="session")
def random_vgg(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Any, Path]]:
    """Makes Keras' VGG19 or VGG16 with random weights, and a file of them, once a session.

    VGG19's is in the format of today, VGG16's in the one in which Keras publishes the weights.
    """

    @lru_cache
    def make(name: str) -> tuple[Any, Path]:
        import keras

        keras.utils.set_random_seed(19)
        application = {"vgg19": keras.applications.VGG19, "vgg16": keras.applications.VGG16}[name]
        model = application(include_top=False, weights=None)
        for weight in model.weights:
            if len(weight.shape) == 1:  # biases are 0 in a new model, which would hide lost ones
                weight.assign(keras.random.uniform(weight.shape, -1, 1))
        path = tmp_path_factory.mktemp(name) / {"vgg19": "a.weights.h5", "vgg16": "a.h5"}[name]
        model.save_weights(path) if name == "vgg19" else publish(model, path)
        return model, path

    return make


def publish(model: Any, path: Path) -> None:
    """Writes weights by layer name, as in the files that Keras' applications download."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{part}_1:0" for part in ("W", "b")][: len(layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value
