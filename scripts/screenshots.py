"""Screenshots of TensorBoard and of the report, from a small sweep, with headless Chromium.

    python scripts/screenshots.py
    python scripts/screenshots.py --sweep outputs/sweeps/DATE/TIME --out FOLDER

Without ``--sweep`` it paints one first, in a minute or two. Writes report.jpg and tensorboard.jpg.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from nst.files.atomic import write_atomic
from nst.tensorboard import serve

MOST_BYTES = 120_000  # of a file
SIZE = (1100, 760)  # of a screenshot, px
WINDOWS = {"report": 1.0, "tensorboard": 1.6}  # over that: a table with metrics is wide
PATIENCE = 20_000  # of the page's own time, ms: TensorBoard fetches its data piece by piece
SWEEP = (
    *("-m", "alpha=1e2,1e3,1e4", "optimizer=lbfgs,adam", "size=192", "steps=100"),
    *("network=bundled", "observer.snapshots.every=20"),
)


def main() -> None:
    """Takes both screenshots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweep", type=Path, help="the folder of a finished sweep")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / ".readme")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        sweep = options.sweep or painted(Path(scratch) / "sweep")
        report = (sweep / "comparison" / "report.html").absolute().as_uri()
        board = serve(sweep, port=0).rstrip("/")
        for name, address in {"report": report, "tensorboard": f"{board}/#hparams"}.items():
            save(shot(address, WINDOWS[name], Path(scratch)), options.out / f"{name}.jpg")


def painted(folder: Path) -> Path:
    """Runs the sweep."""
    command = [sys.executable, "-m", "nst.run", *SWEEP, f"hydra.sweep.dir={folder}"]
    subprocess.run(command, check=True)
    return folder


def shot(address: str, window: float, scratch: Path) -> Image.Image:
    """Opens a page in a window and takes a picture of it, at ``SIZE``."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("screenshots need chromium or google-chrome")
    path = scratch / "shot.png"
    width, height = (round(window * side) for side in SIZE)
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--virtual-time-budget={PATIENCE}", f"--window-size={width},{height}"),
        *(f"--user-data-dir={scratch / 'profile'}", f"--screenshot={path}", address),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=180)
    return Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)


def save(image: Image.Image, path: Path) -> None:
    """Saves as JPEG, as well as ``MOST_BYTES`` allow."""
    for quality in range(90, 20, -5):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MOST_BYTES:
            break
    write_atomic(path, file.getvalue())
    print(f"{path}: {file.tell() / 1000:.0f} kB, quality {quality}")


if __name__ == "__main__":
    main()
