"""``python -m nst.tensorboard [FOLDER] [--port N]``: shows runs in TensorBoard, nothing left out."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path

from nst.cli.signals import SIGNALS
from nst.errors import COMPLETED, WRONG_INPUT, InputError, Parser
from nst.files import atomic as files
from nst.runtime import import_tensorflow

# Kept of each curve and picture: TensorBoard thins pictures to ten and curves to a thousand points by
# itself, and its "0, all of them" shows none.
SAMPLES = "images=1000,scalars=10000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line until Ctrl-C; returns its exit status."""
    parser = Parser(
        prog="python -m nst.tensorboard",
        description="Shows all runs in a folder, however deep, in TensorBoard: curves, pictures, "
        "configurations, a table to sort. Runs that go on or are added appear by themselves.",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("outputs"),
        metavar="FOLDER",
        help="of a sweep, a run, or many (default: outputs)",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help="to serve at (default: the first free one from 6006)"
    )
    try:
        parsed = parser.parse_args(arguments)
        address = serve(parsed.folder, parsed.port)
    except InputError as error:
        print(f"nst: {error}", file=sys.stderr)
        return WRONG_INPUT
    # A script's background job inherits SIGINT as ignored, and SIGTERM would leave the data server behind.
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    print(f"TensorBoard shows {parsed.folder} at {address} (Ctrl-C ends it)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()
    return COMPLETED


def serve(folder: Path, port: int | None = None) -> str:
    """Starts TensorBoard in a thread of its own, which ends with the process.

    Args:
        folder: With event files, however deep.
        port: 1 to 65535, 0 for any free one, None for the first free one from 6006 on.

    Returns:
        The address to open.

    Raises:
        InputError: There is nothing to show, or the port is taken.
    """
    folder = files.folder(folder)
    if not any(folder.rglob("events.out.tfevents.*")):
        raise InputError(f"{folder} holds no run that TensorBoard could show (no event file)")
    if port is not None and not 0 <= port <= 65535:
        raise InputError(f"--port={port}: a port is a number from 1 to 65535")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a run beside it may want all of the GPU
    import_tensorflow()  # TensorBoard would at its first answer, with many a line on the terminal
    from tensorboard import program

    board = program.TensorBoard()
    chosen = [] if port is None else [f"--port={port}"]
    options = [f"--logdir={folder}", f"--samples_per_plugin={SAMPLES}", *chosen]
    try:
        with redirect_stderr(io.StringIO()):  # a note about how it loads data
            board.configure(argv=["tensorboard", *options])
            address: str = board.launch()
    except program.TensorBoardServerException as error:
        raise InputError(f"--port={port or 6006}: {error.msg}") from error
    return address


if __name__ == "__main__":
    sys.exit(main())
