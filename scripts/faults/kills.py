"""kill -9 at any moment: the folder stays consistent, and resuming gives the same bytes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from faults.field import COMMAND, SCALES, Field, Tally, faults

OPTIMIZERS = ("adam", "lbfgs")
AGAIN = 0.3  # fraction of the resumed runs that are killed again


def single_runs(field: Field) -> Tally:
    """Kills single runs, some of them again after they are resumed."""
    tally = Tally("kill -9 of a run")
    whole = {name: _whole(field, name) for name in OPTIMIZERS}
    for number in field.rounds():
        name = field.chance.choice(OPTIMIZERS)
        seconds, picture = whole[name]
        folder = field.here / f"killed.{number}"
        start = [*COMMAND, *SCALES, f"optimizer={name}", f"hydra.run.dir={folder.name}"]
        arguments = start
        while True:
            tally.tried += 1
            command = field.begin(*arguments)
            time.sleep(field.chance.uniform(0, 1.1 * seconds))
            command.send(signal.SIGKILL)
            command.wait()
            _check(tally, folder)
            arguments = _onwards(folder, start)
            if not arguments or field.chance.random() > AGAIN:
                break
        if arguments:
            ended = field.run(*arguments)
            tally.expect(ended.status == 0, f"resumed with {ended.status}: {ended.said[-300:]}")
            _check(tally, folder)
        result = folder / "result.png"
        same = result.exists() and result.read_bytes() == picture
        tally.expect(same, f"{folder.name} of {name} has other bytes than the undisturbed run")
    return tally


def sweeps(field: Field) -> Tally:
    """Kills sweeps; the same command completes them."""
    tally = Tally("kill -9 of a sweep")
    swept = [*COMMAND, "optimizer=adam,lbfgs", "seed=0"]
    start = time.monotonic()
    field.run("-m", *swept, "hydra.sweep.dir=undisturbed sweep")
    seconds = time.monotonic() - start
    whole = _pictures(field.here / "undisturbed sweep")
    tally.expect(len(whole) == 2, "the undisturbed sweep did not complete")
    for number in field.rounds():
        folder = field.here / f"sweep.{number}"
        command = field.begin("-m", *swept, f"hydra.sweep.dir={folder.name}")
        time.sleep(field.chance.uniform(0, 1.1 * seconds))
        command.send(signal.SIGKILL)
        command.wait()
        tally.tried += 1
        for job in folder.glob("[0-9]*"):
            _check(tally, job)
        ended = field.run("-m", *swept, f"hydra.sweep.dir={folder.name}")
        tally.expect(ended.status == 0, f"continued with {ended.status}: {ended.said[-300:]}")
        tally.expect(_pictures(folder) == whole, "the continued sweep has other pictures")
        tally.expect((folder / "comparison").is_dir(), "the continued sweep has no comparison")
    return tally


def _whole(field: Field, optimizer: str) -> tuple[float, bytes]:
    """Runs without faults; returns seconds and picture."""
    start = time.monotonic()
    ended = field.run(
        *COMMAND, *SCALES, f"optimizer={optimizer}", f"hydra.run.dir=whole.{optimizer}"
    )
    assert ended.status == 0, ended.said
    picture = (field.here / f"whole.{optimizer}" / "result.png").read_bytes()
    return time.monotonic() - start, picture


def _onwards(folder: Path, start: list[str]) -> list[str]:
    """Returns the command that continues a killed run; none if it is complete."""
    if not (folder / "status.json").exists():
        return start
    completed = '"completed"' in (folder / "status.json").read_text("utf-8")
    return [] if completed else [f"resume={folder.name}"]


def _pictures(sweep: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sweep.glob("[0-9]*/result.png")}


def _check(tally: Tally, folder: Path) -> None:
    for fault in faults(folder):
        tally.expect(False, f"{folder.name}: {fault}")
