"""The event file: curves, images, configuration and hparams of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from nst.loop import Record
from nst.observers.base import Observer, Run
from nst.observers.files import due

FINAL = ("content_distance", "style_distance", "seconds", "evaluations")


class TensorBoard(Observer):
    """Writes scalars, images, the configuration and hparams for TensorBoard.

    Args:
        scalars_every: Steps between points of the curves, >= 1.
        images_every: Steps between images, >= 1.
    """

    def __init__(self, scalars_every: int, images_every: int) -> None:
        self._scalars_every, self._images_every = scalars_every, images_every
        self._last: tuple[int, float] | None = None

    def start(self, run: Run) -> None:
        """Opens the file; writes what does not change."""
        self._run = run
        self._writer = tf.summary.create_file_writer(str(run.folder.path))
        with self._writer.as_default(run.first_step):
            tf.summary.image("content", run.content[None])
            tf.summary.image("style", run.style[None])
            tf.summary.text(
                "config", f"```yaml\n{run.config}\n```"
            )  # fenced, or it is one paragraph
            # Without a trial_id of their own, runs with equal values would fall into one row.
            hparams.hparams(dict(run.hparams), trial_id=run.folder.path.name)
            self._writer.flush()  # TensorBoard can show both images while the first step compiles

    def step(self, record: Record) -> None:
        """Writes the points of the curves, and now and then the image."""
        with self._writer.as_default(record.step):
            if due(record, self._scalars_every):
                for tag, value in scalars(record).items():
                    tf.summary.scalar(tag, value)
                self._write_speed(record)
            if due(record, self._images_every):
                tf.summary.image("result", record.image)
                self._writer.flush()

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Writes the final metrics, by which TensorBoard's hparams table can be sorted; closes."""
        with self._writer.as_default(self._run.steps):
            for name in FINAL:
                if name in metrics:
                    tf.summary.scalar(f"final/{name}", float(metrics[name]))
        self._writer.close()

    def _write_speed(self, record: Record) -> None:
        if self._last is not None and record.step > self._last[0]:
            steps, seconds = record.step - self._last[0], record.seconds - self._last[1]
            tf.summary.scalar("time/step_seconds", seconds / steps)
        self._last = record.step, record.seconds


def scalars(record: Record) -> dict[str, float]:
    """Names the numbers of a record as TensorBoard shows them."""
    return {
        "loss/total": record.total,
        **{f"loss_raw/{term}": value for term, value in record.raw.items()},
        **{f"loss_weighted/{term}": value for term, value in record.weighted.items()},
        **{f"{t}/{p}": value for t, parts in record.layers.items() for p, value in parts.items()},
        **{f"gradient/{term}": value for term, value in record.gradient.items()},
        "time/evaluations": float(record.evaluations),
        "time/seconds": record.seconds,
        "time/scale": float(record.scale),
    }
