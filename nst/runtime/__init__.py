"""What a run stands on: TensorFlow, the machine and its memory."""

from nst.runtime.environment import cores, environment, native_bfloat16, versions
from nst.runtime.memory import (
    machine_memory,
    memory_available,
    memory_limit,
    peak_memory,
    reset_peak,
)
from nst.runtime.tensorflow import configured, import_tensorflow

__all__ = [
    "configured",
    "cores",
    "environment",
    "import_tensorflow",
    "machine_memory",
    "memory_available",
    "memory_limit",
    "native_bfloat16",
    "peak_memory",
    "reset_peak",
    "versions",
]
