"""The pictures of the report: source images, contact sheet, and a section per run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from nst.compare.captions import exemplar, metric_lines, seed_line, state_line
from nst.compare.comparison import Comparison
from nst.compare.layout import Cell, Page
from nst.compare.load import RunRecord
from nst.compare.report.film import film
from nst.compare.report.markup import escape, image, link
from nst.compare.report.viewer import facts_of
from nst.compare.statistics import measured, number
from nst.compare.thumbnails import Thumbnail, jpeg
from nst.config.names import stem
from nst.metrics.table import EVERY

SHEET_BYTES = 8_000_000  # for the two pictures of every run on the sheet


def contents(comparison: Comparison) -> list[Thumbnail]:
    """Lists the content images, each once."""
    return list(dict.fromkeys(comparison.gallery.contents.values()))


def source_images(comparison: Comparison) -> str:
    """Shows the content and style images of all runs, their regions and weight maps."""
    figures: dict[Thumbnail, str] = {}
    for words, thumbnail in chain.from_iterable(_sources(r, comparison) for r in comparison.runs):
        if thumbnail not in figures:
            caption = f"<figcaption>{escape(words)}</figcaption>"
            figures[thumbnail] = f"<figure>{image(jpeg(thumbnail.cell), words)}{caption}</figure>"
    return f'<div class="inputs">{"".join(figures.values())}</div>' if figures else ""


def _sources(run: RunRecord, comparison: Comparison) -> Iterator[tuple[str, Thumbnail]]:
    """Yields the images that a run was made from, each with its caption."""
    if content := comparison.gallery.contents.get(run.folder):
        yield f"content: {run.settings['content']}", content
    for name, style in comparison.gallery.styles.get(run.folder, {}).items():
        mix = isinstance(run.config["style.image"], tuple)
        yield f"style: {stem(name) if mix else run.settings['style']}", style
    yield from comparison.gallery.maps.get(run.folder, {}).items()


def sheet_pages(comparison: Comparison, pages: Sequence[Page]) -> str:
    """Shows the contact sheet; a click on a picture leads to its run."""
    words = (
        "Below each picture: its centre at 100 %. Click a picture to open its run, press ← and → "
        "to move between runs."
    )
    parts = [f"<p>{words}</p>"]
    for page in pages:
        titled = any(title for title, _ in page.rows)
        corner = "<th></th>" if titled else ""
        head = "".join(f'<th scope="col">{escape(title)}</th>' for title in page.columns)
        rows = "\n".join(
            "<tr>"
            + (f'<th scope="row">{escape(title)}</th>' if titled else "")
            + "".join(_cell(cell, comparison) for cell in cells)
            + "</tr>"
            for title, cells in page.rows
        )
        top = f"<thead><tr>{corner}{head}</tr></thead>" if any(page.columns) else ""
        heading = f"<h3>{escape(page.title)}</h3>" if page.title else ""
        grid = f'<table class="sheet">{top}<tbody>{rows}</tbody></table>'
        parts.append(f'{heading}<div class="scroll">{grid}</div>')
    return "\n".join(parts)


def _cell(cell: Cell | None, comparison: Comparison) -> str:
    if cell is None:
        return "<td></td>"
    example = exemplar(cell.runs, comparison.gallery)
    alarm = f'<div class="alarm">{escape(state)}</div>' if (state := state_line(cell.runs)) else ""
    lines = [cell.caption, *metric_lines(cell.runs), seed_line(cell.runs, example)]
    words = "".join(f"<div>{escape(line)}</div>" for line in lines if line)
    if example is None:
        reason = escape(next((run.reason for run in cell.runs), ""))
        target = f"#run-{comparison.number(cell.runs[0])}" if cell.runs else "#sheet"
        return f'<td><div class="none">{alarm}<a href="{target}">{reason}</a></div>{words}</td>'
    thumbnail = comparison.gallery.results[example.folder]
    name = comparison.label(example)
    most = SHEET_BYTES // (2 * len(comparison.runs))
    crop = image(jpeg(thumbnail.crop, most), f"centre of {name}", "crop")
    pictures = image(jpeg(thumbnail.cell, most), name) + crop
    return f'<td><a href="#run-{comparison.number(example)}">{pictures}</a>{words}{alarm}</td>'


def run_sections(comparison: Comparison, out: Path) -> str:
    """Shows every run large, its content image under a slider."""
    known = contents(comparison)
    parts = []
    for run in comparison.runs:
        index = comparison.number(run)
        content = comparison.gallery.contents.get(run.folder)
        picture = _before_after(run, comparison, None if content is None else known.index(content))
        state = f'<p class="alarm">{escape(run.state)}: {escape(run.reason)}</p>'
        state = "" if run.state == "completed" else state
        parts.append(
            f'<section class="run card" id="run-{index}"{facts_of(run, comparison)}>'
            f'<a class="close" href="#sheet">close</a>'
            f"<h3>{index}: {escape(comparison.label(run))}</h3>{picture}{state}"
            f"{film(run, comparison, out)}{_facts(run, comparison, out)}</section>"
        )
    return f'<div class="runs">{"".join(parts)}</div>'


def _before_after(run: RunRecord, comparison: Comparison, content: int | None) -> str:
    thumbnail = comparison.gallery.results.get(run.folder)
    if thumbnail is None:
        return '<p class="pale">No picture.</p>'
    result = image(thumbnail.large, comparison.label(run))
    style = f"--aspect: {thumbnail.size[0] / thumbnail.size[1]:.4f}"
    if content is None:
        layer, control = "", '<p class="pale">The content image was moved or has changed.</p>'
    else:
        layer = (
            f'<div class="before before-{content}" role="img" aria-label="content image"></div>'
            '<div class="edge"></div>'
        )
        control = (
            '<input type="range" min="0" max="100" value="0" '
            'aria-label="from the result to the content image">'
        )
    slider = f'<div class="slider">{result}{layer}</div>'
    return f'<div class="look" style="{style}">{slider}{control}</div>'


def _facts(run: RunRecord, comparison: Comparison, out: Path) -> str:
    facts = {EVERY[key].heading: number(run.metrics[key]) for key in measured([run])}
    thumbnail = comparison.gallery.results.get(run.folder)
    folder = Path(os.path.relpath(run.folder, out)).as_posix()
    if thumbnail and run.picture:
        file = Path(os.path.relpath(run.picture, out)).as_posix()
        facts["picture"] = link(file, "{} × {} px".format(*thumbnail.size))
        if thumbnail.large_size != thumbnail.size:
            facts["picture"] += " (here {} × {})".format(*thumbnail.large_size)
    facts["folder"] = link(f"{folder}/", run.name)
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f"<dl>{pairs}</dl>"
