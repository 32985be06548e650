"""Steps as work items. A step is one evaluation of the loss and its gradient.

It uses random VGG19 weights, which do not affect its time, or the bundled ones.
"""

from __future__ import annotations

import numpy as np

from benchmarks.measuring import Work, tensorflow
from nst.config.composition import compose
from nst.features import vgg, weights

HEIGHT, WIDTH = 384, 512  # size of the images, px
CONTENT = "block4_conv2"
STYLE = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")


def layers(network: str, last: str = STYLE[-1]) -> list[vgg.Layer]:
    """Returns the layers up to one of them; VGG19's are random (He et al. 2015)."""
    if network == "bundled":
        # Without lifts, so that PyTorch makes the same step.
        bundled = weights.load(weights.locate("bundled"))
        found = [layer._replace(lift=None) for layer in bundled]
        return found[: [layer.name for layer in found].index(last) + 1]
    rng, depth, found = np.random.default_rng(0), 3, []
    for name, width in vgg.layer_channels(network).items():
        if name.endswith("pool"):
            found.append(vgg.Layer(name))
        else:
            kernel = rng.normal(0, (2 / 9 / depth) ** 0.5, (3, 3, depth, width))
            found.append(vgg.Layer(name, kernel.astype("f"), np.zeros(width, "f")))
            depth = width
        if name == last:
            break
    return found


def pictures(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Returns iterate, content and style, each ``[1, H, W, 3]``."""
    return np.random.default_rng(1).random((3, 1, height, width, 3), np.float32)


def wavy(regions: int) -> np.ndarray:
    """Returns the weights of stripes with wavy borders, ``[1, H, W, regions]``."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    across = (columns + 30 * np.sin(rows / 30)) / WIDTH
    stripes = np.clip((across * regions).astype(int), 0, regions - 1)
    return np.eye(regions, dtype=np.float32)[stripes][None]


def tensorflow_step(
    network: str,
    precision: str,
    padding: str = "replicate",
    wide: int | None = None,
    styles: int = 1,
    regions: int = 1,
) -> Work:
    """Returns a step of this project, a function of no arguments.

    ``wide`` sets winograd.WIDE; all styles are the same picture, and regions have wavy borders.
    """
    tf = tensorflow()
    from nst.features import winograd
    from nst.features.encoder import Encoder
    from nst.features.propagation import propagated
    from nst.losses import Content, Gram, References, Style, View, weigh
    from nst.objective import Loss, Objective

    if wide is not None:
        winograd.WIDE = wide
    stack = layers(network)
    terms = {"content": Content([CONTENT]), "style": Gram(STYLE)}
    weights = {name: weigh(term, 1.0, [1.0] * len(term.layers)) for name, term in terms.items()}
    used = (*STYLE, CONTENT)
    norms = {layer.name: tf.ones(len(layer.bias)) for layer in stack if layer.name in used}
    iterate, content, style = map(tf.constant, pictures())
    encoder = Encoder(stack, padding=padding, precision=precision)
    maps = propagated(tf.constant(wavy(regions)), encoder.geometry, STYLE) if regions > 1 else None
    references = References(
        View(content, {}, maps), [Style(View(style, {}, maps)) for _ in range(styles)]
    )
    objective = Objective(Loss(encoder, terms, weights, norms), references)
    return lambda: float(objective(iterate).total)


def loss_step(network: str, name: str, long_side: int, tile: int | None = None) -> Work:
    """Returns a step with one style term beside the content's, as ``conf/loss`` has it."""
    tf = tensorflow()
    from nst.features.encoder import Encoder
    from nst.losses import References, Style, View
    from nst.objective import Loss, Objective, TiledObjective, used_layers
    from nst.studio import terms_of

    terms, weights = terms_of(compose([f"loss=[content,{name}]"]).loss)
    encoder = Encoder(layers(network, "block5_conv3"))
    pixels = pictures(long_side * HEIGHT // WIDTH, long_side)
    iterate, content, style = map(tf.constant, pixels)
    norms = encoder.norms([content, style], used_layers(terms))
    references = References(View(content, {}), [Style(View(style, {}))])
    loss = Loss(encoder, terms, weights, norms)
    objective = TiledObjective(loss, references, tile) if tile else Objective(loss, references)
    return lambda: float(objective.refreshed(iterate, (0, 1))(iterate).total)
