"""The command line ``python -m nst.compare``."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nst.errors import (
    COMPLETED,
    INTERRUPTED,
    WRONG_INPUT,
    InputError,
    Parser,
    path_argument,
    printable,
)
from nst.metrics.table import AXES

PIPE_WIDTH = 240  # characters of a table in a file or a pipe, so that no line is broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    try:
        parsed = _parser().parse_args(arguments)
        _compare(parsed)
    except InputError as error:
        print(f"nst: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("nst: interrupted; the comparison is incomplete", file=sys.stderr)
        return INTERRUPTED
    return COMPLETED


def _parser() -> Parser:
    parser = Parser(
        prog="python -m nst.compare",
        description="Compares runs: settings that differ, pictures, distances, curves. "
        "Writes sheet.png, front.png, runs.csv and report.html.",
    )
    parser.add_argument(
        "folders", nargs="+", type=path_argument, metavar="FOLDER", help="of a sweep or of a run"
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        metavar="DIR",
        help="where to write (default: comparison/ in the sweep; for several folders "
        "outputs/comparisons/<date>_<time>/)",
    )
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help="rank the runs by it, for example structure or style_distance",
    )
    parser.add_argument(
        "--axes",
        metavar="METRIC,METRIC",
        default=",".join(AXES),
        help="of the Pareto front, across and up (default: %(default)s)",
    )
    parser.add_argument(
        "--blind",
        action="store_true",
        help="write blind.html instead: a page on which people compare two pictures at a time",
    )
    parser.add_argument(
        "--votes",
        nargs="+",
        type=path_argument,
        default=[],
        metavar="FILE",
        help="what that page saved: adds a score per run",
    )
    parser.add_argument(
        "--running",
        type=int,
        metavar="JOBS",
        help="the folder is a sweep of so many jobs that still runs, which rewrites its report "
        "like this: it says how much is left, and reloads itself",
    )
    return parser


def _compare(parsed: Namespace) -> None:
    # Imported here so that --help need not wait for them.
    from rich.console import Console

    from nst.compare.comparison import gather
    from nst.compare.table import show
    from nst.compare.write import target, write, write_blind

    folders, votes = _expanded(parsed.folders), _expanded(parsed.votes)
    chosen, axes = target(folders, parsed.out), parsed.axes.split(",")
    comparison = gather(folders, parsed.by, votes, axes, parsed.running)
    if parsed.blind:
        _say(printable(f"Blind comparison: {write_blind(comparison, chosen)}"))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    with console.capture() as captured:
        show(comparison, console)
    _say(captured.get())
    _say(printable(f"Report: {write(comparison, chosen)}"))


def _expanded(paths: Sequence[Path]) -> list[Path]:
    return [Path(os.path.expanduser(path)) for path in paths]


def _say(text: str) -> None:
    """Prints a line; once nobody reads the output any more (``| head``), it is discarded."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the comparison is written all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
