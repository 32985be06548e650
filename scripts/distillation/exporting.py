"""The file of the student: 8 bits a weight."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from distillation.networks import SCALE, Features, Filters, Student


def exported(student: Student, spread: Features) -> dict[str, np.ndarray]:
    """Returns the arrays of the file, see ``nst.features.weights``."""
    arrays: dict[str, np.ndarray] = {}
    for name, (kernel, bias) in student.filters.items():
        scale = 1.0 if arrays else 1 / SCALE
        arrays |= quantised(f"{name}/kernel", np.asarray(kernel) * scale)
        arrays |= quantised(f"{name}/lift", np.asarray(student.lifts[name] * spread[name]))
        arrays[f"{name}/bias"] = np.asarray(bias, np.float16)
        arrays[f"{name}/gain"] = np.ones((), np.float16)  # until measure_gains.py measures it
    return arrays


def quantised(key: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Rounds to 8 bits, in steps of a size of its own for each output channel."""
    sizes = np.abs(values).max(tuple(range(values.ndim - 1))) / 127 + 1e-12
    return {key: np.rint(values / sizes).astype(np.int8), f"{key}_step": sizes.astype(np.float32)}


def imported(path: Path, spread: Features) -> Student:
    """Reads a student back, rounded as it is."""
    with np.load(path) as file:
        arrays = dict(file)
    names = [key.split("/")[0] for key in arrays if key.endswith("/bias")]
    steps = {k.removesuffix("_step"): v for k, v in arrays.items() if k.endswith("_step")}
    values = {k: jnp.asarray(arrays[k] * size) for k, size in steps.items()}
    kernels = {k: values[f"{k}/kernel"] * (SCALE if k == names[0] else 1.0) for k in names}
    biases = {k: jnp.asarray(arrays[f"{k}/bias"], jnp.float32) for k in names}
    return Student(
        {k: Filters(kernels[k], biases[k]) for k in names},
        {k: values[f"{k}/lift"] / spread[k] for k in names},
    )
