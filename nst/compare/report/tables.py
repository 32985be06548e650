"""The tables of the report: runs, votes, combinations, agreement of metrics, differences."""

from __future__ import annotations

from collections.abc import Sequence

from nst.compare.comparison import Comparison
from nst.compare.correlation import correlation
from nst.compare.load import RunRecord
from nst.compare.report.markup import escape, image, metric, setting, table, td
from nst.compare.settings import all_differences, ordered, short, shown
from nst.compare.statistics import (
    Spread,
    by_combination,
    measured,
    spread,
    without_seed,
)
from nst.compare.thumbnails import fitted, jpeg
from nst.config.settings import Value
from nst.metrics.table import EVERY, heading

THUMBNAIL = (88, 88)  # in the table, px


def runs_table(comparison: Comparison) -> str:
    """Lists every run with its state, differing settings and metrics, ranked where asked for."""
    rows, known = [], measured(comparison.runs)
    names = list(dict.fromkeys([*known, *comparison.searched]))  # the loss may be searched
    for run in comparison.ranked:
        index = comparison.number(run)
        thumbnail = comparison.gallery.results.get(run.folder)
        small = image(jpeg(fitted(thumbnail.cell, THUMBNAIL)), "") if thumbnail else ""
        again = f'href="#run-{index}" tabindex="-1" aria-hidden="true"'  # the number is read
        alarm = "" if run.state == "completed" else ' class="alarm"'
        rows.append(
            [
                td(f'<a href="#run-{index}">{index}</a>', value=index),
                td(small and f"<a {again}>{small}</a>"),
                td(f'<span{alarm} title="{escape(run.reason)}">{escape(run.state)}</span>'),
                *(setting(run.settings.get(key)) for key in comparison.keys),
                *(metric(run.metrics.get(name)) for name in names),
                td(f'<span class="name">{escape(run.name)}</span>'),
            ]
        )
    metrics = [heading(name) for name in names]
    headings = ["run", "", "state", *map(short, comparison.keys), *metrics, "folder"]
    return f"{_ranking(comparison)}{table(headings, rows)}{_meanings(known)}"


def _ranking(comparison: Comparison) -> str:
    if comparison.by is None:
        return "<p>Click a heading to rank by it.</p>"
    metric = EVERY[comparison.by]
    words = f"Ranked by {metric.label} ({metric.direction}), each content and style by itself."
    return f"<p>{escape(words)}</p>"


def _meanings(names: Sequence[str]) -> str:
    lines = "".join(
        f"<li><b>{escape(EVERY[name].label)}</b>: {escape(EVERY[name].meaning)}. "
        f"{EVERY[name].direction.capitalize()}.</li>"
        for name in names
    )
    return f"<details><summary>What the metrics mean</summary><ul>{lines}</ul></details>"


def votes_table(comparison: Comparison) -> str:
    """Shows the scores of a blind comparison, with their intervals."""
    if not comparison.votes:
        return ""
    words = (
        "Scores of a Bradley-Terry model with 95 % intervals: 0 is an average run; 1.1 more means "
        "to be preferred in 3 of 4 comparisons. In brackets: the number of comparisons."
    )
    headings, rows = ["run", "settings", *comparison.votes], []
    for run in comparison.ranked:
        found = [fitted.get(run.folder) for fitted in comparison.votes.values()]
        if any(found):
            index = comparison.number(run)
            cells = [td(f"{s} ({s.count})", value=s.score) if s else td("") for s in found]
            link = td(f'<a href="#run-{index}">{index}</a>', value=index)
            rows.append([link, td(escape(comparison.label(run))), *cells])
    return f"<p>{words}</p>{table(headings, rows)}"


def agreement_table(comparison: Comparison) -> str:
    """Shows how far each two metrics agree on which runs are better."""
    names = measured(comparison.runs)
    values = {(a, b): correlation(comparison.runs, a, b) for a in names for b in names}
    names = [name for name in names if values[name, name] is not None]
    if len(names) < 2:
        return ""
    rows = [
        [
            td(escape(EVERY[one].label)),
            *(
                td("") if (value := values[one, other]) is None else td(f"{value:.2f}", value=value)
                for other in names
            ),
        ]
        for one in names
    ]
    words = (
        "Rank correlation (Spearman) over completed runs of the same content and style. 1: both "
        "order the runs alike from better to worse; -1: in opposite order; 0: they say different "
        "things."
    )
    return f"<p>{words}</p>{table(['', *(EVERY[name].label for name in names)], rows)}"


def settings_table(comparison: Comparison) -> str:
    """Averages each combination of settings over its seeds; empty where the seed is the same."""
    if "seed" not in comparison.keys:
        return ""
    done = [run for run in comparison.runs if run.state == "completed"]
    keys = without_seed(comparison.keys)
    names = measured(done)
    rows = [
        [
            *map(setting, combination),
            td(str(len(group)), value=len(group)),
            *(metric(_spread(group, name)) for name in names),
        ]
        for combination, group in by_combination(done, keys).items()
    ]
    words = "Mean ± standard deviation over the completed runs of a combination, one per seed."
    metrics = [EVERY[name].heading for name in names]
    return f"<p>{words}</p>{table([*map(short, keys), 'runs', *metrics], rows)}"


def _spread(runs: Sequence[RunRecord], name: str) -> Spread | None:
    known = [run.metrics[name] for run in runs if name in run.metrics]
    return spread(known) if known else None


def differences(comparison: Comparison) -> str:
    """Lists every key of the resolved configurations that differs, and in which runs."""
    rows = []
    for key in all_differences(comparison.runs):
        runs: dict[Value, list[RunRecord]] = {}
        for run in comparison.runs:
            if run.resolved:
                runs.setdefault(run.config.get(key), []).append(run)
        width = 12 if key.endswith(".sha256") else None
        places = []
        for value in ordered(runs):
            links = [f'<a href="#run-{n}">{n}</a>' for n in map(comparison.number, runs[value])]
            code = f"<code>{escape(shown(value)[:width])}</code>"
            places.append(f"<div>{code} <span class='pale'>in</span> {' '.join(links)}</div>")
        rows.append([td(escape(key)), td("".join(places))])
    words = "All keys of the resolved configurations, including those that follow from others."
    return f"<p>{words}</p>{table(['key', 'value and runs'], rows)}" if rows else ""
