"""The interface of observers, and the group of observers of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nst.images import Pixels, fit, resize
from nst.record import Record
from nst.runs.folder import RunFolder
from nst.scales import Scale

log = logging.getLogger(__name__)

SHOWN = 1024  # longest side of snapshots and of pictures in TensorBoard, px


@dataclass(frozen=True)
class RunContext:
    """What observers get before the first step of a run.

    Attributes:
        folder: The run folder.
        config: The resolved configuration as YAML.
        hparams: The settings as a flat mapping.
        content: The content image at full size, ``[H, W, 3]``.
        styles: The style images as the loss sees them, ``[h, w, 3]`` each.
        maps: Region pictures and weight map, ``[h, w, 3]`` each, by what to call them.
        scales: The scales, coarse to fine.
        first_step: 0, or the first step of a resumed run.
        state: Returns the content of a checkpoint.
        encode: Encodes an image ``[H, W, 3]`` as PNG, including provenance.
    """

    folder: RunFolder
    config: str
    hparams: Mapping[str, bool | int | float | str]
    content: Pixels
    styles: Sequence[Pixels]
    maps: Mapping[str, Pixels]
    scales: Sequence[Scale]
    first_step: int
    state: Callable[[], Mapping[str, Any]]
    encode: Callable[[Pixels], bytes]

    @property
    def steps(self) -> int:
        """Total number of planned updates."""
        return sum(scale.steps for scale in self.scales)


def at_most(image: Pixels, long_side: int = SHOWN) -> Pixels:
    """Shrinks an image ``[H, W, 3]`` to be looked at: many large ones would fill a disk."""
    return resize(image, fit(image.shape[:2], min(long_side, max(image.shape[:2]))))


class Observer:
    """Observes a run; the methods do nothing unless overridden."""

    def start(self, run: RunContext) -> None:
        """Called once, before the first step."""

    def step(self, record: Record) -> None:
        """Called with every record; the last one is the result's."""

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Called once at the end, however the run ends; metrics are empty unless it completed."""


class Observers:
    """The observers of a run. One that fails is disabled, and the run continues.

    Attributes:
        failures: A line for each observer that failed, for ``status.json``.
    """

    def __init__(self, observers: Mapping[str, Observer]) -> None:
        self._active = dict(observers)
        self.failures: list[str] = []

    def start(self, run: RunContext) -> None:
        """Notifies every observer, in order."""
        self._notify("start", run)

    def step(self, record: Record) -> None:
        """Notifies every observer, in order."""
        self._notify("step", record)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Notifies every observer, in order."""
        self._notify("finish", metrics)

    def _notify(self, event: str, argument: Any) -> None:
        for name, observer in list(self._active.items()):
            try:
                getattr(observer, event)(argument)
            except Exception as error:  # no observer may cost the picture
                reason = " ".join(f"{type(error).__name__}: {error}".split())  # in one line
                failure = f"observer {name} failed in {event}: {reason}"
                log.exception("%s; it is disabled", failure)
                self.failures.append(failure)
                del self._active[name]
