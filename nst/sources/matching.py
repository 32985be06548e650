"""Which region of the content takes its style from where. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.errors import InputError
from nst.images import Regions
from nst.images.colour_names import called, rgb_of
from nst.images.regions import APART

WHOLE = -1  # a style image in which everything belongs to the region

Colours = tuple[str, ...]
StyleRegions = (
    Regions | Colours
)  # of a style image; colours: of the content's regions, for all of it
Origin = tuple[int | None, ...]  # in each style image: one of its regions, WHOLE, or nothing


def origins_of(found: Regions, styles: Sequence[StyleRegions]) -> list[Origin]:
    """Finds where each region of the content takes its style from.

    Args:
        found: The regions of the content.
        styles: Those of each style image.

    Returns:
        One for each region of the content; not all of them are without any style.

    Raises:
        InputError: No region has a style, or a colour is not among the content's.
    """
    of_styles = [
        _by_name(given, found) if isinstance(given, tuple) else _by_colour(given, found)
        for given in styles
    ]
    origins = list(zip(*of_styles, strict=True))
    if all(source is None for origin in origins for source in origin):
        raise InputError(
            f"style.regions: none of its colours occurs in content.regions, which has "
            f"{', '.join(called(found.colours))}"
        )
    return origins


def _by_name(colours: Colours, found: Regions) -> list[int | None]:
    chosen = [_find(colour, found) for colour in colours]
    return [WHOLE if region in chosen else None for region in range(len(found.colours))]


def _find(colour: str, found: Regions) -> int:
    named = called(found.colours)
    for index, name in enumerate(named):
        if colour.lower() in name.split():
            return index
    distances = np.linalg.norm(found.colours - rgb_of([colour]), axis=-1)
    if distances.min() > APART:
        raise InputError(
            f"style.regions: {colour} is not in content.regions, which has {', '.join(named)}"
        )
    return int(distances.argmin())


def _by_colour(seen: Regions, found: Regions) -> list[int | None]:
    """Pairs each region of the content with the style's of the same colour, if it has one."""
    distances = np.linalg.norm(found.colours[:, None] - seen.colours, axis=-1)
    nearest = distances.argmin(1)
    mutual = distances.argmin(0)[nearest] == np.arange(len(nearest))
    same = mutual & (distances.min(1) <= APART)
    only = len(seen.colours) == 1
    return [
        (WHOLE if only else int(n)) if ok else None for n, ok in zip(nearest, same, strict=True)
    ]


def described(
    found: Regions,
    styles: Sequence[StyleRegions],
    origins: Sequence[Origin],
    calls: Sequence[str],
) -> tuple[str, ...]:
    """Describes a matching in words: a line for each region, and for those that are not used.

    Args:
        found: The regions of the content.
        styles: Those of each style image.
        origins: See :func:`origins_of`.
        calls: Names of the style images.
    """
    lines = []
    for name, share, origin in zip(called(found.colours), found.shares, origins, strict=True):
        takes = [
            f"{_share(given, source)} of {call}"
            for call, given, source in zip(calls, styles, origin, strict=True)
            if source is not None
        ]
        whence = "takes " + " and ".join(takes) if takes else "keeps the photograph"
        lines.append(f"region {name}: {_percent(share)} of the content, {whence}")
    for call, given, used in zip(calls, styles, zip(*origins, strict=True), strict=True):
        for index, name in enumerate(called(given.colours) if isinstance(given, Regions) else ()):
            if not {index, WHOLE} & set(used):
                lines.append(f"region {name} of {call}: not in content.regions, unused")
    return tuple(lines)


def _share(given: StyleRegions, source: int) -> str:
    if source == WHOLE or not isinstance(given, Regions):
        return "all"
    return _percent(given.shares[source])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
