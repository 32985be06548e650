"""A progress bar below the cell of a Jupyter notebook; needs no widgets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from nst.record import Record

_EVERY = 0.2  # seconds between updates


def bar(steps: int) -> Callable[[Record], None] | None:
    """Show a progress bar in a notebook.

    Args:
        steps: Total number of planned steps.

    Returns:
        A function that moves the bar to a record; None outside Jupyter.
    """
    if "IPython" not in sys.modules:  # Jupyter has imported it
        return None
    from IPython.core.getipython import get_ipython
    from IPython.display import HTML, display

    if getattr(get_ipython(), "kernel", None) is None:  # IPython on a terminal
        return None
    shown = display(HTML(_html(0, steps, "starting")), display_id=True)
    last = 0.0

    def move(record: Record) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or record.last:
            last = now
            text = f"total {record.total:.4g}, {record.seconds:.0f} s"
            shown.update(HTML(_html(record.step, steps, text)))

    return move


def _html(step: int, steps: int, text: str) -> str:
    return f'<progress value="{step}" max="{steps}"></progress> step {step}/{steps}, {text}'
