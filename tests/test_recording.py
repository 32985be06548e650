"""The record of a run: an end that cannot be written, its lock, and what a run puts back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nst
from nst import images, runtime
from nst.cli.signals import commanding, working
from nst.errors import InputError
from nst.files.objects import to_json
from nst.observers import Observers, RunContext
from nst.runs import lock
from nst.runs.folder import RunFolder
from nst.runs.lock import locked
from nst.runs.recording import Recording
from nst.runs.status import reporting
from nst.scales import Scale
from nst.sources import locate_image

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["network=bundled", "size=16", "steps=1", "pyramid=single"]


def recording(folder: Path, image: Callable[[], np.ndarray]) -> Recording:
    """The record of a run of one step, which ends with an image."""
    white = np.ones((16, 16, 3), np.float32)
    run = RunContext(
        folder=RunFolder(folder),
        config="alpha: 1\n",
        hparams={},
        content=white,
        styles=[white],
        maps={},
        scales=[Scale(16, 16, 1)],
        first_step=0,
        state=dict,
        encode=images.encode_png,
    )

    def result() -> tuple[str, bytes]:
        return "result.png", images.encode_png(image())

    return Recording(run, "0" * 64, Observers({}), {}, result)


def grey() -> np.ndarray:
    return np.full((16, 16, 3), 0.5, np.float32)


# --- ends -------------------------------------------------------------------------------------


def test_a_picture_that_is_not_finite_is_a_failure_with_a_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="not finite"),
        recording(tmp_path, lambda: grey() * np.nan) as record,
    ):
        record.complete({"total": 1.0})
    status = RunFolder(tmp_path).status
    assert status["status"] == "failed"
    assert "not finite" in status["reason"]
    assert status["identity"] == "0" * 64
    assert not (tmp_path / "result.png").exists()
    assert not (tmp_path / "metrics.json").exists()


def test_an_error_comes_before_that_of_its_picture(tmp_path: Path) -> None:
    (tmp_path / "result.png").mkdir()
    with pytest.raises(ZeroDivisionError), recording(tmp_path, grey):
        raise ZeroDivisionError("the first")
    reason = RunFolder(tmp_path).status["reason"]
    assert reason.startswith(
        "ZeroDivisionError: the first; then, on saving the picture, IsADirectoryError"
    )
    assert "result.png could not be written" in reason


def test_a_run_that_ends_well_is_completed(tmp_path: Path) -> None:
    with recording(tmp_path, grey) as record:
        assert RunFolder(tmp_path).status["status"] == "running"
        record.complete({"total": float("inf")})
    assert RunFolder(tmp_path).status["status"] == "completed"
    assert np.asarray(Image.open(tmp_path / "result.png")).tolist() == [[[128] * 3] * 16] * 16
    assert RunFolder(tmp_path).metrics == {"total": None}


def test_what_is_not_finite_is_null_in_json() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = to_json({"a": float("inf"), "b": [float("nan"), 1.5], "c": {"d": -float("inf")}})
    read = json.loads(text, parse_constant=refuse)
    assert read == {"a": None, "b": [None, 1.5], "c": {"d": None}}


def test_an_error_before_the_recording_is_told(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(MemoryError), reporting(folder):
        raise MemoryError("no room")
    assert folder.status["reason"] == "MemoryError: no room"
    folder.write_status("interrupted", reason="earlier")
    before = (tmp_path / "status.json").read_bytes()
    with pytest.raises(InputError), reporting(folder):
        raise InputError("the resumed run did not get as far as its record")
    assert (tmp_path / "status.json").read_bytes() == before


# --- locks ------------------------------------------------------------------------------------


class FileLocks:
    """Locks of bytes in files, as Windows has them, between the descriptors of this process."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: set[int] = set()

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        inode = lock.os.fstat(descriptor).st_ino
        if inode in self.held:
            raise PermissionError(13, "Permission denied")
        self.held.add(inode)


