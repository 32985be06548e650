"""The errors of users, in one line each, and the exit statuses of every command."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

COMPLETED, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # and halves of surrogate pairs


class InputError(ValueError):
    """Wrong input: a key, value, path or image. Ends a command with one line and status 2."""

    def __init__(self, message: str) -> None:
        """Joins the lines of the message, which may quote a path or the text of a library."""
        super().__init__(printable(message))


class Pruned(Exception):
    """A search has ended one of its runs early: others promise more."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports errors like the rest of nst."""

    def error(self, message: str) -> NoReturn:
        """Raises InputError instead of printing the usage."""
        raise InputError(f"{message} (--help shows how)")


def path_argument(text: str) -> Path:
    """Makes the path of an argument; an empty one, as of an unset variable, is an error."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty; . is the current folder")
    return Path(text)


def printable(text: str) -> str:
    """Puts text on one line and replaces what no terminal, font or file should be given."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.splitlines()))


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Returns the valid name nearest to a wrong one, ignoring case.

    Args:
        name: The wrong name.
        valid: All valid names.

    Returns:
        None if none is near.
    """
    spelling = {candidate.lower(): candidate for candidate in valid}
    near = difflib.get_close_matches(name.lower(), spelling, n=1)
    return spelling[near[0]] if near else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Returns a sentence with the nearest name to append to a message; "" if none is near."""
    near = nearest(name, valid)
    return f" Did you mean '{near}'?" if near else ""
