"""TensorFlow's set-up, once a process, and a report of the environment."""

from __future__ import annotations

import logging
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nst.errors import InputError

log = logging.getLogger(__name__)

PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "hydra-core", "omegaconf", "tensorboard")


def import_tensorflow() -> Any:
    """Imports TensorFlow with its start-up lines kept out of sight, unless the import fails.

    Raises:
        InputError: The program that uses nst has set TensorFlow or Keras up in a way that cannot work.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "keras" not in sys.modules:  # a setting or keras.json of the user's may name another one
        os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0"}
    with _hidden_stderr():
        import keras
        import tensorflow

        tensorflow.config.list_physical_devices()  # the search for GPUs has lines of its own
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"this process runs Keras on {keras.backend.backend()}, and nst needs TensorFlow: set "
            f"KERAS_BACKEND=tensorflow before Keras is imported"
        )
    if not tensorflow.executing_eagerly():
        raise InputError(
            "TensorFlow's eager execution is off here, and nst needs it: call stylize() outside of "
            "tf.Graph and tf.function, and without disable_eager_execution()"
        )
    return tensorflow


def setup(threads: int | None, deterministic: bool) -> None:
    """Sets what TensorFlow takes once a process only.

    Args:
        threads: Processor threads; None for all of them.
        deterministic: Whether the same run must give the same bytes.
    """
    tf = import_tensorflow()
    for gpu in tf.config.list_physical_devices("GPU"):
        _once("GPU memory growth", tf.config.experimental.set_memory_growth, gpu, True)
    if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        _once("runtime.threads", tf.config.threading.set_intra_op_parallelism_threads, threads)
        _once("runtime.threads", tf.config.threading.set_inter_op_parallelism_threads, 1)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def native_bfloat16() -> bool:
    """Tells whether the processor multiplies bfloat16: Xeons since 2020, Epycs since 2022."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def environment() -> dict[str, Any]:
    """Describes machine and versions for ``environment.json``."""
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


def versions() -> dict[str, str]:
    """Returns the versions of the packages that a picture depends on."""
    return {package: version(package) for package in PACKAGES}


def peak_memory() -> int:
    """Measures the memory of this process at its peak, bytes: in a sweep, that of all jobs so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss would begin at the peak of the process that started this one
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _once(what: str, setting: Any, *arguments: Any) -> None:
    try:
        setting(*arguments)
    except RuntimeError:  # TensorFlow is at work already, in this process, with what it had
        log.warning("%s cannot change any more in this process: it stays as it was", what)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _git_commit() -> str | None:
    describe = ["describe", "--always", "--dirty", "--abbrev=40"]
    command = ["git", "-C", str(Path(__file__).parent), *describe]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here: an installed package has no commit
        return None
    return done.stdout.strip() or None


@contextmanager
def _hidden_stderr() -> Iterator[None]:
    """Keeps what C++ writes to file descriptor 2; shows it if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as hidden:
        seen = os.dup(2)
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
