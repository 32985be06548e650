"""Judges a result on one scale, whatever was optimised: distances of features, and metrics.

The distances are always measured on the bundled network, the same layers and at most 512 px, so
that runs with different losses, networks, sizes and optimizers can be compared. For a run on the
bundled network the style distance is close to the training loss, though: a second network can
judge besides, and nothing optimises the metrics of :mod:`nst.metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import tensorflow as tf

from nst.canvas import batch
from nst.features import weights as networks
from nst.features.encoder import Encoder, Features
from nst.features.normalisation import normalised
from nst.features.weights import Source
from nst.images import Pixels, fit, resize
from nst.losses import blend, content_distance, gram_distance, gram_matrix, gram_sums
from nst.metrics.artefacts import border, clipping, grain
from nst.metrics.color import color_distance
from nst.metrics.patches import patch_distance
from nst.metrics.structure import edge_score, structure

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
) -> dict[str, float | dict[str, float]]:
    """Measures a result; :mod:`nst.metrics.table` says what each number means.

    Content distance: ``mean((F - P)²) / mean((P - mean_over_positions(P))²)``; 0 is the content
    image, 1 has no spatial structure left. Style distance: ``mean((G - A)²) / mean((G_content -
    A)²)``; 0 has the style's statistics, 1 the content image's. The statistics of several styles
    are blended, as for the loss.

    Args:
        result: ``[H, W, 3]`` in [0, 1].
        content: ``[H, W, 3]`` in [0, 1], of the same aspect.
        styles: Images ``[h, w, 3]`` in [0, 1], each with its weight.
        judge: A second network to measure the distances on.

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
    measured = _network_distances(_encoder(_bundled()), painted, kept, sized, weights)
    if judge is not None:
        second = _network_distances(_encoder(judge), painted, kept, sized, weights)
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
) -> dict[str, float | dict[str, float]]:
    content_by_layer, style_by_layer = (
        {layer: float(value) for layer, value in distances.items()}
        for distances in _distances(
            encoder,
            batch(result),
            batch(content),
            [batch(style) for style in styles],
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


@tf.function(reduce_retracing=True)
def _distances(
    encoder: Encoder,
    result: tf.Tensor,
    content: tf.Tensor,
    styles: Sequence[tf.Tensor],
    weights: Sequence[tf.Tensor],
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    # The content counts as much as all styles together.
    shares = [tf.add_n(weights), *weights]
    known = [encoder(image, LAYERS) for image in (content, *styles)]
    norms = encoder.norms_of(known, LAYERS, shares)

    def comparable(features: Features) -> dict[str, tf.Tensor]:
        return {layer: normalised(f, norms[layer]) for layer, f in features.items()}

    def grams(maps: Features) -> dict[str, tf.Tensor]:
        return {k: gram_matrix(gram_sums(maps[k])) for k in STYLE_LAYERS}

    painted, kept, *wanted = map(comparable, (encoder(result, LAYERS), *known))
    targets = blend([grams(maps) for maps in wanted], weights)
    painted_grams, kept_grams = grams(painted), grams(kept)
    return (
        {k: _content_ratio(painted[k], kept[k]) for k in CONTENT_LAYERS},
        {k: _style_ratio(painted_grams[k], kept_grams[k], targets[k]) for k in STYLE_LAYERS},
    )


def _content_ratio(result: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    flat = tf.reduce_mean(content, (1, 2), keepdims=True) + tf.zeros_like(content)
    return _ratio(content_distance(result, content), content_distance(flat, content), content)


def _style_ratio(result: tf.Tensor, content: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return _ratio(gram_distance(result, target), gram_distance(content, target), target)


def _ratio(distance: tf.Tensor, baseline: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    # A baseline of mere rounding noise (equal content and style, a content of one colour) would
    # give an arbitrary ratio. A layer without any activation has distance 0.
    floor = NEGLIGIBLE * tf.reduce_mean(tf.square(target))
    return tf.math.divide_no_nan(distance, tf.maximum(baseline, floor))
