"""Runs side by side: what differs between them, and their pictures."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from nst.compare.blind.preferences import Strength
from nst.compare.blind.votes import read_votes, scores
from nst.compare.effects import Effect, effects
from nst.compare.folders import find, names
from nst.compare.gallery import Gallery, load_gallery
from nst.compare.load import RunRecord, read
from nst.compare.settings import differing, label, ordered, task, with_settings
from nst.compare.statistics import measured
from nst.config.settings import Value
from nst.errors import InputError, did_you_mean, printable
from nst.metrics.table import AXES, EVERY
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
        by: The metric that ranks the runs, or None for the order of the folders.
        votes: By question and run folder, the scores of a blind comparison.
        axes: The two metrics of the Pareto front.
        jobs: The number of jobs of a sweep that is still running; None where none is.
    """

    runs: Sequence[RunRecord]
    keys: Sequence[str]
    gallery: Gallery
    found: Findings | None = None
    by: str | None = None
    votes: Mapping[str, Mapping[Path, Strength]] = field(default_factory=dict)
    axes: Sequence[str] = AXES
    jobs: int | None = None

    @property
    def title(self) -> str:
        """Heading of the comparison."""
        return "One run" if len(self.runs) == 1 else f"Comparison of {len(self.runs)} runs"

    @cached_property
    def ranked(self) -> list[RunRecord]:
        """The runs from best to worst by :attr:`by`, each task by itself; without it, as given."""
        if self.by is None:
            return list(self.runs)
        name = self.by
        places = {each: n for n, each in enumerate(dict.fromkeys(map(task, self.runs)))}

        def place(run: RunRecord) -> tuple[int, float]:
            known = name in run.metrics
            bad = EVERY[name].badness(run.metrics[name]) if known else math.inf
            return places[task(run)], bad

        return sorted(self.runs, key=place)

    @property
    def values(self) -> dict[str, list[Value]]:
        """Values that each differing key takes."""
        return {
            key: ordered(run.settings[key] for run in self.runs if key in run.settings)
            for key in self.keys
        }

    @property
    def searched(self) -> list[str]:
        """The metrics that the search looked at; none for other runs."""
        return list(self.found.metrics) if self.found else []

    @cached_property
    def effects(self) -> list[Effect]:
        """Main effects of the differing keys; a search has too few runs of any one value."""
        return [] if self.found else effects(self.runs, self.keys)

    def label(self, run: RunRecord) -> str:
        """Names a run by its differing settings, and by its folder where others share them."""
        return self._labels[run]

    @cached_property
    def _labels(self) -> Mapping[RunRecord, str]:
        words = {run: label(run, self.keys) for run in self.runs}
        runs = Counter(words.values())
        return {
            run: own if runs[own] == 1 or own == run.name else f"{own} ({run.name})"
            for run, own in words.items()
        }

    def number(self, run: RunRecord) -> int:
        """Number of a run: its job's within one sweep, which no later job changes; else from 1."""
        return self._numbers[run]

    @cached_property
    def _numbers(self) -> Mapping[RunRecord, int]:
        jobs = [run.name.split("_")[0] for run in self.runs]
        named = all(map(str.isdecimal, jobs)) and len(set(map(int, jobs))) == len(jobs)
        return dict(zip(self.runs, map(int, jobs) if named else count(1), strict=False))


def gather(
    folders: Sequence[Path],
    by: str | None = None,
    votes: Sequence[Path] = (),
    axes: Sequence[str] = AXES,
    jobs: int | None = None,
) -> Comparison:
    """Reads the runs in folders.

    Args:
        folders: Of runs, or of sweeps.
        by: A metric to rank them by.
        votes: Files that the page of a blind comparison saved.
        axes: The two metrics of the Pareto front.
        jobs: The number of jobs of a sweep that is still running.

    Raises:
        InputError: A folder does not exist, is a file, or holds no run; no run has a metric; or a
            file holds no votes.
    """
    answers = [vote for path in votes for vote in read_votes(path)]
    found = find(folders)
    runs = [read(folder, name) for folder, name in zip(found, names(found), strict=True)]
    gallery = load_gallery(runs)
    runs = with_settings([_without_picture(run, gallery.notes.get(run.folder)) for run in runs])
    voted, unknown = scores(runs, answers)
    if unknown:
        log.warning("%d of %d votes are about pictures of other runs", unknown, len(answers))
    runs = [_with_votes(run, voted) for run in runs]
    if by is not None:
        _check_metric(f"--by={by}", by, runs)
    if tuple(axes) != AXES:
        _check_axes(axes, runs)
    return Comparison(runs, differing(runs), gallery, _found(found), by, voted, axes, jobs)


def _with_votes(run: RunRecord, voted: Mapping[str, Mapping[Path, Strength]]) -> RunRecord:
    own = {
        f"votes_{question}": fitted[run.folder].score
        for question, fitted in voted.items()
        if run.folder in fitted
    }
    return replace(run, metrics={**run.metrics, **own})


def _check_axes(axes: Sequence[str], runs: Sequence[RunRecord]) -> None:
    given = f"--axes={','.join(axes)}"
    if len(axes) != 2 or axes[0] == axes[1]:
        raise InputError(f"{given}: name two metrics, for example --axes={','.join(AXES)}")
    for name in axes:
        _check_metric(given, name, runs)


def _check_metric(given: str, name: str, runs: Sequence[RunRecord]) -> None:
    names = measured(runs)
    if name not in names:
        raise InputError(
            f"{given}: no run has the metric {name}.{did_you_mean(name, names)} "
            f"Valid: {', '.join(names)}"
        )


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
