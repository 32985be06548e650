"""The fault test bench: images, commands in their own processes, invariants of run folders."""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from nst.cli.app import run
from nst.compare.load import read
from nst.errors import InputError
from nst.files.streams import keep_streams
from nst.runs.folder import RunFolder

STATES = {"running", "completed", "interrupted", "failed"}
PATIENCE = 300.0  # seconds of the processor, or without any of it, until a command counts as hung
BEGUN = 120.0  # seconds within which a run has written its first files, on a busy machine
ROOM = 1 << 20  # bytes of output that are kept until the command has ended
BROKEN = 70  # exit status of a command that ended in a traceback
COMMAND = ["content.image=content.png", "style.image=style.png", "network=bundled", "size=32"]
COMMAND += ["pyramid=single", "steps=8", "loss=[content,style]", "observer.checkpoints.every=3"]
COMMAND += ["observer.snapshots.every=4"]  # every kind of file is written
SCALES = ["pyramid=sqrt2", "pyramid.min_size=23"]  # two


@dataclass
class Tally:
    """The number of trials of a fault, and the losses.

    Attributes:
        what: The kind of fault.
        tried: Number of trials.
        lost: A line for each loss.
    """

    what: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)

    def expect(self, right: object, loss: str) -> bool:
        """Records a loss unless ``right`` holds."""
        if not right:
            self.lost.append(f"{self.what} {self.tried}: {loss}")
        return bool(right)


@dataclass(frozen=True)
class Ended:
    """The end of a command: its exit status, negative for a signal, and its output."""

    status: int
    said: str

    @property
    def lines(self) -> list[str]:
        """The error lines of its output."""
        return [line for line in self.said.splitlines() if line.startswith("nst: ")]


@dataclass(frozen=True)
class Command:
    """A command running in its own process."""

    process: int
    output: int  # the end of a pipe: limits on files must not hit what the command says

    def send(self, number: int) -> None:
        """Sends a signal, unless the command has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, number)

    def wait(self) -> Ended:
        """Waits for the end; kills a command that hangs, whose output then says where."""
        worked, seen = 0.0, time.monotonic()
        while not (found := os.waitpid(self.process, os.WNOHANG))[0]:
            if (now := _processor_time(self.process)) > worked + 1:  # slow, but not hung
                worked, seen = now, time.monotonic()
            if worked > PATIENCE or time.monotonic() > seen + PATIENCE:
                self.send(signal.SIGKILL)
            time.sleep(0.005)
        with open(self.output, "rb") as pipe:
            said = pipe.read().decode("utf-8", "replace")
        return Ended(os.waitstatus_to_exitcode(found[1]), said)


@dataclass
class Field:
    """A folder with two images, a random generator, and a time limit.

    Processes are forked from this one, which has imported TensorFlow but computed nothing. So
    commands start at once, and a kill hits them at work.
    """

    here: Path
    chance: random.Random
    deadline: float
    most: int

    def rounds(self) -> Iterator[int]:
        """Counts rounds until the time or their maximum number is reached; there is always one."""
        for number in range(self.most):
            if number > 0 and time.monotonic() > self.deadline:
                return
            yield number

    def paint(self) -> None:
        """Makes both images."""
        for seed, (name, shape) in enumerate({"content": (24, 32), "style": (20, 20)}.items()):
            values = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
            Image.fromarray(values).save(self.here / f"{name}.png")

    def begin(self, *arguments: str, before: Callable[[], object] = lambda: None) -> Command:
        """Starts a command.

        Args:
            *arguments: As on the command line.
            before: Called first in the new process, to set limits or break things.
        """
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, ROOM)
        sys.stdout.flush()
        if process := os.fork():
            os.close(writer)
            return Command(process, reader)
        status = BROKEN
        try:
            _enter(self.here, writer)
            before()
            status = run(arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            os._exit(status)

    def begun(
        self, folder: Path, *arguments: str, before: Callable[[], object] = lambda: None
    ) -> Command:
        """Starts a run and waits until it has written its configuration."""
        command = self.begin(*arguments, f"hydra.run.dir={folder.name}", before=before)
        deadline = time.monotonic() + BEGUN
        while not (folder / "config.yaml").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return command

    def run(self, *arguments: str, before: Callable[[], object] = lambda: None) -> Ended:
        """Runs a command to its end."""
        return self.begin(*arguments, before=before).wait()


def _processor_time(process: int) -> float:
    """Returns the seconds of the processor that a process has used."""
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _enter(here: Path, output: int) -> None:
    os.chdir(here)
    for standard in (1, 2):
        os.dup2(output, standard)
    faulthandler.dump_traceback_later(PATIENCE - 10, repeat=True, file=output)
    keep_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    random.seed()
    for variable in [key for key in os.environ if key.startswith("PYTEST")]:
        del os.environ[variable]


def faults(path: Path) -> list[str]:
    """Returns the violated invariants of the folder of a run that has ended in any way."""
    if not path.exists():
        return []
    folder, wrong = RunFolder(path), []
    try:
        status = folder.status.get("status")
        folder.history()
        folder.load_checkpoint()
        metrics = folder.metrics
        if (path / "config.yaml").exists():
            folder.config()
    except InputError as error:
        return [str(error)]
    if status is not None and status not in STATES:
        wrong.append(f"the status is {status}")
    # A run that ends before its first step has nothing but a status, which says why.
    if status in ("running", "completed") and not (path / "config.yaml").exists():
        wrong.append(f"status {status} without a configuration")
    if status == "completed" and not (metrics and (path / "result.png").exists()):
        wrong.append("completed without picture or metrics")
    for picture in (path / "result.png", *path.glob("snapshots/*.png")):
        if picture.is_file():  # it may be obstructed by a folder
            Image.open(picture).load()
    if folder.busy():
        wrong.append("it is locked, but no process uses it")
    shown = read(path, path.name)
    if shown.state == "damaged" and status is not None:
        wrong.append(f"the comparison shows {shown.reason}")
    return wrong


def said_in_a_line(ended: Ended) -> bool:
    """Returns whether a failed command reported it properly: one line, no traceback."""
    return len(ended.lines) == 1 and "Traceback" not in ended.said
