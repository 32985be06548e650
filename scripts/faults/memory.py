"""Too little memory: one line, exit status 1 or 2, and a consistent folder."""

from __future__ import annotations

import re
import resource
from pathlib import Path

from faults.field import COMMAND, Field, Tally, faults, said_in_a_line

ROOM = (8, 32, 128, 512, 1024, 1536, 2048)  # MB beyond the initial size of the process


def limits(field: Field) -> Tally:
    """Runs with less memory than they need."""
    tally = Tally("too little memory")
    for number in field.rounds():
        tally.tried += 1
        room, folder = field.chance.choice(ROOM), field.here / f"small.{number}"
        large = [*COMMAND, "size=512", "steps=2", f"hydra.run.dir={folder.name}"]
        ended = field.run(*large, before=lambda room=room: _limit(room << 20))
        what = f"{room} MB: exit status {ended.status}: {ended.said[-400:]}"
        refused = ended.status == 2 and said_in_a_line(ended) and not folder.exists()
        tally.expect(ended.status in (0, 1) or refused, what)
        tally.expect("Traceback" not in ended.said, what)
        for fault in faults(folder):
            tally.expect(False, f"{room} MB: {fault}")
    return tally


def _limit(room: int) -> None:
    status = Path("/proc/self/status").read_text("utf-8")
    found = re.search(r"VmSize:\s*(\d+) kB", status)
    assert found is not None
    most = int(found[1]) * 1024 + room
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
