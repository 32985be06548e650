"""From a configuration to a loop that is ready to run: images, network, terms, initial image."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import tensorflow as tf
from omegaconf import DictConfig, OmegaConf

from nst import images, parts
from nst.canvas import Canvas, batch
from nst.colours import Colours
from nst.config.validation import check_layers
from nst.errors import InputError
from nst.features.application import Application
from nst.features.catalogue import check_layers as check_application
from nst.features.encoder import Encoder, Features, Network
from nst.features.weights import Source, load
from nst.initial import Initial
from nst.loop import Loop
from nst.losses import Term, Weights, weigh
from nst.objective import Loss, Objectives, not_additive, used_layers
from nst.runs.identity import identity
from nst.runtime import memory_limit
from nst.scales import plan
from nst.sources import Inputs, gather, resolved

log = logging.getLogger(__name__)

CALIBRATION_SIZE = 256  # long side of the images that normalise the network, px
PAIR = 32  # bytes of memory for each pair of positions that a term compares, gradient included


@dataclass(frozen=True)
class Studio:
    """Everything that a run needs, loaded and built; reusable for several runs.

    Attributes:
        config: The configuration with all automatic choices filled in.
        identity: Hash of all that the picture and its file depend on.
        inputs: The images and the source of the network's weights.
        seen: The same with the images as the loss sees them.
        colours: What is done to colours before the work and after.
        objectives: The objective at every scale.
    """

    config: DictConfig
    identity: str
    inputs: Inputs
    seen: Inputs
    colours: Colours
    objectives: Objectives


def prepare(config: DictConfig, given: Mapping[str, images.Picture] | None = None) -> Studio:
    """Loads the images and the network of a checked configuration and builds the terms.

    Raises:
        InputError: An image or the weights cannot be used.
    """
    inputs = gather(config, given)
    if inputs.network.warning:
        log.warning(inputs.network.warning)
    for line in inputs.guidance.lines:
        log.info(line)
    config = resolved(config, inputs)
    network = config.network
    encoder = _encoder(
        inputs.network,
        network.pooling,
        network.padding,
        config.runtime.precision,
        bool(network.smooth),
    )
    terms, weights = terms_of(config.loss)
    check_terms(config, terms)
    colours = Colours(**config.color)
    seen = colours.before(inputs)
    norms = _norms(encoder, used_layers(terms), seen, network.normalize)
    objectives = Objectives(
        Loss(encoder, terms, weights, norms, colours.grey or _grey(seen)),
        content=seen.content.rgb,
        styles=seen.styles,
        canvas=Canvas(config.margin),
        tile=config.runtime.tile,
        guidance=inputs.guidance,
        erode=config.regions.erode,
    )
    return Studio(
        _with_layer_weights(config, weights),
        identity(config, inputs),
        inputs,
        seen,
        colours,
        objectives,
    )


def check_terms(config: DictConfig, terms: Mapping[str, Term]) -> None:
    """Checks of terms what their configuration does not say: layers, memory, weights, tiles.

    Raises:
        InputError: The network has no such layer, a term cannot be computed in tiles or takes more
            memory than there is, or none reads the weight map.
    """
    network, tile = config.network, config.runtime.tile
    for name, term in terms.items():
        key = f"loss.{name}.layers"
        if network.application is not None:
            check_application(network.application, key, term.layers)
        elif term.layers:
            check_layers(key, term.layers, network.name)
        _check_memory(name, term, config.size)
    if config.content.weight_map is not None and not any(t.weighed for t in terms.values()):
        raise InputError(
            "content.weight_map: no term of this loss weighs positions; content does, as in "
            "'loss=[content,style,tv]'"
        )
    if tile is not None and (wrong := not_additive(terms)):
        raise InputError(
            f"runtime.tile={tile}: loss.{wrong[0]} cannot be computed in tiles, it needs the whole "
            f"image: runtime.tile=null, and a smaller size= where memory does not suffice"
        )


def _check_memory(name: str, term: Term, size: int) -> None:
    taken, limit = PAIR * term.pairs(size**2), memory_limit()
    if taken > limit:
        raise InputError(
            f"loss.{name}.positions: comparing each position with every other takes about "
            f"{taken / 1e9:.1f} GB of memory, and there are {limit / 1e9:.1f}: lower it, and "
            f"style_positions where there is one; 1024 is usual"
        )


def paint(studio: Studio) -> Loop:
    """Builds the loop of a run; its ``run()`` yields the records."""
    config, inputs = studio.config, studio.inputs
    shape = images.fit(inputs.content.rgb.shape[:2], config.size)
    scales = plan(shape, config.steps, **config.pyramid)

    def finish(painted: tf.Tensor) -> tf.Tensor:
        picture = painted.numpy()[0]
        finished = studio.colours.after(picture, inputs.content, inputs.guidance)
        return painted if finished is picture else batch(finished)

    initial = Initial(
        base=studio.seen.base.rgb,
        noise=config.init.noise,
        detail=config.init.detail,
        grain=config.init.grain,
        styles=studio.seen.styles,
        seed=config.seed,
        grey=studio.objectives.loss.grey,
    )
    return Loop(
        image=initial.first(scales[0].height, scales[0].width),
        scales=scales,
        canvas=studio.objectives.canvas,
        objective=studio.objectives,
        optimizer=parts.optimizer(config.optimizer),
        seed=config.seed,
        gradient_every=config.runtime.gradient_every,
        clock=time.perf_counter,
        finish=finish,
        enlarge=initial.enlarge,
    )


@lru_cache(maxsize=4)
def _encoder(source: Source, pooling: str, padding: str, precision: str, smooth: bool) -> Network:
    if source.application is not None:
        return Application(source.application, source.path, smooth)
    return Encoder(load(source), pooling, padding, precision)


def terms_of(loss: DictConfig) -> tuple[dict[str, Term], dict[str, Weights]]:
    """Builds the terms of a configuration, and separates them from their weights."""
    plain = OmegaConf.to_container(loss, resolve=True)
    options, given = DictConfig({"loss": plain}).loss, {}  # below loss: errors name the whole key
    for name, node in options.items():
        scale = node.pop("scale", None)
        weight = node.pop("weight") * (1.0 if scale is None else scale)
        given[name] = weight, node.pop("layer_weights", None)
    terms = parts.terms(options)
    weights = {name: weigh(term, *given[name]) for name, term in terms.items()}
    return terms, weights


def _with_layer_weights(config: DictConfig, weights: Mapping[str, Weights]) -> DictConfig:
    """Fills in the layer weights that were left to the default."""
    loss = {
        name: {"layer_weights": list(weights[str(name)].parts.values())}
        for name, node in config.loss.items()
        if "layer_weights" in node
    }
    return DictConfig(OmegaConf.merge(config, {"loss": loss}))


def _norms(encoder: Network, layers: Sequence[str], inputs: Inputs, normalize: bool) -> Features:
    if not normalize:
        return encoder.norms([], layers)
    pictures = [inputs.content.rgb, *(style.picture.rgb for style in inputs.styles)]
    small = [batch(images.resize(p, images.fit(p.shape[:2], CALIBRATION_SIZE))) for p in pictures]
    weights = [style.weight for style in inputs.styles]
    # The content counts as much as all the styles together.
    return encoder.norms(small, layers, [sum(weights), *weights])


def _grey(inputs: Inputs) -> bool:
    """Tells whether no picture has any colour, so that all of it in the result would be noise."""
    pictures = [inputs.content, inputs.base, *(style.picture for style in inputs.styles)]
    grey = all(images.is_grey(picture.rgb) for picture in pictures)
    if grey:
        log.info("content, style and initial image are grey, and so the picture will be")
    return grey
