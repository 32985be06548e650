"""The canvas: the picture and a margin around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from nst.images import Pixels


@dataclass(frozen=True)
class Canvas:
    """A picture with a margin that is optimised like the rest and cropped at the end.

    Attributes:
        margin: Width of the margin on each side, px, >= 0.
    """

    margin: int

    def extend(self, picture: tf.Tensor) -> tf.Tensor:
        """Extends ``[1, H, W, 3]`` beyond its borders by reflection.

        Returns:
            ``[1, H + 2 margin, W + 2 margin, 3]``.
        """
        around = [(0, 0), (self.margin, self.margin), (self.margin, self.margin), (0, 0)]
        # np.pad takes any margin, tf.pad only one smaller than the picture.
        return tf.constant(np.pad(picture.numpy(), around, "reflect"))

    def cut(self, canvas: tf.Tensor) -> tf.Tensor:
        """Crops the margin; undoes :meth:`extend`."""
        _, height, width, _ = canvas.shape
        return canvas[:, self.margin : height - self.margin, self.margin : width - self.margin]


def resample(picture: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes an iterate to the next scale (bicubic), clipped to [0, 1].

    Args:
        picture: ``[1, H, W, 3]``.
        height: Height of the result, px.
        width: Width of the result, px.
    """
    if picture.shape[1:3] == (height, width):
        return picture
    resized = tf.image.resize(picture, (height, width), "bicubic", antialias=True)
    return tf.clip_by_value(resized, 0.0, 1.0)


def batch(picture: Pixels) -> tf.Tensor:
    """Converts a picture ``[H, W, 3]`` to a tensor ``[1, H, W, 3]`` float32."""
    return tf.constant(picture[None], tf.float32)
