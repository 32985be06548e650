"""The style images of a configuration, and their regions. Free of TensorFlow."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nst.config.names import listed, stem
from nst.errors import InputError
from nst.images import Picture, Pixels, fit, resize
from nst.images.colour_names import is_colour
from nst.images.formats import named_as_image
from nst.sources.guidance import Guidance, read_guidance
from nst.sources.loading import load_picture, numbered
from nst.sources.locations import is_path, recorded_name
from nst.sources.matching import Colours


@dataclass(frozen=True)
class StyleSource:
    """A style image and its settings.

    Attributes:
        picture: The image.
        weight: Its share of the styles, above 0; the shares add up to 1.
        scale: Long side of the style image over that of the result.
    """

    picture: Picture
    weight: float
    scale: float

    def resized(self, long_side: int) -> Pixels:
        """Returns the image ``[h, w, 3]`` as a result with this long side, px, is compared with."""
        rgb = self.picture.rgb
        return resize(rgb, fit(rgb.shape[:2], max(1, round(long_side * self.scale))))


def load_styles(config: Any, given: Mapping[str, Picture], size: int) -> list[StyleSource]:
    """Loads every style image; weights become shares, so that only their ratios matter.

    Args:
        config: The node ``style`` of the configuration.
        given: Images in a program's memory, by key.
        size: Long side of the result, px.
    """
    names = listed(config.image)
    weights = listed(1.0 if config.weights is None else config.weights, len(names))
    hashes, scales = (listed(value, len(names)) for value in (config.sha256, config.scale))
    keys = numbered("style.image", len(names))
    return [
        StyleSource(
            load_picture(key, str(name), given, sha256, math.ceil(size * scale)),
            weight / sum(weights),
            scale,
        )
        for key, name, sha256, weight, scale in zip(
            keys, names, hashes, weights, scales, strict=True
        )
    ]


def load_guidance(
    config: Any, given: Mapping[str, Picture], content: Picture, styles: Sequence[StyleSource]
) -> Guidance:
    """Loads the region pictures of content and styles with a weight, and the weight map.

    Args:
        config: The configuration.
        given: Images in a program's memory, by key.
        content: The content image.
        styles: Every style image that the configuration names.
    """

    def picture(key: str, name: str | None) -> Picture | None:
        return None if name is None else load_picture(key, name, given)

    regions = None if config.style.regions is None else _each(config.style.regions)
    if regions is not None and len(regions) != len(styles):
        raise InputError(
            f"style.regions: {len(regions)} for {len(styles)} style images; give one for each, "
            "and several colours of one as a list: [[blue,red]]"
        )
    keys = numbered("style.regions", len(styles))
    used = [index for index, style in enumerate(styles) if style.weight > 0]
    stems = [stem(name) for name in map(str, listed(config.style.image))]
    calls = [f"{s} {i + 1}" if stems.count(s) > 1 else s for i, s in enumerate(stems)]
    of_content = picture("content.regions", config.content.regions)
    of_styles = (
        None if regions is None else [_style_regions(keys[i], regions[i], given) for i in used]
    )
    weight_map = picture("content.weight_map", config.content.weight_map)
    shown = {calls[index]: styles[index].picture for index in used}
    found = read_guidance(content, shown, of_content, of_styles, weight_map)
    if config.regions.sha256 not in (None, found.sha256):
        raise InputError("content.regions, style.regions: a picture has changed since it was used")
    ends = [""] if len(used) == 1 else [f"_{n}" for n in range(1, len(used) + 1)]
    named = {f"style_regions{end}": p for end, p in zip(ends, of_styles or (), strict=False)}
    maps = {"content_regions": of_content, **named, "weight_map": weight_map}
    return replace(found, maps={k: p for k, p in maps.items() if isinstance(p, Picture)})


def recorded_regions(regions: Any) -> list[Any]:
    """Returns ``style.regions`` as a run records it: paths become absolute, colours stay."""
    return [
        recorded_name(entry) if isinstance(entry, str) and not _are_colours([entry]) else entry
        for entry in _each(regions)
    ]


def _each(regions: Any) -> list[Any]:
    return [regions] if isinstance(regions, str | int) else list(regions)


def _style_regions(key: str, entry: Any, given: Mapping[str, Picture]) -> Picture | Colours:
    # Hydra reads 000080 as a number.
    texts = [f"{part:06d}" if isinstance(part, int) else str(part) for part in _each(entry)]
    if _are_colours(texts):
        return tuple(texts)
    if len(texts) > 1 or not _names_a_picture(texts[0]):
        raise InputError(
            f"{key}: {entry} is neither a picture nor a colour; colours are named like "
            f"blue or 0000ff"
        )
    return load_picture(key, texts[0], given)


def _names_a_picture(text: str) -> bool:
    return not is_path(text) or named_as_image(text) or Path(os.path.expanduser(text)).exists()


def _are_colours(texts: Sequence[str]) -> bool:
    """Tells whether these are colours; a file of that name comes first."""
    return all(is_colour(text) and not os.path.exists(text) for text in texts)
