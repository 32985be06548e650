"""Reads votes as the page saves them, and turns them into a score per run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nst.compare.blind.preferences import Strength, strengths
from nst.compare.load import RunRecord
from nst.errors import InputError
from nst.files.reading import read
from nst.metrics.table import QUESTIONS

SHARES = {"left": 1.0, "equal": 0.5, "right": 0.0}  # of the win, the left picture's
MOST_BYTES = 50_000_000  # of a file of votes


class Vote(NamedTuple):
    """An answer: which question, the ids of both pictures, and the left one's share of the win."""

    question: str
    left: str
    right: str
    share: float


def picture_id(run: RunRecord) -> str | None:
    """Names the picture of a run by its bytes: says nothing of its settings."""
    path = run.picture
    return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_votes(path: Path) -> list[Vote]:
    """Reads one file.

    Raises:
        InputError: It is missing, or no file that the page of ``--blind`` saved.
    """
    try:
        saved: Any = json.loads(read(path, MOST_BYTES).decode())
        return [_vote(entry) for entry in saved["votes"]]
    except InputError as error:
        raise InputError(f"--votes: {error}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"--votes: {path} is not what the page of --blind saves (votes.json)"
        ) from error


def _vote(entry: Mapping[str, Any]) -> Vote:
    if entry["question"] not in QUESTIONS:
        raise ValueError(entry["question"])
    left, right = str(entry["left"]), str(entry["right"])
    return Vote(entry["question"], left, right, SHARES[entry["answer"]])


def scores(
    runs: Sequence[RunRecord], votes: Sequence[Vote]
) -> tuple[dict[str, dict[Path, Strength]], int]:
    """Fits the strengths of runs, per question.

    Args:
        runs: Those with equal pictures share a strength.
        votes: Of all voters.

    Returns:
        By question and run folder, for runs that were compared; and the number of votes about
        pictures that are not among the runs.
    """
    if not votes:  # the usual case: nothing to read
        return {}, 0
    ids = {run.folder: picture_id(run) for run in runs}
    known = list(dict.fromkeys(name for name in ids.values() if name is not None))
    usable = [vote for vote in votes if vote.left in known and vote.right in known]
    found = {}
    for question in QUESTIONS:
        comparisons = [
            (known.index(vote.left), known.index(vote.right), vote.share)
            for vote in usable
            if vote.question == question and vote.left != vote.right
        ]
        if comparisons:
            fitted = dict(zip(known, strengths(comparisons, len(known)), strict=True))
            found[question] = {
                folder: fitted[name]
                for folder, name in ids.items()
                if name is not None and fitted[name].count
            }
    return found, len(votes) - len(usable)
