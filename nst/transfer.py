"""The whole way of the data, in reading order. The only place that sees all of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
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
from nst.canvas import Canvas, batch
from nst.config.settings import hparams
from nst.evaluation import evaluate
from nst.features.encoder import Encoder, Features
from nst.features.weights import Source, load
from nst.images.decode import Pixels
from nst.loop import Loop, Record, Scale, plan
from nst.losses import Term
from nst.objective import Objectives, Weights, used_layers, weigh
from nst.observers import Observers, RunContext
from nst.runs.folder import RunFolder, provenance
from nst.runs.recording import Recording
from nst.sources import Inputs, gather, identity, resolved

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


@dataclass(frozen=True)
class Studio:
    """All that a painting needs, loaded and built; several can be painted in it.

    Attributes:
        config: The configuration with everything that was decided.
        identity: Hash of all that the picture depends on.
        inputs: The pictures, and the source of the network.
        objectives: The function to minimise, at every scale.
    """

    config: DictConfig
    identity: str
    inputs: Inputs
    objectives: Objectives


def transfer(config: DictConfig, folder: Path | None = None) -> Result:
    """Runs a style transfer from a checked configuration.

    Args:
        config: See ``conf/``; not changed.
        folder: Where everything is recorded; where it holds a checkpoint, that run is resumed. None
            keeps no record, and no observer watches.

    Returns:
        The picture, its metrics, and the configuration as it was used.

    Raises:
        InputError: An image or the weights cannot be used.
        Diverged: The loss is not finite; the folder has the last good picture.
    """
    studio = prepare(config)
    loop = paint(studio)
    if folder is None:
        metrics = _run(studio, loop, lambda record: None)
    else:
        metrics = _run_recorded(studio, loop, RunFolder(folder))
    image = loop.result.numpy()[0]
    return Result(images.to_pil(image, _alpha(studio, image)), metrics, studio.config)


def prepare(config: DictConfig) -> Studio:
    """Loads the pictures and the network of a checked configuration, and builds the terms.

    Raises:
        InputError: An image or the weights cannot be used.
    """
    inputs = gather(config)
    if inputs.network.warning:
        log.warning(inputs.network.warning)
    config = resolved(config, inputs)
    runtime.setup(config.runtime.threads, config.runtime.deterministic)
    network = config.network
    encoder = _encoder(inputs.network, network.pooling, network.padding, config.runtime.precision)
    terms, weights = _terms(config.loss)
    objectives = Objectives(
        encoder,
        terms,
        weights,
        _norms(encoder, used_layers(terms), inputs, network.normalize),
        inputs.content.rgb,
        inputs.styles,
        Canvas(config.margin),
    )
    return Studio(
        _with_layer_weights(config, weights), identity(config, inputs), inputs, objectives
    )


def paint(studio: Studio) -> Loop:
    """Sets up the loop that paints the picture: its ``run()`` yields the records."""
    config, inputs = studio.config, studio.inputs
    shape = images.fit(inputs.content.rgb.shape[:2], config.size)
    scales = plan(shape, config.steps, **config.pyramid)
    return Loop(
        _initial_image(inputs.base.rgb, scales[0], config.init.noise, config.seed),
        scales,
        studio.objectives.canvas,
        studio.objectives,
        instantiate(config.optimizer, _convert_="all"),
        config.seed,
        config.runtime.gradient_every,
        time.perf_counter,
    )


def _run(studio: Studio, loop: Loop, watch: Callable[[Record], None]) -> dict[str, Any]:
    for record in loop.run():
        watch(record)
    styles = [(style.picture.rgb, style.weight) for style in studio.inputs.styles]
    distances = evaluate(loop.result.numpy()[0], studio.inputs.content.rgb, styles)
    return distances | _cost(record, loop.optimizer.stopped)


def _run_recorded(studio: Studio, loop: Loop, folder: RunFolder) -> dict[str, Any]:
    folder.claim(studio.identity, studio.config)
    checkpoint = folder.load_checkpoint()
    if checkpoint is not None:
        loop.restore(checkpoint)
    with _recording(studio, loop, folder) as recording:
        metrics = _run(studio, loop, recording.step)
        recording.complete(metrics)
    return metrics


@lru_cache(maxsize=4)
def _encoder(source: Source, pooling: str, padding: str, precision: str) -> Encoder:
    return Encoder(load(source), pooling, padding, precision)


def _terms(loss: DictConfig) -> tuple[dict[str, Term], dict[str, Weights]]:
    """Separates what is compared from how much it counts."""
    terms, weights = {}, {}
    for name, node in loss.items():
        options: Any = OmegaConf.to_container(node)
        weight, layer_weights = options.pop("weight"), options.pop("layer_weights", None)
        terms[str(name)] = instantiate(options, _convert_="all")
        weights[str(name)] = weigh(terms[str(name)], weight, layer_weights)
    return terms, weights


def _with_layer_weights(config: DictConfig, weights: Mapping[str, Weights]) -> DictConfig:
    """Records the layer weights that were left to us."""
    loss = {
        name: {"layer_weights": list(weights[str(name)].parts.values())}
        for name, node in config.loss.items()
        if "layer_weights" in node
    }
    return DictConfig(OmegaConf.merge(config, {"loss": loss}))


def _norms(encoder: Encoder, layers: Sequence[str], inputs: Inputs, normalize: bool) -> Features:
    if not normalize:
        return {layer: tf.constant(1.0) for layer in layers}
    pictures = [inputs.content.rgb, *(style.picture.rgb for style in inputs.styles)]
    small = [batch(images.resize(p, images.fit(p.shape[:2], CALIBRATION_SIZE))) for p in pictures]
    weights = [style.weight for style in inputs.styles]
    # The content counts as much as all the styles together.
    return encoder.mean_activations(small, layers, [sum(weights), *weights])


def _initial_image(base: Pixels, scale: Scale, noise: float, seed: int) -> tf.Tensor:
    shape = (scale.height, scale.width)
    white = np.random.default_rng(seed).random((*shape, 3), np.float32)
    return batch((1.0 - noise) * images.cover(base, shape) + noise * white)


def _recording(studio: Studio, loop: Loop, folder: RunFolder) -> Recording:
    config, inputs = studio.config, studio.inputs
    yaml = OmegaConf.to_yaml(config)
    text = provenance(yaml, config.seed)
    context = RunContext(
        folder=folder,
        config=yaml,
        hparams=hparams(config),
        content=inputs.content.rgb,
        styles=[style.picture.rgb for style in inputs.styles],
        scales=loop.scales,
        first_step=loop.step,
        state=loop.state,
        encode=lambda image: images.encode_png(image, _alpha(studio, image), text),
    )
    environment = runtime.environment() | {
        "network": inputs.network.network,
        "weights": str(inputs.network.path),
        "weights_sha256": inputs.network.sha256,
        "warning": inputs.network.warning,
    }
    observers = Observers(instantiate(config.observer, _convert_="all") or {})
    return Recording(context, observers, environment, lambda: loop.result.numpy()[0])


def _alpha(studio: Studio, image: Pixels) -> Pixels | None:
    alpha = studio.inputs.content.alpha
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
