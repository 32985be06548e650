"""A style transfer from configuration to picture: the chain of all parts, in reading order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from nst import images, parts, runtime
from nst.config.settings import hparams
from nst.evaluation import evaluate
from nst.forecast import forecast, rehearse
from nst.images import Pixels
from nst.loop import Loop
from nst.observers import Observers, RunContext
from nst.record import Record
from nst.runs import checkpoint
from nst.runs.folder import CHECKPOINT, RunFolder, result_name
from nst.runs.provenance import provenance
from nst.runs.recording import Recording
from nst.sources import Inputs
from nst.studio import Studio, paint, prepare

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """The outcome of a run.

    Attributes:
        image: The picture, RGB, or RGBA if the content image has transparency.
        metrics: As in ``metrics.json``.
        config: The configuration with all automatic choices filled in.
    """

    image: Image.Image
    metrics: dict[str, Any]
    config: DictConfig


def transfer(
    config: DictConfig,
    folder: Path | None = None,
    given: Mapping[str, images.Picture] | None = None,
    watch: Callable[[Record], object] = lambda record: None,
) -> Result:
    """Runs a style transfer from a checked configuration.

    Args:
        config: See ``conf/``; not changed.
        folder: The run folder; if it holds a checkpoint, that run is resumed. None records nothing
            and runs no observers.
        given: Pictures in memory, as in :func:`nst.sources.gather`.
        watch: Called with every record; an exception raised in it ends the run.

    Returns:
        The picture, its metrics and the configuration as used.

    Raises:
        InputError: An image or the weights cannot be used.
        Diverged: The loss is not finite; the folder has the last finite picture.
    """
    runtime.reset_peak()
    with runtime.configured(config.runtime.threads, config.runtime.deterministic):
        studio = prepare(config, given)
        log.info(forecast(studio))
        rehearse(studio)
        loop = paint(studio)
        if folder is None:
            metrics = _run(studio, loop, watch)
        else:
            metrics = _run_recorded(studio, loop, RunFolder(folder), watch)
        image = loop.result.numpy()[0]
    return Result(images.to_pil(image, _alpha(studio, image)), metrics, studio.config)


def described(config: DictConfig) -> str:
    """Returns the forecast of a run, without running it.

    Raises:
        InputError: As for :func:`transfer`.
    """
    with runtime.configured(config.runtime.threads, config.runtime.deterministic):
        return forecast(prepare(config), always_time=True)


def _run(studio: Studio, loop: Loop, watch: Callable[[Record], object]) -> dict[str, Any]:
    try:
        for record in loop.run():
            watch(record)
            cost = _cost(record)
            del record  # and with it an image, which the next step has no room for
    except tf.errors.ResourceExhaustedError as error:  # its text is a page about a graph
        scale = loop.scales[loop.scale]
        raise MemoryError(f"out of memory at {scale.width}x{scale.height} px") from error
    metrics = judged(loop.result, studio.inputs) | cost
    return metrics | {
        "stopped": loop.optimizer.stopped,
        "peak_memory_bytes": runtime.peak_memory(),
    }


def judged(image: tf.Tensor, inputs: Inputs) -> dict[str, Any]:
    """Measures a picture ``[1, H, W, 3]``, see :func:`nst.evaluation.evaluate`."""
    styles = [(style.picture.rgb, style.weight) for style in inputs.styles]
    compared = inputs.content.rgb, styles, inputs.judge, inputs.guidance
    return evaluate(image.numpy()[0], *compared)


def _run_recorded(
    studio: Studio, loop: Loop, folder: RunFolder, watch: Callable[[Record], object]
) -> dict[str, Any]:
    folder.check(studio.identity)
    _restore(loop, folder)
    with _recording(studio, loop, folder) as recording:

        def both(record: Record) -> None:
            recording.step(record)
            watch(record)

        metrics = _run(studio, loop, both)
        recording.complete(metrics)
    return metrics


def _restore(loop: Loop, folder: RunFolder) -> None:
    state = folder.load_checkpoint()
    if state is not None:
        checkpoint.restore(folder.path / CHECKPOINT, loop, state)


def _recording(studio: Studio, loop: Loop, folder: RunFolder) -> Recording:
    config, inputs = studio.config, studio.inputs
    yaml = OmegaConf.to_yaml(config)
    text = provenance(yaml, config.seed)
    context = RunContext(
        folder=folder,
        config=yaml,
        hparams=hparams(config),
        content=inputs.content.rgb,
        styles=[style.picture.rgb for style in studio.seen.styles],
        maps={name: picture.rgb for name, picture in inputs.guidance.maps.items()},
        scales=loop.scales,
        first_step=loop.step,
        state=loop.state,
        encode=lambda image: images.encode_png(image, _alpha(studio, image), text),
    )
    environment = runtime.environment() | {
        "network": inputs.network.application or inputs.network.network,
        "weights": str(inputs.network.path),
        "weights_sha256": inputs.network.sha256,
        "warning": inputs.network.warning,
        "grey": studio.objectives.loss.grey,
    }
    observers = Observers(parts.observers(config.observer))
    output, profile = config.output, profile_of(studio)

    def result() -> tuple[str, bytes]:
        image = loop.result.numpy()[0]
        how = text, output.quality, output.bits, profile
        return result_name(output), images.encode(output.format, image, _alpha(studio, image), *how)

    return Recording(context, studio.identity, observers, environment, result)


def profile_of(studio: Studio) -> bytes | None:
    """Returns the ICC profile that the picture is to have; None for sRGB."""
    if studio.config.output.profile == "srgb":
        return None
    content = studio.inputs.content
    return images.reachable(content.profile, content.source)


def _alpha(studio: Studio, image: Pixels) -> Pixels | None:
    alpha = studio.inputs.content.alpha
    return None if alpha is None else images.resize(alpha, image.shape[:2])


def _cost(record: Record) -> dict[str, Any]:
    return {
        "seconds": round(record.seconds, 3),
        "evaluations": record.evaluations,
        "steps": record.step,
        "total": record.total,
        "raw": record.raw,
        "weighted": record.weighted,
    }
