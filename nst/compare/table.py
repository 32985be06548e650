"""The runs as a table: ``runs.csv``, and the one that the terminal shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nst.compare.captions import state
from nst.compare.comparison import Comparison
from nst.compare.load import RunRecord
from nst.compare.settings import short, shown
from nst.compare.statistics import measured, number
from nst.metrics.table import EVERY, heading

BRIEF = ("content_distance", "style_distance", "seconds", "evaluations")  # as a terminal is narrow
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # begins what spreadsheets evaluate: OWASP, "CSV injection"


def csv_text(comparison: Comparison) -> str:
    """Writes one row per run: folder, state, reason, differing settings, every metric."""
    metrics = dict.fromkeys(name for run in comparison.runs for name in run.metrics)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    rows: list[list[object]] = [["folder", "status", "reason", *comparison.keys, *metrics]]
    for run in comparison.runs:
        settings = [run.settings.get(key) for key in comparison.keys]
        numbers = [run.metrics.get(name) for name in metrics]
        rows.append([str(run.folder), run.state, run.reason, *settings, *numbers])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def show(comparison: Comparison, console: Console) -> None:
    """Prints two runs side by side, any other number as one table."""
    console.print(side_by_side(comparison) if len(comparison.runs) == 2 else overview(comparison))


def overview(comparison: Comparison) -> Table:
    """Lists the runs with their state, differing settings and metrics."""
    names = brief(comparison)
    headings = [heading(name) for name in names]
    table = _table(["state", *map(short, comparison.keys), *headings, "folder"])
    for run in comparison.ranked:
        settings = [shown(run.settings.get(key)) for key in comparison.keys]
        _row(table, [state(run), *settings, *(_metric(run, name) for name in names), run.name])
    return table


def brief(comparison: Comparison) -> list[str]:
    """Lists the metrics that the terminal shows: a few, those searched or ranked by, votes."""
    by = [comparison.by] if comparison.by else []
    voted = [f"votes_{question}" for question in comparison.votes]
    return list(dict.fromkeys([*BRIEF, *comparison.searched, *by, *voted]))


def side_by_side(comparison: Comparison) -> Table:
    """Lists the settings and metrics of two runs side by side."""
    first, second = comparison.runs
    table = _table(["", first.name, second.name, "change"])
    for key in comparison.keys:
        _row(table, [key, *(shown(run.settings.get(key)) for run in comparison.runs)])
    _row(table, [""])
    _row(table, ["state", state(first), state(second)])
    for name in (*measured(comparison.runs), "steps", "total"):
        if name in first.metrics or name in second.metrics:
            values = [_metric(run, name) for run in comparison.runs]
            # Totals of different weights do not compare.
            change = _change(first, second, name) if name in EVERY else ""
            _row(table, [heading(name), *values, change])
    return table


def _change(first: RunRecord, second: RunRecord, name: str) -> str:
    """Writes the change of a metric, in percent of the first run's."""
    before, after = first.metrics.get(name), second.metrics.get(name)
    if not before or after is None or before == after:
        return ""
    return f"{100 * (after / before - 1):+.0f} %"


def _cell(value: object) -> object:
    """Returns what a cell holds; text of a stranger's folder that would be a formula is quoted."""
    text = " ".join(value) if isinstance(value, tuple) else value
    harmless = not isinstance(text, str) or not text.startswith(FORMULA) or _is_number(text)
    return text if harmless else f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _metric(run: RunRecord, name: str) -> str:
    return number(run.metrics[name]) if name in run.metrics else ""


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for text in headings:
        table.add_column(Text(text), overflow="fold")
    return table


def _row(table: Table, cells: Sequence[str]) -> None:
    table.add_row(*(Text(cell) for cell in cells))  # Text: brackets in a path are not markup
