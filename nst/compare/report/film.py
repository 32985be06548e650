"""How the picture of a run came about: its snapshots under a slider, and its time-lapse."""

from __future__ import annotations

import os
from pathlib import Path

from nst.compare.comparison import Comparison
from nst.compare.load import RunRecord
from nst.compare.report.markup import escape, image, link
from nst.compare.thumbnails import data_uri
from nst.runs.folder import TIMELAPSE, is_own

TIMELAPSE_BYTES = 5_000_000  # of all time-lapses inside a report; others are linked


def film(run: RunRecord, comparison: Comparison, out: Path) -> str:
    """Shows the snapshots and the time-lapse of a run; empty where there are none."""
    return _snapshots(run, comparison) + _timelapse(run, comparison, out)


def _snapshots(run: RunRecord, comparison: Comparison) -> str:
    frames = comparison.gallery.films.get(run.folder, {})
    if not frames:
        return ""
    pictures = "".join(image(data, f"step {step}") for step, data in frames.items())
    count = len(frames)
    control = (
        f'<label>snapshot <input type="range" min="0" max="{count}" value="{count}">'
        f"</label> <output>result</output>"
    )
    summary = f"<summary>{count} snapshots</summary>"
    return f'<div class="film">{control}<details>{summary}<div>{pictures}</div></details></div>'


def _timelapse(run: RunRecord, comparison: Comparison, out: Path) -> str:
    paths = [run.folder / name for name in TIMELAPSE]
    found = [path for path in paths if path.is_file() and is_own(run.folder, path)]
    if not found:
        return ""
    files = [link(Path(os.path.relpath(path, out)).as_posix(), path.name) for path in found]
    shown, most = "", TIMELAPSE_BYTES // len(comparison.runs)
    if found[0].suffix == ".webp" and found[0].stat().st_size <= most:
        words = escape(f"time-lapse of {comparison.label(run)}")
        uri = data_uri(found[0].read_bytes(), "webp")
        shown = f'<img src="{uri}" alt="{words}" loading="lazy">'
    return f"<details><summary>time-lapse</summary>{shown}<p>{' '.join(files)}</p></details>"
