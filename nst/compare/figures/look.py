"""What charts share: colours, and how they are rendered."""

from __future__ import annotations

import io
import warnings
from typing import Any

import matplotlib
from matplotlib.figure import Figure

# From the palette of Okabe and Ito: distinct to colour-blind readers, on light and on dark.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#8a8a8a")


def colour(index: int, count: int) -> Any:
    """Picks from the palette without its grey; more values than it has run from dark to bright."""
    if count < len(PALETTE):
        return PALETTE[index]
    return matplotlib.colormaps["viridis"](0.1 + 0.8 * index / (count - 1))


def render(figure: Figure, **options: Any) -> bytes:
    """Renders a figure; characters that its font lacks become boxes, without a warning each.

    Args:
        figure: The figure.
        **options: Of Matplotlib's ``savefig``.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, **options)
    return file.getvalue()
