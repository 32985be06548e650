"""``report.html``: one file that holds everything and opens anywhere, without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nst.compare.comparison import Comparison
from nst.compare.document import document
from nst.compare.layout import Page
from nst.compare.report.charts import effect_tables, loss_curves, search_figures
from nst.compare.report.markup import escape, image
from nst.compare.report.pictures import contents, run_sections, sheet_pages, source_images
from nst.compare.report.running import standing
from nst.compare.report.tables import (
    agreement_table,
    differences,
    runs_table,
    settings_table,
    votes_table,
)
from nst.compare.report.viewer import viewer
from nst.compare.settings import short, shown
from nst.compare.thumbnails import data_uri
from nst.config.settings import Value
from nst.metrics.table import EVERY

HERE = Path(__file__).parent
MOST_VALUES = 12  # of a setting that are listed


def build(comparison: Comparison, pages: Sequence[Page], front: bytes, out: Path) -> str:
    """Writes the report.

    Args:
        comparison: The runs.
        pages: Of the contact sheet.
        front: The Pareto chart, JPEG.
        out: The folder of the report, which links to runs are relative to.
    """
    across, up = (EVERY[name].label for name in comparison.axes)
    sections = {
        "sheet": ("Contact sheet", sheet_pages(comparison, pages)),
        "closer": ("Look closer", viewer(comparison)),
        "front": (f"{across[0].upper()}{across[1:]} against {up}", _front(front)),
        "search": ("Search", search_figures(comparison)),
        "table": ("All runs", runs_table(comparison)),
        "votes": ("Votes of a blind comparison", votes_table(comparison)),
        "settings": ("Combinations, averaged over seeds", settings_table(comparison)),
        "effects": ("Effect of each setting", effect_tables(comparison.effects)),
        "agreement": ("Agreement of the metrics", agreement_table(comparison)),
        "curves": ("Loss curves", loss_curves(comparison)),
        "differences": ("Differences between configurations", differences(comparison)),
        "runs": ("Runs, before and after", run_sections(comparison, out)),
    }
    filled = {name: section for name, section in sections.items() if section[1]}
    parts = [f'<h2 id="{name}">{title}</h2>\n{body}' for name, (title, body) in filled.items()]
    links = " ".join(f'<a href="#{name}">{title}</a>' for name, (title, _) in filled.items())
    css = "".join(
        f'.before-{index} {{ background-image: url("{data_uri(thumbnail.large)}"); }}\n'
        for index, thumbnail in enumerate(contents(comparison))
    )
    body = "\n".join([_header(comparison), f"<nav>{links}</nav>", *parts])
    css += (HERE / "viewer.css").read_text("utf-8")
    js = (HERE / "viewer.js").read_text("utf-8")
    return document(escape(comparison.title), body, HERE, css, js)


def _header(comparison: Comparison) -> str:
    states = Counter(run.state for run in comparison.runs)
    counts = ", ".join(f"{count} {escape(state)}" for state, count in states.most_common())
    values = [
        f"<b>{escape(short(key))}</b> ({escape(listed(taken))})"
        for key, taken in comparison.values.items()
    ]
    differ = f"Settings that differ: {'; '.join(values)}." if values else "No setting differs."
    words = f"<h1>{escape(comparison.title)}</h1>{standing(comparison)}<p>{counts}. {differ}</p>"
    return f"<header>{words}{source_images(comparison)}</header>"


def listed(values: Sequence[Value]) -> str:
    """Lists the values of a setting, in order; of many only the first and the last."""
    if len(values) <= MOST_VALUES:
        return ", ".join(map(shown, values))
    return f"{len(values)} values from {shown(values[0])} to {shown(values[-1])}"


def _front(front: bytes) -> str:
    words = (
        "Both are measured in the same way for every run, whatever it optimised. On the "
        "front are the runs that no other beats in both; several seeds are shown as mean ± "
        "standard deviation."
    )
    chart = image(front, "Pareto chart of all runs")
    linked = f'<a id="chart" href="#chart" title="full size">{chart}</a>'
    return f'<p>{words}</p><div class="card">{linked}</div>'
