"""Records a run in its folder, from the start to the end, however it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from nst.observers import Observers, RunContext
from nst.record import Record
from nst.runs.folder import CONFIG, ENVIRONMENT, METRICS
from nst.runs.status import outcome


class Recording(contextlib.AbstractContextManager["Recording"]):
    """Writes the run folder; an error in the block saves the picture so far and the reason.

    Args:
        run: The context given to the observers.
        identity: Identity of the run, see :func:`nst.runs.identity.identity`.
        observers: The observers of the run.
        environment: Machine, versions and hashes.
        result: Returns the name and the bytes of the file with the picture so far.
    """

    def __init__(
        self,
        run: RunContext,
        identity: str,
        observers: Observers,
        environment: Mapping[str, Any],
        result: Callable[[], tuple[str, bytes]],
    ) -> None:
        self._run, self._folder, self._observers = run, run.folder, observers
        self._identity = identity
        self._environment, self._result = environment, result
        self._metrics: dict[str, Any] = {}

    def __enter__(self) -> Recording:
        """Writes everything known before the first step and starts the observers."""
        self._folder.write(CONFIG, self._run.config.encode())
        self._folder.write_json(ENVIRONMENT, self._environment)
        steps = {"step": self._run.first_step, "steps": self._run.steps}
        self._folder.write_status("running", identity=self._identity, **steps)
        self._observers.start(self._run)
        return self

    def step(self, record: Record) -> None:
        """Passes a record to the observers."""
        self._observers.step(record)

    def complete(self, metrics: Mapping[str, Any]) -> None:
        """Sets the final metrics; without them the run does not count as completed."""
        self._metrics = dict(metrics)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Writes picture, metrics and status, the status last.

        Raises:
            Exception: Picture or metrics could not be written, so the run has failed after all.
        """
        failure = self._write_end()
        self._observers.finish({} if failure else self._metrics)
        status, reason = outcome(error or failure)
        if error and failure:
            reason += f"; then, on saving the picture, {type(failure).__name__}: {failure}"
        try:
            self._folder.write_status(status, reason=reason, observers=self._observers.failures)
        except OSError as unwritten:  # a full disk: the picture is what matters
            failure = failure or unwritten
        if failure and not error:
            raise failure

    def _write_end(self) -> Exception | None:
        """Writes picture and metrics; returns the error if that fails."""
        try:
            self._folder.write(*self._result())
            if self._metrics:
                self._folder.write_json(METRICS, self._metrics)
        except Exception as error:  # a full disk, or a picture that is not finite
            return error
        return None
