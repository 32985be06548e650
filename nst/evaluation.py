"""Judges a result on one scale, whatever was optimised: distances of features, and metrics.

The distances are always measured on the bundled network, the same layers and at most 512 px, so
that runs with different losses, networks, sizes and optimizers can be compared. For a run on the
bundled network the style distance is close to the training loss, though: a second network can
judge besides, and nothing optimises the metrics of :mod:`nst.metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.distances import Guided, distances
from nst.features.weights import Source, locate
from nst.images import Pixels, fit, resize, resize_weights
from nst.metrics.artefacts import border, clipping, grain
from nst.metrics.color import color_distance
from nst.metrics.patches import patch_distance
from nst.metrics.structure import edge_score, structure
from nst.sources import Guidance

SIZE = 512  # maximum long side of the three images, px; never larger than the result


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
    result = np.asarray(result, np.float32)
    long_side = min(SIZE, max(result.shape[:2]))
    shape = fit(result.shape[:2], long_side)
    painted, kept = resize(result, shape), resize(content, shape)
    sized = [resize(style, fit(style.shape[:2], long_side)) for style, _ in styles]
    weights = [weight for _, weight in styles]
    sources = _guided([kept, *sized], guidance or Guidance())
    measured = distances(locate("bundled"), painted, sources, weights)
    if judge is not None:
        second = distances(judge, painted, sources, weights)
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


def _guided(pictures: Sequence[Pixels], guidance: Guidance) -> list[Guided]:
    """Adds to the content and the styles their regions, in the size of each."""
    regions = (guidance.content, *(guidance.styles or (None,) * (len(pictures) - 1)))
    return [
        (picture, None if maps is None else resize_weights(maps, picture.shape[:2]))
        for picture, maps in zip(pictures, regions, strict=True)
    ]


def _with_network(key: str, network: str) -> str:
    """``style_distance_by_layer`` → ``style_distance_vgg19_by_layer``."""
    return key.replace("_distance", f"_distance_{network}")
