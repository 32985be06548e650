"""Pictures in the sizes that sheet, chart and report need, each file decoded once.

A run folder may come from a stranger and name any picture of this machine. One outside of it is
shown only if its hash is the recorded one: whoever wrote that had the picture already. Nothing is
fetched.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image

from nst.compare.load import RunRecord
from nst.config.names import listed, stem
from nst.errors import InputError
from nst.files.fetch import fetched_image
from nst.images import Picture, load, to_pil
from nst.runs.folder import is_own
from nst.sources import WEB, locate_image
from nst.sources.guidance import digest_of

CELL = (320, 480)  # maximum width and height of a picture on the sheet, px
CROP = (320, 160)  # of the centre at 100 %, px
LONG_SIDE = 1024  # maximum of a picture inside the report, px
REPORT_BYTES = 7_500_000  # for all results in a report; base64 adds a third
LEAST_BYTES = 12_000  # for one picture, so that it is recognisable
MAPS = {  # settings that name pictures beside content and styles, in words
    "content.regions": "regions of the content",
    "style.regions": "regions of the style",
    "content.weight_map": "weight map",
}
FILM_BYTES = 6_000_000  # likewise for all snapshots in a report
MOST_FRAMES = 600  # of all runs in a report; a run has at most 12 and, if it can, 3
FRAME_PIXEL = 0.35  # bytes that a JPEG takes for a pixel, about
SHEET_BYTES = 8_000_000  # for the two pictures of every run on the sheet
FRONT_BYTES = 2_000_000  # for the chart of all runs
QUALITIES = (88, 75, 60, 45, 30)  # of JPEG, the first that fits; noise takes many bytes


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One picture in the sizes that are needed.

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
    """The pictures of a comparison, by run folder; what cannot be found or read is missing.

    Attributes:
        results: Of the runs.
        contents: The content images; runs with the same one share a thumbnail.
        styles: Likewise, the one or several of each run by their names in its configuration.
        maps: Region pictures and weight maps of each run, by what to call them.
        notes: Why a result is missing.
        films: Snapshots of the runs, JPEG by step.
    """

    results: Mapping[Path, Thumbnail]
    contents: Mapping[Path, Thumbnail]
    styles: Mapping[Path, Mapping[str, Thumbnail]]
    maps: Mapping[Path, Mapping[str, Thumbnail]]
    notes: Mapping[Path, str]
    films: Mapping[Path, Mapping[int, bytes]]


def load_gallery(runs: Sequence[RunRecord]) -> Gallery:
    """Loads the results and their content and style images, as far as they can be found."""
    budget = max(LEAST_BYTES, REPORT_BYTES // max(1, len(runs)))
    results, notes = {}, {}
    for run in runs:
        if run.picture is not None:
            try:
                results[run.folder] = shrink(load(run.picture, result=True), budget)
            except InputError as error:
                notes[run.folder] = str(error)
    contents, styles = (_sources(runs, role, budget) for role in ("content", "style"))
    one = {folder: next(iter(found.values())) for folder, found in contents.items()}
    films = {run.folder: _film(run, len(runs)) for run in runs if run.folder in results}
    return Gallery(results, one, styles, _maps(runs, budget), notes, films)


def _film(run: RunRecord, runs: int) -> dict[int, bytes]:
    """Shrinks evenly spaced snapshots of a run, the first and the last included."""
    paths = run.folder.glob("snapshots/[0-9]*.png")
    found = sorted((int(p.stem), p) for p in paths if _step(p) and is_own(run.folder, p))
    count = min(len(found), 12, max(3, MOST_FRAMES // runs))
    places = sorted({round(i * (len(found) - 1) / max(1, count - 1)) for i in range(count)})
    side = math.sqrt(FILM_BYTES / (runs * max(1, count)) / FRAME_PIXEL)
    film = {}
    for step, path in (found[place] for place in places):
        try:
            image = to_pil(load(path, result=True).rgb)
        except InputError:
            continue  # cut short by a kill; the others are there
        least = min(max(160, round(side)), 640, max(image.size))
        film[step] = jpeg(fitted(image, (least, least)), FILM_BYTES // (runs * count))
    return film


def _step(path: Path) -> bool:
    return path.stem.isascii() and path.stem.isdecimal() and len(path.stem) < 12


def shrink(picture: Picture, most_bytes: int) -> Thumbnail:
    """Makes all sizes of a picture."""
    image = to_pil(picture.rgb)
    left, top = (max(0, side - most) // 2 for side, most in zip(image.size, CROP, strict=True))
    right, bottom = left + min(CROP[0], image.width), top + min(CROP[1], image.height)
    large, data = _within(image, most_bytes)
    crop = image.crop((left, top, right, bottom))
    return Thumbnail(image.size, fitted(image, CELL), crop, data, large.size)


def fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """Scales to the largest size inside a box, also upwards; the aspect ratio is kept."""
    scale = min(box[0] / image.width, box[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def jpeg(image: Image.Image, most_bytes: float = math.inf) -> bytes:
    """Encodes as well as the bytes allow, with colour at full resolution."""
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= most_bytes:
            break
    return file.getvalue()


def data_uri(data: bytes, kind: str = "jpeg") -> str:
    """Encodes a picture as a data URI."""
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


def _within(image: Image.Image, most_bytes: int) -> tuple[Image.Image, bytes]:
    """Shrinks a picture until its file is small enough."""
    side = min(LONG_SIDE, max(image.size))
    while True:
        large = image if side >= max(image.size) else fitted(image, (side, side))
        data = jpeg(large)
        if len(data) <= most_bytes or side <= 160:
            return large, data
        side = round(0.8 * side)


def _sources(runs: Sequence[RunRecord], role: str, budget: int) -> dict[Path, dict[str, Thumbnail]]:
    """Finds the content or style images of each run that are still those it used."""
    found: dict[Path, dict[str, Thumbnail]] = {}
    source = lru_cache(maxsize=None)(partial(_source, budget=budget))
    for run in runs:
        names = [str(name) for name in listed(run.config.get(f"{role}.image")) if name]
        hashes = listed(run.config.get(f"{role}.sha256"), len(names))
        for name, used in zip(names, hashes, strict=False):  # a damaged record has any number
            shown = source(name)
            if shown is not None and shown[1] == used:
                found.setdefault(run.folder, {})[name] = shown[0]
    return found


def _maps(runs: Sequence[RunRecord], budget: int) -> dict[Path, dict[str, Thumbnail]]:
    """Finds the pictures that guided each run that are still those it used."""
    source = lru_cache(maxsize=None)(partial(_source, budget=budget))
    found: dict[Path, dict[str, Thumbnail]] = {}
    for run in runs:
        pictures: dict[str, Thumbnail] = {}
        used: dict[str, list[str]] = {"content": [], "style": []}
        unused = [weight == 0 for weight in listed(run.config.get("style.weights"))]
        for key, words in MAPS.items():
            names = listed(run.config.get(key))
            if key == "style.regions" and len(names) == len(unused):
                names = [name for name, out in zip(names, unused, strict=True) if not out]
            for name in map(str, filter(None, names)):
                shown = source(name)
                # Colours, alone or in a list, are no files.
                used[key.partition(".")[0]].append(
                    shown[1] if shown else re.sub(r"[\[\]' ]", "", name)
                )
                if shown:
                    pictures[f"{words}: {stem(name)}"] = shown[0]
        digest = digest_of(used["style"], used["content"])
        if pictures and digest == run.config.get("regions.sha256"):
            found[run.folder] = pictures
    return found


def _source(name: str, budget: int) -> tuple[Thumbnail, str] | None:
    try:
        path = fetched_image(name) if name.startswith(WEB) else locate_image(name)
        picture = None if path is None else load(path)
    except (InputError, OSError, RuntimeError):  # RuntimeError: ~name, of somebody unknown here
        return None  # moved, or from another machine
    return None if picture is None else (shrink(picture, budget), picture.sha256)
