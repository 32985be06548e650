"""A wheel holds all that the package needs, and works where no checkout is."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from command_line import ROOT, python

import nst

SOURCES = ("nst", "conf", "pyproject.toml", "README.md")


def said(*arguments: str, cwd: Path, path: Path | str = "") -> str:
    """What a Python process says."""
    done = python(*arguments, cwd=cwd, path=path)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source, copy = ROOT / name, folder / "source" / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    said("-m", "pip", "wheel", "./source", "--no-deps", "-q", "-w", "built", cwd=folder)
    (found,) = (folder / "built").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The wheel, unpacked: a folder to import from."""
    folder = wheel.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_its_name_and_version(wheel: Path) -> None:
    assert wheel.name == f"nst-{nst.__version__}-py3-none-any.whl"


def test_it_holds_every_file_of_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    configurations = {f"nst/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert len(configurations) > 25
    files = (path for path in (ROOT / "nst").rglob("*") if path.is_file())
    package = {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}
    assert {"nst/assets/bundled.npz", "nst/assets/style/starry.jpg", "nst/py.typed"} < package
    assert sorted((configurations | package) - names) == []


def test_it_holds_nothing_but_the_package(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"nst", f"nst-{nst.__version__}.dist-info"}


def test_it_names_licence_command_and_dependencies(installed: Path) -> None:
    information = installed / f"nst-{nst.__version__}.dist-info"
    assert "nst = nst.run:main" in (information / "entry_points.txt").read_text()
    assert [path.name for path in (information / "licenses").rglob("*") if path.is_file()]
    metadata = (information / "METADATA").read_text("utf-8")
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: <3.14,>=3.11" in metadata
    assert "Requires-Dist: hydra-core<1.4,>=1.3.8" in metadata


def test_installed_it_finds_its_own_configuration(installed: Path, tmp_path: Path) -> None:
    show = "import nst.config.composition as c; print(c.__file__); print(c.CONF_DIR)"
    module, conf = said("-c", show, cwd=tmp_path, path=installed).split()
    assert Path(module) == installed / "nst" / "config" / "composition.py", (
        "the checkout was imported"
    )
    assert Path(conf) == installed / "nst" / "conf"


def test_installed_it_says_what_the_checkout_says(installed: Path, tmp_path: Path) -> None:
    shown = ("-m", "nst.run", "--cfg", "job", "experiment=gatys2015", "alpha=3")
    there = said(*shown, cwd=tmp_path, path=installed)
    assert there.startswith("alpha: 3.0\n")
    assert "nst.optimizers.LBFGS" in there
    assert there == said(*shown, cwd=tmp_path, path=ROOT)
    assert list(tmp_path.iterdir()) == []


def test_installed_the_console_script_works(installed: Path, tmp_path: Path) -> None:
    script = "import sys; from nst.run import main; sys.argv = ['nst', '--help']; main()"
    assert "starry" in said("-c", script, cwd=tmp_path, path=installed)


def test_installed_it_finds_its_pictures_and_weights(installed: Path, tmp_path: Path) -> None:
    gather = """
from nst.config.composition import compose
from nst.sources import gather

inputs = gather(compose(["network=bundled"]))
print(inputs.content.source, inputs.styles[0].picture.source, inputs.network.path, sep="\\n")
"""
    paths = said("-c", gather, cwd=tmp_path, path=installed).splitlines()
    assert len(paths) == 3
    assert all(Path(path).is_relative_to(installed) for path in paths)
