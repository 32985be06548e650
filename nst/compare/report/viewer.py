"""Chosen runs side by side: the controls that ``viewer.js`` brings to life."""

from __future__ import annotations

import json

from nst.compare.comparison import Comparison
from nst.compare.load import RunRecord
from nst.compare.report.markup import escape
from nst.compare.settings import short, shown
from nst.compare.statistics import measured
from nst.metrics.table import EVERY

WORDS = (
    "Tick runs here or below the pictures above. All are moved and zoomed together: drag, pinch, "
    "Ctrl and the wheel, or with the keyboard in the pictures the arrows, <kbd>+</kbd> "
    "<kbd>−</kbd> <kbd>0</kbd>, <kbd>F</kbd> to flicker, <kbd>,</kbd> and <kbd>.</kbd> for "
    "snapshots. The address of this page changes with what you choose: it is a link to the view."
)
BUTTONS = {
    "in": "zoom in",
    "out": "zoom out",
    "whole": "whole picture",
    "flicker": "flicker",
    "none": "untick all",
}


def facts_of(run: RunRecord, comparison: Comparison) -> str:
    """Writes the attributes of a run's section by which the viewer labels and filters."""
    settings = {short(key): shown(run.settings.get(key)) for key in comparison.keys}
    metrics = {name: run.metrics[name] for name in measured([run])}
    data = {"settings": settings, "metrics": metrics}
    return "".join(f' data-{name}="{escape(json.dumps(value))}"' for name, value in data.items())


def viewer(comparison: Comparison) -> str:
    """Makes the controls; empty where there are not two pictures."""
    pictured = [run for run in comparison.runs if run.folder in comparison.gallery.results]
    if len(pictured) < 2:
        return ""
    runs = "".join(
        f'<label><input type="checkbox" value="{comparison.number(run)}"> '
        f"<span>{comparison.number(run)}: {escape(comparison.label(run))}</span></label>"
        for run in pictured
    )
    keys = {"": "all settings that differ", "#": "number"} | {
        key: key for key in map(short, comparison.keys)
    }
    metrics = {"": "every run"} | {n: EVERY[n].heading for n in measured(comparison.runs)}
    buttons = "".join(
        f'<button type="button" data-do="{name}">{text}</button>' for name, text in BUTTONS.items()
    )
    return (
        f"<p>{WORDS}</p>"
        '<div class="viewer card">'
        f"<div>{_select('label', 'caption', keys)} {_select('metric', 'show', metrics)} "
        '<select class="sense" aria-label="at most or at least">'
        '<option value="max">at most</option><option value="min">at least</option></select> '
        '<input class="limit" type="number" step="any" aria-label="limit of the metric"></div>'
        f"<fieldset><legend>Runs to look at</legend>{runs}</fieldset>"
        f"<div>{buttons}"
        '<label>snapshot <input class="time" type="range" min="0" max="100" value="100"></label>'
        '</div><p class="said pale" role="status"></p>'
        '<div class="panes" tabindex="0" role="group" aria-label="the chosen runs"></div></div>'
    )


def _select(name: str, words: str, options: dict[str, str]) -> str:
    items = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>'
        for value, text in options.items()
    )
    return f'<label>{words} <select class="{name}">{items}</select></label>'
