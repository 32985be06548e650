"""Where the time of a run goes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from pstats import Stats
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.runs import MAIN
from benchmarks.table import Row

PARTS = {  # functions of a default run, by file and name; their times include what they call
    "imports": [("_bootstrap>", "_find_and_load")],
    "  of TensorFlow and Keras": [("runtime/tensorflow.py", "import_tensorflow")],
    "composing and checking the configuration": [("config/composition.py", "compose")],
    "images": [("sources/inputs.py", "gather")],
    "weights and norms of the network": [("studio.py", "_encoder"), ("studio.py", "_norms")],
    "forecast": [("nst/forecast.py", "forecast"), ("nst/forecast.py", "rehearse")],
    "targets of all scales": [("objective/scales.py", "__call__")],
    "steps": [("optimizers/lbfgs.py", "step"), ("optimizers/lbfgs.py", "finish")],
    "  their evaluations": [("objective/whole.py", "__call__")],
    "norms of each term's gradient": [("objective/whole.py", "gradient_norms")],
    "scalars of the records": [("loop.py", "_read")],
    "tracing, part of the four above": [("polymorphic_function.py", "get_concrete_function")],
    "observers": [("observers/base.py", "_notify")],
    "  TensorBoard": [("observers/tensorboard.py", name) for name in ("start", "step", "finish")],
    "  snapshots and checkpoints": [("observers/files.py", "step")],
    "evaluation of the result": [("evaluation.py", "evaluate")],
    "file of the result": [("images/saving.py", "encode")],
}


def where(rounds: int) -> Iterator[Row]:
    """Says where the time of the README's main command goes, from start to exit."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cProfile", "-o", "profile", "-m", "nst.run", *MAIN]
        start = time.perf_counter()
        more = ["network=bundled", "hydra.run.dir=run"]
        subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        stats: Any = Stats(str(Path(folder, "profile")))
    for what, functions in PARTS.items():
        spent = sum(
            cumulative
            for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items()
            for wanted, function in functions
            if name == function and file.endswith(wanted)
        )
        yield Row(what, spent, "s") if spent else Row(what, None, "not found: renamed?")
    yield Row("from start to exit, with the profiler's own time", seconds, "s")
