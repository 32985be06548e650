"""The encoder: an image becomes feature maps, keyed by layer name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from nst.features import winograd
from nst.features.normalisation import floored, mean_activations, readout
from nst.features.vgg import Layer

Features = Mapping[str, tf.Tensor]
Function = Callable[[tf.Tensor], tf.Tensor]

BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet in 0..255; VGG was trained on images minus it
POOLINGS = {"max": tf.nn.max_pool2d, "avg": tf.nn.avg_pool2d}
PADDINGS = {"zeros": "CONSTANT", "replicate": "SYMMETRIC"}  # by one pixel, it repeats the border
PRECISIONS = {"float32": tf.float32, "bfloat16": tf.bfloat16, "float16": tf.float16}


class Geometry(NamedTuple):
    """Which pixels a position of a feature map depends on.

    Attributes:
        stride: A position stands for a cell of this many pixels a side.
        radius: It depends on the pixels of its cell and on this many beyond, on every side.
    """

    stride: int
    radius: int


def geometry(layers: Sequence[Layer]) -> dict[str, Geometry]:
    """Returns the geometry of each layer: poolings double the cell, convolutions look beyond."""
    found, stride, radius = {}, 1, 0
    for layer in layers:
        if layer.kernel is None:
            stride *= 2
        else:
            radius += stride
        found[layer.name] = Geometry(stride, radius)
    return found


class Network(Protocol):
    """What turns images into feature maps: :class:`Encoder`, or an application of Keras."""

    def __hash__(self) -> int:
        """Hashes its identity: compiled steps are kept by network."""

    @property
    def geometry(self) -> Mapping[str, Geometry]:
        """Stride and radius of each layer of which they are known."""

    def __call__(self, image: tf.Tensor, layers: Iterable[str]) -> dict[str, tf.Tensor]:
        """Computes feature maps, see :meth:`Encoder.__call__`."""

    def norms(
        self,
        images: Sequence[tf.Tensor],
        layers: Iterable[str],
        weights: Sequence[float | tf.Tensor] | None = None,
    ) -> dict[str, tf.Tensor]:
        """Measures what feature maps are normalised by, see :meth:`Encoder.norms`."""


class Encoder:
    """A VGG network without its classifier (Simonyan and Zisserman, 2015).

    Departures from Keras' model: pooling keeps the last row and column of odd sizes (padding SAME),
    so that deep layers see every border; pooling and padding are configurable.

    Args:
        layers: Convolutions and poolings, first to last.
        pooling: ``max`` or ``avg``.
        padding: Padding of every convolution: ``zeros`` as trained, or ``replicate``. Zeros form an
            edge that the image does not have; style gathers along it as frames and seams.
        precision: ``float32``, ``bfloat16`` or ``float16``, for all convolutions but the first: the
            eight bits of bfloat16 would round pixels by up to half a grey level. On CPUs wide
            layers use float32 instead of float16, see :mod:`nst.features.winograd`. The feature
            maps are float32.

    Attributes:
        geometry: Stride and radius of each layer, see :func:`geometry`.

    Raises:
        ValueError: An unknown pooling, padding or precision.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        pooling: str = "max",
        padding: str = "replicate",
        precision: str = "float32",
    ) -> None:
        chosen = _choose("precision", precision, PRECISIONS)
        self._pool = _choose("pooling", pooling, POOLINGS)
        self._padding = _choose("padding", padding, PADDINGS)
        dtypes = [tf.float32] + [chosen] * (len(layers) - 1)
        self.geometry = geometry(layers)
        self._taught = {layer.name: layer for layer in layers if layer.lift is not None}
        self._layers = {
            layer.name: self._function(layer, dtype)
            for dtype, layer in zip(dtypes, layers, strict=True)
        }

    def __call__(self, image: tf.Tensor, layers: Iterable[str]) -> dict[str, tf.Tensor]:
        """Computes feature maps, only as deep as needed.

        Args:
            image: RGB in [0, 1], ``[1, H, W, 3]`` float32.
            layers: Keras layer names.

        Returns:
            Activations after the ReLU, ``[1, h, w, C]`` float32, unnormalised, by layer name.

        Raises:
            ValueError: The network has no such layer.
        """
        wanted = set(layers)
        features: dict[str, tf.Tensor] = {}
        x = self._preprocess(image)
        for name, layer in self._layers.items():
            if len(features) == len(wanted):
                break
            x = layer(x)
            if name in wanted:
                features[name] = tf.cast(x, tf.float32)
        if len(features) < len(wanted):
            raise ValueError(f"the network has no layers {sorted(wanted - set(features))}")
        return features

    def norms(
        self,
        images: Sequence[tf.Tensor],
        layers: Iterable[str],
        weights: Sequence[float | tf.Tensor] | None = None,
    ) -> dict[str, tf.Tensor]:
        """Measures, over calibration images, what feature maps are normalised by.

        For a trained network, the mean activation of every filter: dividing a feature map by it
        equals rescaling the filters so that each has a mean activation of 1, since ReLU and pooling
        commute with positive factors (Gatys et al., 2016, section 2). For a distilled network, the
        readout of its teacher's channels, as it predicts them, each rescaled in this way (see
        :func:`nst.features.normalisation.readout`), times the layer's gain.
        :func:`nst.features.normalisation.normalised` applies either.

        Args:
            images: RGB in [0, 1], ``[1, H, W, 3]`` each; none for the raw network.
            layers: Keras layer names.
            weights: The weight of each image; None for equal weights.

        Returns:
            ``[C]`` or ``[C, C]`` by layer name; of a raw trained network, 1.
        """
        layers = list(layers)
        return self.norms_of([self(image, layers) for image in images], layers, weights)

    def norms_of(
        self,
        features: Sequence[Features],
        layers: Iterable[str],
        weights: Sequence[float | tf.Tensor] | None = None,
    ) -> dict[str, tf.Tensor]:
        """Measures the same over the feature maps of calibration images, see :meth:`norms`."""
        shares = [1.0] * len(features) if weights is None else list(weights)

        def mean(layer: str) -> tf.Tensor | None:
            maps = [each[layer] for each in features]
            return mean_activations(maps, shares) if maps else None

        return {layer: self._norm(self._taught.get(layer), mean(layer)) for layer in layers}

    def _norm(self, taught: Layer | None, mean: tf.Tensor | None) -> tf.Tensor:
        if taught is None:
            return tf.constant(1.0) if mean is None else floored(mean)
        lift = taught.lift
        return taught.gain * readout(lift if mean is None else lift / floored(mean[None] @ lift))

    def _preprocess(self, image: tf.Tensor) -> tf.Tensor:
        return tf.reverse(image, [-1]) * 255.0 - tf.constant(BGR_MEAN)

    def _function(self, layer: Layer, dtype: tf.DType) -> Function:
        if layer.kernel is None:
            return partial(self._pool, ksize=2, strides=2, padding="SAME")
        if winograd.pays(layer.kernel):
            dtype = tf.float32 if dtype == tf.float16 else dtype  # tiles would overflow
            convolve: Function = winograd.Convolution(layer.kernel, dtype)
        else:
            kernel = tf.constant(layer.kernel, dtype)
            convolve = partial(tf.nn.conv2d, filters=kernel, strides=1, padding="VALID")
        bias = tf.constant(layer.bias, dtype)

        def convolution(x: tf.Tensor) -> tf.Tensor:
            padded = tf.pad(tf.cast(x, dtype), [[0, 0], [1, 1], [1, 1], [0, 0]], self._padding)
            return tf.nn.relu(tf.nn.bias_add(convolve(padded), bias))

        return convolution


def _choose(what: str, name: str, options: Mapping[str, Any]) -> Any:
    if name not in options:
        raise ValueError(f"{what} must be one of {', '.join(options)}, received {name!r}")
    return options[name]
