"""Measure time and memory against the project's targets: one run, one table.

The rows are in scripts/benchmarks, one module for each subject.

    pip install -e '.[benchmark]'                 (PyTorch for comparison; skipped if missing)
    python scripts/benchmark.py                   (about ten minutes on two cores)
    python scripts/benchmark.py --only step,torch --json figures.json
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from benchmarks import arithmetic, large, pytorch, quality, runs, sweeps, terms, where

SECTIONS = {
    "matmul": arithmetic.matmul,
    "step": arithmetic.step,
    "control": arithmetic.control,
    "torch": pytorch.torch,
    "precision": arithmetic.precision,
    "losses": terms.losses,
    "run": runs.run,
    "vgg19": runs.vgg19,
    "sweep": sweeps.sweep,
    "report": sweeps.report,
    "tiles": large.tiles,
    "forecast": large.forecast,
    "quality": quality.quality,
    "where": where.where,
    "help": runs.help_page,
}
SLOW = ("quality", "forecast")  # only where asked for


def main() -> None:
    """Prints the table row by row."""
    parser = argparse.ArgumentParser(description="Measure time and memory.")
    names = ",".join(SECTIONS)
    usual = ",".join(name for name in SECTIONS if name not in SLOW)
    parser.add_argument("--only", default=usual, help=f"comma-separated sections ({names})")
    parser.add_argument("--rounds", type=int, default=5, help="number of measurements (5)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures here")
    parser.add_argument("--size", type=int, default=512, help="of losses and quality, px (512)")
    parser.add_argument("--seconds", type=float, default=60, help="of a run in quality (60)")
    parser.add_argument("--content", type=float, default=1.6, help="most content distance (1.6)")
    parser.add_argument("--judge", metavar="PATH", help="weights of VGG16, which then judges")
    parser.add_argument("--chart", type=Path, metavar="PATH", help="write quality's curves here")
    options = parser.parse_args()
    measures = {
        **SECTIONS,
        "losses": partial(terms.losses, long_side=options.size),
        "quality": partial(quality.quality, options=options),
    }
    sections = options.only.split(",")
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"--only: no section {', '.join(unknown)}; valid: {names}")
    table = []
    for name in sections:
        for row in measures[name](options.rounds):
            table.append({"section": name, **row._asdict()})
            print(f"{name:<9} {row}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), "utf-8")


if __name__ == "__main__":
    main()
