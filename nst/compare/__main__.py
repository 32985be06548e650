"""``python -m nst.compare FOLDER [FOLDER …] [--out DIR]``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from nst.errors import COMPLETED, WRONG_INPUT, InputError, Parser
from nst.files.streams import keep_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = Parser(
        prog="python -m nst.compare",
        description="Sets runs side by side: which keys differ, pictures, distances, curves. "
        "Writes sheet.png, front.png, runs.csv and report.html.",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="of a sweep or of a run"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write (default: comparison/ in the sweep; for several folders "
        "outputs/comparisons/<date>_<time>/)",
    )
    try:
        parsed = parser.parse_args(arguments)
        report = _compared([folder.expanduser() for folder in parsed.folders], parsed.out)
    except InputError as error:
        print(f"nst: {error}", file=sys.stderr)
        return WRONG_INPUT
    print(f"\nReport: {report}")
    return COMPLETED


def _compared(folders: Sequence[Path], out: Path | None) -> Path:
    # Here and not above, so that --help is there at once.
    from rich.console import Console

    from nst.compare import target, write
    from nst.compare.comparison import gather
    from nst.compare.table import show

    chosen, comparison = target(folders, out), gather(folders)
    console = Console()
    if not console.is_terminal:
        console = Console(width=240)  # into a file or a pipe: no line is to be broken
    show(comparison, console)
    return write(comparison, chosen)


if __name__ == "__main__":
    keep_streams()
    sys.exit(main())
