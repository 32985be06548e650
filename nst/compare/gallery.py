"""The pictures of a comparison, as far as they can be found, each file decoded once.

A run folder may come from a stranger and name any picture of this machine. One outside of it is
shown only if its hash is the recorded one: whoever wrote that had the picture already. Nothing is
fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from nst.compare.load import RunRecord
from nst.compare.thumbnails import Thumbnail, fitted, jpeg, shrink
from nst.config.names import listed, stem
from nst.errors import InputError
from nst.files.fetch import fetched_image
from nst.images import load, to_pil
from nst.runs.folder import is_own
from nst.sources import WEB, locate_image
from nst.sources.guidance import digest_of

REPORT_BYTES = 7_500_000  # for all results in a report; base64 adds a third
LEAST_BYTES = 12_000  # for one picture, so that it is recognisable
FILM_BYTES = 6_000_000  # for all snapshots in a report
MOST_FRAMES = 600  # of all runs in a report; a run has at most 12 and, if it can, 3
FRAME_PIXEL = 0.35  # bytes that a JPEG takes for a pixel, about
MAPS = {  # settings that name pictures beside content and styles, in words
    "content.regions": "regions of the content",
    "style.regions": "regions of the style",
    "content.weight_map": "weight map",
}


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
