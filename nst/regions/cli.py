"""The command line ``python -m nst.regions``."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from nst import images
from nst.errors import COMPLETED, WRONG_INPUT, InputError, Parser, path_argument, printable
from nst.files.atomic import write_atomic
from nst.images import Pixels
from nst.images.colour_names import NAMES, rgb_of
from nst.images.oklab import to_oklab
from nst.images.regions import LONG_SIDE, MOST_REGIONS
from nst.regions.segmentation import Labels, segment
from nst.sources import locate_image


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    try:
        parsed = _parser().parse_args(arguments)
        if not 2 <= parsed.colours <= MOST_REGIONS:
            raise InputError(
                f"--colours={parsed.colours}: 2 to {MOST_REGIONS} regions are possible"
            )
        out = parsed.out or Path(f"{Path(parsed.picture).stem}_regions.png")
        _write(parsed.picture, parsed.colours, out)
    except InputError as error:
        print(f"nst: {error}", file=sys.stderr)
        return WRONG_INPUT
    return COMPLETED


def _parser() -> Parser:
    parser = Parser(
        prog="python -m nst.regions",
        description="Makes a region picture for content.regions= or style.regions=: areas of "
        "similar colour, each in a colour of its own. Correct it in any image editor.",
    )
    parser.add_argument("picture", metavar="PICTURE", help="path, https address or asset:…")
    parser.add_argument(
        "--colours", type=int, default=4, metavar="N", help="number of regions (default: 4)"
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        metavar="FILE",
        help="PNG to write (default: PICTURE_regions.png)",
    )
    return parser


def _write(name: str, count: int, out: Path) -> None:
    if out.suffix.lower() != ".png":
        raise InputError(f"--out={out}: a region picture is a PNG, which keeps colours exactly")
    if out.exists():
        raise InputError(f"{out} exists already, perhaps with your corrections; choose --out=FILE")
    rgb = images.load(locate_image(name)).rgb
    rgb = images.resize(rgb, images.fit(rgb.shape[:2], min(LONG_SIDE, max(rgb.shape[:2]))))
    labels = segment(rgb, count)
    names = named(rgb, labels)
    file = io.BytesIO()
    Image.fromarray(drawn(labels, names)).save(file, "PNG")
    try:
        write_atomic(out, file.getvalue())
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    for region, colour in enumerate(names):
        inside = labels == region
        print(f"{colour:8} {100 * inside.mean():5.1f} %  {_place(inside)}")
    picture, regions = (shlex.quote(printable(str(path))) for path in (name, out))
    print(
        f"Wrote {regions}. To paint the {names[0]} region alone:\n"
        f"python -m nst.run content.image={picture} content.regions={regions} "
        f"'style.regions=[{names[0]}]'"
    )


def named(rgb: Pixels, labels: Labels) -> list[str]:
    """Chooses a name for each region: the colour nearest to its mean that is still free."""
    shades = to_oklab(rgb_of(NAMES))
    free, names = list(range(len(NAMES))), []
    for region in range(int(labels.max()) + 1):
        mean = to_oklab(rgb[labels == region].mean(0))
        nearest = free[np.linalg.norm(shades[free] - mean, axis=-1).argmin()]
        free.remove(nearest)
        names.append(NAMES[nearest])
    return names


def drawn(labels: Labels, names: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Draws each region in its colour, ``[H, W, 3]``."""
    return np.rint(255 * rgb_of(names)).astype(np.uint8)[labels]


def _place(inside: npt.NDArray[np.bool_]) -> str:
    rows, columns = (np.nonzero(inside)[axis].mean() / inside.shape[axis] for axis in (0, 1))
    words = [
        ("top", "bottom")[int(rows > 0.5)] if abs(rows - 0.5) > 0.12 else "",
        ("left", "right")[int(columns > 0.5)] if abs(columns - 0.5) > 0.12 else "",
    ]
    return " ".join(filter(None, words)) or "middle"
