"""The charts of the report: effects of settings, what a search found, loss curves."""

from __future__ import annotations

from collections.abc import Sequence

from nst.compare.comparison import Comparison
from nst.compare.effects import Effect
from nst.compare.figures import search
from nst.compare.figures.curves import curves, main_effects
from nst.compare.layout import axes_of
from nst.compare.report.markup import escape, metric, setting, table
from nst.compare.settings import short
from nst.metrics.table import EVERY


def effect_tables(effects: Sequence[Effect]) -> str:
    """Shows the effect of each setting on the metrics."""
    if not effects:
        return ""
    parts = [
        "<p>Each value of a setting, averaged over seeds and then over combinations of the other "
        "settings. Grey: single combinations; blue: their mean ± standard deviation. Metrics "
        "compare only between runs of the same content and style, with the same weights and "
        "regions. So content and style are not among the settings below, nor is one whose values "
        "have no pair of them in common.</p>",
        f"<div class='card'>{main_effects(effects)}</div>",
    ]
    for effect in effects:
        rows = [
            [setting(value), *(metric(effect.spreads[name][index]) for name in effect.spreads)]
            for index, value in enumerate(effect.values)
        ]
        names = [EVERY[name].heading for name in effect.spreads]
        verdicts = "".join(f"<li>{escape(verdict)}</li>" for verdict in effect.verdicts)
        parts.append(f"<h3>{escape(effect.key)}</h3>{_footing(effect)}")
        parts.append(f"{table([short(effect.key), *names], rows)}<ul>{verdicts}</ul>")
    return "\n".join(parts)


def _footing(effect: Effect) -> str:
    if effect.shared:
        number = "one combination" if effect.shared == 1 else f"{effect.shared} combinations"
        words = f"Compared over the {number} of other settings that all its values share."
        return f'<p class="pale">{words}{_tasks(effect)}</p>'
    return (
        '<p class="alarm">Its values were never tried with the same other settings: the apparent '
        f"effect may be that of another setting.{_tasks(effect)}</p>"
    )


def _tasks(effect: Effect) -> str:
    if effect.tasks == 1:
        return ""
    return (
        f" The runs are of {effect.tasks} pairs of content and style, each moved to the mean of "
        "all: what is left is the effect within a pair."
    )


def search_figures(comparison: Comparison) -> str:
    """Shows what a search found; empty for runs of no search."""
    found = comparison.found
    if found is None:
        return ""
    share = "share in whether a trial is among the best tenth, by PED-ANOVA"
    figures = {
        "Progress": search.progress(found),
        f"Importance of the settings: {share}": search.importances(found),
        "Every trial, through its settings and metrics; blue: on the front": search.parallel(found),
    }
    return "".join(
        f"<h3>{title}</h3><div class='card'>{svg}</div>" for title, svg in figures.items() if svg
    )


def loss_curves(comparison: Comparison) -> str:
    """Draws the history of every run, by evaluations and by seconds."""
    keys = axes_of(comparison.runs, comparison.keys)
    drawn = {axis: curves(comparison.runs, keys, axis) for axis in ("evaluations", "seconds")}
    if not any(drawn.values()):
        return ""
    words = "Unweighted terms, and the weighted total. Hover over a line to see its run."
    parts = [f"<h3>by {axis}</h3><div class='card'>{svg}</div>" for axis, svg in drawn.items()]
    return f"<p>{words}</p>{''.join(parts)}"
