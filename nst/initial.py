"""Where each scale starts: the initial image, then the picture so far with finer details."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from nst import images
from nst.canvas import batch, resample
from nst.images import Pixels


@dataclass(frozen=True)
class Initial:
    """The initial image of a run, at any size.

    Attributes:
        base: The picture that it is made from, ``[H, W, 3]`` in [0, 1].
        noise: Share of white noise, 0 to 1.
        detail: Share of the base's finest details in the start of each larger scale, 0 to 1.
        seed: Seed of the noise.
        grey: Whether the start has no colour.
    """

    base: Pixels
    noise: float
    detail: float
    seed: int
    grey: bool

    def first(self, height: int, width: int) -> tf.Tensor:
        """Returns ``(1 - noise) * base + noise * white noise``, ``[1, height, width, 3]``."""
        white = np.random.default_rng(self.seed).random((height, width, 3), np.float32)
        return self._tinted((1.0 - self.noise) * self._fitted(height, width) + self.noise * white)

    def enlarge(self, painted: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Enlarges the picture so far, and adds the details of the base that it had no pixels for.

        Enlarging alone leaves the finest frequencies empty. The network's gradient fills them on
        the grid of its poolings, which shows as a mesh (with VGG16, plainly, at 512 px), and what
        the content has there is lost. Their share of the difference is the detail of a Laplacian
        pyramid (Burt and Adelson, 1983).

        Args:
            painted: ``[1, h, w, 3]``, smaller.
            height: Height of the result, px.
            width: Width of the result, px.

        Returns:
            ``[1, height, width, 3]`` in [0, 1].
        """
        larger = resample(painted, height, width)
        if self.detail == 0:
            return larger
        _, *small, _ = painted.shape
        base = self._tinted(self._fitted(height, width))
        coarse = resample(self._tinted(self._fitted(*small)), height, width)
        return tf.clip_by_value(larger + self.detail * (base - coarse), 0.0, 1.0)

    def _fitted(self, height: int, width: int) -> Pixels:
        return images.cover(self.base, (height, width))

    def _tinted(self, image: Pixels) -> tf.Tensor:
        if self.grey:
            image = np.broadcast_to(image.mean(-1, keepdims=True), image.shape)
        return batch(image)
