"""Paint the example pictures that ship in ``nst/assets``; numpy and Pillow only.

Two contents, ray marched, and five styles, painted, printed or laid. Painting is deterministic:
the same names and size give the same pixels. All seven take a few minutes on one core.

    python scripts/paint_examples.py                      # all seven
    python scripts/paint_examples.py starry --size 2048   # one, larger
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from painting import cubist, harbour, mosaic, pointillist, starry, stilllife, wave
from painting.fields import Array
from PIL import Image

PICTURES: dict[str, tuple[str, Callable[[int], Array]]] = {
    "harbour": ("content", harbour.picture),
    "stilllife": ("content", stilllife.picture),
    "starry": ("style", starry.picture),
    "wave": ("style", wave.picture),
    "mosaic": ("style", mosaic.picture),
    "pointillist": ("style", pointillist.picture),
    "cubist": ("style", cubist.picture),
}
QUALITY = 88  # of the JPEG files; chroma is kept at full resolution


def save(picture: Array, path: Path) -> None:
    """Write ``[H, W, 3]`` in [0, 1] as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=QUALITY, subsampling="4:4:4", optimize=True)


def main() -> None:
    """Paint the pictures named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", default=list(PICTURES),
                        help=f"which pictures: {', '.join(PICTURES)} (default: all)")  # fmt: skip
    parser.add_argument("--size", type=int, default=1024, help="width in pixels (default: 1024)")
    parser.add_argument("--out", type=Path, default=Path("nst/assets"),
                        help="parent of content/ and style/ (default: nst/assets)")  # fmt: skip
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PICTURES]
    if unknown:
        parser.error(f"no picture called {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    if options.size < 32:
        parser.error(f"--size {options.size} is too small to paint on; at least 32")
    for name in options.names:
        start = time.perf_counter()
        kind, picture = PICTURES[name]
        path = options.out / kind / f"{name}.jpg"
        save(picture(options.size), path)
        print(f"{path}: {path.stat().st_size // 1000} kB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
