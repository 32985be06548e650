"""Full or failing disks: one line reports the error, and everything written before is kept."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from faults.field import COMMAND, Ended, Field, Tally, faults, said_in_a_line

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
QUOTAS = (200, 500, 1000, 2000, 4000, 8000, 16000, 40000)  # bytes per file
DISKS = (24, 48, 96, 160, 240, 400)  # kB


def failing_writes(field: Field) -> Tally:
    """Makes one write of a run fail, or every write from some point on."""
    tally = Tally("a write that fails")
    whole = _whole(field)
    for number in field.rounds():
        call, code = field.chance.randrange(30), field.chance.choice(ERRORS)
        forever = field.chance.random() < 0.5
        folder = field.here / f"failing.{number}"
        ended = _run(field, folder, before=lambda c=call, e=code, f=forever: _break(c, e, f))
        _check(tally, field, folder, ended, whole)
    return tally


def quotas(field: Field) -> Tally:
    """Limits the size of files, like a quota."""
    tally = Tally("a quota on files")
    whole = _whole(field)
    for number in field.rounds():
        limit = field.chance.choice(QUOTAS)
        folder = field.here / f"quota.{number}"
        ended = _run(field, folder, before=lambda n=limit: _limit(n))
        _check(tally, field, folder, ended, whole)
    return tally


def full_disks(field: Field) -> Tally:
    """Runs on a small tmpfs that fills up; needs permission to mount one."""
    tally = Tally("a disk that fills up")
    whole, disk = _whole(field), field.here / "disk"
    disk.mkdir()
    for number in field.rounds():
        size = field.chance.choice(DISKS)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            return tally
        try:
            ended = _run(field, disk / "run")
            saved = field.here / f"disk.{number}"
            if (disk / "run").exists():
                shutil.copytree(disk / "run", saved)
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        _check(tally, field, saved, ended, whole)
    return tally


def _run(field: Field, folder: Path, before: Callable[[], object] = lambda: None) -> Ended:
    return field.run(*COMMAND, "optimizer=adam", f"hydra.run.dir='{folder}'", before=before)


def _whole(field: Field) -> bytes:
    ended = _run(field, field.here / "whole disk")
    assert ended.status == 0, ended.said
    return (field.here / "whole disk" / "result.png").read_bytes()


def _break(call: int, code: int, forever: bool) -> None:
    """Makes the n-th write of a file to disk fail, or all writes from there on."""
    real, calls = os.fsync, iter(range(1_000_000))

    def fsync(descriptor: int) -> None:
        number = next(calls)
        if number == call or (forever and number > call):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    os.fsync = fsync


def _limit(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as is Python's default
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _check(tally: Tally, field: Field, folder: Path, ended: Ended, whole: bytes) -> None:
    """Checks that everything that could be kept was kept, and that the run can be completed."""
    tally.tried += 1
    result = folder / "result.png"
    tally.expect(ended.status in (0, 1), f"exit status {ended.status}: {ended.said[-300:]}")
    if ended.status == 0:
        same = result.exists() and result.read_bytes() == whole
        tally.expect(same, f"{folder.name}: exit status 0 without the picture")
    else:
        tally.expect(said_in_a_line(ended), f"{folder.name}: {ended.said[-500:]}")
    for fault in faults(folder):
        tally.expect(False, f"{folder.name}: {fault}")
    if ended.status and (folder / "config.yaml").exists():
        again = field.run(f"resume='{folder}'")
        same = again.status == 0 and result.read_bytes() == whole
        tally.expect(same, f"{folder.name}: resumed with {again.status}: {again.said[-300:]}")
