"""``report.html``: one file that holds everything and opens anywhere, without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

from nst.compare.comparison import Comparison
from nst.compare.effects import METRICS, Effect, by_setting, spread
from nst.compare.figures.curves import curves, main_effects
from nst.compare.handles import all_differences, ordered, short, shown
from nst.compare.layout import Page, axes_of
from nst.compare.markup import escape, image, metric, setting, table, td
from nst.compare.portraits import data_uri, fitted, jpeg
from nst.compare.report_pictures import contents, inputs, run_sections, sheet_pages

HERE = Path(__file__).parent
THUMBNAIL = (88, 88)  # in the table, px


def build(comparison: Comparison, pages: Sequence[Page], front: bytes, out: Path) -> str:
    """Writes the report.

    Args:
        comparison: The runs.
        pages: Of the contact sheet.
        front: The chart of distances, JPEG.
        out: The folder where the report will lie; links to the runs start there.
    """
    sections = {
        "sheet": ("Contact sheet", sheet_pages(comparison, pages)),
        "front": ("Content distance against style distance", _front(front)),
        "table": ("All runs", _runs_table(comparison)),
        "settings": ("Settings, over their seeds", _settings(comparison)),
        "effects": ("What each key does", _effects(comparison.effects)),
        "curves": ("Loss curves", _curves(comparison)),
        "differences": ("What differs in the configurations", _differences(comparison)),
        "runs": ("Every run, before and after", run_sections(comparison, out)),
    }
    told = {name: section for name, section in sections.items() if section[1]}
    parts = [f'<h2 id="{name}">{title}</h2>\n{body}' for name, (title, body) in told.items()]
    links = " ".join(f'<a href="#{name}">{title}</a>' for name, (title, _) in told.items())
    css = "".join(
        f'.before-{index} {{ background-image: url("{data_uri(portrait.large)}"); }}\n'
        for index, portrait in enumerate(contents(comparison))
    )
    return Template((HERE / "report.html").read_text("utf-8")).substitute(
        title=escape(comparison.title),
        css=(HERE / "report.css").read_text("utf-8"),
        pictures=css,
        js=(HERE / "report.js").read_text("utf-8"),
        body="\n".join([_header(comparison), f"<nav>{links}</nav>", *parts]),
    )


def _header(comparison: Comparison) -> str:
    states = Counter(run.state for run in comparison.runs)
    counts = ", ".join(f"{count} {escape(state)}" for state, count in states.most_common())
    told = [
        f"<b>{escape(short(key))}</b> ({escape(', '.join(map(shown, values)))})"
        for key, values in comparison.values.items()
    ]
    differ = f"What differs: {'; '.join(told)}." if told else "No key differs between these runs."
    words = f"<h1>{escape(comparison.title)}</h1><p>{counts}. {differ}</p>"
    return f"<header>{words}{inputs(comparison)}</header>"


def _front(front: bytes) -> str:
    words = (
        "Both distances are measured in the same way for every run, whatever it optimised. What is "
        "on the front is beaten by nothing in both; several seeds of a setting are shown as their "
        "mean ± standard deviation."
    )
    chart = image(front, "Pareto chart of all runs")
    linked = f'<a id="chart" href="#chart" title="full size">{chart}</a>'
    return f'<p>{words}</p><div class="card">{linked}</div>'


def _runs_table(comparison: Comparison) -> str:
    rows = []
    for index, run in enumerate(comparison.runs, start=1):
        portrait = comparison.gallery.results.get(run.folder)
        small = image(jpeg(fitted(portrait.cell, THUMBNAIL)), "") if portrait else ""
        alarm = "" if run.state == "completed" else ' class="alarm"'
        rows.append(
            [
                td(f'<a href="#run-{index}">{index}</a>', value=index),
                td(f'<a href="#run-{index}">{small}</a>' if small else ""),
                td(f'<span{alarm} title="{escape(run.reason)}">{escape(run.state)}</span>'),
                *(setting(run.handles.get(key)) for key in comparison.keys),
                *(metric(run.metrics.get(name)) for name in METRICS),
                td(f'<span class="name">{escape(run.name)}</span>'),
            ]
        )
    headings = ["run", "", "state", *map(short, comparison.keys), *METRICS.values(), "folder"]
    return table(headings, rows)


def _settings(comparison: Comparison) -> str:
    if "seed" not in comparison.keys:
        return ""
    done = [run for run in comparison.runs if run.state == "completed"]
    handles = [key for key in comparison.keys if key != "seed"]
    rows = [
        [
            *map(setting, chosen),
            td(str(len(group)), value=len(group)),
            *(
                metric(spread(v))
                if (v := [r.metrics[m] for r in group if m in r.metrics])
                else td("")
                for m in METRICS
            ),
        ]
        for chosen, group in by_setting(done, handles).items()
    ]
    words = "Mean ± standard deviation over the completed runs of a setting, one for each seed."
    return f"<p>{words}</p>{table([*map(short, handles), 'runs', *METRICS.values()], rows)}"


def _effects(effects: Sequence[Effect]) -> str:
    if not effects:
        return ""
    parts = [
        "<p>Each value of a key over all other settings, seeds averaged first. Grey: the settings; "
        "blue: their mean ± standard deviation.</p>",
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
    if effect.settings:
        shared = f"over {effect.settings} settings" if effect.settings > 1 else "in the one setting"
        return f'<p class="pale">Compared {shared} of the other keys that all its values share.</p>'
    return (
        '<p class="alarm">Its values were never tried with the same other settings: what looks '
        "like its effect may be that of another key.</p>"
    )


def _curves(comparison: Comparison) -> str:
    keys = axes_of(comparison.runs, comparison.keys)
    drawn = {axis: curves(comparison.runs, keys, axis) for axis in ("evaluations", "seconds")}
    if not any(drawn.values()):
        return ""
    words = (
        "Terms without their weights, and the weighted sum; the pointer on a line names its run."
    )
    parts = [f"<h3>by {axis}</h3><div class='card'>{svg}</div>" for axis, svg in drawn.items()]
    return f"<p>{words}</p>{''.join(parts)}"


def _differences(comparison: Comparison) -> str:
    rows = []
    for key in all_differences(comparison.runs):
        values = ordered(run.settings.get(key) for run in comparison.runs if run.resolved)
        width = 12 if key.endswith(".sha256") else None
        told = [
            f"<div><code>{escape(shown(value)[:width])}</code> <span class='pale'>in</span> "
            + " ".join(
                f'<a href="#run-{index}">{index}</a>'
                for index, run in enumerate(comparison.runs, start=1)
                if run.resolved and run.settings.get(key) == value
            )
            + "</div>"
            for value in values
        ]
        rows.append([td(escape(key)), td("".join(told))])
    words = (
        "Every key of the resolved configurations, those included that merely follow from others."
    )
    return f"<p>{words}</p>{table(['key', 'value and its runs'], rows)}" if rows else ""
