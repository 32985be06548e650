"""What a user did wrong, said in one line; and the exit statuses of every command."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from typing import NoReturn

COMPLETED, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


class InputError(ValueError):
    """Wrong input of the user's: a key, value, path or image. Ends in one line and status 2."""

    def __init__(self, message: str) -> None:
        """Keep the message to one line, whatever a path or a library's own text brings along."""
        super().__init__(" ".join(message.splitlines()))


class Parser(argparse.ArgumentParser):
    """A command line whose errors are like all others."""

    def error(self, message: str) -> NoReturn:
        """Raises InputError instead of printing the usage over several lines."""
        raise InputError(f"{message} (--help shows how)")


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Find the valid spelling that is nearest to a wrong one, whatever its case.

    Args:
        name: What the user typed.
        valid: Every name that would have been right.

    Returns:
        None when none is near.
    """
    spelling = {candidate.lower(): candidate for candidate in valid}
    near = difflib.get_close_matches(name.lower(), spelling, n=1)
    return spelling[near[0]] if near else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Make a sentence of :func:`nearest` to append to a message; "" when none is near."""
    near = nearest(name, valid)
    return f" Did you mean '{near}'?" if near else ""
