"""Paint the small pictures of the documentation: styles, regions, colours, strokes, losses.

    python scripts/control_pictures.py                    # about ten minutes on two cores
    python scripts/control_pictures.py --out FOLDER --only regions,colors size=384

Each is painted by the command beside it, from pictures that ship. Overrides apply to all of them.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gallery import HEIGHT, Cell, asset, sheet
from PIL import Image, ImageDraw, ImageFilter

import nst
from nst.config.settings import STYLES
from nst.regions.cli import main as make_regions

SMALL = ("size=256", "steps=100")  # of the pictures, unless overridden
COLUMNS = 4  # of a sheet, at most
MOST_BYTES = 40_000  # of a row of a file
WIDTH = 640  # of a file with one row, px; of others half as much again

Paint = Callable[..., Image.Image]


def main() -> None:
    """Paints the pictures named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / ".readme")
    parser.add_argument("--only", default=",".join(SHEETS), help="comma-separated (default: all)")
    parser.add_argument("overrides", nargs="*", help="as for python -m nst.run")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(SHEETS):
        parser.error(f"--only: no {', '.join(unknown)}; valid: {', '.join(SHEETS)}")
    options.out.mkdir(parents=True, exist_ok=True)

    @cache
    def paint(*overrides: str) -> Image.Image:
        print(*overrides, flush=True)
        picture = nst.stylize(overrides=[*SMALL, *overrides, *options.overrides])
        return Image.fromarray(np.asarray(picture)).convert("RGB")

    with TemporaryDirectory() as folder:
        for name in names:
            cells = SHEETS[name](paint, Path(folder))
            save(sheet(cells, min(COLUMNS, len(cells))), options.out / f"{name}.jpg")


def styles(paint: Paint, folder: Path) -> list[Cell]:
    """From one style to the other."""
    mixes = ("[1,0]", "[0.5,0.5]", "[0,1]")
    return [
        (paint("style=[starry,mosaic]", f"style.weights={mix}"), f"weights={mix}") for mix in mixes
    ]


def strokes(paint: Paint, folder: Path) -> list[Cell]:
    """Small strokes and large ones."""
    return [(paint(f"style.scale={scale}"), f"style.scale={scale}") for scale in (0.5, 1, 2)]


def regions(paint: Paint, folder: Path) -> list[Cell]:
    """The sky in one style and the town in another; the sky alone."""
    file = folder / "harbour_regions.png"
    make_regions(["asset:content/harbour.jpg", "--colours", "2", "--out", str(file)])
    given = f"content.regions={file}"
    both = paint(given, "style=[starry,mosaic]", "style.regions=[pink,gray]")
    sky = paint(given, "style.regions=[pink]")
    return [(Image.open(file), "regions"), (both, "[pink,gray]"), (sky, "[pink]")]


def weights(paint: Paint, folder: Path) -> list[Cell]:
    """The boats kept more than the houses."""
    file = folder / "boats.png"
    width, height = asset("content", "harbour").size
    white = Image.new("L", (width, height), 20)
    ImageDraw.Draw(white).rectangle((0, 0.68 * height, width, height), 255)
    white.filter(ImageFilter.GaussianBlur(0.03 * width)).save(file)
    return [
        (Image.open(file), "weight map"),
        (paint("alpha=1e4"), "without"),
        (paint("alpha=1e4", f"content.weight_map={file}"), "with"),
    ]


def colors(paint: Paint, folder: Path) -> list[Cell]:
    """Whose colours the picture has."""
    modes = ("none", "luminance", "match", "match_after")
    return [(paint(*([f"color={m}"] if m != "none" else [])), f"color={m}") for m in modes]


def losses(paint: Paint, folder: Path) -> list[Cell]:
    """Each style term at its scale in conf/loss, as experiment=sweep_losses paints them."""
    painted = [(paint(f"loss=[content,{name},tv]", "pyramid.min_size=64"), name) for name in STYLES]
    return [
        (asset("content", "harbour"), "the content"),
        (asset("style", "starry"), "the style"),
        *painted,
    ]


SHEETS: dict[str, Callable[[Paint, Path], Sequence[Cell]]] = {
    "styles": styles,
    "strokes": strokes,
    "regions": regions,
    "weights": weights,
    "colors": colors,
    "losses": losses,
}


def save(page: Image.Image, path: Path) -> None:
    """Writes a sheet as a small JPEG."""
    rows = round(page.height / HEIGHT)
    width = WIDTH if rows == 1 else 3 * WIDTH // 2
    height = round(page.height * width / page.width)
    small = page.resize((width, height), Image.Resampling.LANCZOS)
    for quality in range(88, 30, -4):
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True)
        if len(file.getvalue()) < rows * MOST_BYTES:
            break
    path.write_bytes(file.getvalue())
    print(f"{path}: {len(file.getvalue()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
