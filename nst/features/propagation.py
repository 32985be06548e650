"""From maps over an image to maps over its feature maps (Gatys et al., 2017, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow as tf

from nst.features.encoder import Geometry


def propagated(
    maps: tf.Tensor, geometry: Mapping[str, Geometry], layers: Iterable[str], erode: float = 0.0
) -> dict[str, tf.Tensor]:
    """Averages maps down to the positions of feature maps: a position gets the mean of its cell.

    Args:
        maps: Weights >= 0 of the pixels in each of R regions, ``[1, H, W, R]``.
        geometry: Of each layer.
        layers: Keras layer names.
        erode: By how much each region shrinks before, as a share of how far a layer sees beyond a
            cell. With 1 a position is in a region only if it sees nothing else. A region of which
            nothing would remain stays as it is.

    Returns:
        ``[1, h, w, R]`` by layer, of the feature maps' size.
    """
    found = {}
    for layer in layers:
        stride, radius = geometry[layer]
        shrunk = eroded(maps, round(erode * radius))
        while stride > 1:  # in the steps of the network, which rounds odd sizes up each time
            shrunk, stride = tf.nn.avg_pool2d(shrunk, 2, 2, "SAME"), stride // 2
        found[layer] = shrunk
    return found


def eroded(maps: tf.Tensor, radius: int) -> tf.Tensor:
    """Takes the smallest value within a square of ``2 radius + 1`` px, per map ``[1, H, W, R]``.

    Maps that would become 0 everywhere are left as they are.
    """
    if radius == 0:
        return maps
    side = 2 * radius + 1
    rows = tf.nn.max_pool2d(-maps, [side, 1], 1, "SAME")
    smallest = -tf.nn.max_pool2d(rows, [1, side], 1, "SAME")
    left = tf.reduce_max(smallest, (0, 1, 2)) > 0
    return tf.where(left, smallest, maps)
