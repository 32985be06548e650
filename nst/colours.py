"""Whose colours a picture has: what ``color=`` does before the work and after. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nst import images
from nst.images import Picture, Pixels
from nst.images.recolour import Opacity, greyed, match, match_lightness, with_chroma
from nst.sources import Guidance, Inputs

Part = tuple[Pixels | None, Pixels | None]  # weights of pixels, ``[h, w]``; None: all of an image
Move = Callable[[Pixels, Pixels, Opacity], Pixels]  # of colours to another image's


@dataclass(frozen=True)
class Colours:
    """The settings of ``color=``, see ``conf/color``.

    Attributes:
        mode: ``none``, ``luminance``, ``match`` or ``match_after``.
        method: The map of ``match`` and ``match_after``, see :func:`nst.images.recolour.match`.
        space: Where it is taken.
    """

    mode: str
    method: str | None = None
    space: str | None = None

    @property
    def grey(self) -> bool:
        """Whether what is painted is grey, and gets its chroma afterwards."""
        return self.mode == "luminance"

    def before(self, inputs: Inputs) -> Inputs:
        """Returns the images as the loss sees them; hashes stay those of the files.

        With regions, each takes the colours of the content's region that is painted in it.
        """
        if self.mode not in ("luminance", "match"):
            return inputs
        content, guidance = inputs.content, inputs.guidance
        move = match_lightness if self.grey else self._matched
        styles = tuple(
            replace(style, picture=_moved(style.picture, content, parts(weights, guidance), move))
            for style, weights in zip(
                inputs.styles, guidance.styles or (None,) * len(inputs.styles), strict=True
            )
        )
        # A start from a style starts from it as the loss sees it.
        prepared = dict(zip((id(s.picture) for s in inputs.styles), styles, strict=True))
        base = prepared[id(inputs.base)].picture if id(inputs.base) in prepared else inputs.base
        if not self.grey:
            return replace(inputs, styles=styles, base=base)
        return replace(
            inputs, content=_without_chroma(content), styles=styles, base=_without_chroma(base)
        )

    def after(self, picture: Pixels, content: Picture, guidance: Guidance) -> Pixels:
        """Gives what was painted its final colours.

        Args:
            picture: RGB in [0, 1], ``[H, W, 3]``.
            content: The content image, of any size.
            guidance: Its regions.
        """
        if self.mode not in ("luminance", "match_after"):
            return picture
        size = picture.shape[:2]
        rgb = images.resize(content.rgb, size)
        if self.grey:
            return with_chroma(picture, rgb)
        alpha = None if content.alpha is None else images.resize(content.alpha, size)
        painted, wanted = replace(content, rgb=picture, alpha=alpha), replace(content, rgb=rgb)
        same = parts(guidance.content, guidance)
        return _moved(painted, replace(wanted, alpha=alpha), same, self._matched).rgb

    def _matched(self, rgb: Pixels, target: Pixels, opacity: Opacity) -> Pixels:
        assert self.method is not None
        assert self.space is not None
        return match(rgb, target, opacity, self.method, self.space)


def parts(regions: Pixels | None, guidance: Guidance) -> list[Part]:
    """Pairs each part of an image with the part of the content whose colours it takes.

    Regions of the content that take the same part of a style are one.

    Args:
        regions: Weights of the image's pixels in each region, ``[h, w, R]``.
        guidance: The regions of the content.
    """
    if regions is None or guidance.content is None:
        return [(None, None)]
    found: dict[bytes, Part] = {}
    for own, wanted in zip(
        np.moveaxis(regions, -1, 0), np.moveaxis(guidance.content, -1, 0), strict=True
    ):
        if own.any():
            before = found.get(own.tobytes(), (own, np.zeros_like(wanted)))[1]
            found[own.tobytes()] = (own, before + wanted)
    return list(found.values())


def _moved(picture: Picture, content: Picture, pairs: Sequence[Part], move: Move) -> Picture:
    rgb = picture.rgb
    for own, wanted in pairs:
        ours, theirs = _counting(picture, own), _counting(content, wanted)
        if any(weights is not None and not weights.any() for weights in (ours, theirs)):
            continue  # nothing of it is opaque
        moved = move(picture.rgb, content.rgb, (ours, theirs))
        share = None if own is None else _sized(own, picture)[..., None]
        rgb = moved if share is None else rgb + share * (moved - picture.rgb)
    return replace(picture, rgb=np.clip(rgb, 0, 1))


def _counting(picture: Picture, weights: Pixels | None) -> Pixels | None:
    """Returns how much each pixel counts: its weight times its opacity."""
    if weights is None:
        return picture.alpha
    sized = _sized(weights, picture)
    return sized if picture.alpha is None else sized * picture.alpha


def _sized(weights: Pixels, picture: Picture) -> Pixels:
    return images.resize_weights(weights[..., None], picture.rgb.shape[:2])[..., 0]


def _without_chroma(picture: Picture) -> Picture:
    return replace(picture, rgb=greyed(picture.rgb))
