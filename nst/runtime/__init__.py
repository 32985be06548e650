"""What a run stands on: TensorFlow, the machine and its memory."""

from nst.runtime.environment import environment, native_bfloat16, versions
from nst.runtime.memory import address_space, memory_available, memory_limit, peak_memory
from nst.runtime.tensorflow import configured, import_tensorflow

__all__ = [
    "address_space",
    "configured",
    "environment",
    "import_tensorflow",
    "memory_available",
    "memory_limit",
    "native_bfloat16",
    "peak_memory",
    "versions",
]
