"""Pictures in the sizes that sheet, chart and report need, each file decoded once."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from nst.compare.reading import Run
from nst.errors import InputError
from nst.fetch import fetch_image
from nst.images import load, to_pil
from nst.inputs import WEB, locate_image

CELL = (320, 480)  # most width and height of a picture on the sheet, px
CROP = (320, 160)  # of the centre at 100 %, px
LONG_SIDE = 1024  # most of a picture inside the report, px
REPORT_BYTES = 9_000_000  # for all pictures of a report; a third more as text
LEAST_BYTES = 12_000  # for one picture, so that it can be recognised
PATIENCE = 3.0  # for a content image that has left the cache, s


@dataclass(frozen=True, eq=False)
class Portrait:
    """One picture.

    Attributes:
        size: Width and height of the file, px.
        cell: At most ``CELL``, for the sheet.
        crop: The centre at 100 %, at most ``CROP``.
        large: JPEG for the report.
        large_size: Width and height of ``large``, px.
    """

    size: tuple[int, int]
    cell: Image.Image
    crop: Image.Image
    large: bytes
    large_size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Gallery:
    """The pictures of a comparison.

    Attributes:
        results: By run folder; runs without a readable picture are missing.
        contents: By the name in the configuration; images that cannot be found are missing.
        styles: Likewise.
        notes: By run folder, why a picture is missing.
    """

    results: Mapping[Path, Portrait]
    contents: Mapping[str, Portrait]
    styles: Mapping[str, Portrait]
    notes: Mapping[Path, str]


def gather(runs: Sequence[Run]) -> Gallery:
    """Loads the results and their content and style images, as far as they can be found."""
    budget = max(LEAST_BYTES, REPORT_BYTES // max(1, len(runs)))
    results, notes = {}, {}
    for run in runs:
        if run.picture is None:
            continue
        try:
            results[run.folder] = portray(run.picture, budget)
        except InputError as error:
            notes[run.folder] = str(error)
    contents, styles = (_sources(runs, name, budget) for name in ("content", "style"))
    return Gallery(results, contents, styles, notes)


def portray(path: Path, most_bytes: int) -> Portrait:
    """Loads a picture and makes all its sizes.

    Raises:
        InputError: It cannot be read.
    """
    image = to_pil(load(path).rgb)
    left, top = ((a - min(a, b)) // 2 for a, b in zip(image.size, CROP, strict=True))
    right, bottom = left + min(CROP[0], image.width), top + min(CROP[1], image.height)
    large, data = _within(image, most_bytes)
    return Portrait(
        image.size, fitted(image, CELL), image.crop((left, top, right, bottom)), data, large.size
    )


def fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """Scales to the largest size inside a box, aspect kept; small ones grow so that all compare."""
    scale = min(box[0] / image.width, box[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def jpeg(image: Image.Image) -> bytes:
    """Encodes for looking at closely: colour at full resolution."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, subsampling=0, optimize=True)
    return file.getvalue()


def data_uri(data: bytes) -> str:
    """Wraps a JPEG for HTML."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _within(image: Image.Image, most_bytes: int) -> tuple[Image.Image, bytes]:
    """Shrinks a picture until its file is small enough."""
    side = min(LONG_SIDE, max(image.size))
    while True:
        large = image if side >= max(image.size) else fitted(image, (side, side))
        data = jpeg(large)
        if len(data) <= most_bytes or side <= 160:
            return large, data
        side = round(0.8 * side)


def _sources(runs: Sequence[Run], role: str, budget: int) -> dict[str, Portrait]:
    """Loads each content or style image that is still the one that the runs were made from."""
    found = {}
    for name in dict.fromkeys(str(run.settings.get(f"{role}.image") or "") for run in runs):
        hashes = {r.settings.get(f"{role}.sha256") for r in runs if r.settings.get(f"{role}.image") == name}
        try:
            path = fetch_image(name, timeout=PATIENCE) if name.startswith(WEB) else locate_image(name)
            if load(path).sha256 in hashes | {None} - {""}:
                found[name] = portray(path, budget)
        except InputError:
            continue  # moved, or from another machine; the report says so
    return found
