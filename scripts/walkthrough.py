# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Neural style transfer, step by step
#
# **Start it** from the folder of the project, with Python 3.11 to 3.13, by one command:
#
#     python3 -m venv .venv && .venv/bin/pip install -e '.[notebook]' && .venv/bin/jupyter lab scripts/walkthrough.ipynb
#
# It runs offline, in a few minutes on two processor cores.
#
# You have a photograph and a painting. You want the photograph, painted in the manner of the
# painting. In 2015 Leon Gatys, Alexander Ecker and Matthias Bethge showed how, and the idea fits
# into one sentence:
#
# > **Start from any image, and change its pixels until a neural network sees in it the things of
# > the photograph and the textures of the painting.**
#
# No network is trained. What is optimised is *the picture itself*.
#
# This notebook takes that sentence apart. You need Python and a little calculus: what a derivative
# is, and that a gradient points uphill. You need not know TensorFlow; you will know the part that
# matters when you are through.
#
# | part | question |
# |---|---|
# | 1 | What is an image, to a program? |
# | 2 | What does the network see in it? |
# | 3 | How do we say "the same things"? *(content)* |
# | 4 | How do we say "the same textures"? *(style)* |
# | 5 | How do we change pixels so that a number falls? |
# | 6 | The whole method in 25 lines, checked against this package |
# | 7 | How much content, how much style? |
# | 8 | Where should we start? |
# | 9 | Which optimiser gets there first? |
# | 10 | Why begin small? |
# | 11 | The same with one function, and with one command |
# | 12 | From one picture to an experiment |
#
# Every claim is shown by a cell below it, and wherever that can be done by an `assert`: were it
# false, the notebook would stop. Each part ends with exercises. Try them before you open the
# solutions.
#
# **Sources.** Formulas carry the numbers that they have in these papers:
#
# * **[G15]** Gatys, Ecker, Bethge: *A Neural Algorithm of Artistic Style*, 2015, arXiv 1508.06576.
# * **[T15]** the same: *Texture Synthesis Using Convolutional Neural Networks*, 2015, arXiv
#   1505.07376.
# * **[G16]** the same: *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016.
# * **[VGG]** Simonyan, Zisserman: *Very Deep Convolutional Networks for Large-Scale Image
#   Recognition*, 2015, arXiv 1409.1556.
# * **[Adam]** Kingma, Ba: *Adam: A Method for Stochastic Optimization*, 2015, arXiv 1412.6980.
# * **[NW]** Nocedal, Wright: *Numerical Optimization*, 2nd edition, 2006.
#
# Where we do something else than the paper, you will see the word **Departure**. The end lists them
# all.
#
# First some set-up, folded away: imports, colours, and helpers that show pictures, bars and tables.

# %% jupyter={"source_hidden": true}
import csv
import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.display import Markdown, display
from matplotlib_inline.backend_inline import set_matplotlib_formats
from PIL import Image

from nst import images, runtime, stylize
from nst.features import vgg, weights

tf = runtime.import_tensorflow()  # as "import tensorflow as tf", without its start-up messages
tf.get_logger().setLevel("ERROR")  # it would warn of the many small functions compiled below

import keras

from nst import losses
from nst.config.composition import compose
from nst.evaluation import evaluate
from nst.features.encoder import BGR_MEAN, Encoder
from nst.features.normalisation import floored
from nst.optimizers import LBFGS, Evaluation, FirstOrder
from nst.optimizers.history import two_loop
from nst.optimizers.laplacian import join, split
from nst.runs.folder import RunFolder
from nst.scales import plan
from nst.sources import gather

STARTED = time.perf_counter()
TEMPORARY = tempfile.TemporaryDirectory(prefix="nst-walkthrough-")  # all that is written goes here
WORK = Path(TEMPORARY.name)

# Okabe and Ito's colours: people who cannot tell red from green can tell these apart. Line styles
# change along with them, so that a grey print works as well.
BLUE, ORANGE, GREEN, PURPLE, SKY = COLOURS = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
plt.rcParams.update(
    {
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=["-", "--", "-.", ":", "-"]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.formatter.min_exponent": 3,
        "figure.constrained_layout.use": True,
    }
)
set_matplotlib_formats("jpeg", pil_kwargs={"quality": 75})


