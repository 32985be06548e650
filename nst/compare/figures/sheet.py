"""The contact sheet: all pictures side by side, each with its centre at 100 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from nst.compare.captions import ALARM, INK, PALE, exemplar, metric_lines, seed_line, state_line
from nst.compare.gallery import Gallery
from nst.compare.layout import Cell, Page
from nst.compare.thumbnails import CELL

WIDTH = CELL[0]  # of a column, px
GAP, LINE = 16, 22  # between cells; from one line of text to the next, px
GUTTER = 200  # maximum width of row titles, px
NO_PICTURE = "#dddddb"


@dataclass(frozen=True, eq=False)
class Tile:
    """What is drawn in a cell."""

    picture: Image.Image | None
    crop: Image.Image | None
    status: tuple[str, ...]
    lines: tuple[str, ...]


def draw(page: Page, heading: str, gallery: Gallery) -> Image.Image:
    """Draws a page.

    Args:
        page: Its cells.
        heading: The line on top.
        gallery: The pictures.
    """
    rows = [
        (title, [_tile(cell, gallery) if cell else None for cell in cells])
        for title, cells in page.rows
    ]
    gutter = round(max(min(GUTTER, _font(True).getlength(title)) for title, _ in rows))
    left = GAP + (gutter + GAP if gutter else 0)
    width = max(left + len(page.columns) * (WIDTH + GAP), 480)
    top_lines = [_wrap(title, WIDTH) for title in page.columns]
    head = _wrap(heading, width - 2 * GAP)
    top = GAP + LINE * (len(head) + max(map(len, top_lines))) + GAP
    sheet = Image.new("RGB", (width, top + sum(_height(tiles) for _, tiles in rows)), PALE)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (GAP, GAP), head, INK, bold=True)
    for column, lines in enumerate(top_lines):
        spot = (left + column * (WIDTH + GAP), top - GAP // 2 - LINE * len(lines))
        _write(pen, spot, lines, INK, bold=True)
    for title, tiles in rows:
        _write(pen, (GAP, top), _wrap(title, GUTTER), INK, bold=True)
        for column, tile in enumerate(tiles):
            if tile is not None:
                _place(sheet, pen, tile, (left + column * (WIDTH + GAP), top), tiles)
        top += _height(tiles)
    return sheet


def _tile(cell: Cell, gallery: Gallery) -> Tile:
    example = exemplar(cell.runs, gallery)
    thumbnail = gallery.results[example.folder] if example else None
    state = state_line(cell.runs)
    if thumbnail is None:  # its box holds state and reason
        reason = next((run.reason for run in cell.runs), "")
        words = [*_wrap(state or "no picture", WIDTH - GAP), *_wrap(reason, WIDTH - GAP)]
        return Tile(None, None, tuple(words[:6]), tuple(_wrap(cell.caption, WIDTH)))
    lines = [cell.caption, *metric_lines(cell.runs), seed_line(cell.runs, example)]
    wrapped = [part for line in lines if line for part in _wrap(line, WIDTH)]
    return Tile(thumbnail.cell, thumbnail.crop, tuple(_wrap(state, WIDTH)), tuple(wrapped))


def _place(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    tile: Tile,
    spot: tuple[int, int],
    row: Sequence[Tile | None],
) -> None:
    left, top = spot
    pictures, crops = _picture_height(row), _crop_height(row)
    if tile.picture is None:
        pen.rectangle((left, top, left + WIDTH - 1, top + pictures - 1), NO_PICTURE)
        _write(pen, (left + GAP // 2, top + GAP // 2), tile.status, ALARM)
    else:
        sheet.paste(tile.picture, (left + (WIDTH - tile.picture.width) // 2, top))
    if tile.crop is not None:
        sheet.paste(tile.crop, (left + (WIDTH - tile.crop.width) // 2, top + pictures + GAP // 4))
    text = top + pictures + (crops + GAP // 4 if crops else 0) + GAP // 4
    _write(pen, (left, text), tile.lines, INK)
    if tile.picture is not None:
        _write(pen, (left, text + LINE * len(tile.lines)), tile.status, ALARM)


def _picture_height(row: Sequence[Tile | None]) -> int:
    return max((tile.picture.height for tile in row if tile and tile.picture), default=WIDTH // 2)


def _crop_height(row: Sequence[Tile | None]) -> int:
    return max((tile.crop.height for tile in row if tile and tile.crop), default=0)


def _height(row: Sequence[Tile | None]) -> int:
    texts = [len(t.lines) + (len(t.status) if t.picture else 0) for t in row if t is not None]
    lines = max(texts)
    return _picture_height(row) + _crop_height(row) + LINE * lines + 2 * GAP


@lru_cache
def _font(bold: bool = False) -> ImageFont.FreeTypeFont:
    # Ships with Matplotlib: the same on every machine, with Greek and Cyrillic.
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, 16)


def _write(
    pen: ImageDraw.ImageDraw,
    spot: tuple[int, int],
    lines: Sequence[str],
    colour: str,
    *,
    bold: bool = False,
) -> None:
    for index, line in enumerate(lines):
        pen.text((spot[0], spot[1] + index * LINE), line, colour, _font(bold))


def _wrap(text: str, width: int) -> list[str]:
    """Breaks text into lines that fit, between words if possible."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and _font(True).getlength(joined) <= width:
            lines[-1] = joined
            continue
        while _font(True).getlength(word) > width:
            fits = next(n for n in count(1) if _font(True).getlength(word[: n + 1]) > width)
            lines.append(word[:fits])
            word = word[fits:]
        lines.append(word)
    return lines
