"""From a configuration to a loop that is ready to run: images, network, terms, initial image."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import tensorflow as tf
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from nst import images
from nst.canvas import Canvas, batch
from nst.colours import Colours
from nst.errors import InputError
from nst.features.encoder import Encoder, Features
from nst.features.propagation import propagated
from nst.features.weights import Source, load
from nst.images import Pixels
from nst.loop import Loop, Scale, plan
from nst.losses import Term, Weights, weigh
from nst.objective import Guide, Guides, Objective, used_layers
from nst.runs.identity import identity
from nst.sources import Guidance, Inputs, StyleSource, gather, resolved
from nst.tiling import TiledObjective, not_additive

log = logging.getLogger(__name__)

CALIBRATION_SIZE = 256  # long side of the images that normalise the network, px


@dataclass(frozen=True)
class Objectives:
    """The objective at every scale of one run.

    Attributes:
        encoder: The network.
        terms: The terms by name.
        weights: Of each term.
        norms: What feature maps are normalised by.
        content: The content image at full size, ``[H, W, 3]``.
        styles: The style images at full size.
        canvas: The canvas.
        grey: Whether the picture is to stay grey.
        tile: Longest side of a tile, px; None for the whole image at once.
        guidance: The regions, and where the content counts.
        erode: By how much regions shrink, as a share of what a layer sees around a position.
    """

    encoder: Encoder
    terms: Mapping[str, Term]
    weights: Mapping[str, Weights]
    norms: Features
    content: Pixels
    styles: Sequence[StyleSource]
    canvas: Canvas
    grey: bool
    tile: int | None = None
    guidance: Guidance = field(default_factory=Guidance)
    erode: float = 0.0

    def __call__(self, height: int, width: int) -> Objective | TiledObjective:
        """Returns the objective for a picture of this size, px: a function of the whole canvas."""
        content = self.canvas.extend(batch(images.resize(self.content, (height, width))))
        styles = []
        for style in self.styles:
            rgb, long_side = style.picture.rgb, max(1, round(max(height, width) * style.scale))
            sized = images.resize(rgb, images.fit(rgb.shape[:2], long_side))
            styles.append((batch(sized), style.weight))
        bound = self.encoder, self.terms, self.weights, self.norms, content, styles, self.grey
        guides = self._guides((height, width), [tuple(style.shape[1:3]) for style, _ in styles])
        if self.tile is None or self.tile >= max(content.shape[1:3]):
            return Objective(*bound, guides)
        return TiledObjective(*bound, self.tile, guides)

    def _guides(self, size: tuple[int, int], styles: Sequence[tuple[int, int]]) -> Guides:
        """Brings regions and weights to the positions of each layer."""
        found = self.guidance
        if found.content is None:
            of_styles: list[Guide] = [{} for _ in styles]
        else:
            of_styles = [
                {"regions": self._propagated(batch(images.resize_weights(region, shape)))}
                for region, shape in zip(found.styles, styles, strict=True)
                if region is not None
            ]
        maps = {"regions": found.content, "weights": found.weights}
        of_content = {
            name: self._propagated(
                self.canvas.extend(batch(images.resize_weights(pixels, size))),
                self.erode if name == "regions" else 0.0,
            )
            for name, pixels in maps.items()
            if pixels is not None
        }
        return Guides(of_content, of_styles)

    def _propagated(self, maps: tf.Tensor, erode: float | None = None) -> Features:
        erode = self.erode if erode is None else erode
        return propagated(maps, self.encoder.geometry, used_layers(self.terms), erode)


@dataclass(frozen=True)
class Studio:
    """Everything that a run needs, loaded and built; reusable for several runs.

    Attributes:
        config: The configuration with all automatic choices filled in.
        identity: Hash of all that the picture depends on.
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
    encoder = _encoder(inputs.network, network.pooling, network.padding, config.runtime.precision)
    terms, weights = _terms(config.loss)
    if config.runtime.tile is not None and (wrong := not_additive(terms)):
        raise InputError(
            f"runtime.tile={config.runtime.tile}: loss.{wrong[0]} compares all positions with each "
            f"other, so it needs the whole image: a smaller size=, or runtime.tile=null"
        )
    colours = Colours(**config.color)
    seen = colours.before(inputs)
    objectives = Objectives(
        encoder,
        terms,
        weights,
        _norms(encoder, used_layers(terms), seen, network.normalize),
        seen.content.rgb,
        seen.styles,
        Canvas(config.margin),
        colours.grey or _grey(seen),
        config.runtime.tile,
        inputs.guidance,
        config.regions.erode,
    )
    return Studio(
        _with_layer_weights(config, weights),
        identity(config, inputs),
        inputs,
        seen,
        colours,
        objectives,
    )


def paint(studio: Studio) -> Loop:
    """Builds the loop of a run; its ``run()`` yields the records."""
    config, inputs = studio.config, studio.inputs
    shape = images.fit(inputs.content.rgb.shape[:2], config.size)
    scales = plan(shape, config.steps, **config.pyramid)

    def finish(painted: tf.Tensor) -> tf.Tensor:
        return batch(studio.colours.after(painted.numpy()[0], inputs.content))

    return Loop(
        _initial_image(studio.seen.base.rgb, scales[0], config, studio.objectives.grey),
        scales,
        studio.objectives.canvas,
        studio.objectives,
        instantiate(config.optimizer, _convert_="all"),
        config.seed,
        config.runtime.gradient_every,
        time.perf_counter,
        finish,
    )


@lru_cache(maxsize=4)
def _encoder(source: Source, pooling: str, padding: str, precision: str) -> Encoder:
    return Encoder(load(source), pooling, padding, precision)


def _terms(loss: DictConfig) -> tuple[dict[str, Term], dict[str, Weights]]:
    """Separates the terms from their weights."""
    options, given = loss.copy(), {}
    for name, node in options.items():
        given[name] = node.pop("weight"), node.pop("layer_weights", None)
    terms: dict[str, Term] = instantiate(options, _convert_="all")  # as a whole: errors name keys
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


def _norms(encoder: Encoder, layers: Sequence[str], inputs: Inputs, normalize: bool) -> Features:
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
    grey = all(images.grey(picture.rgb) for picture in pictures)
    if grey:
        log.info("content, style and initial image are grey, and so the picture will be")
    return grey


def _initial_image(base: Pixels, scale: Scale, config: DictConfig, grey: bool) -> tf.Tensor:
    shape, noise = (scale.height, scale.width), config.init.noise
    white = np.random.default_rng(config.seed).random((*shape, 3), np.float32)
    image = (1.0 - noise) * images.cover(base, shape) + noise * white
    if grey:
        image = np.broadcast_to(image.mean(-1, keepdims=True), image.shape)
    return batch(image)
