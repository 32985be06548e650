"""Where each style goes and where the content counts: weights of positions of all images.

Free of TensorFlow, and run before the work begins, so that wrong region pictures are reported then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nst.errors import InputError
from nst.images import Picture, Pixels, Regions, read_regions, visible_box
from nst.sources.matching import WHOLE, Colours, StyleRegions, described, origins_of

ASPECT = 0.02  # relative difference of aspects that counts as rounding


@dataclass(frozen=True, eq=False)
class Guidance:
    """Weights of positions of all images of a run.

    Attributes:
        content: Weight of each pixel in each of R regions, ``[h, w, R]`` of any resolution; None
            where all of the image takes all of the styles. Pixels in no region keep the photograph.
        styles: Likewise of each style image; a region that it does not have is 0.
        weights: How much each pixel counts for the content, ``[h, w, 1]``; None for all alike.
        lines: What was found, for the log.
        sha256: Hash of all the files and colours; None where there are none.
        maps: The region pictures and the weight map as in their files, by what to call them.
    """

    content: Pixels | None = None
    styles: tuple[Pixels | None, ...] = ()
    weights: Pixels | None = None
    lines: tuple[str, ...] = ()
    sha256: str | None = None
    maps: Mapping[str, Picture] = field(default_factory=dict)


def read_guidance(
    content: Picture,
    styles: Mapping[str, Picture],
    regions: Picture | None,
    style_regions: Sequence[Picture | Colours] | None,
    weight_map: Picture | None,
) -> Guidance:
    """Reads the region pictures and matches their regions by colour.

    Args:
        content: The content image.
        styles: The style images as in their files, by the names to call them in the log.
        regions: The region picture of the content image.
        style_regions: One for each style: its region picture, or the colours of the content's
            regions that take the whole of it.
        weight_map: A grey picture, white where the content counts most.

    Raises:
        InputError: A picture is no region picture or has another aspect, or a colour is missing.
    """
    digest = digest_of(
        [p.sha256 if isinstance(p, Picture) else p for p in style_regions or ()],
        [picture.sha256 for picture in (regions, weight_map) if picture is not None],
    )
    weights = None if weight_map is None else _content_weights(content, weight_map)
    _check_both(regions is not None, style_regions is not None)
    if regions is None or style_regions is None:
        return Guidance(weights=weights, sha256=digest)
    if len(style_regions) != len(styles):
        raise InputError(
            f"style.regions: {len(style_regions)} for {len(styles)} style images; give one for each"
        )
    return _matched(content, styles, regions, style_regions, weights, digest)


def digest_of(styles: Sequence[str | Colours], content: Sequence[str]) -> str | None:
    """Hashes what guides a run: hashes of files, and colours; None if there is nothing."""
    names = [given if isinstance(given, str) else ",".join(given) for given in styles]
    lines = "\n".join([*names, *content])
    return hashlib.sha256(lines.encode()).hexdigest() if lines else None


def _matched(
    content: Picture,
    styles: Mapping[str, Picture],
    regions: Picture,
    style_regions: Sequence[Picture | Colours],
    weights: Pixels | None,
    digest: str | None,
) -> Guidance:
    found = _read("content.regions", regions, content)
    given = [
        _read("style.regions", part, style) if isinstance(part, Picture) else part
        for part, style in zip(style_regions, styles.values(), strict=True)
    ]
    origins = origins_of(found, given)
    lines = described(found, given, origins, list(styles))
    if all(source == WHOLE for origin in origins for source in origin):
        return Guidance(None, (None,) * len(styles), weights, lines, digest)
    # Regions that take their style from the same places are one.
    groups = [g for g in dict.fromkeys(origins) if any(source is not None for source in g)]
    of_content = [
        found.weights[..., [origin == group for origin in origins]].sum(-1) for group in groups
    ]
    of_styles = tuple(
        _style_weights(seen, sources, style)
        for seen, sources, style in zip(
            given, zip(*groups, strict=True), styles.values(), strict=True
        )
    )
    return Guidance(np.stack(of_content, -1), of_styles, weights, lines, digest)


def _check_both(content: bool, style: bool) -> None:
    if content and not style:
        raise InputError(
            "content.regions: it needs style.regions beside it, a region picture with the same "
            "colours or a list of colours, one for each style, for example style.regions=[blue]"
        )
    if style and not content:
        raise InputError(
            "style.regions: it needs content.regions beside it, a region picture with the same "
            "colours"
        )


def _read(key: str, regions: Picture, picture: Picture) -> Regions:
    _check_aspect(key, regions, picture)
    try:
        return read_regions(regions)
    except InputError as error:
        raise InputError(f"{key}: {error}") from error


def _check_aspect(key: str, regions: Picture, picture: Picture) -> None:
    (height, width), (rows, columns) = regions.rgb.shape[:2], picture.rgb.shape[:2]
    if abs(height * columns / (width * rows) - 1) > ASPECT:
        raise InputError(
            f"{key}: {regions.source} has {width}x{height} px, but the image it "
            f"belongs to, {picture.source}, has {columns}x{rows} px: their aspect ratios must agree"
        )


def _style_weights(seen: StyleRegions, sources: Sequence[int | None], style: Picture) -> Pixels:
    if not isinstance(seen, Regions):  # all of the image, or none of it
        return np.array([[[float(source == WHOLE) for source in sources]]], np.float32)
    whole = np.ones(seen.weights.shape[:2], np.float32)
    parts = {None: 0 * whole, WHOLE: whole}
    parts |= {index: seen.weights[..., index] for index in range(len(seen.colours))}
    weights = np.stack([parts[source] for source in sources], -1)
    rows, columns = visible_box(style)  # the part of the file that is used as the style
    down, across = (a / b for a, b in zip(weights.shape[:2], style.rgb.shape[:2], strict=True))
    return weights[_scaled(rows, down), _scaled(columns, across)]


def _scaled(box: slice, factor: float) -> slice:
    """Scales a range of pixels, of which at least one is left."""
    start = int(box.start * factor)
    return slice(start, max(start + 1, round(box.stop * factor)))


def _content_weights(content: Picture, weight_map: Picture) -> Pixels | None:
    _check_aspect("content.weight_map", weight_map, content)
    weights = weight_map.rgb.mean(-1, keepdims=True)
    if weights.max() == 0:
        raise InputError(
            f"content.weight_map: {weight_map.source} is black: the content would count nowhere; "
            "paint white where it counts"
        )
    return None if np.ptp(weights) == 0 else weights  # only ratios matter
