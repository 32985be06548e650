"""A sweep of eight runs, and the report of one with 200."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.runs import MAIN
from benchmarks.table import Row

RUNS = 200  # of the report


def sweep(rounds: int) -> Iterator[Row]:
    """Measures the overhead of eight runs in one process: imports, checks, setup and report."""
    command = [sys.executable, "-m", "nst.run", "-m", *MAIN, "network=bundled", "init=blend"]
    command += ["seed=range(8)", "hydra.sweep.dir=sweep"]
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        ends = [json.loads(p.read_text("utf-8")) for p in Path(folder).glob("sweep/*/metrics.json")]
    yield Row("bundled, default size, 8 runs in all", seconds, "s")
    steps = sum(end["seconds"] for end in ends)
    yield Row("bundled, 8 runs in all / their steps", seconds / steps, "", "<= 1.1")


def report(rounds: int) -> Iterator[Row]:
    """Measures the report of a sweep with 200 runs: its size, and how long Chromium takes."""
    command = [sys.executable, "-m", "nst.run", "-m", *MAIN, "network=bundled", "size=256"]
    command += ["steps=60", "observer.snapshots.every=5", "seed=range(4)", "hydra.sweep.dir=sweep"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        painted = [path.parent for path in sorted(folder.glob("sweep/*/result.png"))]
        for number in range(RUNS):
            copy = folder / "many" / f"{number}"
            source, large = painted[number % len(painted)], ("checkpoints", "events*")
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*large))
            config = (copy / "config.yaml").read_text("utf-8")
            config = config.replace("alpha: 1000.0", f"alpha: {1000 + number}.0")
            (copy / "config.yaml").write_text(config, "utf-8")
        compare = [sys.executable, "-m", "nst.compare", str(folder / "many")]
        subprocess.run(compare, check=True, capture_output=True)
        page = folder / "many" / "comparison" / "report.html"
        yield Row(f"report of {RUNS} runs", page.stat().st_size / 1e6, "MB", "<= 40")
        yield Row("until it is shown, less an empty page's", shown(page, rounds), "s", "<= 3")


def shown(page: Path, rounds: int) -> float:
    """Returns how many seconds Chromium takes longer to show a page than an empty one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("report: it takes chromium or google-chrome")
    options = ["--headless", "--no-sandbox", f"--screenshot={page.with_suffix('.png')}"]

    def opened(address: str) -> float:
        start = time.perf_counter()
        subprocess.run([browser, *options, address], check=True, capture_output=True)
        return time.perf_counter() - start

    return median(opened(page.as_uri()) - opened("about:blank") for _ in range(rounds))
