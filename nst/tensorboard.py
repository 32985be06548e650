"""``python -m nst.tensorboard [FOLDER] [--port N]``: shows whole runs in TensorBoard."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path

from nst.cli.signals import obeyed
from nst.errors import COMPLETED, WRONG_INPUT, InputError, Parser, path_argument, printable
from nst.files import reading
from nst.files.streams import keep_streams
from nst.runs.folder import is_own
from nst.runtime import import_tensorflow

log = logging.getLogger(__name__)

# Images and points to keep: by default TensorBoard thins to ten images and a thousand points, and
# its "0, all of them" shows none.
SAMPLES = "images=1000,scalars=10000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line until Ctrl-C; returns its exit status."""
    parser = Parser(
        prog="python -m nst.tensorboard",
        description="Shows all runs in a folder, however deep, in TensorBoard: curves, pictures, "
        "configurations and a sortable table. New and running runs appear by themselves.",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=path_argument,
        default=Path("outputs"),
        metavar="FOLDER",
        help="of a sweep, a run, or many (default: outputs)",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help="to serve at (default: the first free one from 6006)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", metavar="NAME", help="to serve at (default: this machine alone)")
    where.add_argument(
        "--bind_all", action="store_true", help="serve to every machine that can reach this one"
    )
    try:
        parsed = parser.parse_args(arguments)
        address = serve(parsed.folder, parsed.port, parsed.host, bind_all=parsed.bind_all)
    except InputError as error:
        print(f"nst: {error}", file=sys.stderr)
        return WRONG_INPUT
    # A script's background job ignores SIGINT, and SIGTERM would leave the data server behind.
    for number in obeyed():
        signal.signal(number, signal.default_int_handler)
    shown = printable(f"TensorBoard shows {parsed.folder} at {address} (Ctrl-C ends it)")
    print(shown, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()
    return COMPLETED


def serve(
    folder: Path, port: int | None = None, host: str | None = None, *, bind_all: bool = False
) -> str:
    """Starts TensorBoard in its own thread, which ends with the process.

    Args:
        folder: Contains event files, at any depth.
        port: 1 to 65535, 0 for any free one, None for the first free one from 6006 on.
        host: Name or address to serve at; None for this machine alone.
        bind_all: Whether to serve to every machine that can reach this one.

    Returns:
        The address to open.

    Raises:
        InputError: There is nothing to show, the port is taken, or the host is not this machine.
    """
    folder = reading.folder(folder)
    found = [*folder.rglob("events.out.tfevents.*")]
    if not found:
        raise InputError(f"{folder} holds no run that TensorBoard can show (no event file)")
    if pipes := [path for path in found if path.is_fifo()]:
        raise InputError(f"{pipes[0]} is a pipe, which would be read for ever; remove it")
    if links := [*_leading_out(folder)]:
        more = f" and {len(links) - 1} more" if len(links) > 1 else ""
        shown = printable(f"{links[0]}{more}")
        log.warning("links out of the folder are followed, to show the runs there: %s", shown)
    if host is not None and not host.strip():  # as of an unset variable; it would serve to all
        raise InputError("--host is empty: name an address, or --bind_all serves to every machine")
    if port is not None and not 0 <= port <= 65535:
        raise InputError(f"--port={port}: a port is a number from 1 to 65535")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # leaves the GPU to runs
    import_tensorflow()  # else TensorBoard does it at the first request, with many lines of log
    from tensorboard import default, program

    # Not those of other packages: the projector shows any file of this machine that a folder names.
    board = program.TensorBoard(default.get_static_plugins())
    chosen = [
        f"--{name}={value}" for name, value in (("port", port), ("host", host)) if value is not None
    ]
    chosen += ["--bind_all"] if bind_all else []
    options = [f"--logdir={folder}", f"--samples_per_plugin={SAMPLES}", *chosen]
    said = io.StringIO()
    try:
        with redirect_stderr(said):  # a note about how it loads data
            board.configure(argv=["tensorboard", *options])
            address: str = board.launch()
    except (program.TensorBoardServerException, SystemExit) as error:
        asked = f"--port={port or 6006}" if host is None else f"--host={host}"
        reason = getattr(error, "msg", None) or said.getvalue().rpartition("\n\n")[-1].strip()
        raise InputError(f"{asked}: {reason}") from error
    return address


def _leading_out(folder: Path) -> Iterator[Path]:
    """Finds links out of a folder, which TensorBoard follows; it parses event files alone."""
    for place, folders, _ in os.walk(folder):
        links = (Path(place, name) for name in folders)
        yield from (path for path in links if path.is_symlink() and not is_own(folder, path))


if __name__ == "__main__":
    keep_streams()
    sys.exit(main())
