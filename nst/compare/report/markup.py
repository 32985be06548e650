"""Pieces of HTML; all text from outside passes through ``escape``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from nst.compare.settings import shown
from nst.compare.statistics import Spread, number
from nst.compare.thumbnails import data_uri
from nst.config.settings import Value

__all__ = ["escape", "image", "link", "metric", "setting", "table", "td"]


def td(content: str, *, value: float | None = None) -> str:
    """Wraps HTML in a cell; with a value the cell is numeric and sorts by it."""
    if value is None:
        return f"<td>{content}</td>"
    return f'<td class="number" data-value="{value!r}">{content}</td>'


def metric(value: float | Spread | None) -> str:
    """Makes the cell of a metric; empty where it is unknown."""
    if value is None:
        return td("")
    mean = value.mean if isinstance(value, Spread) else value
    text = str(value) if isinstance(value, Spread) else number(value)
    return td(escape(text), value=float(mean) if math.isfinite(mean) else None)


def setting(value: Value) -> str:
    """Makes the cell of a setting's value."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return td(escape(shown(value)), value=value if is_number else None)  # type: ignore[arg-type]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Makes a table that sorts by a click on a heading.

    Args:
        headings: Texts; a column without one does not sort.
        rows: Of cells, see :func:`td`.
    """
    head = "".join(
        f'<th class="sortable" scope="col">{escape(text)}</th>' if text else "<td></td>"
        for text in headings
    )
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    inside = f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def link(path: str, text: str) -> str:
    """Makes a link to a path relative to the report, whatever its bytes."""
    return f'<a href="{quote(os.fsencode(path))}">{escape(text)}</a>'


def image(jpeg: bytes, alternative: str, css_class: str = "") -> str:
    """Embeds a picture in the page."""
    chosen = f' class="{css_class}"' if css_class else ""
    return f'<img src="{data_uri(jpeg)}" alt="{escape(alternative)}"{chosen}>'
