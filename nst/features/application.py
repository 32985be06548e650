"""A network of ``keras.applications`` as an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from nst.features.catalogue import load, preprocessing
from nst.features.encoder import Geometry
from nst.features.normalisation import floored, mean_activations


class Application:
    """An application of Keras without its classifier, called like the encoder of VGG.

    It has its own padding and pooling and computes in float32. Its geometry is not known: no tiles
    and no regions.

    Args:
        application: Its name in ``keras.applications``.
        path: Its weights, ``.weights.h5`` or ``.h5``.
        smooth: Whether feature maps become their softmax over all entries, times their number
            (Wang et al. 2021, "Rethinking and Improving the Robustness of Image Style Transfer"):
            the few large activations of residual networks no longer outweigh all others.
    """

    geometry: Mapping[str, Geometry] = MappingProxyType({})

    def __init__(self, application: str, path: Path, smooth: bool = False) -> None:
        self._model = load(application, path)
        self._preprocess = preprocessing(application)
        self._smooth = smooth
        self._cut: dict[tuple[str, ...], Any] = {}

    def __call__(self, image: tf.Tensor, layers: Iterable[str]) -> dict[str, tf.Tensor]:
        """Computes feature maps.

        Args:
            image: RGB in [0, 1], ``[1, H, W, 3]`` float32.
            layers: Names of layers.

        Returns:
            ``[1, h, w, C]`` float32, unnormalised, by layer name.
        """
        names = tuple(dict.fromkeys(layers))
        if not names:
            return {}
        maps = self._until(names)(self._preprocess(image * 255.0), training=False)
        return {name: _softened(f) if self._smooth else f for name, f in maps.items()}

    def norms(
        self,
        images: Sequence[tf.Tensor],
        layers: Iterable[str],
        weights: Sequence[float | tf.Tensor] | None = None,
    ) -> dict[str, tf.Tensor]:
        """Measures what feature maps are divided by, over calibration images.

        Args:
            images: RGB in [0, 1], ``[1, H, W, 3]`` each; none for the raw network.
            layers: Names of layers.
            weights: The weight of each image; None for equal weights.

        Returns:
            ``[C]`` by layer name: mean activations of a layer that has none below 0, root mean
            squares of others; 1 for the raw network.
        """
        layers, shares = list(layers), [1.0] * len(images) if weights is None else list(weights)
        if not images:
            return {layer: tf.constant(1.0) for layer in layers}
        found = [self(image, layers) for image in images]

        def norm(layer: str) -> tf.Tensor:
            maps = [each[layer] for each in found]
            if all(float(tf.reduce_min(f)) >= 0 for f in maps):
                return floored(mean_activations(maps, shares))
            squares = mean_activations([tf.square(f) for f in maps], shares)
            return floored(tf.sqrt(squares))

        return {layer: norm(layer) for layer in layers}

    def _until(self, names: tuple[str, ...]) -> Any:
        """Returns the network as far as some layers need it."""
        if names not in self._cut:
            outputs = {name: self._model.get_layer(name).output for name in names}
            self._cut[names] = keras.Model(self._model.inputs, outputs)
        return self._cut[names]


def _softened(maps: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(maps)
    entries = tf.nn.softmax(tf.reshape(maps, [-1])) * tf.cast(tf.size(maps), maps.dtype)
    return tf.ensure_shape(tf.reshape(entries, shape), maps.shape)
