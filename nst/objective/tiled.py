"""The objective of a large image, evaluated tile by tile: the same function, in less memory.

The terms are functions of sums over positions. A first pass adds up the sums of all tiles; the
distances are those of the totals. By the chain rule the gradient is that of the sums, each times
the derivative of J by it. So a second pass goes back through one tile at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nst.features.encoder import Features
from nst.losses import Evaluation, References, View
from nst.objective.loss import Loss, PartWeights, gradient_norms
from nst.objective.passes import added, compiled_passes
from nst.objective.step import Bound
from nst.objective.tiles import Tile, cut, tiles
from nst.objective.whole import weighed

ALIGNMENT = 64  # bytes, of TensorFlow's arrays


class Piece(NamedTuple):
    """A tile, where its own pixels are in it, and what it is compared with."""

    tile: Tile
    box: tf.Tensor
    bound: Bound


class TiledObjective:
    """The objective J at one scale, tile by tile; called like :class:`nst.objective.Objective`.

    What the content image is compared with is kept for all tiles, on the bundled network in about
    the memory of the image itself: computing it anew would double the time of an evaluation.

    Args:
        loss: As for the objective; all its terms are :class:`nst.losses.AdditiveTerm`.
        references: As for the objective.
        side: Longest side of a tile, px.

    Attributes:
        weights: The weights of each term and its parts, as used.
    """

    def __init__(self, loss: Loss, references: References, side: int) -> None:
        self.weights = {name: loss.weights[name] for name in loss.terms}
        self._part_weights, self._grey, self._side = loss.part_weights(), loss.grey, side
        self._passes = compiled_passes(loss.encoder, loss.named)
        norms, styles = dict(loss.norms), weighed(references).styles
        pooled = self._passes.blended(
            [self._style_sums(style.view, norms) for style in styles],
            [style.weight for style in styles],
        )
        self._pieces = [
            self._piece(tile, view, pooled, norms) for tile, view in self._cut(references.content)
        ]

    def __call__(self, image: tf.Tensor) -> Evaluation:
        """Evaluates J and its gradient: per tile, two forward passes and a backward one.

        Args:
            image: The iterate, ``[1, H, W, 3]`` float32.
        """
        return self._evaluate(image, self._part_weights)

    def gradient_norms(self, image: tf.Tensor) -> dict[str, float]:
        """Measures the norm of each weighted term's own gradient: an evaluation per term."""
        return gradient_norms(partial(self._evaluate, image), self._part_weights)

    def refreshed(self, image: tf.Tensor, seed: tuple[int, int]) -> TiledObjective:
        """Returns this objective: no additive term draws or matches anew."""
        return self

    def _evaluate(self, image: tf.Tensor, weights: PartWeights) -> Evaluation:
        *others, (tile, box, bound) = self._pieces
        sums = added(self._passes.sums(other.of(image), *where) for other, *where in others)
        # What is left of the chain at the last tile: it needs no second forward pass.
        total, parts, slopes, pulled = self._passes.finish(
            tile.of(image), box, bound._replace(weights=weights), sums
        )
        gradient = _zeros(image.shape)
        tile.of(gradient)[...] = pulled
        for other, *where in others:
            pulled = self._passes.pulled_back(other.of(image), *where, slopes)
            other.of(gradient)[...] += pulled
        if self._grey:
            gradient[...] = gradient.mean(-1, keepdims=True)
        return Evaluation(total, tf.experimental.dlpack.from_dlpack(gradient.__dlpack__()), parts)

    def _cut(self, view: View) -> Iterator[tuple[Tile, View]]:
        passes = self._passes
        for tile in tiles(view.image.shape[1:3], self._side, passes.halo, passes.stride):
            yield tile, cut(view, tile, passes.geometry)

    def _piece(self, tile: Tile, view: View, pooled: dict[str, Any], norms: Features) -> Piece:
        box = tile.box()
        targets = pooled | self._passes.local(view, box, norms)
        return Piece(tile, box, Bound(targets, self._part_weights, norms, view.guide))

    def _style_sums(self, view: View, norms: Features) -> Any:
        return added(
            self._passes.style_sums(part, tile.box(), norms) for tile, part in self._cut(view)
        )


def _zeros(shape: Sequence[int]) -> np.ndarray:
    """Returns zeros that begin where TensorFlow wants it, so that it takes them without a copy."""
    values = np.zeros(math.prod(shape) + ALIGNMENT // 4, np.float32)
    start = -values.ctypes.data % ALIGNMENT // 4
    return values[start : start + math.prod(shape)].reshape(shape)
