"""The sources of the network's weights, and their hashes. Only reading them needs TensorFlow."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from nst.errors import InputError, did_you_mean
from nst.features.catalogue import fill, imagenet_weights
from nst.features.vgg import Layer, layer_channels
from nst.files.fetch import FetchError, fetch
from nst.files.reading import state

ASSETS = Path(__file__).resolve().parents[1] / "assets"
NOT_VGG = (
    "{}: style transfer is known to suffer on networks other than VGG, most on those with residual "
    "connections (Wang et al. 2021), where network.smooth=true helps"
)


@dataclass(frozen=True)
class Source:
    """A network, the file with its weights, the file's hash, and a warning for the user."""

    network: str
    path: Path
    sha256: str
    warning: str | None = field(default=None, compare=False)
    application: str | None = None  # of Keras, where the network is one of them


def locate(
    name: str,
    weights: str | None = None,
    url: str | None = None,
    md5: str | None = None,
    timeout: float = 0.0,
    application: str | None = None,
) -> Source:
    """Finds the weights of a run, fetching them if needed. Needs no TensorFlow.

    Args:
        name: ``vgg19``, ``vgg16``, ``bundled``, ``keras`` for an application of Keras, or ``auto``:
            VGG19 if available, else bundled.
        weights: A Keras weights file of the user, or None.
        url: Where Keras publishes the ImageNet weights.
        md5: Hash of the file at ``url``.
        timeout: Seconds without an answer before a download is given up.
        application: Its name in ``keras.applications``.

    Returns:
        The source; its ``network`` is never ``auto``.

    Raises:
        InputError: The file is missing, or a named network cannot be fetched.
    """
    if application is not None:
        return _of_application(application, weights, timeout)
    if weights is not None:
        return _user_file("vgg19" if name == "auto" else name, Path(os.path.expanduser(weights)))
    if name == "bundled":
        return _source("bundled", ASSETS / "bundled.npz")
    if url is None:
        raise InputError(
            f"network.url: {name} needs the address of its weights; give it, name a file with "
            f"network.weights=PATH, or use network=bundled"
        )
    target = keras_home() / "models" / url.rsplit("/", 1)[-1]
    return _fetched(name, url, md5, timeout, target, state(target))


def keras_home() -> Path:
    """Returns the folder of Keras' downloads, as Keras chooses it, even without a home folder."""
    home = Path(os.path.expanduser("~"))
    base = home if home.is_absolute() else Path(tempfile.gettempdir())
    return Path(os.environ.get("KERAS_HOME", base / ".keras"))


def cached(network: str) -> Path:
    """Returns where Keras keeps the ImageNet weights of a network, once it has fetched them."""
    return keras_home() / "models" / f"{network}_weights_tf_dim_ordering_tf_kernels_notop.h5"


def load(source: Source) -> list[Layer]:
    """Reads the layers of a network, first to last.

    Raises:
        InputError: The file does not hold weights of that network.
    """
    if source.path.suffix == ".npz":
        with np.load(source.path) as arrays:
            return list(_layers(source.network, arrays))
    import keras

    application = {"vgg19": keras.applications.VGG19, "vgg16": keras.applications.VGG16}
    model = application[source.network](include_top=False, weights=None)
    # The old format stores by name, so files that include the classifier can be read as well.
    old = not source.path.name.endswith(".weights.h5")
    fill(model, source.path, source.network, **({"by_name": True} if old else {}))
    return [
        Layer(layer.name, *layer.get_weights())
        for layer in model.layers
        if layer.name.startswith("block")
    ]


def _of_application(application: str, weights: str | None, timeout: float) -> Source:
    if weights is not None:
        source = _user_file("keras", Path(os.path.expanduser(weights)))
    else:
        source = _source("keras", imagenet_weights(application, keras_home() / "models", timeout))
    warning = None if application.startswith("VGG") else NOT_VGG.format(application)
    return replace(source, application=application, warning=warning)


@lru_cache
def _fetched(
    name: str, url: str, md5: str | None, timeout: float, target: Path, before: tuple[int, int]
) -> Source:
    """Fetches ImageNet weights unless they are there; tried once for each state of the file.

    So the jobs of a sweep do not all wait for an address that does not answer, and a file that the
    user puts there is found.
    """
    try:
        fetch(url, target, digest=f"md5:{md5}" if md5 else None, timeout=timeout)
    except FetchError as error:
        if name != "auto":
            raise InputError(
                f"the ImageNet weights of {name} are not available: {error}. Put the file at "
                f"{target}, name one with network.weights=PATH, or use network=bundled"
            ) from error
        warning = (
            f"VGG19's ImageNet weights are not available ({error}): using the bundled features. "
            f"For VGG19 put the file at {target} or name one with network.weights=PATH; "
            f"network=bundled silences this warning."
        )
        return replace(_source("bundled", ASSETS / "bundled.npz"), warning=warning)
    return _source("vgg19" if name == "auto" else name, target)


def _user_file(name: str, path: Path) -> Source:
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"network.weights: no file {path}.{did_you_mean(path.name, siblings)}")
    if path.suffix != ".h5":
        raise InputError(f"network.weights: {path} is not a Keras file (.weights.h5 or .h5)")
    return _source(name, path)


def _source(network: str, path: Path) -> Source:
    path = path.absolute()  # as a run records it
    return Source(network, path, _sha256(path, state(path)))


@lru_cache
def _sha256(path: Path, state: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _layers(network: str, arrays: Mapping[str, np.ndarray]) -> Iterator[Layer]:
    """Reads a distilled network, in order; a pooling keeps lift and gain of what it pools."""
    lift, gain = None, 1.0
    for name in layer_channels(network):
        if name.endswith("_pool"):
            yield Layer(name, lift=lift, gain=gain)
        else:
            parts = (f"{name}/{part}" for part in ("kernel", "bias", "lift"))
            kernel, bias, lift = (_stored(arrays, part) for part in parts)
            gain = float(arrays[f"{name}/gain"])
            yield Layer(name, kernel, bias, lift, gain)


def _stored(arrays: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    """Reads an array; one in 8 bits has the size of a step beside it, per output channel."""
    values = arrays[key].astype(np.float32)
    return values * arrays[f"{key}_step"] if f"{key}_step" in arrays else values
