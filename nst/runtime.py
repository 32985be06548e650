"""TensorFlow's settings during a run, restored after it, and a report of the environment."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nst.errors import InputError

log = logging.getLogger(__name__)

PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "hydra-core", "omegaconf", "tensorboard")
CONTROL_GROUPS = (  # of Linux, version 2 and 1: folder, limit, use, and what of it is mere cache
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


class _Process:
    """State shared by the runs of this process, which may overlap in several threads."""

    importing = threading.Lock()
    changing = threading.Lock()  # guards the two below
    deterministic_runs = 0
    deterministic_before = False


def import_tensorflow() -> Any:
    """Imports TensorFlow; hides its start-up messages unless the import fails.

    Raises:
        InputError: The program around this one uses Keras or TensorFlow in a way that rules it out.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # All three change what belongs to all threads.
    with _Process.importing, _keras_on_tensorflow(), _hidden_stderr():
        import keras
        import tensorflow

        tensorflow.config.list_physical_devices()  # the search for GPUs prints, too
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"Keras runs on {keras.backend.backend()} in this process, and nst needs TensorFlow: "
            f"set KERAS_BACKEND=tensorflow before Keras is imported"
        )
    if not tensorflow.executing_eagerly():
        raise InputError("nst needs TensorFlow's eager execution, which is switched off here")
    return tensorflow


@contextmanager
def configured(threads: int | None, deterministic: bool) -> Iterator[None]:
    """Configures TensorFlow for a run and restores afterwards what can be restored.

    The number of threads cannot: TensorFlow accepts it once per process. While a deterministic run
    is active, the caller's own random operations in other threads need a seed.

    Args:
        threads: Processor threads; None for all of them.
        deterministic: Whether repeated runs must give the same bytes.
    """
    tf = import_tensorflow()
    for gpu in tf.config.list_physical_devices("GPU"):
        _once("GPU memory growth", tf.config.experimental.set_memory_growth, gpu, True)
    if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        _once("runtime.threads", tf.config.threading.set_intra_op_parallelism_threads, threads)
        _once("runtime.threads", tf.config.threading.set_inter_op_parallelism_threads, 1)
    with _determinism() if deterministic else nullcontext():
        yield


@contextmanager
def _determinism() -> Iterator[None]:
    """Enables deterministic operations; the last of overlapping runs restores the setting."""
    import tensorflow as tf

    # The public interface cannot undo it; TensorFlow's own tests do it this way.
    off, enabled = map(_private_switch, ("disable_op_determinism", "is_op_determinism_enabled"))
    with _Process.changing:
        if _Process.deterministic_runs == 0:
            _Process.deterministic_before = bool(enabled())
        _Process.deterministic_runs += 1
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        with _Process.changing:
            _Process.deterministic_runs -= 1
            if _Process.deterministic_runs == 0 and not _Process.deterministic_before:
                off()


def _private_switch(name: str) -> Callable[[], Any]:
    """Returns a private function of TensorFlow; without it operations stay deterministic."""
    try:
        from tensorflow.python.framework import config

        found: Callable[[], Any] = getattr(config, name)
        return found
    except (ImportError, AttributeError):
        log.warning("this TensorFlow has no %s: its operations stay deterministic", name)
        return lambda: None


def versions() -> dict[str, str]:
    """Returns the versions of the packages that can change a picture."""
    return {package: version(package) for package in PACKAGES}


def native_bfloat16() -> bool:
    """Returns whether the CPU multiplies bfloat16 natively: Xeons since 2020, Epycs since 2022."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def environment() -> dict[str, Any]:
    """Returns machine and versions for ``environment.json``."""
    tf = import_tensorflow()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "versions": versions(),
        "git_commit": _git_commit(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "command": sys.argv,
    }


def peak_memory() -> int | None:
    """Returns the peak memory of this process in bytes; in a sweep, of all jobs so far.

    Returns:
        None on Windows, which has neither of the two sources.
    """
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss would start at the peak of the parent process
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    try:
        import resource
    except ModuleNotFoundError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory_limit() -> float:
    """Returns the memory of this machine or, if it is less, of its container, bytes."""
    return min([_meminfo("MemTotal"), *(limit for limit, _ in _containers())])


def memory_available() -> float:
    """Returns the memory that is free for this process, bytes."""
    own = _resident()  # is part of the run
    return own + min([_meminfo("MemAvailable"), *(limit - used for limit, used in _containers())])


def _meminfo(key: str) -> float:
    path = Path("/proc/meminfo")
    if path.is_file():
        return float(path.read_text().partition(f"{key}:")[2].split()[0]) * 1024
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return float("inf")


def _resident() -> float:
    path = Path("/proc/self/status")
    return (
        float(path.read_text().partition("VmRSS:")[2].split()[0]) * 1024 if path.is_file() else 0.0
    )


def _containers() -> Iterator[tuple[float, float]]:
    """Yields limit and use of each control group of Linux that limits this process's memory."""
    for folder, limit, use, cache in CONTROL_GROUPS:
        try:
            most, used = ((Path(folder) / name).read_text().strip() for name in (limit, use))
            stat = dict(
                line.split() for line in (Path(folder) / "memory.stat").read_text().splitlines()
            )
        except (OSError, ValueError):
            continue
        if most.isdigit():
            yield float(most), float(used) - float(stat.get(cache, 0))


def _once(what: str, setting: Any, *arguments: Any) -> None:
    try:
        setting(*arguments)
    except RuntimeError:  # TensorFlow is already initialised in this process
        log.warning("%s can no longer change in this process and keeps its value", what)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _git_commit() -> str | None:
    here = str(Path(__file__).parent)
    command = ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here: an installed package has no commit
        return None
    return done.stdout.strip() or None


@contextmanager
def _keras_on_tensorflow() -> Iterator[None]:
    """Selects Keras' backend for its import, whatever the environment says."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        yield
    finally:
        del os.environ["KERAS_BACKEND"]
        if before is not None:
            os.environ["KERAS_BACKEND"] = before


@contextmanager
def _hidden_stderr() -> Iterator[None]:
    """Captures what C++ writes to file descriptor 2; shows it if the block fails."""
    try:
        seen = os.dup(2)
    except OSError:  # closed: nothing is shown anyway
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(seen, 2)
            hidden.seek(0)
            os.write(2, hidden.read())
            raise
        finally:
            os.dup2(seen, 2)
            os.close(seen)
