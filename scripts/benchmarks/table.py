"""The rows of the table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure and its target; without a value, ``unit`` says why it was not measured."""

    what: str
    value: float | None
    unit: str = ""
    target: str = ""

    def __str__(self) -> str:
        """Returns the row as a line of the table."""
        if self.value is None:
            return f"{self.what:<48} {self.unit}"
        line = f"{self.what:<48} {self.value:>9.4g} {self.unit:<8}"
        if not self.target:
            return line.rstrip()
        sign, limit = self.target.split()
        good = self.value <= float(limit) if sign == "<=" else self.value >= float(limit)
        return f"{line} {self.target:<8} {'reached' if good else 'MISSED'}"
