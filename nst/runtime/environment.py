"""The machine and the versions that a picture comes from."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nst.runtime.tensorflow import import_tensorflow

PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "hydra-core", "omegaconf", "tensorboard")
CPUINFO = Path("/proc/cpuinfo")  # of Linux


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
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),  # on GPUs
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "command": sys.argv,
    }


def versions() -> dict[str, str]:
    """Returns the versions of the packages that can change a picture."""
    return {package: version(package) for package in PACKAGES}


def cores() -> int:
    """Returns how many cores this process may use; on macOS and Windows, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def native_bfloat16() -> bool:
    """Returns whether the CPU multiplies bfloat16 natively: Xeons since 2020, Epycs since 2022."""
    flags = CPUINFO.read_text().split() if CPUINFO.is_file() else []
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def _processor() -> str:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.is_file() else []
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
