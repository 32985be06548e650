"""VGG networks (Simonyan and Zisserman, 2015): their layers, by the names that Keras gives them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CONVOLUTIONS = {  # number per block, each ending in a pooling
    "vgg19": (2, 2, 4, 4, 4),
    "vgg16": (2, 2, 3, 3, 3),
    "bundled": (2, 2, 3, 3, 3),
}
WIDTHS = {
    "vgg19": (64, 128, 256, 512, 512),
    "vgg16": (64, 128, 256, 512, 512),
    "bundled": (16, 32, 80, 208, 288),
}
WIDER = {  # than its block: contents are compared by the first, styles by the second
    "bundled": {"block4_conv2": 272, "block5_conv1": 432},
}


class Layer(NamedTuple):
    """A layer of a VGG network: a convolution with ReLU, or a pooling where there is no kernel.

    Attributes:
        name: As in Keras.
        kernel: ``[3, 3, B, C]``.
        bias: ``[C]``.
        lift: ``[C, T]``, of a distilled network: predicts its teacher's T channels from its own C.
        gain: Of a distilled network: a prediction varies less than what it predicts. With feature
            maps multiplied by the gain, distances are as large as the teacher's.
    """

    name: str
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    lift: np.ndarray | None = None
    gain: float = 1.0


def layer_channels(network: str) -> dict[str, int]:
    """Returns the number of channels of each layer of a network, in order, by Keras name."""
    channels: dict[str, int] = {}
    for block, (count, width) in enumerate(
        zip(CONVOLUTIONS[network], WIDTHS[network], strict=True), start=1
    ):
        channels |= {f"block{block}_conv{i}": width for i in range(1, count + 1)}
        channels[f"block{block}_pool"] = width
    return channels | WIDER.get(network, {})
