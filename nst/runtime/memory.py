"""The memory of this process, of the machine and of its container, bytes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from nst.runtime.environment import cores

STATUS, MEMINFO = Path("/proc/self/status"), Path("/proc/meminfo")  # of Linux
RESET = Path("/proc/self/clear_refs")  # of Linux: 5 makes the memory of now the peak
MEMBERSHIP = Path("/proc/self/cgroup")  # of Linux: a line "N:controllers:/path" per hierarchy
# Addresses without memory: TensorFlow's code, and stacks and arenas of threads per core, bytes.
RESERVED, PER_CORE = 1.25e9, 0.16e9
CONTROL_GROUPS = {  # version 2 and 1 by controller: root, limit, use, and what of it is mere cache
    "": ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
}


def peak_memory() -> int | None:
    """Returns the peak memory of this process since :func:`reset_peak`, bytes.

    Returns:
        None on Windows, which has neither of the two sources.
    """
    if STATUS.is_file():  # ru_maxrss would start at the peak of the parent process
        return _entry(STATUS, "VmHWM")
    try:
        import resource
    except ModuleNotFoundError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak() -> None:
    """Starts measuring the peak anew, so that a job of a sweep does not show an earlier one's.

    Only Linux can; elsewhere, and where it forbids it, the peak stays that of the whole process.
    """
    with suppress(OSError):
        RESET.write_text("5")


def memory_limit() -> float:
    """Returns the memory that this process can have at most, bytes."""
    return min(machine_memory(), address_space())


def machine_memory() -> float:
    """Returns the memory of this machine or, if it is less, of its container, bytes."""
    return min([_total("MemTotal"), *(limit for limit, _ in _containers())])


def memory_available() -> float:
    """Returns the memory that is free for this process, bytes."""
    own = _entry(STATUS, "VmRSS") if STATUS.is_file() else 0  # is part of the run
    free = min([_total("MemAvailable"), *(limit - used for limit, used in _containers())])
    return min(own + free, address_space())


def address_space() -> float:
    """Returns the memory that ``ulimit -v`` leaves this process in all, bytes; Linux only.

    TensorFlow does not survive a request for memory that is refused while it starts its threads, so
    all that it will reserve counts from the start: whatever is decided by this stays decided.
    """
    if not STATUS.is_file():
        return float("inf")
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return float("inf")
    return max(0.0, limit - RESERVED - PER_CORE * cores())


def _entry(path: Path, key: str) -> int:
    """Reads an entry ``key: 12345 kB``, bytes."""
    return int(path.read_text().partition(f"{key}:")[2].split()[0]) * 1024


def _total(key: str) -> float:
    if MEMINFO.is_file():
        return _entry(MEMINFO, key)
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return float("inf")


def _containers() -> Iterator[tuple[float, float]]:
    """Yields limit and use of each control group of Linux that limits this process's memory."""
    for folder, limit, use, cache in _control_groups():
        try:
            most, used = ((folder / name).read_text().strip() for name in (limit, use))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if most.isdigit():
            yield float(most), float(used) - float(stat.get(cache, 0))


def _control_groups() -> Iterator[tuple[Path, str, str, str]]:
    """Yields the control groups of this process and those around them, and their files."""
    lines = MEMBERSHIP.read_text().splitlines() if MEMBERSHIP.is_file() else []
    groups = {
        controller: path
        for _, controllers, path in (line.split(":", 2) for line in lines)
        for controller in controllers.split(",")
    }
    for controller, (root, limit, use, cache) in CONTROL_GROUPS.items():
        own = Path(root + groups.get(controller, ""))
        # In a container the path may be that of the host, which has only the root in common.
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield folder, limit, use, cache