def test_a_signal_that_c_code_turns_into_an_error_is_still_an_interrupt(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with (
        pytest.raises(KeyboardInterrupt),
        commanding(busy=lambda: False),
        reporting(folder),
        working(),
    ):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        except KeyboardInterrupt:
            folder.write_status("failed", reason="SystemError: returned a result with an exception")
            raise SystemError("returned a result with an exception set") from None
    assert folder.status["status"] == "interrupted"


def test_a_folder_is_locked_for_one_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert RunFolder(tmp_path).busy()
        with pytest.raises(InputError, match="another process is using"), locked(tmp_path):
            pass
    assert not RunFolder(tmp_path).busy()
    assert not RunFolder(tmp_path / "missing").busy()
    assert list(tmp_path.iterdir()) == [], "the lock leaves nothing behind"


def test_two_who_look_whether_a_folder_is_busy_do_not_see_each_other(tmp_path: Path) -> None:
    with locked(tmp_path, shared=True):  # as busy() does for a moment
        assert not RunFolder(tmp_path).busy()


def test_a_folder_is_locked_where_only_files_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", FileLocks())
    with (
        locked(tmp_path),
        pytest.raises(InputError, match="another process is using"),
        locked(tmp_path),
    ):
        pass


def test_the_library_is_imported_where_windows_lacks_modules() -> None:
    program = (
        "import sys; sys.modules.update(fcntl=None, resource=None)\n"
        "import nst, nst.transfer, nst.compare.write\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_stylize_does_not_write_into_the_folder_of_a_run_at_work(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(InputError, match="another process is using"),
    ):
        nst.stylize(overrides=SMALL, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- guests -----------------------------------------------------------------------------------


@pytest.fixture
def fresh_process() -> Iterator[None]:
    """TensorFlow as a new process has it, whatever the tests before have set: no determinism."""
    import tensorflow as tf
    from tensorflow.python.framework import config

    before = config.is_op_determinism_enabled()
    config.disable_op_determinism()
    tf.random.set_seed(None)  # with a seed, deterministic operations may draw
    yield
    config.disable_op_determinism()
    if before:
        config.enable_op_determinism()


@pytest.mark.usefixtures("fresh_process")
def test_random_operations_of_the_caller_work_after_a_run(tmp_path: Path) -> None:
    import tensorflow as tf

    assert nst.stylize(overrides=SMALL, folder=tmp_path).size == (16, 12)
    tf.random.normal([1])
    list(tf.data.Dataset.range(3).shuffle(3))


@pytest.mark.usefixtures("fresh_process")
def test_determinism_lasts_as_long_as_any_run() -> None:
    import tensorflow as tf

    entered, leave = threading.Event(), threading.Event()

    def run() -> None:
        with runtime.configured(None, deterministic=True):
            entered.set()
            leave.wait(60)

    other = threading.Thread(target=run)
    other.start()
    assert entered.wait(60)
    with runtime.configured(None, deterministic=True):
        pass
    try:
        with pytest.raises(RuntimeError, match="seed"):
            tf.random.normal([1])
    finally:
        leave.set()
        other.join()
    tf.random.normal([1])


@pytest.mark.usefixtures("fresh_process")
def test_what_the_caller_had_switched_on_stays_on() -> None:
    import tensorflow as tf
    from tensorflow.python.framework.config import disable_op_determinism

    tf.config.experimental.enable_op_determinism()
    try:
        with runtime.configured(None, deterministic=True):
            pass
        with pytest.raises(RuntimeError, match="seed"):
            tf.random.normal([1])
    finally:
        disable_op_determinism()


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("import os; os.environ['KERAS_BACKEND'] = 'jax'", "painted"),
        ("import tensorflow as tf; tf.compat.v1.disable_eager_execution()", "eager execution"),
        (
            "import keras; keras.backend.backend = lambda: 'jax'",
            "Keras runs on jax in this process, and nst needs TensorFlow",
        ),
    ],
)
def test_a_process_that_was_set_up_otherwise_is_served_or_refused_in_a_line(
    before: str, line: str
) -> None:
    program = f"{before}\nimport nst\ntry:\n    nst.stylize(overrides={SMALL})\n"
    program += "    print('painted')\nexcept nst.errors.InputError as error:\n    print(error)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert line in done.stdout.splitlines()[-1], done.stderr


# --- names of images --------------------------------------------------------------------------


def test_the_address_of_a_file_is_a_path() -> None:
    assert locate_image("file:///a/night%20sky.jpg") == Path("/a/night sky.jpg")


@pytest.mark.parametrize("name", ["asset:../errors.py", "asset:/etc/passwd", "asset:style/../.."])
def test_an_asset_is_one_of_those_that_ship(name: str) -> None:
    with pytest.raises(InputError, match="ships with nst"):
        locate_image(name)
