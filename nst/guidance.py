"""Which region of the content takes its style from where, and where the content counts.

Free of TensorFlow, and run before the work begins, so that wrong region pictures are reported then.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageColor

from nst.errors import InputError
from nst.images import Picture, Pixels, Regions, read_regions, visible_box
from nst.images.regions import APART

ASPECT = 0.02  # relative difference of aspects that counts as rounding
NAMES = (  # by which colours are called in messages and on the command line
    *("black", "white", "gray", "red", "lime", "blue", "yellow", "cyan", "magenta", "orange"),
    *("green", "navy", "purple", "maroon", "olive", "teal", "pink", "brown"),
)
WHOLE = -1  # a style image in which everything belongs to the region

Colours = tuple[str, ...]


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
    """

    content: Pixels | None = None
    styles: tuple[Pixels | None, ...] = ()
    weights: Pixels | None = None
    lines: tuple[str, ...] = ()
    sha256: str | None = None


def guidance(
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
    names = [p.sha256 if isinstance(p, Picture) else ",".join(p) for p in style_regions or ()]
    names += [picture.sha256 for picture in (regions, weight_map) if picture is not None]
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest() if names else None
    weights = None if weight_map is None else _weights(content, weight_map)
    if (regions is None) != (style_regions is None):
        given, other = ("content", "style") if style_regions is None else ("style", "content")
        raise InputError(
            f"{given}.regions: it needs {other}.regions beside it, "
            "a region picture with the same colours"
            + (
                " or a list of colours, one for each style, for example style.regions=[blue]"
                if other == "style"
                else ""
            )
        )
    if regions is None or style_regions is None:
        return Guidance(weights=weights, sha256=digest)
    if len(style_regions) != len(styles):
        raise InputError(
            f"style.regions: {len(style_regions)} for {len(styles)} style images; give one for each"
        )
    matched = _matched(content, styles, regions, style_regions)
    return Guidance(*matched[:2], weights, matched[2], digest)


def _matched(
    content: Picture,
    styles: Mapping[str, Picture],
    regions: Picture,
    style_regions: Sequence[Picture | Colours],
) -> tuple[Pixels | None, tuple[Pixels | None, ...], tuple[str, ...]]:
    found = _read("content.regions", regions, content)
    named = called(found.colours)
    maps = [
        _read("style.regions", given, style) if isinstance(given, Picture) else None
        for given, style in zip(style_regions, styles.values(), strict=True)
    ]
    sources = [
        _by_name(given, found, named) if isinstance(given, tuple) else _by_colour(seen, found)
        for given, seen in zip(style_regions, maps, strict=True)
    ]
    # Where each region takes its style from: per style a region, the whole, or nothing.
    origins = list(zip(*sources, strict=True))
    groups = [g for g in dict.fromkeys(origins) if any(source is not None for source in g)]
    if not groups:
        raise InputError(
            f"style.regions: none of its colours occurs in content.regions, which has "
            f"{', '.join(named)}"
        )
    lines = _lines(found, named, maps, origins, list(styles))
    if len(groups) == 1 and origins == [(WHOLE,) * len(styles)] * len(origins):
        return None, (None,) * len(styles), lines  # everything takes everything
    of_content = [
        found.weights[..., [origin == group for origin in origins]].sum(-1) for group in groups
    ]
    of_styles = tuple(
        _style_weights(seen, [group[i] for group in groups], style)
        for i, (seen, style) in enumerate(zip(maps, styles.values(), strict=True))
    )
    return np.stack(of_content, -1), of_styles, lines


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
            f"{key}: {regions.source} has {width}x{height} px, but its picture "
            f"{picture.source} has {columns}x{rows} px: they must have the same aspect"
        )


def _by_name(colours: Colours, found: Regions, named: Sequence[str]) -> list[int | None]:
    chosen = [_find(colour, found, named) for colour in colours]
    return [WHOLE if region in chosen else None for region in range(len(named))]


def _find(colour: str, found: Regions, named: Sequence[str]) -> int:
    for index, name in enumerate(named):
        if colour.lower() in name.split():
            return index
    distances = np.linalg.norm(found.colours - _rgb(colour), axis=-1)
    if distances.min() > APART:
        raise InputError(
            f"style.regions: {colour} is not in content.regions, which has {', '.join(named)}"
        )
    return int(distances.argmin())


