"""Judges a result on one scale, whatever was optimised: distances of features, and metrics.

The distances are always measured on the bundled network, the same layers and at most 512 px, so
that runs with different losses, networks, sizes and optimizers can be compared. For a run on the
bundled network the style distance is close to the training loss, though: a second network can
judge besides, and nothing optimises the metrics of :mod:`nst.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from nst.canvas import batch
from nst.features import weights as networks
from nst.features.encoder import Encoder, Features
from nst.features.normalisation import normalised
from nst.features.propagation import propagated
from nst.features.weights import Source
from nst.images import Pixels, fit, resize, resize_weights
from nst.losses import Gram, References, Style, View, content_distance
from nst.metrics.artefacts import border, clipping, grain
from nst.metrics.color import color_distance
from nst.metrics.patches import patch_distance
from nst.metrics.structure import edge_score, structure
from nst.objective import compiled
from nst.sources import Guidance

SIZE = 512  # maximum long side of the three images, px; never larger than the result
CONTENT_LAYERS = ("block3_conv2", "block4_conv2")
STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
NEGLIGIBLE = 1e-6  # of a target's mean square: an anchor below it is none
LAYERS = tuple(dict.fromkeys(CONTENT_LAYERS + STYLE_LAYERS))


def evaluate(
    result: Pixels,
    content: Pixels,
    styles: Sequence[tuple[Pixels, float]],
    judge: Source | None = None,
    guidance: Guidance | None = None,
) -> dict[str, float | dict[str, float]]:
    """Measures a result; :mod:`nst.metrics.table` says what each number means.

    Content distance: ``mean((F - P)²) / mean((P - mean_over_positions(P))²)``; 0 is the content
    image, 1 has no spatial structure left. Style distance: ``mean((G - A)²) / mean((G_content -
    A)²)``; 0 has the style's statistics, 1 the content image's. The statistics of several styles
    are blended, as for the loss. With regions, each is compared with its own style: numerator and
    denominator are sums over regions, each times its share of the picture, and what keeps the
    photograph does not count. All other metrics compare whole pictures.

    Args:
        result: ``[H, W, 3]`` in [0, 1].
        content: ``[H, W, 3]`` in [0, 1], of the same aspect.
        styles: Images ``[h, w, 3]`` in [0, 1], each with its weight.
        judge: A second network to measure the distances on.
        guidance: The regions of content and styles; None for none.

    Returns:
        ``content_distance`` and ``style_distance``, means over layers, and each by layer; those
        of the second network with its name at the end; and every metric that nothing optimises.
    """
    result = result.astype(np.float32)
    long_side = min(SIZE, max(result.shape[:2]))
    shape = fit(result.shape[:2], long_side)
    painted, kept = resize(result, shape), resize(content, shape)
    sized = [resize(style, fit(style.shape[:2], long_side)) for style, _ in styles]
    weights = [weight for _, weight in styles]
    guidance = guidance or Guidance()
    compared = painted, kept, sized, weights, guidance
    measured = _network_distances(_encoder(_bundled()), *compared)
    if judge is not None:
        second = _network_distances(_encoder(judge), *compared)
        measured |= {_with_network(key, judge.network): value for key, value in second.items()}
    return measured | {
        "patch_distance": patch_distance(painted, kept, sized, weights),
        "color_distance_style": color_distance(painted, sized, weights),
        "color_distance_content": color_distance(painted, [kept], [1.0]),
        "structure": structure(painted, kept),
        "edges": edge_score(painted, kept),
        "grain": grain(painted, sized, weights),
        "border": border(result),
        "clipping": clipping(result),
    }


def _network_distances(
    encoder: Encoder,
    result: Pixels,
    content: Pixels,
    styles: Sequence[Pixels],
    weights: Sequence[float],
    guidance: Guidance,
) -> dict[str, float | dict[str, float]]:
    def view(image: Pixels, regions: Pixels | None) -> View:
        if regions is None:
            return View(batch(image), {})
        maps = batch(resize_weights(regions, image.shape[:2]))
        return View(batch(image), {}, propagated(maps, encoder.geometry, STYLE_LAYERS))

    of_styles = guidance.styles or (None,) * len(styles)
    content_by_layer, style_by_layer = (
        {layer: float(value) for layer, value in distances.items()}
        for distances in _compiled(encoder)(
            view(result, guidance.content),
            view(content, guidance.content),
            [view(*style) for style in zip(styles, of_styles, strict=True)],
            [tf.constant(weight, tf.float32) for weight in weights],
        )
    )
    return {
        "content_distance": sum(content_by_layer.values()) / len(content_by_layer),
        "style_distance": sum(style_by_layer.values()) / len(style_by_layer),
        "content_distance_by_layer": content_by_layer,
        "style_distance_by_layer": style_by_layer,
    }


def _with_network(key: str, network: str) -> str:
    """``style_distance_by_layer`` → ``style_distance_vgg19_by_layer``."""
    return key.replace("_distance", f"_distance_{network}")


def _bundled() -> Source:
    return networks.locate("bundled", None, None, None, 0)


@lru_cache(maxsize=2)
def _encoder(source: Source) -> Encoder:
    return Encoder(networks.load(source))


@lru_cache(maxsize=2)
def _compiled(encoder: Encoder) -> Callable[..., Any]:
    return compiled(partial(_distances, encoder))


def _distances(
    encoder: Encoder,
    result: View,
    content: View,
    styles: Sequence[View],
    weights: Sequence[tf.Tensor],
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    # The content counts as much as all styles together.
    shares = [tf.add_n(weights), *weights]
    views = content, *styles
    known = [encoder(view.image, LAYERS) for view in views]
    norms = encoder.norms_of(known, LAYERS, shares)

    def seen(view: View, features: Features) -> View:
        return view._replace(features={k: normalised(f, norms[k]) for k, f in features.items()})

    painted = seen(result, encoder(result.image, LAYERS))
    kept, *wanted = (seen(*pair) for pair in zip(views, known, strict=True))
    grams, nothing = Gram(STYLE_LAYERS), {k: tf.zeros_like(f) for k, f in kept.features.items()}
    target = grams.target(References(kept, [Style(*s) for s in zip(wanted, weights, strict=True)]))
    apart, baseline, square = (
        grams.distances(view, target) for view in (painted, kept, kept._replace(features=nothing))
    )
    return (
        {k: _content_ratio(painted.features[k], kept.features[k]) for k in CONTENT_LAYERS},
        {k: _ratio(apart[k], baseline[k], square[k]) for k in STYLE_LAYERS},
    )


def _content_ratio(result: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    flat = tf.reduce_mean(content, (1, 2), keepdims=True) + tf.zeros_like(content)
    square = tf.reduce_mean(tf.square(content))
    return _ratio(content_distance(result, content), content_distance(flat, content), square)


def _ratio(distance: tf.Tensor, baseline: tf.Tensor, square: tf.Tensor) -> tf.Tensor:
    # A baseline of mere rounding noise (equal content and style, a content of one colour) would
    # give an arbitrary ratio. A layer without any activation has distance 0.
    return tf.math.divide_no_nan(distance, tf.maximum(baseline, NEGLIGIBLE * square))
