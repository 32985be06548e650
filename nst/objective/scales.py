"""The objective at every scale of a run: its images and their guides, resized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import tensorflow as tf

from nst import images
from nst.canvas import Canvas, batch
from nst.features.propagation import propagated
from nst.images import Pixels
from nst.losses import References, Style, View
from nst.objective.loss import Loss
from nst.objective.tiled import TiledObjective
from nst.objective.whole import Objective
from nst.sources import Guidance, StyleSource

AnyObjective = Objective | TiledObjective


@dataclass(frozen=True)
class Objectives:
    """The objective at every scale of one run.

    Attributes:
        loss: The terms and the network.
        content: The content image at full size, ``[H, W, 3]``.
        styles: The style images at full size.
        canvas: The canvas.
        tile: Longest side of a tile, px; None for the whole image at once.
        guidance: The regions, and where the content counts.
        erode: By how much regions shrink, as a share of what a layer sees around a position.
    """

    loss: Loss
    content: Pixels
    styles: Sequence[StyleSource]
    canvas: Canvas
    tile: int | None = None
    guidance: Guidance = field(default_factory=Guidance)
    erode: float = 0.0

    def __call__(self, height: int, width: int) -> AnyObjective:
        """Returns the objective for a picture of this size, px: a function of the whole canvas."""
        regions = self.guidance.styles or (None,) * len(self.styles)
        references = References(
            self._content((height, width)),
            [
                self._style(style, weights, max(height, width))
                for style, weights in zip(self.styles, regions, strict=True)
            ],
        )
        if self.tile is None or self.tile >= max(references.content.image.shape[1:3]):
            return Objective(self.loss, references)
        return TiledObjective(self.loss, references, self.tile)

    def _content(self, size: tuple[int, int]) -> View:
        image = self.canvas.extend(batch(images.resize(self.content, size)))

        def guide(weights: Pixels | None, erode: float) -> Mapping[str, tf.Tensor] | None:
            if weights is None:
                return None
            resized = batch(images.resize_weights(weights, size))
            return self._propagated(self.canvas.extend(resized), erode)

        regions = guide(self.guidance.content, self.erode)
        return View(image, {}, regions, guide(self.guidance.weights, 0.0))

    def _style(self, style: StyleSource, regions: Pixels | None, long_side: int) -> Style:
        rgb = style.resized(long_side)
        image = batch(rgb)
        if regions is None:
            return Style(View(image, {}), style.weight)
        weights = batch(images.resize_weights(regions, rgb.shape[:2]))
        return Style(View(image, {}, self._propagated(weights, self.erode)), style.weight)

    def _propagated(self, maps: tf.Tensor, erode: float) -> Mapping[str, tf.Tensor]:
        return propagated(maps, self.loss.encoder.geometry, self.loss.layers, erode)
