"""Where each scale starts: the initial image, then the picture so far with finer details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from nst import images
from nst.canvas import batch, resample
from nst.images import Pixels
from nst.images.filters import BINOMIAL, blur, luminance
from nst.sources import StyleSource

MIDDLE = 1024  # px: so much of the middle of a style tells how rough it is
WHITE = 0.601  # median size of the highest octave of white noise with a standard deviation of 1


@dataclass(frozen=True)
class Initial:
    """The initial image of a run, at any size.

    Attributes:
        base: The picture that it is made from, ``[H, W, 3]`` in [0, 1].
        noise: Share of white noise, 0 to 1.
        detail: Share of the base's finest details in the start of each larger scale, 0 to 1.
        grain: Noise in the start of each larger scale, as a share of the styles' roughness, >= 0.
        styles: The style images.
        seed: Seed of the noise.
        grey: Whether the start has no colour.
    """

    base: Pixels
    noise: float
    detail: float
    grain: float
    styles: Sequence[StyleSource]
    seed: int
    grey: bool

    def first(self, height: int, width: int) -> tf.Tensor:
        """Returns ``(1 - noise) * base + noise * white noise``, ``[1, height, width, 3]``."""
        white = np.random.default_rng(self.seed).random((height, width, 3), np.float32)
        return self._tinted((1.0 - self.noise) * self._fitted(height, width) + self.noise * white)

    def enlarge(self, painted: tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Enlarges the picture so far, and fills in the frequencies that it had no pixels for.

        Otherwise the gradient fills them on the grid of the poolings, a visible mesh, and the
        base's fine details are lost. ``detail`` adds the base's own, a band of its Laplacian
        pyramid (Burt and Adelson, 1983). ``grain`` adds noise, for where the base is flat, so that
        strokes can begin off the grid.

        Args:
            painted: ``[1, h, w, 3]``, smaller.
            height: Height of the result, px.
            width: Width of the result, px.

        Returns:
            ``[1, height, width, 3]`` in [0, 1].
        """
        larger = resample(painted, height, width)
        if self.detail > 0:
            _, *small, _ = painted.shape
            base = self._tinted(self._fitted(height, width))
            coarse = resample(self._tinted(self._fitted(*small)), height, width)
            larger += self.detail * (base - coarse)
        if self.grain > 0:
            larger += self._grain(height, width)
        return tf.clip_by_value(larger, 0.0, 1.0)

    def _grain(self, height: int, width: int) -> tf.Tensor:
        """Returns grey noise as rough as the styles at this scale, ``[1, height, width, 1]``."""
        size = max(height, width)
        rough = sum(style.weight * roughness(style.resized(size)) for style in self.styles)
        draw = np.random.default_rng((self.seed, height, width))
        white = draw.standard_normal((1, height, width, 1), np.float32)
        return tf.constant(np.float32(self.grain * rough) * white)

    def _fitted(self, height: int, width: int) -> Pixels:
        return images.cover(self.base, (height, width))

    def _tinted(self, image: Pixels) -> tf.Tensor:
        if self.grey:
            image = np.broadcast_to(image.mean(-1, keepdims=True), image.shape)
        return batch(image)


def roughness(image: Pixels) -> float:
    """Returns the standard deviation of the white noise whose highest octave is as strong.

    The octave of an image ``[H, W, 3]`` is measured by its median, so that edges do not count.
    """
    top, left = (max(0, (side - MIDDLE) // 2) for side in image.shape[:2])
    grey = luminance(image[top : top + MIDDLE, left : left + MIDDLE])
    return float(np.median(np.abs(grey - blur(grey, BINOMIAL)))) / WHITE
