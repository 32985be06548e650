"""The event file: curves, images, configuration and hparams of a run.

TensorBoard sorts what it shows by name and opens its table with the first five metrics: the names here
are such that ``final/`` is first among the numbers and ``result`` among the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalars
from tensorboard.plugins.hparams import api as hparams

from nst.loop import Record
from nst.observers.base import Observer, RunContext
from nst.observers.files import due

FINAL = ("content_distance", "style_distance", "seconds", "evaluations", "steps")


class TensorBoard(Observer):
    """Writes scalars, images, the configuration and hparams for TensorBoard.

    Args:
        scalars_every: Steps between points of the curves, >= 1.
        images_every: Steps between images, >= 1.
    """

    def __init__(self, scalars_every: int, images_every: int) -> None:
        self._scalars_every, self._images_every = scalars_every, images_every
        self._last: tuple[int, float] | None = None

    def start(self, run: RunContext) -> None:
        """Opens the file; writes what does not change."""
        self._run = run
        self._writer = tf.summary.create_file_writer(str(run.folder.path))
        with self._writer.as_default(run.first_step):
            tf.summary.image("source/content", run.content[None])
            for number, style in enumerate(run.styles, start=1):
                name = "style" if len(run.styles) == 1 else f"style_{number}"
                tf.summary.image(f"source/{name}", style[None])
            # Fenced, or it is one paragraph.
            tf.summary.text("config", f"```yaml\n{run.config}\n```")
            # Runs of one trial_id fall into one row, and jobs of two sweeps may be called the same.
            path = run.folder.path.absolute()
            hparams.hparams(dict(run.hparams), trial_id=f"{path.name} in {path.parent}")
            self._writer.flush()  # TensorBoard can show the images while the first step compiles

    def step(self, record: Record) -> None:
        """Writes the points of the curves, and now and then the image."""
        with self._writer.as_default(record.step):
            if record.step == self._run.first_step:
                tf.summary.experimental.write_raw_pb(layout(record), record.step)
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


def layout(record: Record) -> bytes:
    """Makes the page of custom scalars: a chart a term, in which the curves of all runs meet.

    TensorBoard merges the layouts of all runs; equal charts appear once.
    """
    charts = [
        layout_pb2.Chart(
            title=f"{term}, unweighted",
            multiline=layout_pb2.MultilineChartContent(tag=[f"loss_raw/{term}$"]),
        )
        for term in record.raw
    ]
    page = layout_pb2.Layout(
        category=[layout_pb2.Category(title="Raw losses of all runs", chart=charts)]
    )
    data: bytes = custom_scalars.pb(page).SerializeToString()
    return data


def scalars(record: Record) -> dict[str, float]:
    """Names the numbers of a record as TensorBoard shows them."""
    return {
        "loss/total": record.total,
        **{f"loss_raw/{term}": value for term, value in record.raw.items()},
        **{f"loss_weighted/{term}": value for term, value in record.weighted.items()},
        **{
            f"layer_{term}/{part}": value
            for term, parts in record.parts.items()
            for part, value in parts.items()
        },
        **{f"gradient/{term}": value for term, value in record.gradient.items()},
        "time/evaluations": float(record.evaluations),
        "time/seconds": record.seconds,
        "time/scale": float(record.scale),
    }
