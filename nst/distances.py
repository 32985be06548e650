"""Distances of features from content and style, on one network and the same layers always.

All that depends on the sources alone is measured once, for all the jobs of a sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import tensorflow as tf

from nst.canvas import batch
from nst.features.encoder import Encoder, Features
from nst.features.normalisation import normalised
from nst.features.propagation import propagated
from nst.features.weights import Source, load
from nst.images import Pixels
from nst.losses import Gram, View, content_distance
from nst.metrics.remembered import remembered
from nst.objective import compiled

CONTENT_LAYERS = ("block3_conv2", "block4_conv2")
STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
NEGLIGIBLE = 1e-6  # of a target's mean square: an anchor below it is none
LAYERS = tuple(dict.fromkeys(CONTENT_LAYERS + STYLE_LAYERS))
GRAMS = Gram(STYLE_LAYERS)

Guided = tuple[Pixels, Pixels | None]  # an image ``[H, W, 3]``, and its regions ``[H, W, R]``
ByLayer = Mapping[str, tf.Tensor]


def distances(
    source: Source, result: Pixels, sources: Sequence[Guided], weights: Sequence[float]
) -> dict[str, float | dict[str, float]]:
    """Measures how far a result is from content and style, see :func:`nst.evaluation.evaluate`.

    Args:
        source: The network.
        result: ``[H, W, 3]`` in [0, 1].
        sources: The content, of the same size and regions, and the styles.
        weights: One per style; only ratios matter.

    Returns:
        ``content_distance`` and ``style_distance``, means over layers, and each by layer.
    """
    network, anchors = _network(source), _anchors(source, sources, weights)
    content_by_layer, style_by_layer = (
        {layer: float(value) for layer, value in distances.items()}
        for distances in network.distances(network.view(result, sources[0][1]), anchors)
    )
    return {
        "content_distance": sum(content_by_layer.values()) / len(content_by_layer),
        "style_distance": sum(style_by_layer.values()) / len(style_by_layer),
        "content_distance_by_layer": content_by_layer,
        "style_distance_by_layer": style_by_layer,
    }


@lru_cache(maxsize=2)
def _network(source: Source) -> _Network:
    # With max pooling, whatever a run has: on the bundled network, not quite what it minimised.
    return _Network(Encoder(load(source), "max"))


@remembered(2)
def _anchors(source: Source, sources: Sequence[Guided], weights: Sequence[float]) -> _Anchors:
    network = _network(source)
    content, *styles = (network.view(*each) for each in sources)
    return network.anchors(content, styles, [tf.constant(w, tf.float32) for w in weights])


class _Anchors(NamedTuple):
    """What results are compared with, on one network.

    Attributes:
        norms: What feature maps are normalised by.
        content: Normalised feature maps of the content image.
        style: Gram matrices of the styles, blended.
        units: What the content distance of each layer is divided by, and the style distance.
    """

    norms: Features
    content: ByLayer
    style: Mapping[str, Any]
    units: tuple[ByLayer, ByLayer]


class _Network:
    """A compiled network, used on one image at a time, which takes the least memory."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._maps = compiled(lambda image: encoder(image, LAYERS))

    def view(self, image: Pixels, regions: Pixels | None) -> View:
        """Returns an image with its regions, without features."""
        if regions is None:
            return View(batch(image), {})
        maps = propagated(batch(regions), self._encoder.geometry, STYLE_LAYERS)
        return View(batch(image), {}, maps)

    def anchors(
        self, content: View, styles: Sequence[View], weights: Sequence[tf.Tensor]
    ) -> _Anchors:
        """Measures the sources of a run."""
        means = [self._means(view) for view in (content, *styles)]
        # The content counts as much as all styles together.
        norms = self._encoder.norms_of(means, LAYERS, [tf.add_n(weights), *weights])
        target = GRAMS.blended([GRAMS.sums(self._seen(v, norms), ()) for v in styles], weights)
        seen = self._seen(content, norms)
        kept = {k: seen.features[k] for k in CONTENT_LAYERS}
        content_units = {k: _content_unit(maps) for k, maps in kept.items()}
        return _Anchors(norms, kept, target, (content_units, _style_units(seen, target)))

    def _means(self, view: View) -> ByLayer:
        """Returns feature maps shrunk to their means, ``[1, 1, 1, C]``: enough for the norms."""
        maps = self._maps(view.image)
        return {k: tf.reduce_mean(f, (0, 1, 2), keepdims=True) for k, f in maps.items()}

    def _seen(self, view: View, norms: Features) -> View:
        maps = self._maps(view.image)
        return view._replace(features={k: normalised(f, norms[k]) for k, f in maps.items()})

    def distances(self, result: View, anchors: _Anchors) -> tuple[ByLayer, ByLayer]:
        """Returns the content distance of each layer, and the style distance."""
        seen, (content_units, style_units) = self._seen(result, anchors.norms), anchors.units
        apart = GRAMS.distances(seen, anchors.style)
        # A layer without any activation has distance 0.
        return (
            {
                k: tf.math.divide_no_nan(content_distance(seen.features[k], f), content_units[k])
                for k, f in anchors.content.items()
            },
            {k: tf.math.divide_no_nan(apart[k], style_units[k]) for k in STYLE_LAYERS},
        )


def _content_unit(content: tf.Tensor) -> tf.Tensor:
    flat = tf.reduce_mean(content, (1, 2), keepdims=True) + tf.zeros_like(content)
    return _unit(content_distance(flat, content), tf.reduce_mean(tf.square(content)))


def _style_units(content: View, target: Mapping[str, Any]) -> ByLayer:
    sums = GRAMS.sums(content, ())
    nothing = {
        k: s._replace(regions=[r._replace(total=tf.zeros_like(r.total)) for r in s.regions])
        for k, s in sums.items()
    }
    baseline, square = (GRAMS.compare(each, target) for each in (sums, nothing))
    return {k: _unit(baseline[k], square[k]) for k in STYLE_LAYERS}


def _unit(baseline: tf.Tensor, square: tf.Tensor) -> tf.Tensor:
    # A baseline of mere rounding noise (equal content and style, a content of one colour) would
    # give an arbitrary ratio: then the unit is the target itself.
    return tf.where(baseline > NEGLIGIBLE * square, baseline, square)