def _by_colour(seen: Regions | None, found: Regions) -> list[int | None]:
    """Pairs each region of the content with the style's of the same colour, if it has one."""
    assert seen is not None
    distances = np.linalg.norm(found.colours[:, None] - seen.colours, axis=-1)
    nearest = distances.argmin(1)
    mutual = distances.argmin(0)[nearest] == np.arange(len(nearest))
    same = mutual & (distances.min(1) <= APART)
    only = len(seen.colours) == 1
    return [
        (WHOLE if only else int(n)) if ok else None for n, ok in zip(nearest, same, strict=True)
    ]


def _style_weights(seen: Regions | None, sources: Sequence[int | None], style: Picture) -> Pixels:
    one = np.ones((1, 1), np.float32)
    whole = one if seen is None else np.ones(seen.weights.shape[:2], np.float32)
    parts = {None: 0 * whole, WHOLE: whole}
    if seen is not None:
        parts |= {index: seen.weights[..., index] for index in range(len(seen.colours))}
    weights = np.stack([parts[source] for source in sources], -1)
    if seen is None:
        return weights
    rows, columns = visible_box(style)  # the part of the file that is used as the style
    down, across = (a / b for a, b in zip(weights.shape[:2], style.rgb.shape[:2], strict=True))
    return weights[
        round(rows.start * down) : max(1, round(rows.stop * down)),
        round(columns.start * across) : max(1, round(columns.stop * across)),
    ]


def _weights(content: Picture, weight_map: Picture) -> Pixels | None:
    _check_aspect("content.weight_map", weight_map, content)
    weights = weight_map.rgb.mean(-1, keepdims=True)
    if weights.max() == 0:
        raise InputError(
            f"content.weight_map: {weight_map.source} is black: the content would count nowhere; "
            "paint white where it counts"
        )
    return None if np.ptp(weights) == 0 else weights  # only ratios matter


def _lines(
    found: Regions,
    named: Sequence[str],
    maps: Sequence[Regions | None],
    origins: Sequence[tuple[int | None, ...]],
    styles: Sequence[str],
) -> tuple[str, ...]:
    lines = []
    for name, share, origin in zip(named, found.shares, origins, strict=True):
        takes = [
            f"all of {style}"
            if source == WHOLE or seen is None
            else (f"{_percent(seen.shares[source])} of {style}")
            for style, seen, source in zip(styles, maps, origin, strict=True)
            if source is not None
        ]
        whence = "takes " + " and ".join(takes) if takes else "keeps the photograph"
        lines.append(f"region {name}: {_percent(share)} of the content, {whence}")
    for i, (style, seen) in enumerate(zip(styles, maps, strict=True)):
        for index, name in enumerate(called(seen.colours) if seen is not None else ()):
            if not {index, WHOLE} & {origin[i] for origin in origins}:
                lines.append(f"region {name} of {style}: not in content.regions, unused")
    return tuple(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def called(colours: Pixels) -> list[str]:
    """Calls colours ``[R, 3]`` by name and hexadecimal value; a name that fits two is left out."""
    shades = np.array([ImageColor.getrgb(name) for name in NAMES], np.float32) / 255
    names = [NAMES[np.linalg.norm(shades - colour, axis=-1).argmin()] for colour in colours]
    values = ["#" + "".join(f"{round(255 * float(v)):02x}" for v in colour) for colour in colours]
    return [
        f"{name} {value}" if names.count(name) == 1 else value
        for name, value in zip(names, values, strict=True)
    ]


def is_colour(text: str) -> bool:
    """Tells whether a text is the name of a colour or its hexadecimal value."""
    try:
        ImageColor.getrgb(_hashed(text))
    except ValueError:
        return False
    return True


def _rgb(colour: str) -> Pixels:
    return np.array(ImageColor.getrgb(_hashed(colour))[:3], np.float32) / np.float32(255)


def _hashed(colour: str) -> str:
    """Restores the # of a hexadecimal value, which shells and Hydra make hard to write."""
    return f"#{colour}" if re.fullmatch(r"[0-9a-fA-F]{6}", colour) else colour
