"""Records a run in its folder, from the first byte to whichever way it ends."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from nst.loop import Record
from nst.observers import Observers, RunContext
from nst.runs.folder import CONFIG, ENVIRONMENT, METRICS, outcome

log = logging.getLogger(__name__)


class Recording(contextlib.AbstractContextManager["Recording"]):
    """Writes the run folder. Leaving the block on an error keeps the picture so far and says why.

    Args:
        run: What the observers are told.
        observers: What watches the run.
        environment: Machine, versions, hashes.
        result: Returns the picture so far: name and bytes of its file.
    """

    def __init__(
        self,
        run: RunContext,
        observers: Observers,
        environment: Mapping[str, Any],
        result: Callable[[], tuple[str, bytes]],
    ) -> None:
        self._run, self._folder, self._observers = run, run.folder, observers
        self._environment, self._result = environment, result
        self._metrics: dict[str, Any] = {}

    def __enter__(self) -> Recording:
        """Writes what is known before the first step."""
        self._folder.write(CONFIG, self._run.config.encode())
        self._folder.write_json(ENVIRONMENT, self._environment)
        self._folder.write_status("running", step=self._run.first_step, steps=self._run.steps)
        self._observers.start(self._run)
        return self

    def step(self, record: Record) -> None:
        """Hands a record to the observers."""
        self._observers.step(record)

    def complete(self, metrics: Mapping[str, Any]) -> None:
        """Takes the final metrics; without them the run does not count as completed."""
        self._metrics = dict(metrics)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Writes picture, metrics and status, the status last; the error goes on."""
        try:
            self._folder.write(*self._result())
            if self._metrics:
                self._folder.write_json(METRICS, self._metrics)
        finally:
            self._observers.finish(self._metrics)
            status, reason = outcome(error)
            self._folder.write_status(status, reason=reason, observers=self._observers.failures)
