"""Paint the README's two sheets: the bundled contents against styles, and a strip over alpha.

    python scripts/gallery.py
    python scripts/gallery.py --out FOLDER network=vgg16 network.weights=PATH

Uses the default settings and shows the pictures at half size. Overrides apply to all pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

import nst
from nst.features.weights import ASSETS

CONTENTS = ("harbour", "stilllife")
STYLES = ("starry", "wave", "mosaic", "cubist", "pointillist")
ALPHAS = ("1e2", "1e3", "1e4", "1e5")
WIDTH, HEIGHT, GAP = 256, 192, 6  # of a cell and between cells, px
QUALITY = 85  # of the JPEG files

Cell = tuple[Image.Image | None, str]  # a picture and its caption


def main() -> None:
    """Paints both sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / ".readme")
    parser.add_argument("overrides", nargs="*", help="as for python -m nst.run")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    cells: list[Cell] = [(None, ""), *((asset("style", name), name) for name in STYLES)]
    for content in CONTENTS:
        cells.append((asset("content", content), content))
        for style in STYLES:
            overrides = [f"content={content}", f"style={style}", *options.overrides]
            cells.append((painted(overrides), ""))
    save(sheet(cells, 1 + len(STYLES)), options.out / "gallery.jpg")

    strip: list[Cell] = [
        (painted([f"alpha={alpha}", *options.overrides]), f"alpha={alpha}") for alpha in ALPHAS
    ]
    save(sheet(strip, len(strip)), options.out / "alpha.jpg")


def asset(kind: str, name: str) -> Image.Image:
    """Opens an image bundled with the package."""
    return Image.open(ASSETS / kind / f"{name}.jpg")


def painted(overrides: Sequence[str]) -> Image.Image:
    """Runs a style transfer."""
    print(*overrides, flush=True)
    return Image.fromarray(np.asarray(nst.stylize(overrides=overrides))).convert("RGB")


def sheet(cells: Sequence[Cell], columns: int) -> Image.Image:
    """Lays out cells row by row on white, each filled by its picture, the caption in a corner."""
    rows = -(-len(cells) // columns)
    page = Image.new(
        "RGB", (columns * (WIDTH + GAP) - GAP, rows * (HEIGHT + GAP) - GAP), (255, 255, 255)
    )
    font = ImageFont.load_default(15)
    for (row, column), (picture, caption) in zip(
        product(range(rows), range(columns)), cells, strict=False
    ):
        if picture is None:
            continue
        at = (column * (WIDTH + GAP), row * (HEIGHT + GAP))
        page.paste(
            ImageOps.fit(picture.convert("RGB"), (WIDTH, HEIGHT), Image.Resampling.LANCZOS), at
        )
        if caption:
            ImageDraw.Draw(page).text(
                (at[0] + 7, at[1] + HEIGHT - 24),
                caption,
                "white",
                font,
                stroke_width=2,
                stroke_fill="black",
            )
    return page


def save(page: Image.Image, path: Path) -> None:
    """Writes a sheet as JPEG."""
    page.save(path, quality=QUALITY, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
