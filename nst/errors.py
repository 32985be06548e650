"""What a user did wrong, said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Wrong input of the user's: a key, value, path or image. Ends in one line and status 2."""

    def __init__(self, message: str) -> None:
        """Keep the message to one line, whatever a path or a library's own text brings along."""
        super().__init__(" ".join(message.splitlines()))


def nearest(name: str, valid: Iterable[str]) -> str:
    """Name the valid spelling that is nearest to a wrong one, whatever its case.

    Args:
        name: What the user typed.
        valid: Every name that would have been right.

    Returns:
        A sentence to append to a message, `" Did you mean 'starry'?"`, or "" when none is near.
    """
    spelling = {candidate.lower(): candidate for candidate in valid}
    found = difflib.get_close_matches(name.lower(), spelling, n=1)
    return f" Did you mean '{spelling[found[0]]}'?" if found else ""
