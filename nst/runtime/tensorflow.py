"""TensorFlow: its import, and its settings during a run, restored after it."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from nst.errors import InputError

log = logging.getLogger(__name__)


class _Process:
    """State shared by the runs of this process, which may overlap in several threads."""

    importing = threading.Lock()
    imported = False
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
    with _Process.importing, _keras_on_tensorflow(), _hidden_stderr(not _Process.imported):
        import keras
        import tensorflow

        tensorflow.config.list_physical_devices()  # the search for GPUs prints, too
        _Process.imported = True
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


def _once(what: str, setting: Any, *arguments: Any) -> None:
    try:
        setting(*arguments)
    except RuntimeError:  # TensorFlow is already initialised in this process
        log.warning("%s can no longer change in this process and keeps its value", what)


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
def _hidden_stderr(hide: bool) -> Iterator[None]:
    """Captures what C++ writes to file descriptor 2, if asked to; shows it if the block fails."""
    try:
        seen = os.dup(2) if hide else None
    except OSError:  # closed: nothing is shown anyway
        seen = None
    if seen is None:
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
