"""The networks of ``keras.applications``: their layers and weights. Imports Keras when used."""

from __future__ import annotations

import difflib
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nst.errors import InputError, did_you_mean
from nst.runtime import import_tensorflow


def check_layers(application: str, key: str, layers: Iterable[str]) -> None:
    """Checks that an application has layers of these names, with maps of features.

    Raises:
        InputError: It has not; the message names the nearest ones.
    """
    maps = {layer.name for layer in _model(application).layers if len(layer.output.shape) == 4}
    for layer in layers:
        if layer not in maps:
            near = difflib.get_close_matches(layer, maps, n=5, cutoff=0.0)
            raise InputError(
                f"{key}: {application} has no layer {layer} with a map of features. "
                f"Nearest: {', '.join(near)}"
            )


def imagenet_weights(application: str, folder: Path, timeout: float) -> Path:
    """Returns a file of an application's ImageNet weights, which Keras fetches the first time.

    Args:
        application: Its name.
        folder: Where the file is kept.
        timeout: Seconds without an answer before the download is given up.

    Raises:
        InputError: Keras cannot fetch them.
    """
    path = folder / f"nst_{application}.weights.h5"
    if path.is_file():
        return path
    build = _application(application)
    try:
        with _timeout(timeout):
            model = build(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises Exception itself where an address does not answer
        raise InputError(
            f"Keras cannot fetch the ImageNet weights of {application}: {error}. "
            f"Name a file with network.weights=PATH"
        ) from error
    part = folder / f"nst_{application}.{os.getpid()}.weights.h5"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model.save_weights(part)
        return part.replace(path)
    except OSError as error:
        raise InputError(f"network.application: {path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def load(application: str, path: Path) -> Any:
    """Builds an application without its classifier and loads its weights.

    Raises:
        InputError: The file does not hold weights of that application.
    """
    model = _model.__wrapped__(application)
    fill(model, path, f"{application} without its classifier")
    model.trainable = False
    return model


def fill(model: Any, path: Path, network: str, **options: Any) -> None:
    """Loads all weights of a model.

    Args:
        model: Of Keras.
        path: The file.
        network: What to call the model.
        **options: Of Keras' ``load_weights``.

    Raises:
        InputError: The file does not hold them all.
    """
    for variable in model.weights:  # Keras skips missing weights: NaN reveals them
        variable.assign(np.full(variable.shape, np.nan))
    try:
        with warnings.catch_warnings(action="ignore"):  # of missing weights: checked below
            model.load_weights(path, **options)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path} does not hold weights of Keras' {network}: {reason}") from error
    for variable in model.weights:
        if not np.isfinite(variable.numpy()).all():
            raise InputError(f"{path} has no valid weights for {variable.path} of Keras' {network}")


def _application(name: str) -> Callable[..., Any]:
    import_tensorflow()
    import keras

    known = {k: f for k, f in vars(keras.applications).items() if k[0].isupper() and callable(f)}
    if name not in known:
        raise InputError(
            f"network.application={name}: Keras has no such network.{did_you_mean(name, known)} "
            f"Valid: {', '.join(sorted(known))}"
        )
    found: Callable[..., Any] = known[name]
    return found


@lru_cache(maxsize=1)
def _model(application: str) -> Any:
    return _application(application)(include_top=False, weights=None, input_shape=(None, None, 3))


def preprocessing(application: str) -> Callable[[Any], Any]:
    """Returns the function of the application's module that scales images from 0 to 255."""
    module = sys.modules[_application(application).__module__]
    found: Callable[[Any], Any] = module.preprocess_input
    return found


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
