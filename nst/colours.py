"""Whose colours a picture has: what ``color=`` does before the work and after. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nst import images
from nst.images import Picture, Pixels
from nst.images.recolour import Opacity, greyed, match, match_lightness, with_chroma
from nst.sources import Inputs


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
        """Returns the images as the loss sees them; hashes stay those of the files."""
        if self.mode not in ("luminance", "match"):
            return inputs
        content = inputs.content
        styles = tuple(
            replace(style, picture=self._prepared(style.picture, content))
            for style in inputs.styles
        )
        # A start from a style starts from it as the loss sees it.
        prepared = dict(zip((id(s.picture) for s in inputs.styles), styles, strict=True))
        base = prepared[id(inputs.base)].picture if id(inputs.base) in prepared else inputs.base
        if not self.grey:
            return replace(inputs, styles=styles, base=base)
        return replace(
            inputs, content=_without_chroma(content), styles=styles, base=_without_chroma(base)
        )

    def after(self, picture: Pixels, content: Picture) -> Pixels:
        """Gives what was painted its final colours.

        Args:
            picture: RGB in [0, 1], ``[H, W, 3]``.
            content: The content image, of any size.
        """
        if self.mode not in ("luminance", "match_after"):
            return picture
        size = picture.shape[:2]
        rgb = images.resize(content.rgb, size)
        if self.grey:
            return with_chroma(picture, rgb)
        alpha = None if content.alpha is None else images.resize(content.alpha, size)
        return self._matched(picture, rgb, (alpha, alpha))

    def _prepared(self, style: Picture, content: Picture) -> Picture:
        opacity = style.alpha, content.alpha
        if self.grey:
            return replace(style, rgb=match_lightness(style.rgb, content.rgb, opacity))
        return replace(style, rgb=self._matched(style.rgb, content.rgb, opacity))

    def _matched(self, rgb: Pixels, target: Pixels, opacity: Opacity) -> Pixels:
        assert self.method is not None
        assert self.space is not None
        return match(rgb, target, opacity, self.method, self.space)


def _without_chroma(picture: Picture) -> Picture:
    return replace(picture, rgb=greyed(picture.rgb))
