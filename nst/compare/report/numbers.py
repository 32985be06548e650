"""The numbers of the report: tables of runs and combinations, effects, curves, differences."""

from __future__ import annotations

from collections.abc import Sequence

from nst.compare.comparison import Comparison
from nst.compare.figures import search
from nst.compare.figures.curves import curves, main_effects
from nst.compare.layout import axes_of
from nst.compare.load import RunRecord
from nst.compare.report.markup import escape, image, metric, setting, table, td
from nst.compare.settings import all_differences, ordered, short, shown
from nst.compare.statistics import METRICS, Effect, Spread, by_combination, spread, without_seed
from nst.compare.thumbnails import fitted, jpeg

THUMBNAIL = (88, 88)  # in the table, px


def runs_table(comparison: Comparison) -> str:
    """Lists every run with its state, differing settings and metrics."""
    rows = []
    for index, run in enumerate(comparison.runs, start=1):
        thumbnail = comparison.gallery.results.get(run.folder)
        small = image(jpeg(fitted(thumbnail.cell, THUMBNAIL)), "") if thumbnail else ""
        alarm = "" if run.state == "completed" else ' class="alarm"'
        rows.append(
            [
                td(f'<a href="#run-{index}">{index}</a>', value=index),
                td(f'<a href="#run-{index}">{small}</a>' if small else ""),
                td(f'<span{alarm} title="{escape(run.reason)}">{escape(run.state)}</span>'),
                *(setting(run.settings.get(key)) for key in comparison.keys),
                *(metric(run.metrics.get(name)) for name in METRICS),
                td(f'<span class="name">{escape(run.name)}</span>'),
            ]
        )
    headings = ["run", "", "state", *map(short, comparison.keys), *METRICS.values(), "folder"]
    return table(headings, rows)


def settings_table(comparison: Comparison) -> str:
    """Averages each combination of settings over its seeds; empty where the seed is the same."""
    if "seed" not in comparison.keys:
        return ""
    done = [run for run in comparison.runs if run.state == "completed"]
    keys = without_seed(comparison.keys)
    rows = [
        [
            *map(setting, combination),
            td(str(len(group)), value=len(group)),
            *(metric(_spread(group, name)) for name in METRICS),
        ]
        for combination, group in by_combination(done, keys).items()
    ]
    words = "Mean ± standard deviation over the completed runs of a combination, one per seed."
    return f"<p>{words}</p>{table([*map(short, keys), 'runs', *METRICS.values()], rows)}"


def _spread(runs: Sequence[RunRecord], name: str) -> Spread | None:
    known = [run.metrics[name] for run in runs if name in run.metrics]
    return spread(known) if known else None


def effect_tables(effects: Sequence[Effect]) -> str:
    """Shows the effect of each setting on the metrics."""
    if not effects:
        return ""
    parts = [
        "<p>Each value of a setting, averaged over seeds and then over combinations of the other "
        "settings. Grey: single combinations; blue: their mean ± standard deviation.</p>",
        f"<div class='card'>{main_effects(effects)}</div>",
    ]
    for effect in effects:
        rows = [
            [setting(value), *(metric(effect.spreads[name][index]) for name in effect.spreads)]
            for index, value in enumerate(effect.values)
        ]
        names = [METRICS[name] for name in effect.spreads]
        verdicts = "".join(f"<li>{escape(verdict)}</li>" for verdict in effect.verdicts)
        parts.append(f"<h3>{escape(effect.key)}</h3>{_footing(effect)}")
        parts.append(f"{table([short(effect.key), *names], rows)}<ul>{verdicts}</ul>")
    return "\n".join(parts)


def _footing(effect: Effect) -> str:
    if effect.shared:
        number = "one combination" if effect.shared == 1 else f"{effect.shared} combinations"
        words = f"Compared over the {number} of other settings that all its values share."
        return f'<p class="pale">{words}</p>'
    return (
        '<p class="alarm">Its values were never tried with the same other settings: the apparent '
        "effect may be that of another setting.</p>"
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


def differences(comparison: Comparison) -> str:
    """Lists every key of the resolved configurations that differs, and in which runs."""
    rows = []
    for key in all_differences(comparison.runs):
        values = ordered(run.config.get(key) for run in comparison.runs if run.resolved)
        width = 12 if key.endswith(".sha256") else None
        places = []
        for value in values:
            links = [
                f'<a href="#run-{index}">{index}</a>'
                for index, run in enumerate(comparison.runs, start=1)
                if run.resolved and run.config.get(key) == value
            ]
            code = f"<code>{escape(shown(value)[:width])}</code>"
            places.append(f"<div>{code} <span class='pale'>in</span> {' '.join(links)}</div>")
        rows.append([td(escape(key)), td("".join(places))])
    words = "All keys of the resolved configurations, including those that follow from others."
    return f"<p>{words}</p>{table(['key', 'value and runs'], rows)}" if rows else ""
