"""The event file: scalars, images, configuration and hparams of a run.

TensorBoard sorts by name and initially shows the first five metrics in its table. The names here
put ``final/`` first among the scalars and ``result`` first among the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalars
from tensorboard.plugins.hparams import summary_v2 as hparams  # api needs tf.keras
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from nst.images import Pixels
from nst.metrics.table import METRICS
from nst.observers.base import SHOWN, Observer, RunContext, at_most
from nst.observers.files import due
from nst.record import Record

FINAL = ("content_distance", "style_distance", "seconds", "evaluations", "steps")
# Markdown. Its tag is sorted before `config`, so that the page Text opens with it.
GUIDE = """\
| page | shows |
|---|---|
| **HParams** | the settings that differ and the final metrics of all runs: a table to sort and \
filter, parallel coordinates, scatter plots |
| **Custom Scalars** | each term without its weight, all runs in one chart |
| **Scalars** | the curves of each run; see below |
| **Images** | `result` step by step; `source/`: the pictures that it is made from |
| **Text** | this table, and `config`, the whole configuration |

| curves | what they are |
|---|---|
| `final/`, `metrics/` | a point: the finished picture, measured alike in every run |
| `loss/total` | what is minimised; comparable only between runs of the same weights |
| `loss_weighted/TERM` | its parts, which add up to it |
| `loss_raw/TERM` | the same without the terms' weights |
| `layer_TERM/LAYER` | each layer's distance, without any weight |
| `gradient/` | norms of the gradient: `total`, and sometimes each term's |
| `time/` | seconds, evaluations of the loss, seconds per step, index of the scale, by step |

At the start of each scale the curves jump: the picture has become larger.
"""
FURTHER = tuple(name for name in METRICS if name not in FINAL)  # sorted after all others


class TensorBoard(Observer):
    """Writes scalars, images, the configuration and hparams for TensorBoard.

    Args:
        scalars_every: Number of steps between scalars, >= 1.
        images_every: Number of steps between images, >= 1.
    """

    def __init__(self, scalars_every: int, images_every: int) -> None:
        self._scalars_every, self._images_every = scalars_every, images_every
        self._last: tuple[int, float] | None = None

    def start(self, run: RunContext) -> None:
        """Opens the file and writes everything that is constant."""
        self._run = run
        self._writer = tf.summary.create_file_writer(str(run.folder.path))
        finest = run.scales[-1]
        long_side = min(SHOWN, max(finest.height, finest.width))
        with self._writer.as_default(run.first_step):
            for name, picture in sources(run).items():
                tf.summary.image(f"source/{name}", at_most(picture, long_side)[None])
            tf.summary.text("about", GUIDE)
            # Fenced, else Markdown makes it one paragraph.
            tf.summary.text("config", f"```yaml\n{run.config}\n```")
            # Runs with the same trial_id share a row, and jobs of two sweeps may share a name.
            path = run.folder.path.absolute()
            hparams.hparams(dict(run.hparams), trial_id=f"{path.name} in {path.parent}")
            self._writer.flush()  # shows the images while the first step compiles

    def step(self, record: Record) -> None:
        """Writes the scalars and the image, each when due."""
        with self._writer.as_default(record.step):
            if record.step == self._run.first_step:
                tf.summary.experimental.write_raw_pb(layout(record), record.step)
            if due(record, self._scalars_every):
                values = scalars(record) | self._speed(record)
                tf.summary.experimental.write_raw_pb(summary(values), record.step)
            if due(record, self._images_every):
                tf.summary.image("result", at_most(record.image.numpy()[0])[None])
                self._writer.flush()

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Writes the final metrics, shown in the hparams table, and closes the file."""
        with self._writer.as_default(self._run.steps):
            for name in (*FINAL, *FURTHER):
                if name in metrics:
                    tag, description = _tagged(name)
                    tf.summary.scalar(tag, float(metrics[name]), description=description)
        self._writer.close()

    def _speed(self, record: Record) -> dict[str, float]:
        last, self._last = self._last, (record.step, record.seconds)
        if last is None or record.step <= last[0]:
            return {}
        return {"time/step_seconds": (record.seconds - last[1]) / (record.step - last[0])}


def _tagged(name: str) -> tuple[str, str]:
    """Names a final metric; the table shows nothing but the tag, so that says what is unusual."""
    if name not in METRICS:
        return f"final/{name}", ""
    metric = METRICS[name]
    suffix = "" if metric.better == "lower" else f" ({metric.direction})"
    tag = f"final/{name}" if name in FINAL else f"metrics/{name}{suffix}"
    return tag, f"{metric.direction}: {metric.meaning}"


def sources(run: RunContext) -> dict[str, Pixels]:
    """Returns the pictures that a run is made from, by tag; several styles are numbered from 1."""
    one = len(run.styles) == 1
    styles = {"style" if one else f"style_{n}": s for n, s in enumerate(run.styles, start=1)}
    return {"content": run.content, **styles, **run.maps}


def layout(record: Record) -> bytes:
    """Returns the layout of the custom scalars page: one chart per term with all runs.

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


def summary(values: Mapping[str, float]) -> bytes:
    """Returns scalars as one event: writing each by itself takes ten times as long."""
    one = Summary()
    for tag, value in values.items():
        one.MergeFrom(scalar_pb(tag, value))
    data: bytes = one.SerializeToString()
    return data


def scalars(record: Record) -> dict[str, float]:
    """Returns the scalars of a record, by tag."""
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
