"""What a wheel holds, and that it works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "-q",
        "-w",
        str(folder),
    ]
    subprocess.run(command, check=True, timeout=600)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_it_holds_configuration_assets_and_licence(unpacked):
    conf = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    shipped = {
        path.relative_to(unpacked / "nst/conf") for path in (unpacked / "nst/conf").rglob("*.yaml")
    }
    assert shipped == conf
    modules = {path.relative_to(ROOT) for path in (ROOT / "nst").rglob("*.py")}
    assert modules <= {path.relative_to(unpacked) for path in unpacked.rglob("*.py")}
    for asset in ("bundled.npz", "content/harbour.jpg", "style/starry.jpg"):
        assert (unpacked / "nst/assets" / asset).is_file()
    assert list(unpacked.rglob("LICENSE"))


def test_it_works_from_another_folder(unpacked, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    script = "import sys, nst.run; print(nst.__file__); sys.argv[1:] = ['--cfg', 'job', 'style=wave']; nst.run.main()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert str(unpacked) in done.stdout
    assert "asset:style/wave.jpg" in done.stdout
    assert not list(tmp_path.iterdir())
