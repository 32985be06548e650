"""The whole way of the data, in reading order. The only place that sees all of it."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from nst import images, runtime
from nst.config.settings import hparams
from nst.evaluation import evaluate
from nst.features import weights
from nst.features.encoder import Encoder, Features
from nst.images.decode import Pixels
from nst.loop import Loop, Record, Scale, extend, plan
from nst.losses import Term
from nst.objective import Objective, used_layers
from nst.observers import Observers, Run
from nst.runs import checkpoint
from nst.runs.folder import CHECKPOINT, RunFolder
from nst.runs.identity import identity
from nst.runs.provenance import provenance
from nst.runs.recording import Recording
from nst.sources import Inputs, gather, resolved

log = logging.getLogger(__name__)

CALIBRATION_SIZE = 256  # long side of the two images that normalise the network, px


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Attributes:
        image: The picture, RGB or, where the content image is transparent, RGBA.
        metrics: As in ``metrics.json``.
        config: The configuration with everything that was decided.
    """

    image: Image.Image
    metrics: dict[str, Any]
    config: DictConfig


def stylize(config: DictConfig, folder: Path | None = None) -> Result:
    """Runs a style transfer from a checked configuration.

    Args:
        config: See ``conf/``; not changed.
        folder: Where everything is recorded; where it holds a checkpoint, the run goes on from there.
            None keeps no record, and no observer watches.

    Returns:
        The picture, its metrics, and the configuration as it was used.

    Raises:
        InputError: An image or the weights cannot be used.
        Diverged: The loss is not finite; the folder has the last good picture.
    """
    if folder is None:
        config = config.copy()
        config.observer = {}
        with tempfile.TemporaryDirectory(prefix="nst-") as unseen:
            return stylize(config, Path(unseen))

    inputs = gather(config)
    if inputs.network.warning:
        log.warning(inputs.network.warning)
    config = resolved(config, inputs)
    with runtime.configured(config.runtime.threads, config.runtime.deterministic):
        return _paint(config, inputs, RunFolder(folder))


def _paint(config: DictConfig, inputs: Inputs, run_folder: RunFolder) -> Result:
    same = identity(config, inputs)  # before terms fill in what they decide
    run_folder.check(same, config)
    content, style, network = inputs.content.rgb, inputs.style.rgb, config.network
    encoder = _encoder(inputs.network, network.pooling, network.padding, config.runtime.precision)
    terms: dict[str, Term] = instantiate(config.loss, _convert_="all")
    norms = _norms(encoder, used_layers(terms), [content, style], network.normalize)
    _record_layer_weights(config, terms)

    def objective(scale: Scale) -> Objective:
        long_side = max(1, round(max(scale.height, scale.width) * config.style.scale))
        content_at = images.resize(content, (scale.height, scale.width))
        style_at = images.resize(style, images.fit(style.shape[:2], long_side))
        canvas = extend(_batch(content_at), config.margin)
        return Objective(encoder, terms, norms, canvas, _batch(style_at))

    scales = plan(images.fit(content.shape[:2], config.size), config.steps, **config.pyramid)
    optimizer = instantiate(config.optimizer, _convert_="all")
    start = _initial_image(inputs.base.rgb, scales[0], config.init.noise, config.seed)
    every, clock = config.runtime.gradient_every, time.perf_counter
    loop = Loop(start, scales, config.margin, objective, optimizer, every, clock)

    with _recording(run_folder, same, config, inputs, loop) as recording:
        for record in loop.run():
            recording.step(record)
        image = loop.result.numpy()[0]
        metrics = evaluate(image, content, style) | _cost(record, optimizer.stopped)
        recording.complete(metrics)
    return Result(images.to_pil(image, _alpha(inputs, image)), metrics, config)


@lru_cache(maxsize=4)
def _encoder(source: weights.Source, pooling: str, padding: str, precision: str) -> Encoder:
    return Encoder(weights.load(source), pooling, padding, precision)


def _norms(
    encoder: Encoder, layers: Sequence[str], pictures: Sequence[Pixels], normalize: bool
) -> Features:
    if not normalize:
        return {layer: tf.constant(1.0) for layer in layers}
    small = [_batch(images.resize(p, images.fit(p.shape[:2], CALIBRATION_SIZE))) for p in pictures]
    return encoder.mean_activations(small, layers)


def _record_layer_weights(config: DictConfig, terms: dict[str, Term]) -> None:
    for name, node in config.loss.items():
        if "layer_weights" in node:
            node.layer_weights = list(terms[name].part_weights.values())


def _initial_image(base: Pixels, scale: Scale, noise: float, seed: int) -> tf.Tensor:
    shape = (scale.height, scale.width)
    white = np.random.default_rng(seed).random((*shape, 3), np.float32)
    return _batch((1.0 - noise) * images.cover(base, shape) + noise * white)


def _recording(
    folder: RunFolder, same: str, config: DictConfig, inputs: Inputs, loop: Loop
) -> Recording:
    """Prepares the record of a run, which continues from the folder's checkpoint if there is one."""
    state = folder.load_checkpoint()
    if state is not None:
        checkpoint.restore(folder.path / CHECKPOINT, loop, state)
    yaml = OmegaConf.to_yaml(config)
    text = provenance(yaml, config.seed)
    run = Run(
        folder=folder,
        config=yaml,
        hparams=hparams(config),
        content=inputs.content.rgb,
        style=inputs.style.rgb,
        scales=loop.scales,
        first_step=loop.step,
        state=loop.state,
        encode=lambda image: images.encode_png(image, _alpha(inputs, image), text),
    )
    environment = runtime.environment() | {
        "network": inputs.network.network,
        "weights": str(inputs.network.path),
        "weights_sha256": inputs.network.sha256,
        "warning": inputs.network.warning,
    }
    observers = Observers(instantiate(config.observer, _convert_="all") or {})
    return Recording(run, same, observers, environment, lambda: loop.result.numpy()[0])


def _alpha(inputs: Inputs, image: Pixels) -> Pixels | None:
    alpha = inputs.content.alpha
    return None if alpha is None else images.resize(alpha, image.shape[:2])


def _cost(record: Record, stopped: str | None) -> dict[str, Any]:
    return {
        "seconds": round(record.seconds, 3),
        "evaluations": record.evaluations,
        "steps": record.step,
        "stopped": stopped,
        "total": record.total,
        "raw": record.raw,
        "weighted": record.weighted,
        "peak_memory_bytes": runtime.peak_memory(),
    }


def _batch(picture: Pixels) -> tf.Tensor:
    return tf.constant(picture[None], tf.float32)
