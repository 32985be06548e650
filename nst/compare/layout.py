"""Layout of the contact sheet: rows and columns by two keys, further keys as pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, product

from nst.compare.load import RunRecord
from nst.compare.settings import label, ordered, short, shown
from nst.compare.statistics import Combination, without_seed
from nst.config.settings import Value

MOST_COLUMNS = 8  # of a grid; a key with more values goes into the rows
MOST_ROWS = 8  # of a page without a grid


@dataclass(frozen=True)
class Cell:
    """Runs of one combination of settings: one, several seeds, or none where a sweep has a gap."""

    caption: str
    runs: tuple[RunRecord, ...]


@dataclass(frozen=True)
class Page:
    """A table of cells; None is blank. Titles are empty where cells have captions."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def pages(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[Page]:
    """Lays out runs.

    Args:
        runs: With their settings.
        keys: That differ, see :func:`nst.compare.settings.differing`.

    Returns:
        At least one page. A grid if at least half of its cells have runs, else a plain list; seeds
        share a cell where two other keys take the rows and columns.
    """
    axes = axes_of(runs, keys)
    placed = [run for run in runs if all(key in run.settings for key in axes)]
    filled = {tuple(run.settings[key] for key in axes) for run in placed}
    cells = math.prod(len(ordered(run.settings[key] for run in placed)) for key in axes)
    if len(axes) < 2 or 2 * len(filled) < cells:
        return _list("", runs, axes)
    others = [run for run in runs if any(key not in run.settings for key in axes)]
    return _grids(placed, axes) + (_list("Outside the grid", others, keys) if others else [])


def axes_of(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[str]:
    """Sorts keys by their number of values; the seed is an axis only where there is room."""
    counts = {key: len({run.settings.get(key) for run in runs}) for key in keys}
    axes = sorted(without_seed(keys), key=lambda key: -counts[key])
    return [*axes, "seed"] if "seed" in keys and len(axes) < 2 else axes


def _grids(runs: Sequence[RunRecord], axes: Sequence[str]) -> list[Page]:
    values = {key: ordered(run.settings[key] for run in runs) for key in axes}
    across, down, *further = axes
    if len(values[across]) > MOST_COLUMNS:
        across, down = down, across
    cells: dict[Combination, list[RunRecord]] = {}
    for run in runs:
        place = tuple(run.settings[key] for key in (*further, down, across))
        cells.setdefault(place, []).append(run)

    def row(*place: Value) -> tuple[Cell, ...]:
        return tuple(Cell("", tuple(cells.get((*place, value), ()))) for value in values[across])

    grids = []
    for page in product(*(values[key] for key in further)):
        rows = tuple((_title(down, value), row(*page, value)) for value in values[down])
        title = ", ".join(map(_title, further, page))
        grids.append(Page(title, tuple(_title(across, v) for v in values[across]), rows))
    return grids


def _list(title: str, runs: Sequence[RunRecord], axes: Sequence[str]) -> list[Page]:
    groups: dict[str, list[RunRecord]] = {}
    places = {key: _places(run.settings.get(key) for run in runs) for key in axes}
    for run in sorted(runs, key=lambda run: [places[key][run.settings.get(key)] for key in axes]):
        groups.setdefault(label(run, axes), []).append(run)
    cells = iter([Cell(caption, tuple(group)) for caption, group in groups.items()])
    width = max(1, min(5, math.ceil(math.sqrt(1.3 * len(groups)))))
    if list(axes) == ["style.weights"] and len(groups) <= MOST_COLUMNS:
        width = len(groups)  # from one style to the other in a row
    lists = []
    while batch := list(islice(cells, width * MOST_ROWS)):
        blank = [None] * (-len(batch) % width)
        filled = [*batch, *blank]
        rows = tuple(("", tuple(filled[i : i + width])) for i in range(0, len(filled), width))
        lists.append(Page(title, ("",) * width, rows))
    return lists


def _places(values: Iterable[Value]) -> dict[Value, int]:
    return {value: place for place, value in enumerate(ordered(values))}


def _title(key: str, value: Value) -> str:
    return f"{short(key)}={shown(value)}"
