"""Writes the files of a comparison."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from PIL import Image

from nst.compare.blind import page as blind_page
from nst.compare.comparison import Comparison, gather
from nst.compare.figures import pareto, sheet
from nst.compare.folders import is_run
from nst.compare.layout import pages
from nst.compare.report import page as report_page
from nst.compare.table import csv_text
from nst.compare.thumbnails import jpeg
from nst.errors import InputError
from nst.files.atomic import write_atomic

FOLDER = "comparison"
REPORT, TABLE, FRONT, SHEET = "report.html", "runs.csv", "front.png", "sheet.png"
BLIND = "blind.html"
FRONT_BYTES = 2_000_000  # for the chart of all runs inside the report


def compare(folders: Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Compares runs: contact sheet, Pareto chart, table and report. Changes no run folder.

    Args:
        folders: Of sweeps and of runs.
        out: Where the files go. None: into ``comparison/`` of the sweep if it is one sweep, else
            into ``outputs/comparisons/<date>_<time>/``.

    Returns:
        The path of the report.

    Raises:
        InputError: There is nothing to compare, or the files cannot be written.
    """
    paths = [Path(os.path.expanduser(folder)) for folder in folders]
    return write(gather(paths), target(paths, out))


def target(folders: Sequence[Path], out: str | Path | None) -> Path:
    """Chooses the folder to write into.

    Raises:
        InputError: It is a run folder or inside one.
    """
    chosen = Path(os.path.expanduser(out)) if out is not None else None
    if chosen is None and len(folders) == 1 and not is_run(folders[0]):
        return folders[0] / FOLDER
    if chosen is None:
        return Path("outputs", "comparisons", f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}")
    for folder in (chosen.resolve(), *chosen.resolve().parents):
        if is_run(folder):
            raise InputError(
                f"--out={chosen}: {folder} is a run folder and stays as it is; "
                "choose another folder"
            )
    return chosen


def write(comparison: Comparison, out: Path) -> Path:
    """Writes all files, the report last.

    Returns:
        The path of the report.

    Raises:
        InputError: They cannot be written.
    """
    laid_out = pages(comparison.runs, comparison.keys)
    chart = pareto.draw(comparison.runs, comparison.keys, comparison.gallery, comparison.axes)
    heading = f"{comparison.title}; below each picture: its centre at 100 %"
    with _writing(out):
        for index, page in enumerate(laid_out, start=1):
            title = " – ".join(filter(None, [page.title, heading]))
            write_atomic(out / sheet_name(index), _png(sheet.draw(page, title, comparison.gallery)))
        _remove_old_pages(out, len(laid_out))
        write_atomic(out / FRONT, _png(chart))
        write_atomic(out / TABLE, csv_text(comparison).encode("utf-8", "surrogateescape"))
        front = jpeg(chart, FRONT_BYTES)
        html = report_page.build(comparison, laid_out, front, out)
        write_atomic(out / REPORT, html.encode())
    return out / REPORT


def write_blind(comparison: Comparison, out: Path) -> Path:
    """Writes the page of a blind comparison.

    Returns:
        Its path.

    Raises:
        InputError: No two runs compare, or it cannot be written.
    """
    page = blind_page.build(comparison)
    with _writing(out):
        write_atomic(out / BLIND, page.encode())
    return out / BLIND


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Creates the folder, and says what to do if files cannot be written into it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"cannot write into {out}: {error.strerror}; --out=DIR takes another folder"
        ) from error


def sheet_name(page: int) -> str:
    """Names a page of the sheet: ``sheet.png``, ``sheet-2.png``."""
    return SHEET if page == 1 else f"sheet-{page}.png"


def _remove_old_pages(out: Path, pages: int) -> None:
    """Removes the pages that an earlier comparison had more than this one."""
    for path in out.glob("sheet-*.png") if (out / REPORT).is_file() else ():
        number = re.fullmatch(r"sheet-(\d+)\.png", path.name)
        if number and int(number[1]) > pages:
            path.unlink()


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
