"""Concurrent commands: one uses a folder; the others report that and change nothing."""

from __future__ import annotations

import time
from pathlib import Path

from faults.field import COMMAND, Field, Tally, faults, said_in_a_line


def one_folder(field: Field) -> Tally:
    """Starts two different runs in one folder, the second shortly after the first."""
    tally = Tally("two runs into one folder")
    for number in field.rounds():
        tally.tried += 1
        name = f"shared.{number}"
        starts = [[*COMMAND, f"seed={seed}", f"hydra.run.dir={name}"] for seed in (1, 2)]
        commands = []
        for start in starts:
            commands.append(field.begin(*start))
            time.sleep(field.chance.choice([0, 0.02, 0.2, 1.0]))
        ended = [command.wait() for command in commands]
        tally.expect(sorted(e.status for e in ended) == [0, 2], f"exit status {ended}")
        for one in ended:
            tally.expect(one.status == 0 or said_in_a_line(one), one.said[-300:])
        for fault in faults(field.here / name):
            tally.expect(False, fault)
        tally.expect(_of_one_run(field.here / name), "the folder has files of both runs")
    return tally


def _of_one_run(folder: Path) -> bool:
    """Returns whether Hydra's record and ours belong to the same run."""
    overrides, config = folder / ".hydra" / "overrides.yaml", folder / "config.yaml"
    if not (overrides.exists() and config.exists()):
        return False
    seed = 1 if "\nseed: 1\n" in config.read_text("utf-8") else 2
    return f"seed={seed}" in overrides.read_text("utf-8")


def many(field: Field) -> Tally:
    """Starts several runs at the same moment; each must get its own folder."""
    tally = Tally("runs of one moment")
    for _ in field.rounds():
        before = set(field.here.glob("outputs/*/*"))
        commands = [field.begin(*COMMAND, "steps=2") for _ in range(4)]
        ended = [command.wait() for command in commands]
        made = set(field.here.glob("outputs/*/*")) - before
        tally.tried += len(commands)
        tally.expect(len(made) == len(commands), f"{len(made)} folders for {len(commands)} runs")
        tally.expect(not any(e.status for e in ended), f"{[e.said[-200:] for e in ended]}")
        tally.expect(
            not [fault for path in made for fault in faults(path)], "an inconsistent folder"
        )
    return tally
