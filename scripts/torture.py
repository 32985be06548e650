"""Inject faults into runs and count what is lost; the target is nothing.

Runs are killed, disks fill up and fail, folders are damaged, commands run into each other, all in a
scratch folder with images of 32 px. Prints a table and every loss.

    python scripts/torture.py --minutes 20                  # all faults, time divided evenly
    python scripts/torture.py kills --minutes 5 --seed 3    # one kind, another random seed
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU context does not survive a fork

from faults import disks, fuzz, kills, memory, places, taken, together
from faults.field import Field, Tally

from nst.runtime import import_tensorflow

SHOWN = 20  # maximum number of losses printed per fault
KINDS: dict[str, tuple[Callable[[Field], Tally], ...]] = {
    "kills": (kills.single_runs, kills.sweeps),
    "disks": (disks.failing_writes, disks.quotas, disks.full_disks),
    "taken": (taken.away, taken.permissions),
    "together": (together.one_folder, together.many),
    "places": (places.signals, places.impatience, places.environments),
    "memory": (memory.limits,),
    "fuzz": (fuzz.recordings, fuzz.checkpoints, fuzz.pictures, fuzz.command_lines),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 1 if anything was lost, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--minutes", type=float, default=20.0, help="total time (default: 20)")
    parser.add_argument("--count", type=int, default=1000, help="maximum rounds per fault")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.kinds) - set(KINDS)
    if unknown:
        parser.error(f"{min(unknown)} is none of {', '.join(KINDS)}")
    import_tensorflow()
    import nst.transfer  # noqa: F401  once, before processes are forked

    ways = [way for kind in chosen.kinds or KINDS for way in KINDS[kind]]
    tallies = []
    for way in ways:
        tallies.append(disturb(way, 60 * chosen.minutes / len(ways), chosen.count, chosen.seed))
        print(row(tallies[-1].what, tallies[-1].tried, len(tallies[-1].lost)), flush=True)
        for loss in tallies[-1].lost[:SHOWN]:
            print(f"  {loss}", flush=True)
    return int(any(tally.lost for tally in tallies))


def disturb(way: Callable[[Field], Tally], seconds: float, most: int, seed: int) -> Tally:
    """Injects one kind of fault, in a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="nst-torture-") as scratch:
        field = Field(Path(scratch), random.Random(seed), time.monotonic() + seconds, most)
        field.paint()
        return way(field)


def row(what: str, tried: object, lost: object) -> str:
    """Returns a row of the table."""
    return f"{what:<28} {tried or 'not tried':>9} {lost:>7}"


if __name__ == "__main__":
    print(row("what", "tried", "lost"))
    sys.exit(main())
