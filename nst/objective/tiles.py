"""Divides an image into tiles, and finds the positions of its own in a tile.

A tile is computed with a halo around it, as wide as the deepest layer sees, but only its own
positions are summed: each position of the image counts once, with the features that it has in the
whole image. Tiles begin at multiples of the deepest layer's stride, where poolings begin as well.
Only where a tile ends at the border of the image is its padding the image's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from nst.features.encoder import Geometry
from nst.losses import AdditiveTerm, View

Geometries = Mapping[str, Geometry]  # by layer


class Span(NamedTuple):
    """One tile along one axis, px: its own pixels, and where it begins and ends with its halo."""

    start: int
    stop: int
    low: int
    high: int


class Tile(NamedTuple):
    """One tile of an image.

    Attributes:
        rows: Its span of rows.
        columns: Its span of columns.
    """

    rows: Span
    columns: Span

    def of(self, image: tf.Tensor) -> tf.Tensor:
        """Cuts the tile with its halo from an image ``[1, H, W, C]``."""
        return image[:, self.rows.low : self.rows.high, self.columns.low : self.columns.high]

    def box(self) -> tf.Tensor:
        """Returns where its own pixels are in that cut: top, bottom, left and right, int32."""
        return tf.constant([side - span.low for span in self for side in span[:2]])


def tiles(shape: Sequence[int], side: int, halo: int, stride: int) -> list[Tile]:
    """Divides an image into tiles of nearly equal size.

    Args:
        shape: Height and width of the image, px.
        side: Longest side of a tile without its halo, px; rounded down to a multiple of the stride.
        halo: Width of the halo, px, a multiple of the stride.
        stride: Tiles begin at multiples of it, px.
    """
    rows, columns = (_spans(length, side, halo, stride) for length in shape)
    return [Tile(*pair) for pair in itertools.product(rows, columns)]


def _spans(length: int, side: int, halo: int, stride: int) -> list[Span]:
    cells = -(-length // stride)
    count = -(-cells // max(1, side // stride))
    cuts = [stride * (cells * i // count) for i in range(count)] + [length]
    return [
        Span(start, stop, max(0, start - halo), min(length, stop + halo))
        for start, stop in itertools.pairwise(cuts)
    ]


def halo_of(geometry: Geometries, terms: Iterable[AdditiveTerm]) -> tuple[int, int]:
    """Returns the halo that the terms need, px, and the stride of their deepest layer."""
    reach = [
        (place.stride, place.radius + (term.window - 1) * place.stride)
        for term in terms
        for place in (geometry[layer] for layer in term.layers)
    ]
    stride = max((stride for stride, _ in reach), default=1)
    widest = max([radius for _, radius in reach] + [term.window - 1 for term in terms])
    return stride * -(-widest // stride), stride


def cut(view: View, tile: Tile, geometry: Geometries) -> View:
    """Cuts a tile with its halo from the view of a whole image, which has no features yet."""

    def part(maps: tf.Tensor, stride: int) -> tf.Tensor:
        (top, bottom), (left, right) = (
            (span.low // stride, -(-span.high // stride)) for span in tile
        )
        return maps[:, top:bottom, left:right]

    guide = {
        name: {k: part(maps[k], geometry[k].stride) for k in maps}
        for name, maps in view.guide.items()
    }
    return View(tile.of(view.image), {}, **guide)


def own_parts(
    view: View, box: tf.Tensor, window: int, geometry: Geometries
) -> list[tuple[float, View]]:
    """Returns parts of a tile, and the signs by which their sums add up to those of its own.

    A window of several positions counts where its first position is. Own positions with as many
    beyond as a window reaches contain the own windows, and those that lie altogether beyond the
    lower or the right end (in the corner, both).

    Args:
        view: Of a tile with its halo.
        box: Its own pixels, see :meth:`Tile.box`.
        window: Side of the square of positions that a summand reads.
        geometry: Of each layer.
    """
    if window == 1:
        return [(1.0, _part(view, box, 0, False, False, geometry))]
    return [
        ((-1.0) ** (below + right), _part(view, box, window - 1, below, right, geometry))
        for below, right in itertools.product((False, True), repeat=2)
    ]


def _part(
    view: View, box: tf.Tensor, more: int, below: bool, right: bool, geometry: Geometries
) -> View:
    def cut(maps: tf.Tensor, stride: int) -> tf.Tensor:
        top, bottom, left, end = tf.unstack(-(-box // stride))
        first, left = (bottom if below else top), (end if right else left)
        return _cropped(maps, first, bottom + more, left, end + more)

    def each(maps: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {k: cut(value, geometry[k].stride) for k, value in maps.items()}

    guide = {name: each(maps) for name, maps in view.guide.items()}
    return View(cut(view.image, 1), each(view.features), **guide)


def _cropped(
    maps: tf.Tensor, top: tf.Tensor, bottom: tf.Tensor, left: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Cuts from maps ``[1, h, w, C]``; its gradient is a padding, faster than TensorFlow's own."""

    @tf.custom_gradient
    def crop(whole: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        part = whole[:, top:bottom, left:right]
        size, inner = tf.shape(whole), tf.shape(part)
        after = size[1:3] - inner[1:3] - [top, left]

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.pad(upstream, [[0, 0], [top, after[0]], [left, after[1]], [0, 0]])

        return part, gradient

    return crop(maps)
