"""The protocol of observers, and the group of them that a run has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nst.images import Pixels
from nst.loop import Record, Scale
from nst.runs.folder import RunFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunContext:
    """What observers know of a run before its first step.

    Attributes:
        folder: Where the run writes.
        config: The resolved configuration, YAML.
        hparams: The settings, flat, each bool, int, float or str.
        content: The content image at full size, ``[H, W, 3]``.
        styles: The style images, ``[h, w, 3]`` each.
        scales: Coarse to fine.
        first_step: 0, or the first one of a resumed run.
        state: Returns what a checkpoint holds.
        encode: Makes a PNG file of an image ``[H, W, 3]``, provenance included.
    """

    folder: RunFolder
    config: str
    hparams: Mapping[str, bool | int | float | str]
    content: Pixels
    styles: Sequence[Pixels]
    scales: Sequence[Scale]
    first_step: int
    state: Callable[[], Mapping[str, Any]]
    encode: Callable[[Pixels], bytes]

    @property
    def steps(self) -> int:
        """Updates planned in all."""
        return sum(scale.steps for scale in self.scales)


class Observer:
    """Watches a run; the methods do nothing unless overridden."""

    def start(self, run: RunContext) -> None:
        """Called once, before the first step."""

    def step(self, record: Record) -> None:
        """Called with every record, the last one being of the result."""

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Called once at the end, however the run ends; metrics are empty unless it completed."""


class Observers:
    """The observers of a run. One that fails is left out from then on, and the run goes on.

    Attributes:
        failures: A line for each observer that failed, for ``status.json``.
    """

    def __init__(self, observers: Mapping[str, Observer]) -> None:
        self._active = dict(observers)
        self.failures: list[str] = []

    def start(self, run: RunContext) -> None:
        """Tells every observer, in order."""
        self._tell("start", run)

    def step(self, record: Record) -> None:
        """Tells every observer, in order."""
        self._tell("step", record)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Tells every observer, in order."""
        self._tell("finish", metrics)

    def _tell(self, event: str, argument: Any) -> None:
        for name, observer in list(self._active.items()):
            try:
                getattr(observer, event)(argument)
            except Exception as error:  # whatever an observer meets, the picture comes first
                log.exception("observer %s failed at %s and is left out from here on", name, event)
                self.failures.append(f"observer {name} failed at {event}: {error!r}")
                del self._active[name]
