"""A progress bar below the cell of a Jupyter notebook; needs no widgets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nst.record import Record

_EVERY = 0.2  # seconds between updates


@contextmanager
def bar(steps: int) -> Iterator[Callable[[Record], object]]:
    """Shows a progress bar in a notebook, and removes it if the block fails.

    Args:
        steps: Total number of planned steps.

    Yields:
        A function that moves the bar to a record; outside Jupyter it does nothing.
    """
    shown = _displayed(_html(0, steps, "starting"))
    if shown is None:
        yield lambda record: None
        return
    last = 0.0

    def move(record: Record) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or record.last:
            last = now
            text = f"total {record.total:.4g}, {record.seconds:.0f} s"
            most = record.step if record.last else steps  # an optimizer may stop early
            shown(_html(record.step, most, text))

    try:
        yield move
    except BaseException:
        shown("")
        raise


def _displayed(html: str) -> Callable[[str], None] | None:
    """Shows HTML below the cell; returns what replaces it, or None outside Jupyter."""
    if "IPython" not in sys.modules:  # Jupyter has imported it
        return None
    from IPython.core.getipython import get_ipython
    from IPython.display import HTML, display

    if getattr(get_ipython(), "kernel", None) is None:  # IPython on a terminal
        return None
    handle = display(HTML(html), display_id=True)
    return lambda text: handle.update(HTML(text))


def _html(step: int, steps: int, text: str) -> str:
    return f'<progress value="{step}" max="{steps}"></progress> step {step}/{steps}, {text}'
