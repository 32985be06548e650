"""``blind.html``: one file on which people compare the pictures of runs, two at a time.

It names neither settings nor folders: pictures go by a hash of their bytes.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from string import Template
from typing import Any

from nst.compare.blind.votes import picture_id
from nst.compare.comparison import Comparison
from nst.compare.document import document
from nst.compare.gallery import Gallery
from nst.compare.load import RunRecord
from nst.compare.settings import task
from nst.compare.thumbnails import Thumbnail, data_uri
from nst.errors import InputError
from nst.metrics.table import QUESTIONS

HERE = Path(__file__).parent
MOST_PAIRS = 20_000  # that a page lists; nobody answers more


def build(comparison: Comparison) -> str:
    """Writes the page: every pair of completed runs of the same task.

    Raises:
        InputError: No two pictures can be compared.
    """
    ids = {
        run.folder: picture_id(run)
        for run in comparison.runs
        if run.state == "completed" and run.folder in comparison.gallery.results
    }
    tasks: dict[object, dict[str, RunRecord]] = {}
    for run in comparison.runs:
        if name := ids.get(run.folder):
            tasks.setdefault(task(run), {}).setdefault(name, run)
    sources: list[Thumbnail] = []
    pairs: list[tuple[str, str]] = []
    pictures: dict[str, dict[str, Any]] = {}
    for members in tasks.values():
        pictures |= {
            name: _entry(run, comparison.gallery, sources) for name, run in members.items()
        }
        pairs += list(combinations(sorted(members), 2))
    if not pairs:
        raise InputError(
            "--blind: it needs two completed runs of the same content and style, with the same "
            "weights and regions"
        )
    data = {
        "questions": QUESTIONS,
        "sources": [data_uri(source.large) for source in sources],
        "pictures": pictures,
        "pairs": pairs[:MOST_PAIRS],
    }
    body = Template((HERE / "page.html").read_text("utf-8")).substitute(
        data=json.dumps(data).replace("<", "\\u003c")
    )
    return document("Blind comparison", body.rstrip("\n"), HERE)


def _entry(run: RunRecord, gallery: Gallery, sources: list[Thumbnail]) -> dict[str, Any]:
    """Lists the picture of a run and the places of its content and styles among the sources."""
    found = {
        "content": [gallery.contents[run.folder]] if run.folder in gallery.contents else [],
        "style": list(gallery.styles.get(run.folder, {}).values()),
    }
    sources += [image for images in found.values() for image in images if image not in sources]
    places = {role: [sources.index(image) for image in images] for role, images in found.items()}
    return {"image": data_uri(gallery.results[run.folder].large), **places}
