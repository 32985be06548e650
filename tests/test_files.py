"""Files are written whole or not at all, and a wrong name finds the nearest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nst.errors import did_you_mean, nearest
from nst.files.atomic import replacing, write_atomic


def test_write_atomic(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", b"old")
    write_atomic(str(tmp_path / "a.json"), b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.json"]
    (tmp_path / "plain").touch()  # has the permissions that the umask asks for
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", b"old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.json") as file:
        file.write(b"half")
        file.flush()
        assert len(os.listdir(tmp_path)) == 2
        raise KeyboardInterrupt
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", b"a file cannot take a folder's place")
    assert sorted(os.listdir(tmp_path)) == ["a.json", "folder"]
    assert (tmp_path / "a.json").read_bytes() == b"old"
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "nowhere" / "a.json", b"")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("stary", "starry"), ("SHIPWREK", "Shipwreck"), ("zzz", None)],
)
def test_nearest(name: str, expected: str | None) -> None:
    valid = ["starry", "Shipwreck", "the_scream"]
    assert nearest(name, valid) == expected
    assert did_you_mean(name, valid) == (f" Did you mean '{expected}'?" if expected else "")


def test_no_tensorflow_is_imported() -> None:
    code = "import sys, nst.images, nst.files.fetch; sys.exit('tensorflow' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent).returncode
        == 0
    )