def show(pictures, columns=5, width=None, cmap="cividis"):
    """Shows pictures side by side, each under its title; writes the numbers into tiny ones."""
    arrays = {title: np.squeeze(np.asarray(picture)) for title, picture in pictures.items()}
    columns = min(columns, len(arrays))
    rows = -(-len(arrays) // columns)
    width = width or min(10.0, 3.3 * columns)
    aspect = max(array.shape[0] / array.shape[1] for array in arrays.values())
    size = (width, rows * (width / columns * aspect + 0.3))
    _, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (title, array) in zip(axes.flat, arrays.items(), strict=False):
        axis.imshow(np.clip(array, 0, 1) if array.ndim == 3 else array, cmap=cmap)
        axis.set_title(title, fontsize=10)
        if array.ndim == 2 and array.size <= 40:
            for (row, column), value in np.ndenumerate(array):
                ink = "black" if value > (array.min() + array.max()) / 2 else "white"
                axis.text(column, row, f"{value:.2g}", color=ink, ha="center", va="center")
    plt.show()


def bars(values, labels, **axis_labels):
    """Shows groups of two bars: `values` is two series by name."""
    _, axis = plt.subplots(figsize=(7, 3))
    for offset, colour, (name, series) in zip(
        (-0.2, 0.2), (BLUE, ORANGE), values.items(), strict=True
    ):
        axis.bar(np.arange(len(series)) + offset, series, 0.4, color=colour, label=name)
    axis.set_xticks(range(len(labels)), labels)
    axis.set(**axis_labels)
    axis.legend(fontsize=9)
    plt.show()


def table(header, *rows):
    """Shows rows as a table."""
    lines = [header, ["---:" if i else ":---" for i in range(len(header))], *rows]
    display(Markdown("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)))


# %% [markdown]
# ### Where we are going
#
# First the end of the story. One call of the package with everything but the number of steps at its
# default. Never mind how it works; that is what the notebook is for.
#
# `network=auto` means: VGG19, the network of the paper, if its weights are on this machine or can be
# fetched; else a small network that ships with this package. It has the layers of VGG16, a quarter
# of the channels or somewhat more, and was trained to predict VGG16's feature maps. The pictures in
# this notebook were made with the small one. VGG19 does more than ten times the work: write
# `network=bundled` below if you would rather not wait.

# %%
HANDLES = [  # what stays the same all through this notebook
    "content=harbour",
    "style=starry",
    "alpha=1",
    "beta=15",
    "margin=0",
    "network.pooling=avg",
    "network.padding=replicate",
    "network.normalize=true",
    "loss=[content,style]",
    "loss.content.layers=[block4_conv2]",
    "loss.style.layers=[block1_conv1,block2_conv1,block3_conv1,block4_conv1,block5_conv1]",
    "runtime.precision=float32",
]
config = compose(["network=auto", *HANDLES])
inputs = gather(config)  # reads both images and finds the weights
painting = inputs.styles[0].picture
NETWORK = f"network={inputs.network.network}"
if inputs.network.warning:
    print(textwrap.fill(inputs.network.warning.replace(str(Path.home()), "~"), 100))
print("This notebook runs with", NETWORK)

# %%
teaser = stylize(overrides=["content=harbour", "style=starry", NETWORK, "size=512", "steps=100"])
show(
    {
        "content: the harbour": images.resize(inputs.content.rgb, (384, 512)),
        "style: a starry night": images.cover(painting.rgb, (384, 512)),
    },
    width=8,
)
show({"the harbour, in the manner of the night": np.asarray(teaser) / 255}, width=6.5)

# %% [markdown]
# ---
# # Part 1: Two images as tensors
#
# To a program, an image is a block of numbers. A **tensor** is such a block, with any number of
# axes. Ours has four, written `[1, H, W, 3]`: which image (there is only one), row from the top,
# column from the left, and channel: red, green, blue. The numbers are 32-bit floats from 0 (dark)
# to 1 (bright).

# %%
SIZE = 224  # long side of most pictures in this notebook, px


def tensor(picture, size=SIZE):
    """An array `[H, W, 3]` as a tensor `[1, h, w, 3]`; its long side becomes `size` pixels."""
    return tf.constant(images.resize(picture, images.fit(picture.shape[:2], size))[None])


content, style = tensor(inputs.content.rgb), tensor(painting.rgb)
for name, image in {"content": content, "style": style}.items():
    low, high = float(tf.reduce_min(image)), float(tf.reduce_max(image))
    print(f"{name:8}shape {image.shape}  {image.dtype.name}  from {low:.2f} to {high:.2f}")
assert content.shape == (1, 168, 224, 3) and content.dtype == tf.float32

# %% [markdown]
# Look closely enough, and the picture dissolves into its numbers. Here are 5 × 8 pixels at the edge
# of the spire.

# %%
corner = content[0, 14:19, 73:81]
show(
    {
        "the picture": content,
        "5 × 8 of its pixels": corner,
        "their red values": corner[..., 0],
    },
    cmap="gray",
)

# %% [markdown]
# ### Why not simply work on pixels?
#
# Two ideas come to mind at once. Both fail, and it is worth seeing how.
#
# **Idea one: mix the two images.** You get a double exposure. There is blue on the houses, but it
# is the blue of whatever lies underneath, not the *way of painting*.

# %%
covering = images.cover(painting.rgb, content.shape[1:3])[None]  # cut to the same shape
show({"half content + half style": 0.5 * content + 0.5 * covering}, width=4)

# %% [markdown]
# **Idea two: say "similar" with pixels**, by the mean squared difference of their values,
# $\frac{1}{n}\sum (x_i - p_i)^2$.
#
# Here is a test for it. Shift the photograph by four pixels: a person would hardly notice. Or blur
# it until no window is left. Which one *should* be further from the original? Which one is?


# %%
def blur(image, factor=6):
    """Shrinks an image and enlarges it again."""
    height, width = image.shape[1:3]
    small = tf.image.resize(image, (height // factor, width // factor), antialias=True)
    return tf.image.resize(small, (height, width), "bicubic")


def mean_square(difference):
    """The mean of the squares, over everything."""
    return float(tf.reduce_mean(tf.square(difference)))


shifted, blurred = tf.roll(content, 4, axis=2), blur(content)
far_shifted, far_blurred = mean_square(shifted - content), mean_square(blurred - content)
show(
    {
        "the photograph": content,
        f"shifted: {far_shifted:.4f}": shifted,
        f"blurred: {far_blurred:.4f}": blurred,
    }
)
assert far_shifted > far_blurred

# %% [markdown]
# To the pixels, the shifted picture is *worse* than the blurred one. Pixels are the wrong language.
# We want to compare images in terms of edges, windows, boats, brush strokes. Some network has
# learned such a language in order to recognise things. We borrow its eyes.
#
# ### Exercises
#
# **1.1** Turn the photograph upside down, mirror it, and swap red and blue, each by slicing alone.
#
# <details><summary>Solution</summary>
#
# A step of −1 runs through an axis backwards. On the channel axis it turns RGB into BGR; we need
# that in a moment.
#
# ```python
# show(
#     {
#         "upside down": content[:, ::-1],
#         "mirrored": content[:, :, ::-1],
#         "blue for red": content[..., ::-1],
#     }
# )
# ```
#
# </details>
#
# **1.2** Shift the photograph by 1, 2, 4, 8, 16 and 32 pixels. How does the pixel distance grow?
#
# <details><summary>Solution</summary>
#
# ```python
# distances = [mean_square(tf.roll(content, k, axis=2) - content) for k in (1, 2, 4, 8, 16, 32)]
# print(np.round(distances, 4))
# assert distances[2] > distances[1] > distances[0]
# assert distances[5] - distances[4] < distances[2] - distances[1]
# ```
#
# Fast at first, then it levels off: once the shift is larger than the things in the picture, pixels
# are compared with pixels that have nothing to do with them. The distance says "different", but no
# longer *how* different.
#
# </details>

# %% [markdown]
# ---
# # Part 2: What the network sees
#
# VGG19 [VGG] was built to name the thing in a photograph. We throw its last part away, the one that
# says "cat". What is left is a stack of two simple operations, repeated: **convolution** and
# **pooling**.
#
# ### Convolution: a small pattern, looked for everywhere
#
# A filter is a block of weights, 3 × 3 pixels in size. Lay it on the image, multiply what lies on
# top of each other, add everything up, and you have one number: how well the pattern fits there.
# Move it to the next place, and so on. The numbers form a new image, a **feature map**. Negative
# numbers ("does not fit") are cut to zero; this is the ReLU. For filter $j$ at row $r$ and column
# $c$:
#
# $$F_{r c j} = \max\Big(0,\; b_j + \sum_{u=0}^{2} \sum_{v=0}^{2} \sum_{k} W_{u v k j}\;
# x_{r+u,\; c+v,\; k}\Big) \tag{VGG: §2.1}$$
#
# (the convolution of [VGG], section 2.1, which the paper writes in words). Here $k$ runs over the
# channels of the input, and $x$ is the input with a border of one pixel around it.
#
# One detail: VGG was trained on images with channels in the order blue, green, red, from 0 to 255,
# and with the mean colour of its training set taken away. We must give it what it is used to.

# %%
layers = weights.load(inputs.network)  # a list of (name, kernel, bias, lift, gain), first to last
encoder = Encoder(layers, pooling="avg", padding="replicate")  # the package's VGG

bgr = content[..., ::-1] * 255.0 - tf.constant(BGR_MEAN)
bordered = tf.pad(bgr, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")  # repeats the edge pixels

name, kernel, bias, *_ = layers[0]
print(name, "has a kernel of shape", kernel.shape, "and a bias of shape", bias.shape)

row, column = 60, 80
channel = int(tf.argmax(encoder(content, [name])[name][0, row, column]))  # one that fires here
patch = bordered[0, row : row + 3, column : column + 3].numpy()
by_hand = max(0.0, bias[channel] + np.sum(kernel[..., channel] * patch))
by_package = float(encoder(content, [name])[name][0, row, column, channel])
print(f"by hand {by_hand:.5f}, by the package {by_package:.5f}")
assert by_hand > 0 and np.isclose(by_hand, by_package, rtol=1e-3)

# %% [markdown]
# ### Pooling: step back
#
# Two to four convolutions are followed by a pooling, which replaces each square of 2 × 2 numbers by
# one: their maximum, or their average. The map is half as high and half as wide, so the next 3 × 3
# filter sees twice as far.
#
# How far a unit sees is its **receptive field**. A layer with a window of $k$ pixels (3 for a
# convolution, 2 for a pooling) and a step of $s$ (1 or 2) turns the field $r$ and the spacing $d$
# of its units into
#
# $$r \leftarrow r + (k - 1)\, d, \qquad d \leftarrow s\, d, \qquad\text{starting from } r = d = 1$$
#
# (plain counting, no source needed). The next cell counts, and then *measures*: the gradient of one
# unit with respect to the pixels is zero wherever the unit cannot see.
#
# Papers write conv4_2 for the second convolution of the fourth block; Keras calls it
# `block4_conv2`. We use Keras' names in code, and the papers' in pictures.


# %%
def short(name):
    """The name of a layer as papers write it: block4_conv2 → conv4_2."""
    return name.replace("_conv", "_").replace("block", "conv")


def receptive_fields(layers):
    """The side of the square of pixels that a unit of each layer sees."""
    field, spacing, fields = 1, 1, {}
    for name, kernel, *_ in layers:
        field += (1 if kernel is None else 2) * spacing
        spacing *= 2 if kernel is None else 1
        fields[name] = field
    return fields


def columns_seen(layer):
    """How many columns of pixels the units in the middle of a layer depend on, measured."""
    with tf.GradientTape() as tape:
        tape.watch(content)
        maps = encoder(content, [layer])[layer]
        middle = tf.reduce_sum(maps[0, maps.shape[1] // 2, maps.shape[2] // 2])
    size = np.abs(tape.gradient(middle, content)).max((0, 1, 3))
    seen = np.flatnonzero(size > 1e-5 * size.max())  # fast convolutions round zeros to 1e-8
    return seen[-1] - seen[0] + 1


BLOCKS = [f"block{block}_conv1" for block in range(1, 6)]  # conv1_1 … conv5_1
CONTENT = "block4_conv2"  # conv4_2, the content layer
CONVOLUTIONS = [layer.name for layer in layers if layer.kernel is not None]

maps, fields = encoder(content, CONVOLUTIONS), receptive_fields(layers)
rows = []
for layer in [*BLOCKS, CONTENT]:
    _, height, width, channels = maps[layer].shape
    measured = columns_seen(layer)
    rows.append([short(layer), channels, f"{width} × {height}", fields[layer], measured])
    assert measured <= fields[layer]
table(["layer", "filters", "map, px", "field counted, px", "field measured, px"], *rows)

# %% [markdown]
# ### Feature maps as pictures
#
# Now look through its eyes. From each of five layers, six feature maps: those that vary most over
# the image. Dark is "nothing here", bright is "here!".
#
# Read it from top to bottom. At conv1_1 you see edges of every direction, pixel-sharp. Further down
# the maps get coarser, and in the end pickier: they answer at fewer places (see the table), and to
# more than an edge, such as upright things, a long hull, or the open sky.

# %%
large_maps = encoder(tensor(inputs.content.rgb, 384), BLOCKS)
pictures, answering = {}, {}
for layer in BLOCKS:
    _, _, _, channels = large_maps[layer].shape
    variation = tf.math.reduce_std(large_maps[layer], axis=(0, 1, 2)).numpy()
    for channel in np.argsort(variation)[::-1][:6]:
        pictures[f"{short(layer)}, filter {channel}"] = large_maps[layer][0, :, :, channel]
    answering[layer] = float(tf.reduce_mean(tf.cast(large_maps[layer] > 0, tf.float32)))
show(pictures, columns=6)
table(
    ["", *map(short, BLOCKS)],
    ["places where a filter answers", *(f"{share:.0%}" for share in answering.values())],
)
assert answering["block5_conv1"] < answering["block1_conv1"]

# %% [markdown]
# ### What pooling changes: the maximum or the average
#
# VGG was trained with max pooling. [G15] replaces it by average pooling, because "the gradient flow
# is improved and one obtains slightly more appealing results". The gradient shows why: a maximum
# passes it to *one* of four numbers and leaves the others alone; an average passes a quarter to
# each.

# %%
square = tf.reshape(tf.constant([1.0, 2.0, 3.0, 6.0]), [1, 2, 2, 1])
for pool in (tf.nn.max_pool2d, tf.nn.avg_pool2d):
    with tf.GradientTape() as tape:
        tape.watch(square)
        pooled = pool(square, 2, 2, "SAME")
    gradient = tf.reshape(tape.gradient(pooled, square), [-1]).numpy()
    print(f"{pool.__name__}: 1 2 3 6 → {float(tf.squeeze(pooled))}, gradient {gradient}")

# %% [markdown]
# Through several poolings this adds up. Below: the gradient of "conv4_1, become louder!", as it
# arrives at the pixels around the spire (orange: darker, purple: brighter). Under the maximum,
# neighbouring pixels are often told opposite things, the seed of a fine grain in results. Under the
# average they mostly agree. The number is their correlation: 1 is full agreement, 0 none.


# %%
def gradient_at_pixels(encoder):
    """How every pixel should change to make conv4_1 louder, `[H, W]`."""
    with tf.GradientTape() as tape:
        tape.watch(content)
        louder = tf.reduce_sum(encoder(content, ["block4_conv1"])["block4_conv1"] ** 2)
    return tf.reduce_mean(tape.gradient(louder, content), axis=(0, 3)).numpy()


pictures, agreement = {}, {}
for pooling in ("avg", "max"):
    g = gradient_at_pixels(Encoder(layers, pooling, "replicate"))
    agreement[pooling] = np.mean(g[:, 1:] * g[:, :-1]) / np.mean(g**2)
    scaled = np.clip(g[10:70, 40:120] / (3 * g.std()), -1, 1)
    pictures[f"{pooling} pooling, agreement {agreement[pooling]:.2f}"] = scaled
show(pictures, cmap="PuOr")
assert agreement["avg"] > agreement["max"]

# %% [markdown]
# ### What padding changes: the border
#
# A filter at the edge of the image needs pixels beyond it. VGG puts zeros there. After the mean
# colour has been taken away, zero *is* a colour, a greyish beige: every image gets a thin frame of
# it, an edge that is not in the picture, and style transfer paints it.
#
# **Departure**: by default this package repeats the border of what it convolves, image and feature
# maps alike (`network.padding=replicate`); `zeros` is the paper's, and how [VGG] was trained.
#
# **Departure**: Keras' pooling drops the last row and column of a map with an odd side (padding
# `VALID`). Ours keeps them (`SAME`), so that no border is invisible to deep layers.
#
# Even so a filter at the border sees less of it than of the rest, and an optimiser makes use of that: a
# faint frame of three or four pixels. So the package paints on a canvas that is 8 pixels wider on
# every side and cuts them off at the end (`margin`; 0 in this notebook, to keep its code short).
#
# The maps show in bright what zeros change. At conv1_2 it is a frame of two pixels, since two 3 × 3
# convolutions see two pixels far. Deeper layers carry it further in.

# %%
by_zeros = Encoder(layers, "avg", "zeros")
frames, reach = {}, []
for layer in ("block1_conv2", "block3_conv1", "block4_conv1"):
    change = tf.reduce_mean(tf.abs(by_zeros(content, [layer])[layer] - maps[layer]), axis=(0, 3))
    change = (change / tf.reduce_mean(maps[layer])).numpy()
    reach.append(np.mean(change > 0.01))
    frames[f"{short(layer)}: {reach[-1]:.0%} changed"] = np.minimum(change, 0.3)
show(frames)
assert reach == sorted(reach) and reach[0] < 0.05

odd = tf.ones([1, 7, 7, 1])
print("7 × 7, pooled VALID:", *tf.nn.avg_pool2d(odd, 2, 2, "VALID").shape[1:3])
print("7 × 7, pooled SAME: ", *tf.nn.avg_pool2d(odd, 2, 2, "SAME").shape[1:3])

# %% [markdown]
# ### What normalisation changes: every filter speaks equally loud
#
# Filters differ in how strongly they fire, often by an order of magnitude, see the plot below.
# If we compare raw activations, the loudest decide everything.
#
# The remedy is the authors' own ([G16], section 2): rescale each filter so that its *mean
# activation* over images and positions is 1. A ReLU network allows that exactly. If $a > 0$, then
# $\max(0, a z) = a \max(0, z)$, and pooling commutes with $a$ as well. So a factor in one layer can
# be undone in the next. With $m^l_j$ the mean activation of filter $j$ in layer $l$, and $m^0 = 1$:
#
# $$\tilde W^{l}_{u v k j} = W^{l}_{u v k j}\, \frac{m^{l-1}_k}{m^{l}_j}, \qquad
#   \tilde b^{l}_j = \frac{b^{l}_j}{m^{l}_j}
#   \quad\Longrightarrow\quad \tilde F^{l}_{r c j} = \frac{F^{l}_{r c j}}{m^{l}_j}$$
#
# (our own line of algebra; [G16] says it in words.) In short: dividing the feature maps by their
# means *is* rescaling the filters. The package divides. The cell does both, and asserts that they
# agree.
#
# **Departure**: [G16] takes the means over ImageNet's validation set. We take them over the two
# images at hand, at 256 px, so that nothing needs to be downloaded. A floor keeps filters that
# hardly ever fire from being blown up.

# %%
calibration = [tensor(inputs.content.rgb, 256), tensor(painting.rgb, 256)]
seen = [encoder(image, CONVOLUTIONS) for image in calibration]
means = {
    name: floored(tf.add_n([tf.reduce_mean(maps[name], (0, 1, 2)) for maps in seen]) / len(seen))
    for name in CONVOLUTIONS
}

rescaled, before = [], np.ones(3, np.float32)
for layer in layers:
    if layer.kernel is None:
        rescaled.append(layer)
    else:
        after = means[layer.name].numpy()
        kernel = layer.kernel * before[:, None] / after
        rescaled.append(vgg.Layer(layer.name, kernel, layer.bias / after))
        before = after
one_way = Encoder(rescaled, "avg", "replicate")(content, CONVOLUTIONS)
other_way = encoder(content, CONVOLUTIONS)
for name in CONVOLUTIONS:
    divided = other_way[name] / means[name]
    np.testing.assert_allclose(one_way[name], divided, rtol=1e-3, atol=1e-3)

_, axis = plt.subplots(figsize=(7, 3))
for layer in BLOCKS:
    ranked = np.sort(means[layer])[::-1]
    axis.plot(np.linspace(0, 100, len(ranked)), ranked, label=short(layer))
    assert ranked[0] > 5 * ranked[-1]
axis.axhline(1.0, color="black", label="all, normalised")
axis.set(xlabel="filter, by rank, %", ylabel="mean activation", yscale="log")
axis.legend(fontsize=8)
plt.show()

# %% [markdown]
# ### A small network, compared as a large one would
#
# The small network was trained as a student of VGG16: a matrix $L$, $C \times T$, predicts the $T$
# channels of its teacher from its own $C$ (`layer.lift`). What we want are distances between the
# *teacher's* feature maps, each channel rescaled to a mean of 1 as above. With these factors in $L$,
# that is the distance of $F L$ and $F' L$, times a number: a prediction varies less than what it
# predicts, and `layer.gain`, measured once for each layer, makes up for it. But $F L$ has up to four
# times the channels of $F$. A square matrix gives the same distances without them. For any difference
# $d$ of two maps, $\lVert d L \rVert^2 = d\, L L^\top d^\top$, so all that counts is $L L^\top$:
#
# $$S S^\top = \frac{C}{T}\, L L^\top \quad\Longrightarrow\quad
#   \text{mean}\big((F S - F' S)^2\big) = \text{mean}\big((F L - F' L)^2\big)$$
#
# (our own; $C / T$ is there because a mean over $C$ channels takes the place of one over $T$.) The
# same holds for the Gram matrices of part 4. This is the teacher's metric, as far as its student can
# tell. But some directions in $F$ hardly count in it, and there an optimizer goes astray: the student
# does not mind, and the teacher, of which it has learnt only so much, does. With $I$ in the place of
# $S$ all channels would count alike, and nothing of the teacher would be left. The small network
# compares half-way between the two, by the root of $S$ times the number that keeps its size:
#
# $$R = c\, S^{1/2}, \qquad \lVert R \rVert = \lVert S \rVert$$
#
# Judged by VGG16 itself, pictures painted with it are closer to the style. `Encoder.norms` returns
# $R$ for the small network, and the mean activations for VGG19; `nst/features/normalisation.py`
# applies either. Below both are a matrix: dividing by means is a matrix product, too, with $1 / m_j$
# on the diagonal.
#
# **Departure**: so the small network's channels are mixtures of filters, and may be negative.
# Equations 2 and 6 below speak of maps right after the ReLU; $R$ is one more link in the chain rule.


# %%
norms = encoder.norms(calibration, CONVOLUTIONS)
R = {k: n if n.shape.rank == 2 else tf.linalg.diag(1 / n) for k, n in norms.items()}


def features(image, names):
    """Normalised feature maps."""
    maps = encoder(image, names)
    return {name: tf.tensordot(maps[name], R[name], 1) for name in names}


def flat_gram(maps):
    """The mean over positions of all products of two channels (part 4), `[C, C]`."""
    rows = tf.reshape(maps, [-1, maps.shape[-1]])
    return tf.transpose(rows) @ rows / rows.shape[0]


def root(matrix):
    """The symmetric root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


rows = []
for layer in (layer for layer in layers if layer.name in [*BLOCKS, CONTENT]):
    if layer.lift is None:  # VGG19 is nobody's student
        continue
    mean = tf.add_n([tf.reduce_mean(maps[layer.name], (0, 1, 2)) for maps in seen]) / len(seen)
    L = np.float64(layer.gain * layer.lift / floored(mean[None] @ layer.lift))
    S = root(L @ L.T * L.shape[0] / L.shape[1])
    half_way = root(S) * np.linalg.norm(S) / np.linalg.norm(root(S))
    np.testing.assert_allclose(half_way, R[layer.name], atol=1e-3 * half_way.max())
    pair = [encoder(image, [layer.name])[layer.name] for image in (content, blurred)]
    by_L, by_S, by_R = ([m @ matrix for m in map(np.float64, pair)] for matrix in (L, S, half_way))
    distances = [mean_square(a - b) for a, b in (by_L, by_S, by_R)]
    distances += [mean_square(flat_gram(a) - flat_gram(b)) for a, b in (by_L, by_S, by_R)]
    np.testing.assert_allclose(distances[0::3], distances[1::3], rtol=1e-2)
    channels = " → ".join(map(str, L.shape))
    rows.append([short(layer.name), channels, *(f"{distance:.4f}" for distance in distances)])
if rows:
    kinds = [f"{what}, F {matrix}" for what in ("maps", "Gram") for matrix in "LSR"]
    table(["content and its blur", "C → T", *kinds], *rows)

# %% [markdown]
# From now on, `features(image, names)` means normalised features.
#
# ### Exercises
#
# **2.1** Work out the receptive field of conv2_2 with pencil and paper. Then check it.
#
# <details><summary>Solution</summary>
#
# 1 → 3 (conv1_1) → 5 (conv1_2) → 6 (pool, and the spacing becomes 2) → 10 (conv2_1) → 14 (conv2_2).
#
# ```python
# assert receptive_fields(layers)["block2_conv2"] == 14
# ```
#
# </details>
#
# **2.2** Give the network a plain grey image. What do you expect of conv1_1, with `replicate` and
# with `zeros`?
#
# <details><summary>Solution</summary>
#
# With `replicate` each feature map is flat: the same patch everywhere. With `zeros` the border
# differs, since it sees an edge between grey and the mean colour.
#
# ```python
# plain = tf.fill([1, 32, 32, 3], 0.8)
# for seer, flat in ((encoder, True), (by_zeros, False)):
#     first = seer(plain, ["block1_conv1"])["block1_conv1"]
#     spread = float(tf.reduce_max(tf.math.reduce_std(first, axis=(1, 2))))
#     assert (spread < 1e-3) == flat, spread
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 3: Content
#
# ### What a layer remembers
#
# Suppose you only know the feature maps of one layer. How much of the photograph could you draw?
# That is a question we can *answer*: take any image, and change it until its feature maps are those
# of the photograph. What comes out is what the layer remembers.
#
# We need a number that says how far we still are. With $F^l$ for the feature maps of our image at
# layer $l$, and $P^l$ for those of the photograph, [G15] takes the squared difference (their
# **equation 1**):
#
# $$\mathcal{L}_{content} = \frac{1}{2} \sum_{i,j} \big(F^l_{ij} - P^l_{ij}\big)^2 \tag{G15: 1}$$
#
# where $i$ is the filter and $j$ the position.
#
# **Departure**: we take the *mean* instead of half the sum, so that the number does not grow with
# the image. For $N$ filters and $M$ positions the paper's loss is $\frac{N M}{2}$ times ours.


# %%
def content_loss(features, target):
    """How far feature maps are from those of the content image."""
    return tf.reduce_mean((features - target) ** 2)


P = features(content, [CONTENT])[CONTENT]
F = features(blurred, [CONTENT])[CONTENT]
M, N = P.shape[1] * P.shape[2], P.shape[3]

ours = content_loss(F, P)
paper = 0.5 * tf.reduce_sum((F - P) ** 2)
print(f"blurred: equation 1 {paper:.1f}, ours {ours:.4f}, their ratio {paper / ours:.1f} = N M / 2")
assert np.isclose(paper, N * M / 2 * ours)
assert np.isclose(ours, losses.content_distance(F, P))  # the package's function, the same

# %% [markdown]
# ### Its derivative
#
# To lower the loss we must know which way each activation should move. [G15], **equation 2**:
#
# $$\frac{\partial \mathcal{L}_{content}}{\partial F^l_{ij}} =
#   \begin{cases} \big(F^l - P^l\big)_{ij} & \text{if } F^l_{ij} > 0 \\
#   0 & \text{if } F^l_{ij} < 0 \end{cases} \tag{G15: 2}$$
#
# The first line is school calculus. The second belongs to the ReLU: where a filter is silent, a
# small change of its input changes nothing. (With our mean, $\frac{2}{NM}$ stands in front.)
#
# TensorFlow finds both by itself. A `GradientTape` records what is computed, and then runs through
# the record backwards, applying the chain rule at each step. We check it at the point *before* the
# ReLU, where both lines can be seen.

# %%
before_relu = tf.random.stateless_normal(P.shape, seed=[0, 1])
with tf.GradientTape() as tape:
    tape.watch(before_relu)
    F = tf.nn.relu(before_relu)
    loss = content_loss(F, P)
by_tape = tape.gradient(loss, before_relu)
by_formula = tf.where(F > 0, 2 / (N * M) * (F - P), 0.0)
np.testing.assert_allclose(by_tape, by_formula, rtol=1e-4, atol=1e-9)
print("tape and formula agree at all", int(tf.size(P)), "activations")

# %% [markdown]
# ### Downhill
#
# Now a tool that changes an image until a loss is small. Take it as given for the moment: *compute
# the loss, compute its gradient with respect to every pixel, let an optimiser choose a better
# image, repeat*. Part 5 explains the gradient, part 9 the optimiser: L-BFGS, the one of [G16], from
# this package.
#
# We try it at once on conv3_1, from noise.


# %%
def evaluator(loss):
    """Makes a function of an image that returns the loss and its gradient, compiled."""

    @tf.function
    def evaluate(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = loss(image)
        return Evaluation(value, tape.gradient(value, image))

    return evaluate


def minimise(loss, start, steps):
    """Moves an image downhill. Returns it, and the loss before each step."""
    evaluate, optimizer = evaluator(loss), LBFGS()
    optimizer.begin(start)
    history = [float(optimizer.step(evaluate).total) for _ in range(steps)]
    return optimizer.result, history


def noise(shape=content.shape, seed=0):
    """White noise in [0, 1]."""
    return tf.random.stateless_uniform(shape, seed=[seed, 0])


target = features(content, ["block3_conv1"])["block3_conv1"]
image, history = minimise(
    lambda image: content_loss(features(image, ["block3_conv1"])["block3_conv1"], target),
    noise(),
    60,
)
print(f"content loss at conv3_1: {history[0]:.3f} at the start, {history[-1]:.3f} after 60 steps")
show({"the start": noise(), "after 60 steps": image})
assert history[-1] < 0.2 * history[0]

# %% [markdown]
# The loss is nearly gone; to conv3_1, this *is* almost the photograph. And yet the noise stays, in
# every way that the layer cannot see. A layer does not determine one image. It leaves many open.
#
# So let us say which of them we prefer: one whose neighbouring pixels are alike. This preference is
# called **total variation** (Mahendran and Vedaldi, *Understanding Deep Image Representations by
# Inverting Them*, CVPR 2015; here with exponent 2, and as a mean):
#
# $$\mathcal{L}_{tv} = \text{mean}\big((x_{r+1,c} - x_{r,c})^2\big)
#   + \text{mean}\big((x_{r,c+1} - x_{r,c})^2\big)$$
#
# **Departure**: [G15] has no such term, and shows what is left of the noise. The package's default
# run has it with a small weight (`loss.tv.weight`); in this notebook only the next cell does.
#
# ### Reconstructing the photograph from one layer
#
# Five times we start from plain grey, and each time *one* layer is asked to match. Compare the
# lower row of figure 1 in [G15].


# %%
def total_variation(image):
    """How much neighbouring pixels differ."""
    down = tf.reduce_mean((image[:, 1:] - image[:, :-1]) ** 2)
    across = tf.reduce_mean((image[:, :, 1:] - image[:, :, :-1]) ** 2)
    return down + across


assert np.isclose(total_variation(noise()), losses.total_variation(noise()))


def reconstruct(layer, steps=80):
    """Finds a calm image with the feature maps of the photograph at one layer."""
    target = features(content, [layer])[layer]
    spread = tf.math.reduce_variance(target)  # brings all layers to the same scale

    def loss(image):
        distance = content_loss(features(image, [layer])[layer], target) / spread
        return distance + 0.1 * total_variation(image)

    return minimise(loss, tf.fill(content.shape, 0.5), steps)


reconstructions, curves, errors = {"the photograph": content}, {}, {}
for layer in BLOCKS:
    image, curves[layer] = reconstruct(layer)
    errors[layer] = mean_square(image - content)
    reconstructions[f"from {short(layer)}"] = image
show(reconstructions, columns=3)

_, axes = plt.subplots(1, 2, figsize=(9, 3))
for layer, curve in curves.items():
    axes[0].plot(np.array(curve) / curve[0], label=short(layer))
axes[0].set(xlabel="step", ylabel="loss / its start", yscale="log", title="each layer: matched")
axes[0].legend(fontsize=8)
axes[1].bar([short(layer) for layer in BLOCKS], list(errors.values()), color=ORANGE)
axes[1].set(xlabel="layer", ylabel="mean squared pixel error", title="the pixels: forgotten")
plt.show()
assert all(curve[-1] < 0.35 * curve[0] for curve in curves.values())  # the deeper, the slower
assert errors["block1_conv1"] < errors["block2_conv1"]
assert errors["block1_conv1"] < errors["block4_conv1"]

# %% [markdown]
# Every layer got what it asked for (left plot). All that you miss in its picture is what it has
# forgotten, more and more with depth (right plot): exact pixels first, then colours, then crisp
# outlines. What survives longest is **what is where**: houses in a row, a spire above them, boats
# below. That is what we shall call **content**: the feature maps of a deep layer. (conv5_1 goes too
# far for us: little is left but where things are, and which way their lines run.)
#
# ### Back to the shifted photograph
#
# In part 1 pixels told us that a shift of four pixels is worse than a heavy blur. Ask the layers.
# To have all on one scale we divide by what is lost if *all* spatial structure is lost, that is, if
# every map is replaced by its own mean $\bar P$:
#
# $$d_{content} = \frac{\text{mean}\big((F - P)^2\big)}{\text{mean}\big((P - \bar P)^2\big)}$$
#
# 0 is the photograph, 1 has no structure left. (Our own measure, by which the package ranks its
# runs; see `nst/evaluation.py`.)


# %%
def relative_content_distance(maps, target):
    """0 for the content image, 1 when no spatial structure is left."""
    flat = tf.reduce_mean(target, axis=(1, 2), keepdims=True)
    return float(content_loss(maps, target) / content_loss(flat, target))


compared_in = [*BLOCKS[:4], CONTENT]
distances = {}
for title, image in {"shifted": shifted, "blurred": blurred}.items():
    seen, wanted = features(image, compared_in), features(content, compared_in)
    distances[title] = [relative_content_distance(image, content)]
    distances[title] += [relative_content_distance(seen[k], wanted[k]) for k in compared_in]
labels = ["pixels", *map(short, compared_in)]
bars(distances, labels, xlabel="compared in", ylabel="relative content distance")
assert distances["shifted"][0] > distances["blurred"][0]  # pixels
assert distances["shifted"][-1] < distances["blurred"][-1]  # conv4_2

# %% [markdown]
# The order is turned around. Pixels mind the shift more, conv4_2 minds the blur more. It asks
# whether the windows are there, and is relaxed about where exactly.
#
# conv4_2 is the layer that [G15] uses for its painted results: deep enough to be relaxed, not so
# deep that the drawing is lost.
#
# ### Exercises
#
# **3.1** Equation 2 says that a silent filter receives no gradient. Could an image get stuck
# because of that? Construct the worst case.
#
# <details><summary>Solution</summary>
#
# In principle: if all activations before the ReLU are negative, the gradient is zero everywhere,
# however large the loss. With real images some filter always fires.
#
# ```python
# silent = tf.fill(P.shape, -1.0)
# with tf.GradientTape() as tape:
#     tape.watch(silent)
#     loss = content_loss(tf.nn.relu(silent), P)
# assert float(loss) > 0 and not np.any(tape.gradient(loss, silent))
# ```
#
# </details>
#
# **3.2** Reconstruct the photograph from conv4_2, the content layer. Is it nearer to the picture
# from conv4_1 or to that from conv5_1?
#
# <details><summary>Solution</summary>
#
# To conv4_1, which is one convolution away; conv5_1 is three convolutions and a pooling further.
#
# ```python
# image, _ = reconstruct(CONTENT)
# near = mean_square(image - reconstructions["from conv4_1"])
# far = mean_square(image - reconstructions["from conv5_1"])
# show({"from conv4_2": image})
# print(f"mean squared difference from conv4_1 {near:.4f}, from conv5_1 {far:.4f}")
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 4: Style
#
# Content is *what is where*. Style is *what goes with what, no matter where*. Van Gogh's sky has
# strokes that are curved **and** blue, dots that are round **and** yellow: pairs of features that
# fire at the same place. Count for each pair of filters how strongly they fire *together*, summed
# over all places, and you have a portrait of the texture that has forgotten the places.
#
# ### The Gram matrix by hand
#
# Three by three pixels and two filters are enough. Filter *a* likes stripes, and so does filter
# *b*. In the first example they never fire together; in the second they always do.

# %%
a = np.array([[1, 0, 1], [1, 0, 1], [1, 0, 1]], np.float32)
apart = np.stack([a, 1 - a], axis=-1)  # [3, 3, 2]: b fires where a does not
together = np.stack([a, a], axis=-1)  # b fires where a does
show(
    {
        "apart: filter a": apart[..., 0],
        "apart: filter b": apart[..., 1],
        "together: filter a": together[..., 0],
        "together: filter b": together[..., 1],
    },
    width=6,
)

# %% [markdown]
# Go through the nine positions of the first example and multiply:
#
# * *a* with itself: $1 \cdot 1$ at six positions, $0$ at three. Sum: **6**.
# * *b* with itself: $1 \cdot 1$ at three positions. Sum: **3**.
# * *a* with *b*: always a one times a zero. Sum: **0**.
#
# In the second, every sum is **6**. Written into a square table, one row and one column per filter,
# the sums are the **Gram matrix**:
#
# $$G_{apart} = \begin{pmatrix} 6 & 0 \\ 0 & 3 \end{pmatrix}, \qquad
#   G_{together} = \begin{pmatrix} 6 & 6 \\ 6 & 6 \end{pmatrix}$$
#
# In general ([G15], **equation 3**; $i, j$ are filters, $k$ runs over positions):
#
# $$G^l_{ij} = \sum_k F^l_{ik} F^l_{jk} \tag{G15: 3}$$


# %%
def gram_by_hand(maps):
    """Equation 3 as it is written: three loops. `maps` is [height, width, filters]."""
    rows = maps.reshape(-1, maps.shape[-1])  # the positions in any order, one row each
    filters = rows.shape[1]
    gram = np.zeros((filters, filters))
    for i in range(filters):
        for j in range(filters):
            for position in rows:
                gram[i, j] += position[i] * position[j]
    return gram


print(gram_by_hand(apart), gram_by_hand(together), sep="\n\n")
assert (gram_by_hand(apart) == [[6, 0], [0, 3]]).all()
assert (gram_by_hand(together) == [[6, 6], [6, 6]]).all()

# %% [markdown]
# ### The same as a tensor product
#
# Put the positions into rows: $F$ is then $M \times N$, and the three loops are a matrix product,
# $G = F^\top F$. Or see it like this: at each position stands a vector $f_k$ of $N$ activations.
# Its product with itself, $f_k \otimes f_k$, is an $N \times N$ table, and
# $G = \sum_k f_k \otimes f_k$ adds up the tables of all positions.
#
# Five ways to write it, all the same; the last is the package's.
#
# **Departure**: we divide by the number of positions $M$, so that $G$ is a mean and images of
# different sizes can be compared. The paper divides later, in equation 4.

# %%
F = apart.reshape(9, 2)
ways = {
    "loops": gram_by_hand(apart) / 9,
    "matrix product": F.T @ F / 9,
    "sum of tables": sum(np.outer(f, f) for f in F) / 9,
    "tensordot": tf.tensordot(apart, apart, axes=[[0, 1], [0, 1]]).numpy() / 9,
    "nst.losses": losses.gram_matrix(losses.gram_sums(tf.constant(apart[None]))).numpy(),
}
for name, matrix in ways.items():
    print(f"{name:16}{np.array(matrix, float).round(3).tolist()}")
    np.testing.assert_allclose(matrix, [[6 / 9, 0], [0, 3 / 9]], rtol=1e-6)

# %% [markdown]
# ### Why position is lost
#
# A sum does not care about the order of its terms. Shuffle the nine positions any way you like, the
# same way for all filters: $G$ stays. The Gram matrix *cannot* know where something was. The same
# holds for real features, and the cell checks that, too.


# %%
def shuffle(maps):
    """Moves the positions of `[1, h, w, N]` about at random, the same way for all channels."""
    rows = tf.reshape(maps, [-1, maps.shape[-1]])
    order = np.random.default_rng(0).permutation(rows.shape[0])
    return tf.reshape(tf.gather(rows, order), maps.shape)


def gram(maps):
    """The Gram matrix `[N, N]` of feature maps `[1, h, w, N]`, divided by the positions."""
    positions = maps.shape[1] * maps.shape[2]
    return tf.tensordot(maps, maps, axes=[[0, 1, 2], [0, 1, 2]]) / positions


shuffled = shuffle(tf.constant(apart[None]))
show(
    {
        "filter a": apart[..., 0],
        "filter b": apart[..., 1],
        "filter a, shuffled": shuffled[..., 0],
        "filter b, shuffled": shuffled[..., 1],
    },
    width=6,
)
np.testing.assert_array_equal(gram_by_hand(shuffled.numpy()), gram_by_hand(apart))

maps = features(style, BLOCKS)
A = {layer: gram(maps[layer]) for layer in BLOCKS}  # the painting's Gram matrices; we keep them
for layer in BLOCKS:
    np.testing.assert_allclose(gram(shuffle(maps[layer])), A[layer], rtol=1e-3, atol=1e-4)
    packaged = losses.gram_matrix(losses.gram_sums(maps[layer]))
    np.testing.assert_allclose(packaged, A[layer], rtol=1e-3, atol=1e-4)

# %% [markdown]
# Shuffling the *pixels* is something else. A filter sees a neighbourhood, and neighbourhoods are
# destroyed. So texture is what survives when you forget where each neighbourhood was, but not what
# it looked like inside.
#
# The bars compare two ways to forget: moving the whole painting around the corner, and shuffling
# its pixels. The unit is the Gram difference of another picture altogether, the harbour.

# %%
large, harbour = tensor(painting.rgb, 384), tensor(inputs.content.rgb, 384)
height, width = large.shape[1:3]
variants = {
    "moved": tf.roll(large, (height // 3, width // 3), axis=(1, 2)),
    "pixels shuffled": shuffle(large),
}
show({"the painting": large, **variants, "the harbour": harbour}, columns=4)


def gram_differences(image, other):
    """Squared differences of the Gram matrices of two images, by layer."""
    ours, theirs = features(image, BLOCKS), features(other, BLOCKS)
    return np.array([mean_square(gram(ours[k]) - gram(theirs[k])) for k in BLOCKS])


unit = gram_differences(harbour, large)
relative = {title: gram_differences(image, large) / unit for title, image in variants.items()}
bars(
    relative,
    list(map(short, BLOCKS)),
    xlabel="layer",
    ylabel="Gram difference / the harbour's",
    yscale="log",
)
assert max(relative["moved"]) < 0.5
assert min(relative["pixels shuffled"] / relative["moved"]) > 5

# %% [markdown]
# Moving hardly matters: a seam appears where the edges meet, and deep layers, which see far, notice
# it a little. Shuffling changes everything, although the colours are exactly the same ones.
#
# And this is what the matrices look like. Bright cells are pairs of channels that like to fire
# together. Same network, same layer; two different portraits.


# %%
def signed_root(matrix):
    """The square root of each entry, with the sign of the entry."""
    return np.sign(matrix) * np.sqrt(np.abs(matrix))


harbour_gram = gram(features(harbour, BLOCKS)["block2_conv1"])
show(
    {
        "conv2_1: the painting": signed_root(A["block2_conv1"]),
        "conv2_1: the harbour": signed_root(harbour_gram),
    },
    width=6,
)

# %% [markdown]
# ### The style loss
#
# The distance of two textures is the distance of their Gram matrices. With $G^l$ for our image and
# $A^l$ for the painting, [G15] has **equation 4** for one layer and **equation 5** for all:
#
# $$E_l = \frac{1}{4 N_l^2 M_l^2} \sum_{i,j} \big(G^l_{ij} - A^l_{ij}\big)^2, \qquad
#   \mathcal{L}_{style} = \sum_l w_l E_l \tag{G15: 4, 5}$$
#
# **Departure**: our Gram matrices are already divided by $M$, so the mean of their squared
# differences is $4 E_l$. The 4 goes into the weight $\beta$.
#
# Like [G15] we take conv1_1 … conv5_1 with the same weight each, $w_l = 1/5$.


# %%
def layer_loss(maps, target):
    """How far the texture at one layer is from that of the painting: four times E_l."""
    return tf.reduce_mean((gram(maps) - target) ** 2)


STYLE = BLOCKS  # conv1_1 … conv5_1, the style layers
w = dict.fromkeys(STYLE, 1 / len(STYLE))

# Equation 4 as printed, against ours. It wants images of the same size: the painting, cut to fit.
layer = "block3_conv1"
F, S = (features(image, [layer])[layer] for image in (content, tf.constant(covering)))
M, N = F.shape[1] * F.shape[2], F.shape[3]
rows, style_rows = tf.reshape(F, [M, N]), tf.reshape(S, [M, N])
G_sum = tf.transpose(rows) @ rows
A_sum = tf.transpose(style_rows) @ style_rows
paper = tf.reduce_sum((G_sum - A_sum) ** 2) / (4 * N**2 * M**2)
ours = layer_loss(F, gram(S))
print(f"equation 4: {paper:.4f}, ours: {ours:.4f}, ours / paper: {ours / paper:.3f}")
assert np.isclose(4 * paper, ours, rtol=1e-3)
assert np.isclose(ours, losses.gram_distance(gram(F), gram(S)), rtol=1e-4)

# %% [markdown]
# ### And its derivative
#
# [G15], **equation 6**, again with the ReLU's zero where a filter is silent:
#
# $$\frac{\partial E_l}{\partial F^l_{ij}} =
#   \frac{1}{N_l^2 M_l^2} \Big( (F^l)^\top \big(G^l - A^l\big) \Big)_{ji}
#   \quad\text{if } F^l_{ij} > 0 \tag{G15: 6}$$
#
# In words: filter $i$ should change where its *partners* $j$ fire, in proportion to how wrong the
# pair is. With our division by $M$ and positions in rows: $\frac{4}{N^2 M} F (G - A)$.

# %%
with tf.GradientTape() as tape:
    tape.watch(F)
    loss = layer_loss(F, A[layer])
by_tape = tape.gradient(loss, F)
by_formula = tf.reshape(4 / (N**2 * M) * rows @ (gram(F) - A[layer]), F.shape)
largest = float(tf.reduce_max(tf.abs(by_formula)))
np.testing.assert_allclose(by_tape / largest, by_formula / largest, atol=1e-4)
print("tape and formula agree at all", int(tf.size(F)), "activations")

# %% [markdown]
# ### Painting a texture from nothing
#
# Now the beautiful part. Start from noise, and ask for nothing but the Gram matrices [T15]: first
# those of conv1_1 alone, then more and more layers. Compare the upper row of figure 1 in [G15].


# %%
def texture(names, steps=80):
    """An image with the Gram matrices of the painting, at the layers named."""

    def loss(image):
        maps = features(image, names)
        return tf.add_n([layer_loss(maps[name], A[name]) for name in names]) / len(names)

    return minimise(loss, noise(), steps)[0]


def similarity(image, apart=6):
    """Correlation of the brightness of pixels that are so many columns apart."""
    grey = tf.reduce_mean(image, axis=3)[0].numpy()
    grey = grey - grey.mean()
    return np.mean(grey[:, apart:] * grey[:, :-apart]) / np.mean(grey**2)


pictures = {f"the painting ({similarity(style):.2f})": style}
alike = []
for depth in (1, 2, 3, 4, 5):
    image = texture(BLOCKS[:depth])
    alike.append(similarity(image))
    title = "conv1_1" if depth == 1 else f"conv1_1 … {short(BLOCKS[depth - 1])}"
    pictures[f"{title} ({alike[-1]:.2f})"] = image
show(pictures, columns=3)
assert alike[1] > alike[0]

# %% [markdown]
# Read it as a sentence that gets longer. With conv1_1 alone the colours are there, as small flecks.
# With each further layer neighbourhoods grow: flecks join into strokes, yellow gathers into lights
# in the dark, and with the deepest layers the lights become stars. (The number in brackets says how
# alike two pixels are that are six columns apart: 1 the same, 0 unrelated. It grows as flecks join
# into strokes. Deep layers need more than our 80 steps to get rid of the noise at the start, which
# lowers it again.) Nothing is where it was, and yet you would recognise the palette and the brush.
# The great swirls do not come back; part 10 shows why, and what helps.
#
# ### Exercises
#
# **4.1** What is the Gram matrix, divided by 9, if filter *a* fires with strength 2 everywhere and
# filter *b* never?
#
# <details><summary>Solution</summary>
#
# $\begin{pmatrix} 4 & 0 \\ 0 & 0 \end{pmatrix}$: the mean of $2 \cdot 2$, and zeros.
#
# ```python
# maps_of_two = tf.constant([[[[2.0, 0.0]] * 3] * 3])
# assert np.allclose(gram(maps_of_two), [[4, 0], [0, 0]])
# ```
#
# </details>
#
# **4.2** Take the Gram *sums* of the left and of the right half of a feature map. How do they make
# up those of the whole? What could that be good for?
#
# <details><summary>Solution</summary>
#
# They add up. So several paintings can share a style (add their sums), a region can have a style of
# its own (weigh the terms), and an image too large for the memory can be done tile by tile.
#
# ```python
# whole = losses.gram_sums(maps["block3_conv1"])
# half = maps["block3_conv1"].shape[2] // 2
# left = losses.gram_sums(maps["block3_conv1"][:, :, :half])
# right = losses.gram_sums(maps["block3_conv1"][:, :, half:])
# np.testing.assert_allclose(left.total + right.total, whole.total, rtol=1e-3, atol=1.0)
# ```
#
# </details>
#
# **4.3** The Gram matrix is not centred: it is the mean of $f f^\top$, not the covariance. Express
# one by the other, and check it.
#
# <details><summary>Solution</summary>
#
# $G = \Sigma + \mu \mu^\top$, with $\mu$ the mean activations and $\Sigma$ their covariance. So the
# Gram matrix also knows *how much* of each feature there is.
#
# ```python
# rows = tf.reshape(maps["block2_conv1"], [-1, maps["block2_conv1"].shape[-1]]).numpy()
# mu, sigma = rows.mean(axis=0), np.cov(rows, rowvar=False, bias=True)
# np.testing.assert_allclose(sigma + np.outer(mu, mu), A["block2_conv1"], rtol=1e-2, atol=1e-3)
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 5: One number, and the way downhill
#
# Content and style pull in different directions. We weigh them and add ([G15], **equation 7**):
#
# $$J = \alpha\, \mathcal{L}_{content} + \beta\, \mathcal{L}_{style} \tag{G15: 7}$$
#
# $J$ is *one number for an image*: how bad is it? All that follows is a walk through the space of
# images, to where $J$ is small. Our image is $3 H W$ numbers, so that space has as many dimensions.

# %%
ALPHA, BETA = config.alpha, config.beta
print(f"alpha = {ALPHA:g}, beta = {BETA:g}, {int(tf.size(content)):,} dimensions")


def targets(content, style):
    """P and A: the feature maps of the photograph, the Gram matrices of the painting."""
    P = features(content, [CONTENT])[CONTENT]
    return P, {k: gram(maps) for k, maps in features(style, STYLE).items()}


P, A = targets(content, style)


def parts(image, P=P, A=A):
    """The content loss and the style loss of an image."""
    maps = features(image, [*STYLE, CONTENT])
    style_loss = tf.add_n([w[k] * layer_loss(maps[k], A[k]) for k in STYLE])
    return content_loss(maps[CONTENT], P), style_loss


def J(image, P=P, A=A, alpha=ALPHA, beta=BETA):
    """Equation 7."""
    c, s = parts(image, P, A)
    return alpha * c + beta * s


rows = []
for title, image in {
    "the photograph": content,
    "the painting": tf.constant(covering),
    "noise": noise(),
}.items():
    c, s = map(float, parts(image))
    rows.append([title, f"{c:.3f}", f"{s:.3f}", f"{J(image):.2f}"])
table(["image", "content loss", "style loss", "J"], *rows)
assert float(parts(content)[0]) == 0.0 and J(content) < J(noise())

# %% [markdown]
# The photograph has content loss 0, of course. The painting has a small style loss (not 0 here: it
# was cut to the photograph's shape). Noise is bad at both.
#
# ### The gradient with a tape
#
# How does $J$ change if one pixel gets a little brighter? That is a partial derivative. All of them
# together form the gradient, itself an image. To try each pixel in turn would take one evaluation
# of $J$ per number. The tape needs *one* backward pass for all. First on something you can check in
# your head:

# %%
x = tf.constant(3.0)
with tf.GradientTape() as tape:
    tape.watch(x)  # a constant is not recorded unless we ask; a tf.Variable always is
    y = x**2 + 5 * x
derivative = float(tape.gradient(y, x))
print("derivative of x² + 5x at 3:", derivative, "= 2·3 + 5")
assert derivative == 11.0

start = content  # the photograph itself; part 8 looks at other starts
with tf.GradientTape() as tape:
    tape.watch(start)
    value = J(start)
gradient = tape.gradient(value, start)
print("shape of the gradient of J:", gradient.shape)
assert gradient.shape == start.shape

strength = tf.reduce_max(tf.abs(gradient), axis=-1)
show({"the image": start, "where J wants a change": strength**0.5})

# %% [markdown]
# Do not believe a gradient that you have not checked. Walk a tiny distance $h$ along a direction
# $d$, in both senses. The difference quotient must be what the gradient promises:
#
# $$\frac{J(x + h\,d) - J(x - h\,d)}{2h} \approx \nabla J(x) \cdot d$$

# %%
h = 0.005
direction = gradient / tf.norm(gradient)
quotient = float(J(start + h * direction) - J(start - h * direction)) / (2 * h)
promised = float(tf.reduce_sum(gradient * direction))
print(f"difference quotient {quotient:.5f}, gradient {promised:.5f}")
assert np.isclose(quotient, promised, rtol=0.05)

# %% [markdown]
# ### The first step, by hand
#
# Gradient descent: go against the gradient, by a step of size $\eta$. The gradient's own length
# says little (multiply $\alpha$ and $\beta$ by 1000, and it grows a thousandfold, for the same
# picture). So we measure it in units of its root mean square; then $\eta$ is about *how much a
# pixel changes*:
#
# $$x_1 = x_0 - \eta\, \frac{g}{\text{rms}(g)}, \qquad g = \nabla J(x_0),\qquad
#   \text{rms}(g) = \sqrt{\text{mean}(g^2)}$$
#
# (textbook descent in our unit; the package does the same, with the first gradient of a run as the
# unit for all its steps.)
#
# How long should the step be? Look along the line. The dashed line is what the gradient promises;
# the blue one is what happens.

# %%
unit = tf.sqrt(tf.reduce_mean(gradient**2))
etas = np.linspace(0, 0.06, 25)
along = [float(J(start - eta * gradient / unit)) for eta in etas]
slope = -float(tf.reduce_sum(gradient * gradient / unit))

_, axis = plt.subplots(figsize=(6, 3))
axis.plot(etas, along, label="J along the line")
axis.plot(etas, along[0] + slope * etas, label="what the gradient promises")
axis.set(xlabel="step η, in pixel values", ylabel="J", ylim=(0.8 * min(along), 1.05 * along[0]))
axis.legend()
plt.show()

best = etas[np.argmin(along)]
after = tf.clip_by_value(start - best * gradient / unit, 0.0, 1.0)
print(f"the best of these steps is {best:.4f}: J falls from {along[0]:.2f} to {min(along):.2f}")
assert 0 < best < etas[-1] and J(after) < value
show(
    {
        "before the first step": start,
        "after it": after,
        "the change, × 5": 0.5 + 5 * (after - start),
    }
)

# %% [markdown]
# The promise holds for small steps only; go too far and $J$ turns around. So: many small steps, and
# a new gradient after each.
#
# ### Adam
#
# Plain descent has one step size for all pixels. **Adam** keeps two running means for each number
# of the image, of the gradient $g_t$ and of its square ([Adam], algorithm 1, $t = 1, 2, \dots$):
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad
#   v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2$$
#
# Both start at zero, and a factor makes up for that (in the order of computation that the end of
# section 2 of [Adam] recommends, and that Keras follows):
#
# $$x_t = x_{t-1} - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\;
#   \frac{m_t}{\sqrt{v_t} + \varepsilon} \tag{Adam: alg. 1}$$
#
# ($\beta_1, \beta_2$ have nothing to do with our $\beta$.) With a tiny $\varepsilon$ the first step
# is $\eta$ times the *sign* of the gradient: every pixel moves by the same amount, however little
# it matters.
#
# **Departure**: where [Adam] suggests $\varepsilon = 10^{-8}$, the package takes $10^{-6}$, in units
# of the first gradient. With a larger one pixels with tiny gradients take small steps, see the plot.

# %%
eta, beta1, beta2, epsilon = 0.01, 0.9, 0.99, 1e-6
g = gradient / unit
m, v = (1 - beta1) * g, (1 - beta2) * g**2
factor = (1 - beta2) ** 0.5 / (1 - beta1)
by_hand = start - eta * factor * m / (tf.sqrt(v) + epsilon)

image = tf.Variable(start)
keras.optimizers.Adam(eta, beta1, beta2, epsilon).apply([g], [image])
np.testing.assert_allclose(image, by_hand, atol=1e-5)
print("Adam's first step by hand and by Keras: the same")

sizes = np.geomspace(1e-4, 1e1, 50)
_, axis = plt.subplots(figsize=(6, 3))
for tiny in (epsilon, 0.003):
    first_steps = eta * factor * (1 - beta1) * sizes / ((1 - beta2) ** 0.5 * sizes + tiny)
    axis.plot(sizes, first_steps, label=f"ε = {tiny:g}")
axis.set(xlabel="gradient of a pixel / rms(g)", ylabel="its first step", xscale="log")
axis.legend()
plt.show()

# %% [markdown]
# ### Eager, or compiled
#
# So far most of TensorFlow ran in **eager** mode: each line of Python does its work at once, like
# NumPy. Easy to debug; but Python hands over every small operation separately.
#
# `tf.function` does it differently. At the first call it **traces**: it runs your Python once with
# placeholder tensors, and writes down which operations are called. That is the graph. From then on
# it runs the graph, without your Python. Two things follow:
#
# * Whatever is not TensorFlow, like the `append` below, happens only while tracing.
# * A new *shape* needs a new trace. A new Python *number* does, too; a number in a tensor does not.
#   (So the package passes alpha and beta as tensors: a whole sweep shares one trace.)

# %%
traces = []


@tf.function
def compiled(image, weight):
    """Some function of an image; takes note of each trace."""
    kind = weight if isinstance(weight, float) else "in a tensor"
    traces.append(f"shape {image.shape}, weight {kind}")
    return weight * tf.reduce_mean(encoder(image, [CONTENT])[CONTENT])


for weight in (1.0, 2.0, tf.constant(1.0), tf.constant(2.0), tf.constant(3.0)):
    compiled(start, weight)
compiled(start[:, :96, :96], tf.constant(1.0))
print(f"6 calls, {len(traces)} traces:", *traces, sep="\n  ")
assert len(traces) == 4  # 1.0; 2.0; all tensors together; the other shape

# %% [markdown]
# Now time $J$ with its gradient both ways, on images of growing size. The work in the filters grows
# with the image; the overhead of Python does not.


# %%
def milliseconds(function, repeats=15):
    """The time of the fastest of some calls: the one that nothing else on the machine disturbed."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - begin))
    return min(times)


rows = []
for side in (32, 64, 128, 256):
    image, smaller = tensor(inputs.content.rgb, side), tensor(painting.rgb, side)
    fast = evaluator(partial(J, P=targets(image, smaller)[0]))
    slow = fast.python_function  # the same Python, not compiled
    begin = time.perf_counter()
    fast(image)
    first = 1000 * (time.perf_counter() - begin)
    eager_ms, fast_ms = milliseconds(partial(slow, image)), milliseconds(partial(fast, image))
    cells = [f"{eager_ms:.1f}", f"{fast_ms:.1f}", f"{eager_ms / fast_ms:.1f}", f"{first:.0f}"]
    rows.append([f"{image.shape[2]} × {image.shape[1]} px", *cells])
table(["image", "eager, ms", "compiled, ms", "ratio", "first compiled call, ms"], *rows)

# %% [markdown]
# On small images compiling pays a lot, on large ones less: there the filters are the work, and they
# run in the same library code either way. The first call costs far more than the others: that is
# the trace. It pays for itself within some dozens of steps.
#
# ### Exercises
#
# **5.1** Double both $\alpha$ and $\beta$. What happens to $J$, to the gradient, to the first step?
#
# <details><summary>Solution</summary>
#
# $J$ and its gradient double. The step stays, since it is measured in units of the gradient.
#
# ```python
# doubled = evaluator(partial(J, alpha=2 * ALPHA, beta=2 * BETA))(start).gradient
# step = doubled / tf.sqrt(tf.reduce_mean(doubled**2))
# np.testing.assert_allclose(step, gradient / unit, atol=1e-2)
# ```
#
# </details>
#
# **5.2** At the photograph itself, which of the two terms makes the gradient? Why does the content
# term then matter at all?
#
# <details><summary>Solution</summary>
#
# The style term alone: the content term is at its minimum there, and the gradient at a minimum is
# zero. As soon as the first step has led away, it pulls back.
#
# ```python
# assert not np.any(evaluator(lambda image: parts(image)[0])(content).gradient)
# assert np.any(evaluator(lambda image: parts(image)[0])(after).gradient)
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 6: The whole method in 25 lines
#
# You have seen every part. Here they are in one piece: the network, the loss, the gradient, the
# step. Plain TensorFlow and Keras' Adam; from above it takes the one-line `gram` with the layers'
# weights `w` (part 4), and the numbers in `layers` (the network's weights) and in `R` (the matrices
# that normalise, part 2). Nothing else.


# %%
nn = tf.nn
pad = partial(tf.pad, paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")


def paint(content, style, start, steps, alpha=ALPHA, beta=BETA, rate=0.01):
    """Neural style transfer. Returns the picture, and J before each step and at the end."""

    def see(image):  # parts 2 to 4: the features that content means, the Gram matrices of style
        x, maps = image[..., ::-1] * 255.0 - BGR_MEAN, {}
        for name, kernel, b, *_ in layers:
            if kernel is None:
                x = nn.avg_pool2d(x, 2, 2, "SAME")
            else:
                x = maps[name] = nn.relu(nn.conv2d(pad(x), kernel, 1, "VALID") + b)
        maps = {name: tf.tensordot(maps[name], R[name], 1) for name in (CONTENT, *STYLE)}
        return maps[CONTENT], {k: gram(maps[k]) for k in STYLE}

    @tf.function
    def evaluate():  # part 5: J by equation 7, and its gradient
        with tf.GradientTape() as tape:
            F, G = see(image)
            style_loss = sum(w[k] * tf.reduce_mean((G[k] - A[k]) ** 2) for k in STYLE)
            J = alpha * tf.reduce_mean((F - P) ** 2) + beta * style_loss
        return J, tape.gradient(J, image)

    P, A, image = see(content)[0], see(style)[1], tf.Variable(start)
    adam, history, unit = keras.optimizers.Adam(rate, beta_2=0.99, epsilon=1e-6), [], None
    for _ in range(steps):
        J, gradient = evaluate()
        unit = unit or float(tf.sqrt(tf.reduce_mean(gradient**2)))
        adam.apply([gradient / unit], [image])
        image.assign(tf.clip_by_value(image, 0.0, 1.0))
        history.append(float(J))
    return image.read_value(), [*history, float(evaluate()[0])]


def code_lines(function):
    """Counts lines that do something: no blank ones, no comments, no docstring, no head."""
    lines = inspect.getsource(function).split('"""')[2].splitlines()
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


print("lines:", code_lines(paint))
assert code_lines(paint) == 25

# %% [markdown]
# ### Does it give the same numbers as the package?
#
# A tutorial that computes something else than the program it explains is worth little. So let the
# package run with the same settings, into a run folder, and compare: $J$ at each step, and the
# picture at the end.
#
# **Departure**: with `optimizer=adam` the package returns a running mean of the iterates, which is
# calmer. `optimizer.average=0` turns that off: our 25 lines do not have it.

# %%
STEPS = 10
by_hand, history = paint(content, style, content, STEPS)

by_package = stylize(
    overrides=[
        NETWORK,
        *HANDLES,
        f"size={SIZE}",
        f"steps={STEPS}",
        "init=content",
        "pyramid=single",
        "optimizer=adam",
        "optimizer.average=0",
        "observer=[metrics]",
    ],
    folder=WORK / "same",
)
totals = [line["total"] for line in RunFolder(WORK / "same").history()]
pixels = np.abs(np.asarray(by_package) / 255 - by_hand[0].numpy())

show({"25 lines": by_hand, "the package": np.asarray(by_package) / 255})
_, axis = plt.subplots(figsize=(6, 3))
axis.plot(history, label="25 lines")
axis.plot(totals, label="the package")
axis.set(xlabel="step", ylabel="J", yscale="log")
axis.legend()
plt.show()
print(f"J at the start: {history[0]:.5f} and {totals[0]:.5f}")
print(f"J at the end:   {history[-1]:.5f} and {totals[-1]:.5f}")
print(f"mean difference of pixels: {255 * pixels.mean():.2f} of 255 (rounding alone makes 0.25)")

assert len(history) == len(totals) == STEPS + 1
np.testing.assert_allclose(history[:4], totals[:4], rtol=1e-3)
np.testing.assert_allclose(history, totals, rtol=1e-2)
assert pixels.mean() < 1 / 255

# %% [markdown]
# The same numbers, up to the rounding of 32-bit floats and of the picture's 8 bits. (Every step makes
# a difference in rounding a little larger, so that after many steps the two would part.) What do the
# other twenty thousand lines of the package do? They check what you type, load any image, find the
# weights, run any size and any sweep, record everything, resume what was interrupted, and tell you
# what went wrong. The mathematics is what you see above.
#
# ### Exercises
#
# **6.1** Which lines of `paint` would you change for max pooling? For zeros at the border? For a
# content loss at conv3_2?
#
# <details><summary>Solution</summary>
#
# `max_pool2d`; leave out `mode="SYMMETRIC"` (then `tf.pad` pads zeros, and since the mean has been taken
# away before, zeros of the right kind); set `CONTENT = "block3_conv2"`. With the package:
# `network.pooling=max`, `network.padding=zeros`, `loss.content.layers=[block3_conv2]`.
#
# </details>
#
# **6.2** The network inside `paint` runs to the end of block 5, although conv5_1 is the deepest layer
# that is used. Is that a waste?
#
# <details><summary>Solution</summary>
#
# In eager mode, yes. A traced graph is pruned: operations whose results nobody uses are not run.
# (The package stops at the deepest layer it needs.)
#
# </details>

# %% [markdown]
# ---
# # Part 7: How much content, how much style
#
# $J$ has two weights, but only their ratio $\alpha / \beta$ matters for the picture (exercise 5.1).
# Here it runs over four powers of ten, from nearly all style to nearly all content.

# %%
ratios, pictures, measured = (0.001, 0.01, 0.1, 1, 10), {}, []
for ratio in ratios:
    picture, _ = minimise(partial(J, alpha=ratio * BETA), content, 60)
    pictures[f"α/β = {ratio:g}"] = picture
    measured.append(evaluate(picture[0].numpy(), inputs.content.rgb, [(painting.rgb, 1.0)]))
show(pictures)

# %% [markdown]
# To compare runs with *different* weights, $J$ is useless: each run has its own. We need a measure
# that does not depend on the weights. The package reports two, always on the same network and
# layers (`nst/evaluation.py`). The content distance you know from part 3. The style distance is 0
# for the painting's Gram matrices $A$, and 1 for those of the photograph:
#
# $$d_{style} = \frac{\text{mean}\big((G - A)^2\big)}{\text{mean}\big((G_{content} - A)^2\big)}$$

# %%
content_distances = [m["content_distance"] for m in measured]
style_distances = [m["style_distance"] for m in measured]
_, axes = plt.subplots(1, 2, figsize=(9, 3))
axes[0].plot(ratios, content_distances, marker="o", label="content distance")
axes[0].plot(ratios, style_distances, marker="s", label="style distance")
axes[0].set(xlabel="α / β", ylabel="distance", xscale="log")
axes[0].legend()
axes[1].plot(style_distances, content_distances, color=GREEN, linestyle="-", marker="o")
for ratio, x, y in zip(ratios, style_distances, content_distances, strict=True):
    axes[1].annotate(f"  {ratio:g}", (x, y), fontsize=9, va="bottom")
axes[1].set(xlabel="style distance", ylabel="content distance", title="the price list, by α / β")
plt.show()
assert content_distances[-1] < content_distances[0] and style_distances[-1] > style_distances[0]

# %% [markdown]
# The right plot is a *price list*: so much content must be given up for so much style. No ratio is
# right. It is a matter of taste, and of the two images.
#
# [G15] writes ratios like $10^{-3}$ for its own losses. With the departures that you know, the same
# balance has other numbers here; the list at the end converts them.
#
# ### Exercises
#
# **7.1** What picture do you expect for $\alpha = 0$ from a *content* start?
#
# <details><summary>Solution</summary>
#
# A texture, as in part 4, that still remembers the photograph: nothing holds the drawing, but
# nothing pushes away from it either.
#
# ```python
# picture, _ = minimise(partial(J, alpha=0.0), content, 40)
# show({"alpha = 0, from the content": picture})
# assert mean_square(picture - content) < mean_square(picture - noise())
# ```
#
# </details>
#
# **7.2** Take the photograph as its own painting. What are $J$ and its gradient at the start?
#
# <details><summary>Solution</summary>
#
# Both are zero: it has its own content and its own Gram matrices. Nothing moves.
#
# ```python
# _, history_of_self = paint(content, content, content, 0)
# assert history_of_self[0] < 1e-6
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 8: Where to start
#
# $J$ has many valleys. Where we end depends on where we begin. [G15] starts from white noise; [G16]
# shows that starting from the content or from the style image works as well, and biases the result
# towards it (section 3.3 and figure 6). The same $J$, four starts:

# %%
starts = {
    "noise, seed 0": noise(),
    "noise, seed 1": noise(seed=1),
    "the content": content,
    "the style": tf.constant(covering),
}
ends, curves = {}, {}
for title, image in starts.items():
    ends[title], curves[title] = minimise(J, image, 60)
before = {f"start: {title}": picture for title, picture in starts.items()}
show(before | {f"after 60 steps: {title}": picture for title, picture in ends.items()}, columns=4)

_, axis = plt.subplots(figsize=(6.5, 3))
for title, curve in curves.items():
    axis.plot(curve, label=title)
axis.set(xlabel="step", ylabel="J", yscale="log")
axis.legend(fontsize=8)
plt.show()

seeds_apart = mean_square(ends["noise, seed 0"] - ends["noise, seed 1"])
last = {title: curve[-1] for title, curve in curves.items()}
print("J at the end:", ", ".join(f"{title} {value:.3f}" for title, value in last.items()))
print(f"mean squared difference of the two seeds' pictures: {seeds_apart:.3f}")
assert seeds_apart > 0.001
assert np.isclose(last["noise, seed 0"], last["noise, seed 1"], rtol=0.2)

# %% [markdown]
# Look at what each keeps of its start. From the content the drawing is crisp. From the style image
# the places of the painting shine through. From noise each seed gives another picture of nearly the
# same $J$: a lottery that some people like to play.
#
# **Departure**: the package starts from the content image (`init=content`). `init=noise`, `style`,
# `blend` and `file` are one word away.
#
# ### Exercises
#
# **8.1** Start from 30 % noise and 70 % content (`init=blend init.noise=0.3` in the package).
#
# <details><summary>Solution</summary>
#
# ```python
# picture, _ = minimise(J, 0.7 * content + 0.3 * noise(), 40)
# show({"70 % content, 30 % noise": picture})
# ```
#
# </details>
#
# **8.2** Does the start with the lowest $J$ at its beginning also have the lowest at the end?
#
# <details><summary>Solution</summary>
#
# It need not; the first number of a curve says little about its last.
#
# ```python
# for title, curve in curves.items():
#     print(f"{title:15} {curve[0]:8.2f} → {curve[-1]:6.3f}")
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 9: Adam against L-BFGS
#
# ### Why the gradient alone is not enough
#
# Think of a long, narrow valley. The gradient points to the nearer wall, not along the valley, and
# descent zigzags. Newton's method would look at the *curvature*, the second derivatives $H$, and go
# to $x - H^{-1} g$: in a quadratic valley straight to the bottom. But with $n$ pixel values $H$ has
# $n^2$ entries.
#
# **L-BFGS** never builds it. It remembers the last few steps $s_i = x_{i+1} - x_i$ and how the
# gradient changed along them, $y_i = g_{i+1} - g_i$: curvature, measured on the way. From these
# pairs it computes $r \approx H^{-1} g$ with two loops ([NW], **algorithm 7.4**, with
# $\rho_i = 1 / (y_i \cdot s_i)$ from **equation 7.17** and $\gamma$ from **equation 7.20**):
#
# 1. $q \leftarrow g$
# 2. from the newest pair to the oldest: $\; a_i \leftarrow \rho_i\, s_i \cdot q, \quad
#    q \leftarrow q - a_i y_i$
# 3. $r \leftarrow \gamma\, q \;$ with $\gamma = \dfrac{s \cdot y}{y \cdot y}$ of the newest pair
# 4. from the oldest to the newest: $\; b \leftarrow \rho_i\, y_i \cdot r, \quad
#    r \leftarrow r + s_i (a_i - b)$
#
# In NumPy that is no longer than in symbols. The package's version works on images; we assert that
# both agree.


# %%
def inverse_hessian_times(g, pairs):
    """The two-loop recursion. `pairs` is a list of (s, y), the oldest first."""
    q, a = g.copy(), []
    for s, y in reversed(pairs):
        a.append(s @ q / (y @ s))
        q -= a[-1] * y
    s, y = pairs[-1]
    r = s @ y / (y @ y) * q
    for (s, y), a_i in zip(pairs, reversed(a), strict=True):
        r += s * (a_i - y @ r / (y @ s))
    return r


random = np.random.default_rng(0)
S = random.normal(size=(4, 90))
Y = S * random.uniform(0.5, 2.0, 90)  # a quadratic valley: y = H s with a diagonal H
g = random.normal(size=90)


def as_image(vector):
    """90 numbers as a small image."""
    return tf.constant(vector.reshape(1, 6, 5, 3), tf.float32)


by_package = two_loop(
    as_image(g),
    [as_image(s) for s in S],
    [as_image(y) for y in Y],
    tf.constant([1 / (s @ y) for s, y in zip(S, Y, strict=True)], tf.float64),
    tf.constant(S[-1] @ Y[-1] / (Y[-1] @ Y[-1]), tf.float32),
)
by_hand = inverse_hessian_times(g, list(zip(S, Y, strict=True)))
np.testing.assert_allclose(np.ravel(by_package), by_hand, rtol=1e-3, atol=1e-4)
print("two-loop recursion: NumPy and the package agree")

# %% [markdown]
# A valley in two dimensions, $f(x) = \frac12 (x_1^2 + 25 x_2^2)$. Both methods take the best
# possible step along their direction. Only the directions differ.

# %%
H = np.diag([1.0, 25.0])


def walk(remember, steps=8):
    """Descends into the valley with exact line searches; remembers so many pairs."""
    x, pairs, path = np.array([-4.0, 0.9]), [], []
    for _ in range(steps):
        path.append(x)
        g = H @ x
        if g @ g < 1e-20:
            break
        d = -inverse_hessian_times(g, pairs) if pairs else -g
        s = -(g @ d) / (d @ H @ d) * d
        x = x + s
        pairs = [*pairs, (s, H @ s)][-remember:] if remember else []
    return np.array(path)


grid_x, grid_y = np.meshgrid(np.linspace(-4.5, 1, 200), np.linspace(-0.6, 1.1, 100))
valley = 0.5 * (grid_x**2 + 25 * grid_y**2)
_, axis = plt.subplots(figsize=(8, 3))
axis.contour(grid_x, grid_y, valley, np.geomspace(0.05, 20, 10), colors="0.8", linewidths=1)
for title, remember, marker in (("gradient descent", 0, "o"), ("L-BFGS", 5, "s")):
    path = walk(remember)
    axis.plot(*path.T, marker=marker, label=f"{title}, {len(path) - 1} steps")
axis.set(xlabel="$x_1$", ylabel="$x_2$")
axis.grid(False)
axis.legend(loc="upper right")
plt.show()
assert np.allclose(walk(5)[2], 0, atol=1e-8) and np.linalg.norm(walk(0)[-1]) > 0.1

# %% [markdown]
# L-BFGS is at the bottom after two steps. Gradient descent is still bouncing off the walls.
#
# ### The race
#
# Now on our $J$, which is no quadratic, and with the package's own optimisers. What counts as cost?
# A *step* of L-BFGS may need several evaluations of $J$ (it tries step lengths until one is good),
# so steps are no fair unit. **Evaluations** are, on paper. **Seconds** are what you wait for, and
# L-BFGS also has to do its two loops over images.


# %%
def race(make, start, evaluations=100):
    """Runs an optimizer until its evaluations are used up. Returns rows of cost and J."""
    optimizer = make()
    optimizer.begin(start)
    optimizer.step(evaluate_J)  # compiles what there is to compile, before the clock starts
    begin, rows = time.perf_counter(), []
    while optimizer.evaluations < evaluations and optimizer.stopped is None:
        total = float(optimizer.step(evaluate_J).total)
        rows.append((optimizer.evaluations, time.perf_counter() - begin, total))
    return np.array(rows), optimizer.result


def adam(eta):
    """The package's Adam with its default options and step size eta."""
    return FirstOrder("Adam", eta, average=0.9, options={"beta_2": 0.99, "epsilon": 1e-6})


evaluate_J = evaluator(J)
evaluate_J(content)
racers = {"Adam, η = 0.01": partial(adam, 0.01), "Adam, η = 0.05": partial(adam, 0.05)}
racers["L-BFGS"] = LBFGS
starts = {"content": content, "noise": noise()}
results = {
    (start_name, title): race(make, image)
    for start_name, image in starts.items()
    for title, make in racers.items()
}

_, axes = plt.subplots(1, 3, figsize=(10, 3))
for title in racers:
    rows, from_noise = results["content", title][0], results["noise", title][0]
    axes[0].plot(rows[:, 0], rows[:, 2], label=title)
    axes[1].plot(rows[:, 1], rows[:, 2], label=title)
    axes[2].plot(from_noise[:, 0], from_noise[:, 2], label=title)
axes[0].set(xlabel="evaluations of J", ylabel="J", yscale="log", title="from the content")
axes[1].set(xlabel="seconds", ylabel="J", yscale="log", title="from the content")
axes[2].set(xlabel="evaluations of J", ylabel="J", yscale="log", title="from noise")
axes[0].legend(fontsize=8)
plt.show()
show({f"{title}, from {k}": picture for (k, title), (_, picture) in results.items()}, columns=3)

rows = []
for (start_name, title), (cost, _) in results.items():
    used, seconds, total = cost[-1]
    rows.append([start_name, title, f"{used:.0f}", f"{seconds:.1f}", f"{total:.3f}"])
table(["start", "optimiser", "evaluations", "seconds", "J"], *rows)
for start_name in starts:
    totals = results[start_name, "L-BFGS"][0][:, 2]
    assert (np.diff(totals) <= 0).all()  # never uphill
    assert totals[-1] < results[start_name, "Adam, η = 0.01"][0][-1, 2]

steepness = [
    float(tf.norm(evaluate_J(image).gradient)) for image in (noise(), ends["noise, seed 0"])
]
print(f"length of the gradient: {steepness[0]:.2f} at noise, {steepness[1]:.4f} 60 steps later")
assert steepness[0] > 5 * steepness[1]

# %% [markdown]
# What to take home:
#
# * L-BFGS gets further with the same number of evaluations, and never goes uphill; the package
#   guarantees that, and the cell asserts it.
# * Adam needs a step size, and it matters.
# * From noise Adam has a hard time. The gradient there is many times larger than later on (last
#   line above). It lingers in $v_t$, so later gradients look tiny beside it.
# * Evaluations are not seconds. Compare the first two plots.
# * A lower $J$ is not the same as a nicer picture. Look, and decide for yourself.
#
# **Departure**: [G15] leaves the optimiser open ("gradient descent"); [G16] uses L-BFGS, and so does
# the package by default. Its L-BFGS remembers 10 pairs and keeps every pixel in [0, 1] on the way.
# Adam (`optimizer=adam`) needs less memory, and leaves more grain: it moves each pixel at a rate of
# its own.
#
# ### Exercises
#
# **9.1** How much memory do 10 pairs take for an image of 4000 × 3000 pixels?
#
# <details><summary>Solution</summary>
#
# Each pair is two images of 36 million floats of 4 bytes: 288 MB. Ten pairs: 2.9 GB. Hence
# `optimizer.memory`: of large images the package keeps fewer, as many as fit into 1.25 GB.
#
# ```python
# assert 10 * 2 * 4000 * 3000 * 3 * 4 == 2_880_000_000
# ```
#
# </details>
#
# **9.2** Why must L-BFGS not simply have its pixels clipped to [0, 1] after each step, as Adam does?
#
# <details><summary>Solution</summary>
#
# The pair $(s, y)$ says: "along $s$ the gradient changed by $y$". If the image is moved behind its
# back, $s$ is not the step that was searched along, the guarantee $s \cdot y > 0$ of the line
# search is gone, and with it the downhill direction. By default the package holds values still that
# are at a bound, and searches along a path that is clipped already (`optimizer.bounded`); the cells
# above use the plain method and clip the result only.
#
# </details>

# %% [markdown]
# ---
# # Part 10: Coarse to fine
#
# The network sees the world through windows of a fixed number of pixels (part 2). In a large
# picture a swirl of the sky is larger than the windows: nobody sees it, nobody asks for it. In a
# *small* version of the same picture it fits. So begin small: lay the large strokes there, enlarge,
# and let each next scale add what is finer. Small images are also cheap. Painters work like this,
# too.
#
# **Departure**: [G15] and [G16] use a single scale. Gatys, Ecker, Bethge, Hertzmann, Shechtman
# (*Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017, section 6) go coarse to
# fine; the package does so by factors of $\sqrt 2$, from 180 px on.
#
# Both ways get the same number of steps, which the scales share equally here (the package gives the
# cheap ones more). First a texture from noise, as in part 4; then a picture from
# the content.

# %%
ALL_STEPS = 120


def J_at(long_side, **weights):
    """Equation 7 for both images at another size."""
    P, A = targets(tensor(inputs.content.rgb, long_side), tensor(painting.rgb, long_side))
    return partial(J, P=P, A=A, **weights)


def coarse_to_fine(image, coarsest, **weights):
    """Minimises J at one scale after the other. Returns the image after each scale."""
    stages = {}
    for scale in plan(content.shape[1:3], ALL_STEPS, coarsest, 2**0.5, 0):
        shape = (scale.height, scale.width)
        image = tf.clip_by_value(tf.image.resize(image, shape, "bicubic", antialias=True), 0, 1)
        image, _ = minimise(J_at(scale.width, **weights), image, scale.steps)
        stages[f"{scale.width} × {scale.height} px, {scale.steps} steps"] = image
    return stages


stages = coarse_to_fine(noise((1, 42, 56, 3)), 56, alpha=0)
show(stages)
*_, texture_in_scales = stages.values()
*_, picture_in_scales = coarse_to_fine(content, 112).values()
compared = {
    "texture, single scale": minimise(partial(J, alpha=0), noise(), ALL_STEPS)[0],
    "texture, coarse to fine": texture_in_scales,
    "picture, single scale": minimise(J, content, ALL_STEPS)[0],
    "picture, coarse to fine": picture_in_scales,
}
show(compared, columns=2, width=8)

rows = []
for title, picture in compared.items():
    m = evaluate(picture[0].numpy(), inputs.content.rgb, [(painting.rgb, 1.0)])
    rows.append([title, f"{m['content_distance']:.2f}", f"{m['style_distance']:.3f}"])
table(["", "content distance", "style distance"], *rows)
plans = {
    coarsest: plan(content.shape[1:3], ALL_STEPS, coarsest, 2**0.5, 0) for coarsest in (56, 112)
}
for coarsest, scales in plans.items():
    work = sum(s.width * s.height * s.steps for s in scales)
    share = work / (content.shape[1] * content.shape[2] * ALL_STEPS)
    print(f"from {coarsest} px: {share:.0%} of the pixels that a single scale computes")
    assert share < 0.8

# %% [markdown]
# The same number of steps, at a fraction of the work. The texture gathers larger strokes, lights and
# shadows when it begins small. The picture has its large shapes from the content already: it gains
# strength, and loses small things that the coarse scales cannot hold, the windows first. Therefore
# the package begins at 180 px and not below; `pyramid=single` turns it off. The distances say little
# about how large a stroke is: this is a difference for eyes.
#
# ### Coarse and fine at once: levels
#
# There is a second way, and both can be combined. Halve an image again and again, and keep what each
# halving loses: edges first, then shapes, in the end a few large patches. These are the **levels** of
# a Laplacian pyramid (Burt and Adelson, *The Laplacian Pyramid as a Compact Image Code*, 1983).
# With $U$ for enlarging to twice the size, the image is a sum of its levels:
#
# $$x = \ell_0 + U \big(\ell_1 + U (\ell_2 + \dots)\big)$$
#
# The sum is linear, so the chain rule gives the gradient for each level: $U^T$, once for each
# halving. Now let Adam move the numbers in the levels in place of pixels (Kolkin, Salavon,
# Shakhnarovich: *Style Transfer by Relaxed Optimal Transport and Self-Similarity*, CVPR 2019). Why
# should that matter, when both can make the same images? Because Adam gives every number a step of
# about the same size. In a plain sky the gradients of pixels change their sign all the time, and
# pixel by pixel Adam follows: ripples. In a coarse level they cancel out, or agree; then a whole
# area changes its colour in one stroke.
#
# The package moves pixels, as the papers do. `optimizer=adam optimizer.levels=5` moves levels, and with
# `optimizer.growth=1.4` each takes steps 1.4 times as large as the next finer one.

# %%
levels = split(content, 5)
np.testing.assert_allclose(join(levels), content, atol=1e-5)
titles = [f"level {k}: {level.shape[2]} × {level.shape[1]}" for k, level in enumerate(levels)]
shown = [*(0.5 + 2 * level for level in levels[:-1]), levels[-1]]  # details are around zero
show(dict(zip(titles, shown, strict=True)), columns=5)

compared = {}
for title, rate, count, growth in (("on pixels", 0.01, 1, 1.0), ("on 5 levels", 0.006, 5, 1.4)):
    options = {"beta_2": 0.99, "epsilon": 1e-6}
    optimizer = FirstOrder("Adam", rate, 0.9, levels=count, growth=growth, options=options)
    optimizer.begin(content)
    for _ in range(ALL_STEPS):
        optimizer.step(evaluate_J)
    compared[f"Adam {title}"] = optimizer.result
show(compared, width=8)

rows, ripples = [], []
for title, picture in compared.items():
    m = evaluate(picture[0].numpy(), inputs.content.rgb, [(painting.rgb, 1.0)])
    finest, *_ = split(picture[:, 8:40, 8:-8], 2)  # of the sky
    ripples.append(float(tf.reduce_mean(tf.abs(finest))))
    distances = f"{m['content_distance']:.2f}", f"{m['style_distance']:.3f}"
    rows.append([title, *distances, f"{255 * ripples[-1]:.1f} of 255"])
table(["", "content distance", "style distance", "ripples in the sky"], *rows)
assert ripples[1] < ripples[0]

# %% [markdown]
# The same steps, the same work. On levels whole areas take the dark blue of the painting, so the style
# distance is lower, and there are slightly fewer ripples.
#
# ### Exercises
#
# **10.1** How many scales does the package use for a long side of 2048 px, with
# `pyramid.min_size=128`? How does it share out 400 steps?
#
# <details><summary>Solution</summary>
#
# $2048 / 128 = 2^4 = \sqrt 2^{\,8}$: nine scales. The cheap ones get more steps.
#
# ```python
# nine = plan((1536, 2048), 400, 128, 2**0.5, -0.5)
# for scale in nine:
#     print(f"{scale.width:5} × {scale.height:<5} {scale.steps:4} steps")
# assert len(nine) == 9 and nine[0].steps > nine[-1].steps
# ```
#
# </details>
#
# **10.2** At which long side does a unit of conv4_1 see a quarter of the image's width? And how
# much does it see of a picture of 2048 px?
#
# <details><summary>Solution</summary>
#
# ```python
# field = receptive_fields(layers)["block4_conv1"]
# print(f"{field} px: a quarter of {4 * field} px, and {field / 2048:.0%} of 2048 px")
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 11: The package itself
#
# ### One function, one command
#
# `stylize` is for other programs: two images in, one picture out, with overrides written as on the
# command line. `python -m nst.run` does the same from a shell: `key=value` changes what stands in
# `conf/`, and `--cfg job` shows all that can be changed. Both take the same way through the package, so
# both make the same picture.


# %%
def command(module, *arguments):
    """Runs `python -m module arguments` in the temporary folder and shows what it prints."""
    print("$ python -m", module, *arguments, "\n")
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=WORK,
        env=os.environ | {"FORCE_COLOR": ""},  # Jupyter asks for colours; this is no terminal
        capture_output=True,
        text=True,
    )
    print(done.stderr + done.stdout)
    assert done.returncode == 0


settings = [NETWORK, "style=starry", "size=256", "steps=90"]
by_function = np.asarray(stylize(overrides=settings))
command("nst.run", *settings, "observer.tensorboard.images_every=30", "hydra.run.dir=outputs/first")
by_command = np.asarray(Image.open(WORK / "outputs/first/result.png"))
show({"by stylize(…)": by_function / 255, "by python -m nst.run": by_command / 255}, width=8)
assert np.abs(by_function / 255 - by_command / 255).mean() < 1 / 255

# %% [markdown]
# ### Reading a run folder back
#
# Each run leaves a folder with everything that is needed to understand it, or to do it again.

# %%
run = RunFolder(WORK / "outputs/first")
rows = []
for path in sorted(p for p in run.path.rglob("*") if p.is_file() and ".hydra" not in p.parts):
    name = str(path.relative_to(run.path))
    name = "events.out.tfevents.…" if "tfevents" in name else name
    rows.append([f"`{name}`", f"{path.stat().st_size / 1000:.1f} kB"])
table(["file", "size"], *rows)
print("status:", run.status["status"])
print("content distance {content_distance:.3f}".format(**run.metrics))
print("style distance {style_distance:.3f}".format(**run.metrics))
assert run.status["status"] == "completed"

# %% [markdown]
# `metrics.jsonl` has one line for each step: plain JSON, made for plots like these. The weighted
# terms add up to the total, which is exactly the function whose gradient was used. The jumps are
# the pyramid: at each new scale the loss is a new function, of a larger image.

# %%
lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
print("a line holds:", ", ".join(lines[-1]))

step = [line["step"] for line in lines]
_, axes = plt.subplots(1, 2, figsize=(9, 3))
axes[0].plot(step, [line["total"] for line in lines], color="black", linestyle="-", label="total")
for term in lines[0]["weighted"]:
    axes[0].plot(step, [line["weighted"][term] for line in lines], label=term)
for layer in (name for name in lines[0]["layers"] if name.startswith("style/")):
    values = [line["layers"][layer] for line in lines]
    axes[1].plot(step, values, label=short(layer.removeprefix("style/")))
axes[0].set(xlabel="step", ylabel="weighted loss", yscale="symlog", title="the terms")
axes[1].set(xlabel="step", ylabel="distance, unweighted", yscale="log", title="style, by layer")
for axis in axes:
    axis.legend(fontsize=7)
plt.show()
for line in lines:
    assert np.isclose(sum(line["weighted"].values()), line["total"], rtol=1e-4)

# %% [markdown]
# TensorBoard shows the same curves, and the images, from the event file
# (`tensorboard --logdir outputs`). A program can read it, too:

# %%
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(str(run.path), size_guidance={"tensors": 0})
events.Reload()
print(len(events.Tags()["tensors"]), "series, for example", *sorted(events.Tags()["tensors"])[:5])
snapshots = {}
for event in events.Tensors("result"):
    _, _, png = event.tensor_proto.string_val[:3]  # width, height, and the first image of the batch
    snapshots[f"step {event.step}"] = tf.image.decode_png(png).numpy() / 255
show(snapshots)

# %% [markdown]
# ### Several styles, regions, colours
#
# A Gram matrix is a mean over positions, and means can be taken of anything (part 4). Three
# settings follow from that, with no further mathematics:
#
# * **several styles**: the target is the weighted mean of their Gram matrices,
#   $A = \sum_s w_s A_s$: `style=[starry,wave] style.weights=[0.7,0.3]`;
# * **regions**: a position $p$ counts for region $r$ with a weight $m_r(p)$, averaged down to the
#   layer, so $G_r = \sum_p m_r(p)\, F_p F_p^T / \sum_p m_r(p)$, and each is compared with the same
#   region of the style: `content.regions=`, `style.regions=`. Where there is no style, the
#   photograph stays;
# * **where the content counts**: a weight for each position of the content loss:
#   `content.weight_map=`.
#
# Colours are statistics as well: `color=match` gives the style image the mean and covariance of
# the photograph's colours before painting, region by region where there are regions, and
# `color=luminance` paints nothing but lightness.

# %% [markdown]
# ### Exercises
#
# **11.1** A picture can be made again from itself: `result.png` carries its configuration. Read it.
#
# <details><summary>Solution</summary>
#
# ```python
# text = images.read_text(run.path / "result.png")
# print(*text, sep=", ")
# assert "steps: 90" in text["config"]
# ```
#
# `python -m nst.run replay=result.png` does the rest.
#
# </details>
#
# **11.2** Mistype a key on purpose. What do you get?
#
# <details><summary>Solution</summary>
#
# One line that names the nearest valid key; nothing is written.
#
# ```python
# try:
#     stylize(overrides=["alhpa=1e3"])
# except ValueError as error:
#     print(error)
# else:
#     raise AssertionError("a wrong key went through")
# ```
#
# </details>
#
# **11.3** Paint the sky and leave the houses alone. What tells the program where the sky is?
#
# <details><summary>Solution</summary>
#
# A region picture, here an array: blue above, black below. Regions are named by their colours.
#
# ```python
# sky = np.zeros((48, 64, 3))
# sky[:24] = [0, 0, 1]
# small = [NETWORK, "style=starry", "size=64", "steps=30", "pyramid=single"]
# photo = np.asarray(stylize(overrides=[*small, "loss=[content]"]), float) / 255
# whole = np.asarray(stylize(overrides=small), float) / 255
# above = stylize(content_regions=sky, style_regions="blue", overrides=small)
# above = np.asarray(above, float) / 255
# show({"everywhere": whole, "above": above}, width=6)
# assert np.abs(above - photo)[32:].mean() < 0.5 * np.abs(whole - photo)[32:].mean()
# ```
#
# Strokes still reach a few pixels beyond the border, as far as the layers see.
#
# </details>

# %% [markdown]
# ---
# # Part 12: From one picture to an experiment
#
# One picture proves little. Which of its qualities come from alpha, which from the optimiser, which
# from luck? For an answer, change one thing at a time, and measure.
#
# ### A small sweep
#
# `-m` and several values for a key run all combinations. Two weights times two optimisers are four
# runs, and at the end the comparison sheet:

# %%
command(
    "nst.run",
    "-m",
    NETWORK,
    "style=starry",
    "alpha=1e2,1e4",
    "optimizer=adam,lbfgs",
    "size=160",
    "steps=40",
    "pyramid=single",
    "observer=[metrics]",
    "hydra.sweep.dir=outputs/sweep",
)
sheet = Image.open(WORK / "outputs/sweep/comparison/sheet.png").convert("RGB")
sheet.thumbnail((1000, 1000))
display(sheet, include=["image/jpeg"])

# %% [markdown]
# Every run has a folder of its own in the sweep's, to be read back like any other. With the larger
# alpha the content distance is smaller, whatever the optimiser.

# %%
runs = [RunFolder(path.parent) for path in sorted((WORK / "outputs/sweep").glob("*/metrics.json"))]
content_distance = {1e2: [], 1e4: []}
for run_of_sweep in runs:  # Adam comes before L-BFGS
    alpha = float(run_of_sweep.config().alpha)
    content_distance[alpha].append(run_of_sweep.metrics["content_distance"])
bars(
    {f"alpha = {alpha:g}": values for alpha, values in content_distance.items()},
    ["Adam", "L-BFGS"],
    xlabel="optimiser",
    ylabel="content distance",
)
assert len(runs) == 4 and np.all(np.array(content_distance[1e4]) < content_distance[1e2])

# %% [markdown]
# ### The report
#
# Beside the sheet stand `report.html`, which opens in any browser, and `runs.csv`: a row for each
# run, with the settings that differ and the metrics. Most of these metrics no run has optimised:
# `structure` compares with the content image, `patch_distance` with the style image, both without a
# network.

# %%
comparison = WORK / "outputs/sweep/comparison"
print(*sorted(path.name for path in comparison.iterdir()), sep=", ")
with (comparison / "runs.csv").open() as file:
    rows = list(csv.DictReader(file))
columns = [
    "alpha",
    "optimizer",
    "content_distance",
    "style_distance",
    "structure",
    "patch_distance",
]
table(columns, *([row[column][:6] for column in columns] for row in rows))
assert {"report.html", "sheet.png", "runs.csv"} <= {path.name for path in comparison.iterdir()}

# %% [markdown]
# ### A search
#
# A grid spends most of its runs where nothing happens. In a *search* each run is chosen by what the
# earlier ones gave. There is no single best picture: less content distance costs style distance.
# What can be found is the *Pareto front*, the runs that no other run beats in both. An interval in
# place of values, and `search=pareto`, and Optuna looks for it.

# %%
command(
    "nst.run",
    "-m",
    "search=pareto",
    "search.n_trials=8",
    "alpha=tag(log,interval(1e1,1e5))",
    NETWORK,
    "style=starry",
    "size=128",
    "steps=20",
    "pyramid=single",
    "observer=[metrics]",
    "hydra.sweep.dir=outputs/search",
)
trials = [
    RunFolder(path.parent) for path in sorted((WORK / "outputs/search").glob("*/metrics.json"))
]
points = [(run.metrics["content_distance"], run.metrics["style_distance"]) for run in trials]
front = sorted(p for p in points if not any(q[0] < p[0] and q[1] < p[1] for q in points))
_, axis = plt.subplots(figsize=(5, 3))
axis.scatter(*zip(*points, strict=True), color="grey", label="trials")
axis.plot(*zip(*front, strict=True), color="C3", marker="o", label="Pareto front")
axis.set(xlabel="content distance", ylabel="style distance")
axis.legend(fontsize=7)
plt.show()
assert len(points) == 8 and len(front) >= 2

# %% [markdown]
# ### Exercises
#
# **12.1** Which alpha gave the run with the least content distance? Guess before you look.
#
# <details><summary>Solution</summary>
#
# ```python
# nearest = min(trials, key=lambda run: run.metrics["content_distance"])
# print(f"alpha = {nearest.config().alpha:.0f}")
# assert nearest.config().alpha > 1e3
# ```
#
# </details>
#
# **12.2** Rank the runs of the sweep by `structure`. Is the order that of the content distance?
#
# <details><summary>Solution</summary>
#
# ```python
# by_structure = sorted(rows, key=lambda row: -float(row["structure"]))
# by_content = sorted(rows, key=lambda row: float(row["content_distance"]))
# print([row["alpha"] for row in by_structure], [row["alpha"] for row in by_content])
# assert by_structure[0]["alpha"] == by_content[0]["alpha"]
# ```
#
# Two metrics that do not know of each other agree about the extremes; between them they need not.
#
# </details>

# %%
TEMPORARY.cleanup()
assert not WORK.exists()
print(f"{time.perf_counter() - STARTED:.0f} s from the first cell to the last, with {NETWORK}")

# %% [markdown]
# ---
# # What differs from the paper
#
# | | [G15] | here |
# |---|---|---|
# | content loss, eq. 1 | half the sum of squares | their mean: $\alpha_{here} = \alpha_{paper}\, N M / 2$ for $N$ filters and $M$ positions |
# | Gram matrix, eq. 3 and 4 | a sum; divided later, and by 4 | a mean: $\beta_{here} = \beta_{paper} / 4$ |
# | filters | as trained | mean activation 1; [G16] over ImageNet, we over the two images (`network.normalize`) |
# | network | VGG19 | the same if its weights are available, else a small one with the layers of VGG16, its student (`network`) |
# | pooling | average | this notebook the same (`network.pooling`); odd sides keep their last row and column |
# | border | zeros | the border is repeated (`network.padding`) |
# | total variation | none | this notebook none, but in one cell; the package a little (`loss.tv.weight`) |
# | size of the painting | [G16]: the photograph's | the photograph's long side, its own aspect (`style.scale`) |
# | start | noise | the content image (`init`) |
# | optimiser | "gradient descent" | L-BFGS as in [G16], or Adam with averaged iterates; pixels kept in [0, 1] (`optimizer`) |
# | scales | one | this notebook one, but in part 10; the package coarse to fine from 180 px (`pyramid`), each with the content's finest details and noise half as rough as the style (`init.detail`, `init.grain`) |
#
# `python -m nst.run experiment=gatys2015` turns back what can be turned back.
#
# # Where to go from here
#
# * Your own pictures: `python -m nst.run content.image=me.jpg style.image=painting.jpg`.
# * The source, in the order of this notebook: `nst/images/io.py`, `nst/features/encoder.py`,
#   `nst/losses/functional.py`, `nst/objective/`, `nst/optimizers/`, `nst/loop.py`, and
#   `nst/transfer.py`, which sees all of it.
# * A new loss is a class with two methods; see `nst/losses/terms.py`. Try the covariance of
#   exercise 4.3.
# * After a change of its source `scripts/walkthrough.py`, this notebook is made anew by
#   `.venv/bin/jupytext --to notebook --execute scripts/walkthrough.py`.
#
# You never told the program what a brush stroke is. You wrote down what you want to see, as a
# number, and let calculus find the picture. That idea reaches far beyond painting.
