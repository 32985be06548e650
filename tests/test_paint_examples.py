"""The example pictures: painted the same every time, and shipped in a usable form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
SHIPPED = sorted((ROOT / "nst" / "assets").glob("*/*.jpg"))
SCRIPT = ROOT / "scripts" / "paint_examples.py"


def paint(name: str, size: int, out: Path) -> bytes:
    command = [sys.executable, str(SCRIPT), name, "--size", str(size), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (path,) = out.glob(f"*/{name}.jpg")
    return Image.open(path).convert("RGB").tobytes()


@pytest.mark.parametrize("name", ["starry", "wave"])
def test_painting_twice_gives_the_same_picture(name: str, tmp_path: Path) -> None:
    first = paint(name, 48, tmp_path / "first")
    assert first == paint(name, 48, tmp_path / "second")
    assert len(set(first)) > 50, "an empty canvas is the same every time, too"


def test_an_unknown_name_is_answered_with_the_valid_ones() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "stary"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "stary" in done.stderr
    assert "starry" in done.stderr


def test_two_contents_and_five_styles_ship_in_little_space() -> None:
    folders = [path.parent.name for path in SHIPPED]
    assert folders.count("content") >= 2
    assert folders.count("style") >= 5
    assert sum(path.stat().st_size for path in SHIPPED) < 2_500_000


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_pictures_open_as_large_rgb(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        assert image.mode == "RGB"
        assert max(image.size) >= 768
