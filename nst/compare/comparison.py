"""Runs side by side: what differs between them, and their pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nst.compare.folders import find, names
from nst.compare.load import RunRecord, read
from nst.compare.settings import differing, label, ordered, with_settings
from nst.compare.statistics import Effect, effects
from nst.compare.thumbnails import Gallery, load_gallery
from nst.config.settings import Value
from nst.errors import InputError, printable
from nst.sweeps.space import STUDY

if TYPE_CHECKING:
    from nst.sweeps.findings import Findings

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs to compare.

    Attributes:
        runs: With their settings, in the order of the folders.
        keys: Settings that differ, in the order of the configuration, ``seed`` last.
        gallery: All pictures.
        found: What the search found whose trials the runs are; None for other runs.
    """

    runs: Sequence[RunRecord]
    keys: Sequence[str]
    gallery: Gallery
    found: Findings | None = None

    @property
    def title(self) -> str:
        """Heading of the comparison."""
        return "One run" if len(self.runs) == 1 else f"Comparison of {len(self.runs)} runs"

    @property
    def values(self) -> dict[str, list[Value]]:
        """Values that each differing key takes."""
        return {
            key: ordered(run.settings[key] for run in self.runs if key in run.settings)
            for key in self.keys
        }

    @cached_property
    def effects(self) -> list[Effect]:
        """Main effects of the differing keys; a search has too few runs of any one value."""
        return [] if self.found else effects(self.runs, self.keys)

    def label(self, run: RunRecord) -> str:
        """Names a run by its differing settings, and by its folder where others share them."""
        words = label(run, self.keys)
        sharing = sum(label(other, self.keys) == words for other in self.runs)
        return words if sharing == 1 or words == run.name else f"{words} ({run.name})"

    def number(self, run: RunRecord) -> int:
        """Number of a run, from 1."""
        return self.runs.index(run) + 1


def gather(folders: Sequence[Path]) -> Comparison:
    """Reads the runs in folders.

    Args:
        folders: Of runs, or of sweeps.

    Raises:
        InputError: A folder does not exist, is a file, or holds no run.
    """
    found = find(folders)
    runs = [read(folder, name) for folder, name in zip(found, names(found), strict=True)]
    gallery = load_gallery(runs)
    runs = with_settings([_without_picture(run, gallery.notes.get(run.folder)) for run in runs])
    return Comparison(runs, differing(runs), gallery, _found(found))


def _found(folders: Sequence[Path]) -> Findings | None:
    """Reads the search of which all folders are trials; None without Optuna."""
    parents = {folder.parent for folder in folders}
    if len(parents) > 1 or not (min(parents) / STUDY).is_file() or find_spec("optuna") is None:
        return None
    from nst.sweeps.findings import findings  # takes a second

    try:
        return findings(parents.pop())
    except InputError as error:  # the runs are there all the same
        log.warning("%s", error)
        return None


def _without_picture(run: RunRecord, fault: str | None) -> RunRecord:
    """Marks a run as damaged if its picture cannot be read."""
    return run if fault is None else replace(run, state="damaged", reason=printable(fault))
