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
# You have a photograph. You have a painting. You want the photograph, painted in the manner of the
# painting. In 2015 Leon Gatys, Alexander Ecker and Matthias Bethge showed how, and the idea fits
# into one sentence:
#
# > **Start from any image, and change its pixels until a neural network sees in it the things of
# > the photograph and the textures of the painting.**
#
# Nothing is trained here. The network stays as it is. What is optimised is *the picture itself*.
#
# This notebook takes that sentence apart, word by word. You need Python and a little calculus: what
# a derivative is, and that a gradient points uphill. You do not need to know TensorFlow; you will
# know the part that matters when you are through.
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
#
# Each part ends with exercises. Try them before you open the solutions; that is where most of the
# learning is.
#
# **How to open it** (from the folder of the project):
#
#     .venv/bin/pip install -e '.[notebook]' && .venv/bin/jupyter lab scripts/walkthrough.ipynb
#
# **How to make it anew** from its plain-text source, `scripts/walkthrough.py`:
#
#     .venv/bin/jupytext --to notebook --execute scripts/walkthrough.py
#
# It needs no internet, a few minutes on two processor cores, and it writes into one temporary
# folder, which it removes at the end.
#
# **Sources.** Formulas carry the number that they have in these papers:
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
# Where this package does something else than the paper, you will see the word **Departure**. They
# are collected in a list at the end.

# %%
import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.display import Markdown, display
from matplotlib_inline.backend_inline import set_matplotlib_formats
from PIL import Image

from nst import images, runtime, stylize, weights

tf = runtime.import_tensorflow()  # as "import tensorflow as tf", without its start-up messages

import keras

from nst import losses
from nst.config import compose
from nst.encoder import BGR_MEAN, Encoder
from nst.evaluation import evaluate
from nst.inputs import gather
from nst.loop import plan
from nst.objective import Objective
from nst.optimizers import LBFGS, Evaluation, FirstOrder
from nst.optimizers.history import two_loop
from nst.runs import RunFolder

STARTED = time.perf_counter()
TEMPORARY = tempfile.TemporaryDirectory(prefix="nst-walkthrough-")
WORK = Path(TEMPORARY.name)

# Okabe and Ito's colours: people who cannot tell red from green can tell these apart. Line styles
# change along with them, so that a grey print works as well.
BLUE, ORANGE, GREEN, PURPLE, SKY = COLOURS = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
plt.rcParams.update(
    {
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=["-", "--", "-.", ":", "-"]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "image.cmap": "cividis",
        "figure.dpi": 100,
    }
)
set_matplotlib_formats("jpeg", pil_kwargs={"quality": 85})


def show(pictures, columns=5, width=None, cmap="cividis"):
    """Shows pictures side by side, each under its title; writes the numbers into tiny ones."""
    arrays = {title: np.squeeze(np.asarray(picture)) for title, picture in pictures.items()}
    columns = min(columns, len(arrays))
    rows = -(-len(arrays) // columns)
    width = width or min(10.0, 3.3 * columns)
    aspect = max(array.shape[0] / array.shape[1] for array in arrays.values())
    size = (width, rows * (width / columns * aspect + 0.3))
    _, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, (title, array) in zip(axes.flat, arrays.items(), strict=False):
        axis.imshow(np.clip(array, 0, 1) if array.ndim == 3 else array, cmap=cmap)
        axis.set_title(title, fontsize=10)
        if array.ndim == 2 and array.size <= 16:
            for (row, column), value in np.ndenumerate(array):
                ink = "black" if value > array.mean() else "white"
                axis.text(column, row, f"{value:g}", color=ink, ha="center", va="center")
    plt.show()


def table(header, *rows):
    """Shows rows as a table."""
    lines = [header, ["---:" if i else ":---" for i in range(len(header))], *rows]
    display(Markdown("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)))


# %% [markdown]
# ### Where we are going
#
# First the end of the story, so that you know what all this is for. One call of the package, with
# everything at its default, only smaller than usual. Do not mind how it works. Part 11 comes back
# to it.
#
# `network=auto` means: VGG19, the network of the paper, where its weights are at hand or can be
# fetched; else a small network that ships with this package, with the same layers and a quarter of
# the channels. We ask once, and print the answer. With VGG19 everything below takes some fifteen
# times longer, and looks better.

# %%
HANDLES = [  # what is kept the same all through this notebook
    "content=harbour",
    "style=starry",
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
NETWORK = f"network={inputs.network.network}"
if inputs.network.warning:
    print(inputs.network.warning.replace(str(Path.home()), "~"))
print("This notebook runs with", NETWORK)

# %%
teaser = stylize(overrides=["content=harbour", "style=starry", NETWORK, "size=384", "steps=150"])
show(
    {
        "content: the harbour": images.resize(inputs.content.rgb, (288, 384)),
        "style: a starry night": images.cover(inputs.style.rgb, (288, 384)),
        "result": np.asarray(teaser) / 255,
    }
)

# %% [markdown]
# ---
# # Part 1: Two images as tensors
#
# To a program, an image is a block of numbers. A **tensor** is such a block, with any number of
# axes. Ours has four:
#
# | axis | name | here |
# |---|---|---|
# | 0 | batch: which image | always 1 |
# | 1 | row, from the top | height $H$ |
# | 2 | column, from the left | width $W$ |
# | 3 | channel | red, green, blue |
#
# We write the shape as `[1, H, W, 3]`. The numbers are 32-bit floats from 0 (dark) to 1 (bright).
# The batch axis looks idle, but TensorFlow's convolutions want it.

# %%
SIZE = 192  # long side of most pictures in this notebook, px


def tensor(picture, size=SIZE):
    """An array `[H, W, 3]` as a tensor `[1, h, w, 3]`; its long side becomes `size` pixels."""
    return tf.constant(images.resize(picture, images.fit(picture.shape[:2], size))[None])


content, style = tensor(inputs.content.rgb), tensor(inputs.style.rgb)
for name, image in {"content": content, "style": style}.items():
    low, high = float(tf.reduce_min(image)), float(tf.reduce_max(image))
    print(f"{name:8}shape {image.shape}  {image.dtype.name}  from {low:.2f} to {high:.2f}")

assert content.shape[0] == 1 and content.shape[3] == 3 and content.dtype == tf.float32

# %% [markdown]
# Look closely enough, and the picture dissolves into its numbers. Here are 5 × 8 pixels at the edge
# of the church's spire, and their red values.

# %%
top, left = 20, 62
corner = content[:, top : top + 5, left : left + 8]
show(
    {
        "the picture": content,
        "red channel": content[..., 0],
        "green channel": content[..., 1],
        "blue channel": content[..., 2],
    },
    cmap="gray",
)
show({"5 × 8 pixels at the spire": corner}, width=3)
print(np.array2string(corner[0, :, :, 0].numpy(), precision=2, floatmode="fixed"))

# %% [markdown]
# ### Why not simply work on pixels?
#
# Two ideas come to mind at once. Both fail, and it is worth seeing how.
#
# **Idea one: mix the two images.** You get a double exposure. There is blue on the houses, but it
# is the blue of whatever lies underneath, not the *way of painting*.

# %%
covering = images.cover(inputs.style.rgb, content.shape[1:3])[None]
show({"half content + half style": 0.5 * content + 0.5 * covering}, width=4)

# %% [markdown]
# **Idea two: say "similar" with pixels.** Take the mean squared difference of pixel values,
# $\frac{1}{n}\sum (x_i - p_i)^2$, as the measure of how far an image is from the photograph.
#
# Here is a test for it. We shift the photograph by four pixels: a person would hardly notice. And
# we blur it until no window is left. Which one should count as further from the original? And which
# one does?


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
pixel_distance = {
    "shifted": mean_square(shifted - content),
    "blurred": mean_square(blurred - content),
}
show(
    {
        "the photograph": content,
        f"shifted: {pixel_distance['shifted']:.4f}": shifted,
        f"blurred: {pixel_distance['blurred']:.4f}": blurred,
    }
)
assert pixel_distance["shifted"] > pixel_distance["blurred"]

# %% [markdown]
# To the pixels, the shifted picture is *worse* than the blurred one. Pixels are the wrong language.
# We want to compare images in terms of edges, windows, boats, brush strokes. Some network has
# learned such a language in order to recognise things. We borrow its eyes.
#
# ### Exercises
#
# **1.1** What is the shape of a batch of two images, each 100 pixels wide and 50 high? How many
# numbers is that?
#
# <details><summary>Solution</summary>
#
# `[2, 50, 100, 3]`, rows before columns: 30,000 numbers.
#
# ```python
# batch = tf.zeros([2, 50, 100, 3])
# assert tf.size(batch) == 30_000
# ```
#
# </details>
#
# **1.2** Turn the photograph upside down, mirror it, and swap red and blue, each by slicing alone.
#
# <details><summary>Solution</summary>
#
# A step of −1 runs through an axis backwards. The same trick on the channel axis swaps RGB to BGR;
# we need it in the next part.
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
# **1.3** Shift the photograph by 1, 2, 4, 8 and 16 pixels. How does the pixel distance grow? Why
# does it stop growing?
#
# <details><summary>Solution</summary>
#
# ```python
# distances = [mean_square(tf.roll(content, shift, axis=2) - content) for shift in (1, 2, 4, 8, 16)]
# print(np.round(distances, 4))
# assert distances[2] > distances[1] > distances[0]
# ```
#
# It grows fast at first, then levels off: once the shift is larger than the things in the picture,
# pixels are compared with pixels that have nothing to do with them. From there on the distance says
# "different", but no longer *how* different.
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
# A filter is a small block of weights, 3 × 3 pixels in size. Lay it on the image, multiply what
# lies on top of each other, add everything up, and you have one number: how well the pattern fits
# there. Move it to the next place, and so on. The numbers form a new image, a **feature map**.
# Negative numbers ("does not fit") are cut to zero; this is the ReLU. For filter $j$ at row $r$ and
# column $c$:
#
# $$F_{r c j} = \max\Big(0,\; b_j + \sum_{u=0}^{2} \sum_{v=0}^{2} \sum_{k} W_{u v k j}\;
# x_{r+u,\; c+v,\; k}\Big)$$
#
# (the convolution of [VGG], section 2.1, in symbols; the paper itself writes it in words.) Here $k$
# runs over the channels of the input, and $x$ is the input with a border of one pixel around it.
#
# One more detail. VGG was trained on images with their channels in the order blue, green, red, in
# the range 0 to 255, and with the mean colour of its training set taken away. We must give it what
# it is used to.

# %%
layers = weights.load(inputs.network)  # a list of (name, kernel, bias), first to last
encoder = Encoder(layers, pooling="avg", padding="replicate")  # the package's VGG

bgr = content[..., ::-1] * 255.0 - tf.constant(BGR_MEAN)
bordered = tf.pad(bgr, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")  # repeats the edge pixels

name, kernel, bias = layers[0]
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
# one: their maximum, or their average. The map is half as high and half as wide. The next 3 × 3
# filter therefore sees twice as far. Do that four times, and a 3 × 3 filter covers a good part of
# the image.
#
# How far a unit sees is its **receptive field**. A layer with a window of $k$ pixels (3 for a
# convolution, 2 for a pooling) and a step of $s$ (1 or 2) turns the field $r$ and the spacing of
# units $d$ into
#
# $$r \leftarrow r + (k - 1)\, d, \qquad d \leftarrow s\, d, \qquad\text{starting from } r = d = 1$$
#
# (plain counting, no source needed). The next cell counts, and then *measures*: the gradient of one
# unit with respect to the pixels is zero wherever the unit cannot see.
#
# Papers write conv4_2 for the second convolution of the fourth block. Keras calls it
# `block4_conv2`. We use Keras' names in code, and the papers' in pictures.


# %%
def short(name):
    """The name of a layer as papers write it: block4_conv2 → conv4_2."""
    return name.replace("block", "conv").replace("_conv", "_").replace("conv", "conv", 1)


def receptive_fields(layers):
    """The side of the square of pixels that a unit of each layer sees."""
    field, spacing, fields = 1, 1, {}
    for name, kernel, _ in layers:
        field += (1 if kernel is None else 2) * spacing
        spacing *= 2 if kernel is None else 1
        fields[name] = field
    return fields


def sight(encoder, layer, image):
    """How strongly the units in the middle of a layer depend on each pixel, `[H, W]`."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        maps = encoder(image, [layer])[layer]
        middle = tf.reduce_sum(maps[0, maps.shape[1] // 2, maps.shape[2] // 2])
    return tf.reduce_max(tf.abs(tape.gradient(middle, image)), axis=(0, 3)).numpy()


CONVOLUTIONS = [layer.name for layer in layers if layer.kernel is not None]
fields = receptive_fields(layers)
maps = encoder(content, CONVOLUTIONS)
shown = ["block1_conv1", "block1_conv2", "block2_conv1", "block3_conv1", "block4_conv1"]
rows = []
for layer in [*shown, "block4_conv2", "block5_conv1"]:
    columns_seen = np.flatnonzero(sight(encoder, layer, content).any(axis=0))
    measured = columns_seen[-1] - columns_seen[0] + 1
    assert measured <= fields[layer]
    _, height, width, channels = maps[layer].shape
    rows.append([short(layer), channels, f"{width} × {height}", fields[layer], measured])
table(["layer", "filters", "map, px", "receptive field, counted", "measured, columns"], *rows)

# %% [markdown]
# ### Feature maps as pictures
#
# Now look through its eyes. From each of five layers, six feature maps: those that vary most over
# the image. Dark is "nothing here", bright is "here!".
#
# Read it from top to bottom. At conv1_1 you see edges of every direction, pixel-sharp. Further down
# the maps get coarser and pickier: one lights up along the waterline, one on upright things, one in
# the open sky. Nobody told the network about water or sky.

# %%
STYLE = [f"block{block}_conv1" for block in range(1, 6)]  # conv1_1 … conv5_1, the style layers
CONTENT = "block4_conv2"  # conv4_2, the content layer

pictures = {}
for layer in STYLE:
    variation = tf.math.reduce_std(maps[layer], axis=(0, 1, 2)).numpy()
    for channel in np.argsort(variation)[::-1][:6]:
        pictures[f"{short(layer)} no. {channel}"] = maps[layer][0, :, :, channel]
show(pictures, columns=6)

# %% [markdown]
# ### What pooling changes: the maximum or the average
#
# VGG was trained with max pooling. [G15] replaces it by average pooling, because "the gradient flow
# is improved and one obtains slightly more appealing results". The forward pass hardly shows why.
# The *backward* pass does: a maximum passes the gradient to one of four numbers and leaves the
# others alone; an average passes a quarter to each.

# %%
square = tf.reshape(tf.constant([1.0, 2.0, 3.0, 6.0]), [1, 2, 2, 1])
for pool in (tf.nn.max_pool2d, tf.nn.avg_pool2d):
    with tf.GradientTape() as tape:
        tape.watch(square)
        pooled = pool(square, 2, 2, "SAME")
    gradient = tape.gradient(pooled, square)
    print(pool.__name__, float(tf.squeeze(pooled)), "gradient", tf.reshape(gradient, [-1]).numpy())

# %% [markdown]
# Through four poolings this adds up. Below: the gradient of "all maps of conv4_1, become louder!",
# as it arrives at the pixels (brightness of the sky and the spire, enlarged). Under the maximum,
# neighbouring pixels are often told opposite things; that is the seed of a fine grain in results.
# Under the average they mostly agree. The number is their correlation: 1 would be full agreement, 0
# none.


# %%
def gradient_at_pixels(encoder):
    """How every pixel should change to make conv4_1 louder, `[H, W]`."""
    with tf.GradientTape() as tape:
        tape.watch(content)
        louder = tf.reduce_sum(encoder(content, ["block4_conv1"])["block4_conv1"] ** 2)
    return tf.reduce_mean(tape.gradient(louder, content), axis=(0, 3)).numpy()


def agreement(gradient):
    """Correlation of the gradient at one pixel with that at the pixel beside it."""
    return np.mean(gradient[:, 1:] * gradient[:, :-1]) / np.mean(gradient**2)


by_maximum = Encoder(layers, pooling="max", padding="replicate")
arriving = {"average": gradient_at_pixels(encoder), "maximum": gradient_at_pixels(by_maximum)}
agreements = {title: agreement(gradient) for title, gradient in arriving.items()}
show(
    {
        f"{title} pooling, agreement {agreements[title]:.2f}": np.clip(
            gradient[10:70, 30:110] / (3 * gradient.std()), -1, 1
        )
        for title, gradient in arriving.items()
    },
    cmap="PuOr",
)
assert agreements["average"] > agreements["maximum"]

# %% [markdown]
# ### What padding changes: the border
#
# A filter at the edge of the image needs pixels beyond it. VGG puts zeros there. After the mean
# colour has been taken away, zero *is* a colour, a greyish beige, and so every image gets a thin
# frame of it: an edge that is not in the picture, and style transfer happily paints it.
#
# **Departure**: by default this package repeats the border pixels in front of the first convolution
# (`network.padding=replicate`); `zeros` is the paper's. Deeper convolutions pad with zeros in
# either case, as in [VGG].
#
# The cell compares conv1_2 under both, by the distance from the border.

# %%
by_zeros = Encoder(layers, pooling="avg", padding="zeros")
layer = "block1_conv2"
replicated, zeroed = encoder(content, [layer])[layer], by_zeros(content, [layer])[layer]
change = tf.reduce_mean(tf.abs(zeroed - replicated), axis=(0, 3)).numpy()
change /= float(tf.reduce_mean(replicated))
rings = [
    np.mean(np.r_[change[i, i : -i or None], change[-1 - i, i : -i or None]]) for i in range(8)
]
figure, axis = plt.subplots(figsize=(5, 2.6))
axis.bar(range(8), rings, color=BLUE)
axis.set(
    xlabel="distance from the upper and lower border, px",
    ylabel="mean change / mean activation",
    title=f"{short(layer)}: zeros against repeated pixels",
)
plt.show()
assert rings[0] > 0 and max(rings[2:]) < 1e-6  # two 3×3 convolutions see two pixels far

# %% [markdown]
# The change is confined to two pixels here, since two 3 × 3 convolutions see two pixels far. Deeper
# layers carry it further in.
#
# **Departure**: Keras' pooling drops the last row and column of a map with an odd side (padding
# `VALID`). The network in this package keeps them (`SAME`), so that no border is invisible to deep
# layers.

# %%
odd = tf.ones([1, 7, 7, 1])
print("VALID:", tf.nn.avg_pool2d(odd, 2, 2, "VALID").shape[1:3], "of (7, 7)")
print("SAME: ", tf.nn.avg_pool2d(odd, 2, 2, "SAME").shape[1:3], "of (7, 7)")

# %% [markdown]
# ### What activation normalisation changes: every filter speaks equally loud
#
# Filters differ in how strongly they fire, within a layer and even more between layers. If we
# compare raw activations, the loudest filters decide everything, and a weight that suits one layer
# is a thousand times off for the next.
#
# The remedy is the authors' own ([G16], section 2): rescale each filter so that its *mean
# activation* over images and positions is 1. A ReLU network allows that exactly. If $a > 0$, then
# $\max(0, a z) = a \max(0, z)$, and pooling commutes with $a$ as well. So a factor in one layer can
# be undone in the next, and the network computes the same function as before:
#
# $$\tilde W^{l}_{u v k j} = W^{l}_{u v k j}\, \frac{m^{l-1}_k}{m^{l}_j}, \qquad
#   \tilde b^{l}_j = \frac{b^{l}_j}{m^{l}_j}
#   \quad\Longrightarrow\quad \tilde F^{l}_{r c j} = \frac{F^{l}_{r c j}}{m^{l}_j}$$
#
# with $m^l_j$ the mean activation of filter $j$ in layer $l$, and $m^0 = 1$. In words: dividing the
# feature maps by their means *is* rescaling the filters. The package divides. The cell below does
# both, and asserts that they agree.
#
# **Departure**: [G16] takes the means over the validation set of ImageNet. We take them over the
# two images at hand, at 256 px, so that nothing needs to be downloaded. A floor keeps filters that
# hardly ever fire from being blown up.

# %%
calibration = [tensor(inputs.content.rgb, 256), tensor(inputs.style.rgb, 256)]
norms = encoder.mean_activations(calibration, CONVOLUTIONS)


def features(image, names):
    """Feature maps, each filter divided by its mean activation."""
    maps = encoder(image, names)
    return {name: maps[name] / norms[name] for name in names}


rescaled, before = [], np.ones(3, np.float32)
for layer in layers:
    if layer.kernel is None:
        rescaled.append(layer)
    else:
        after = norms[layer.name].numpy()
        kernel = layer.kernel * before[:, None] / after
        rescaled.append(weights.Layer(layer.name, kernel, layer.bias / after))
        before = after
one_way = Encoder(rescaled, "avg", "replicate")(content, CONVOLUTIONS)
other_way = features(content, CONVOLUTIONS)
for name in CONVOLUTIONS:
    np.testing.assert_allclose(one_way[name], other_way[name], rtol=1e-3, atol=1e-3)

figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
for axis, divided in zip(axes, (False, True), strict=True):
    for layer in STYLE:
        means = encoder.mean_activations(calibration, [layer])[layer]
        means = means / norms[layer] if divided else means
        ranks = np.linspace(0, 100, len(means))
        axis.plot(ranks, np.sort(means)[::-1], label=short(layer))
    axis.set(xlabel="filter, by rank, %", title="normalised" if divided else "raw", yscale="log")
axes[0].set_ylabel("mean activation")
axes[1].legend(fontsize=8)
plt.show()

# %% [markdown]
# On the left, filters of one layer differ by an order of magnitude or more. On the right all five
# lines lie on top of each other at 1. From now on, `features(image, names)` means normalised
# features.
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
# **2.2** Two 3 × 3 convolutions in a row see as far as one 5 × 5 convolution. Why does [VGG] prefer
# two? Count weights for $C$ channels in and out.
#
# <details><summary>Solution</summary>
#
# $2 \cdot 9\,C^2 = 18\,C^2$ against $25\,C^2$ weights: fewer, and there is a ReLU in between, so
# that the pair can express more than one linear filter (their section 2.3).
#
# </details>
#
# **2.3** Give the network a plain grey image. What do you expect of conv1_1 away from the border,
# and at the border with `zeros`? Check.
#
# <details><summary>Solution</summary>
#
# Away from the border each feature map is flat: the same patch everywhere. With `zeros` the border
# differs, since it sees an edge between grey and the mean colour. With `replicate` it does not.
#
# ```python
# grey = tf.fill([1, 32, 32, 3], 0.8)
# for seer, flat in ((encoder, True), (by_zeros, False)):
#     first = seer(grey, ["block1_conv1"])["block1_conv1"]
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
# That is a question we can *answer*: take an image of noise, and change it until its feature maps
# are those of the photograph. What comes out is what the layer remembers. What differs from the
# original is what it has forgotten.
#
# We need a number that says how far we still are. With $F^l$ for the feature maps of our image at
# layer $l$, and $P^l$ for those of the photograph, [G15] takes the squared difference (their
# **equation 1**):
#
# $$\mathcal{L}_{content} = \frac{1}{2} \sum_{i,j} \big(F^l_{ij} - P^l_{ij}\big)^2$$
#
# where $i$ is the filter and $j$ the position.
#
# **Departure**: we take the *mean* instead of half the sum. The paper's number grows with the size
# of the image; ours does not. It is the same up to a factor: for $N$ filters and $M$ positions the
# paper's loss is $\frac{N M}{2}$ times ours. Only the weight $\alpha$ notices.


# %%
def content_loss(features, target):
    """How far feature maps are from those of the content image."""
    return tf.reduce_mean((features - target) ** 2)


P = features(content, [CONTENT])[CONTENT]
F = features(style, [CONTENT])[CONTENT]
F = tf.image.resize(F, P.shape[1:3])  # the style image has another shape; any F will do here

ours = content_loss(F, P)
assert np.isclose(ours, losses.content_distance(F, P))  # the package's function, the same

M, N = P.shape[1] * P.shape[2], P.shape[3]
paper = 0.5 * tf.reduce_sum((F - P) ** 2)
assert np.isclose(paper, N * M / 2 * ours)
print(f"paper, eq. 1: {paper:.1f}   ours: {ours:.4f}   paper / ours: {paper / ours:.1f} = N M / 2")

# %% [markdown]
# ### Its derivative
#
# To lower the loss we must know which way each activation should move. [G15], **equation 2**:
#
# $$\frac{\partial \mathcal{L}_{content}}{\partial F^l_{ij}} =
#   \begin{cases} \big(F^l - P^l\big)_{ij} & \text{if } F^l_{ij} > 0 \\
#   0 & \text{if } F^l_{ij} < 0 \end{cases}$$
#
# The first line is school calculus: the derivative of $\frac12 (F-P)^2$. The second belongs to the
# ReLU: where a filter is silent, a small change of its input changes nothing. TensorFlow finds both
# by itself. A `GradientTape` records what is computed, and then runs through the record backwards,
# applying the chain rule at each step. With the mean, the first line has $\frac{2}{NM}$ in front.
#
# We check it at the point *before* the ReLU, where both lines can be seen.

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
# image, repeat*. Part 5 explains the gradient. The optimiser is the package's L-BFGS, the kind that
# [G16] uses; part 9 opens it up.


# %%
def minimise(loss, start, steps):
    """Moves an image downhill. Returns it, and the loss before each step."""

    @tf.function
    def evaluate(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = loss(image)
        return Evaluation(value, tape.gradient(value, image))

    optimizer = LBFGS()
    optimizer.begin(start)
    history = [float(optimizer.step(evaluate).total) for _ in range(steps)]
    return optimizer.result, history


def noise(shape=content.shape, seed=0):
    """White noise in [0, 1]."""
    return tf.random.stateless_uniform(shape, seed=[seed, 0])


# %% [markdown]
# ### Reconstructing the photograph from one layer
#
# Five times we start from the same noise. Each time only *one* layer is asked to match. This is the
# lower row of figure 1 in [G15].


# %%
def reconstruct(layer, start, calm=0.0, steps=60):
    """Finds an image with the feature maps of the photograph at one layer."""
    target = features(content, [layer])[layer]
    spread = tf.math.reduce_variance(target)  # so that one value of `calm` suits all layers

    def loss(image):
        distance = content_loss(features(image, [layer])[layer], target) / spread
        return distance + calm * total_variation(image)

    return minimise(loss, start, steps)


def total_variation(image):
    """How much neighbouring pixels differ; see below."""
    down = tf.reduce_mean((image[:, 1:] - image[:, :-1]) ** 2)
    across = tf.reduce_mean((image[:, :, 1:] - image[:, :, :-1]) ** 2)
    return down + across


reconstructions, curves, pixel_errors = {"the photograph": content}, {}, {}
for layer in STYLE:
    image, curves[layer] = reconstruct(layer, noise())
    pixel_errors[layer] = mean_square(image - content)
    reconstructions[f"from {short(layer)}"] = image
show(reconstructions, columns=3)

# %% [markdown]
# From conv1_1 the photograph comes back. The deeper the layer, the more of the noise simply stays.
#
# Is that a failure of the optimisation? No. The left plot below shows that each one does its job,
# at its own layer: the loss falls to a small fraction of its start. The layer *cannot tell* this
# image from the photograph. All that you see and it does not is what it has forgotten: first the
# exact colours, then the exact pixels. The right plot measures that.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for layer, curve in curves.items():
    axes[0].plot(np.array(curve) / curve[0], label=short(layer))
axes[0].set(xlabel="step", ylabel="content loss / its start", yscale="log")
axes[0].legend(fontsize=8)
axes[1].bar([short(layer) for layer in STYLE], list(pixel_errors.values()), color=ORANGE)
axes[1].set(xlabel="layer", ylabel="mean squared pixel error", yscale="log")
plt.show()
assert all(curve[-1] < 0.2 * curve[0] for curve in curves.values())
assert pixel_errors["block1_conv1"] < pixel_errors["block3_conv1"] < pixel_errors["block5_conv1"]

# %% [markdown]
# ### A second look, with a preference for calm
#
# So a layer leaves many images open, and noise is one of them. Let us add a preference: among the
# images that match, prefer those whose neighbouring pixels are alike. This is the **total
# variation** of Mahendran and Vedaldi (*Understanding Deep Image Representations by Inverting
# Them*, CVPR 2015, with exponent 2), as a mean:
#
# $$\mathcal{L}_{tv} = \text{mean}\big((x_{r+1,c} - x_{r,c})^2\big)
#   + \text{mean}\big((x_{r,c+1} - x_{r,c})^2\big)$$
#
# **Departure**: [G15] has no such term. The package's default run has it, with a small weight
# (`loss.tv.weight`). In this notebook only this cell uses it.
#
# We also start from plain grey, so that nothing of the start remains to confuse the eye.

# %%
assert np.isclose(total_variation(noise()), losses.total_variation(noise()))

grey = tf.fill(content.shape, 0.5)
calm_ones = {"the photograph": content}
for layer in STYLE:
    calm_ones[f"from {short(layer)}"], _ = reconstruct(layer, grey, calm=0.1, steps=80)
show(calm_ones, columns=3)

# %% [markdown]
# Now you see what each layer *does* pin down. Colours drift first, then outlines wobble. But even
# far up, the roofs are where the roofs were, and the boats where the boats were. What survives
# longest is **what is where**. That is what we shall call **content**: the feature maps of a deep
# layer.

# %% [markdown]
# ### Back to the shifted photograph
#
# In part 1 pixels told us that a shift of four pixels is worse than a heavy blur. Ask the layers.
# To have all of them on one scale we divide by what is lost if *all* spatial structure is lost,
# that is, if every map is replaced by its own mean $\bar P$:
#
# $$d_{content} = \frac{\text{mean}\big((F - P)^2\big)}{\text{mean}\big((P - \bar P)^2\big)}$$
#
# 0 is the photograph, 1 has no structure left. (This is the content distance by which this package
# ranks its runs; see `nst/evaluation.py`.)


# %%
def relative_content_distance(maps, target):
    """0 for the content image, 1 when no spatial structure is left."""
    flat = tf.reduce_mean(target, axis=(1, 2), keepdims=True)
    return float(content_loss(maps, target) / content_loss(flat, target))


candidates = {"shifted": shifted, "blurred": blurred}
distances = {
    title: [relative_content_distance(image, content)]
    + [
        relative_content_distance(features(image, [k])[k], features(content, [k])[k])
        for k in [*STYLE[:4], CONTENT]
    ]
    for title, image in candidates.items()
}
figure, axis = plt.subplots(figsize=(7, 3))
for offset, colour, (title, values) in zip(
    (-0.2, 0.2), (BLUE, ORANGE), distances.items(), strict=True
):
    axis.bar(np.arange(6) + offset, values, 0.4, color=colour, label=title)
axis.set_xticks(range(6), ["pixels", *map(short, [*STYLE[:4], CONTENT])])
axis.set(xlabel="compared in", ylabel="relative content distance")
axis.legend()
plt.show()
assert distances["shifted"][0] > distances["blurred"][0]  # pixels
assert distances["shifted"][-1] < distances["blurred"][-1]  # conv4_2

# %% [markdown]
# The order is turned around. Pixels mind the shift more than the blur; conv4_2 minds the blur more.
# It asks whether the windows are there, and is relaxed about where exactly.
#
# Why conv4_2, of all layers? Deep enough to be relaxed, not so deep that the drawing is lost. It is
# the choice of [G15] for its painted results.
#
# ### Exercises
#
# **3.1** Equation 2 says that a silent filter receives no gradient. Could an image get stuck
# because of that? Construct the worst case in one line.
#
# <details><summary>Solution</summary>
#
# Yes, in principle: if all activations before the ReLU are negative, the gradient is zero
# everywhere, however large the loss.
#
# ```python
# silent = tf.fill(P.shape, -1.0)
# with tf.GradientTape() as tape:
#     tape.watch(silent)
#     loss = content_loss(tf.nn.relu(silent), P)
# assert float(loss) > 0 and not np.any(tape.gradient(loss, silent))
# ```
#
# With real images and hundreds of filters it does not happen: some filter always fires.
#
# </details>
#
# **3.2** Reconstruct the photograph from conv4_2 of a network with *max* pooling. What is
# different?
#
# <details><summary>Solution</summary>
#
# ```python
# maximum_norms = by_maximum.mean_activations(calibration, [CONTENT])[CONTENT]
# target = by_maximum(content, [CONTENT])[CONTENT] / maximum_norms
#
# def loss_by_maximum(image):
#     maps = by_maximum(image, [CONTENT])[CONTENT] / maximum_norms
#     return content_loss(maps, target) + 0.5 * total_variation(image)
#
# image, _ = minimise(loss_by_maximum, grey, 40)
# show({"from conv4_2, max pooling": image})
# ```
#
# It is grainier: only one pixel of each square of four is told to move, compare the sparse gradient
# of part 2.
#
# </details>
#
# **3.3** Which image has relative content distance exactly 1 *in pixels*?
#
# <details><summary>Solution</summary>
#
# The photograph's mean colour everywhere, by definition.
#
# ```python
# flat = tf.reduce_mean(content, axis=(1, 2), keepdims=True) + tf.zeros_like(content)
# assert np.isclose(relative_content_distance(flat, content), 1.0)
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 4: Style
#
# Content is *what is where*. Style is *what goes with what, no matter where*. Van Gogh's sky has
# strokes that are curved **and** blue, dots that are round **and** yellow. These are pairs of
# features that fire at the same place. If we count, for each pair of filters, how strongly they
# fire *together*, summed over all places, then we have a portrait of the texture, and have
# forgotten the places.
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
# Go through the nine positions and multiply. In the first example:
#
# * *a* with itself: $1 \cdot 1$ at six positions, $0$ at three. Sum: **6**.
# * *b* with itself: $1 \cdot 1$ at three positions. Sum: **3**.
# * *a* with *b*: always a one times a zero. Sum: **0**.
#
# In the second, *a* with *b* has sum **6**. Write the sums into a square table, one row and one
# column per filter, and you have the **Gram matrix**:
#
# $$G_{apart} = \begin{pmatrix} 6 & 0 \\ 0 & 3 \end{pmatrix}, \qquad
#   G_{together} = \begin{pmatrix} 6 & 6 \\ 6 & 6 \end{pmatrix}$$
#
# In general ([G15], **equation 3**; $i, j$ are filters, $k$ runs over positions):
#
# $$G^l_{ij} = \sum_k F^l_{ik} F^l_{jk}$$


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


print(gram_by_hand(apart))
print(gram_by_hand(together))
assert (gram_by_hand(apart) == [[6, 0], [0, 3]]).all()
assert (gram_by_hand(together) == [[6, 6], [6, 6]]).all()

# %% [markdown]
# ### The same as a tensor product
#
# The three loops are a matrix product. Put the positions into rows: $F$ is then $M \times N$, and
# $G = F^\top F$. Or see it like this: at each position stands a small vector $f_k$ of $N$
# activations. Its product with itself, $f_k \otimes f_k$, is an $N \times N$ table, and
# $G = \sum_k f_k \otimes f_k$ adds up the tables of all positions.
#
# Five ways to write it, all the same; the last is the package's.
#
# **Departure**: we divide by the number of positions $M$, so that $G$ is a mean and images of
# different sizes can be compared. The paper does not divide here, but in equation 4.

# %%
F = apart.reshape(9, 2)
ways = {
    "loops": gram_by_hand(apart) / 9,
    "matrix product": F.T @ F / 9,
    "sum of outer products": sum(np.outer(f, f) for f in F) / 9,
    "tensordot": tf.tensordot(apart, apart, axes=[[0, 1], [0, 1]]).numpy() / 9,
    "nst.losses": losses.gram_matrix(losses.gram_sums(tf.constant(apart[None]))).numpy(),
}
for name, gram in ways.items():
    np.testing.assert_allclose(gram, [[6 / 9, 0], [0, 3 / 9]], rtol=1e-6)
    print(f"{name:22}{gram.round(3).tolist()}")

# %% [markdown]
# ### Why position is lost
#
# A sum does not care about the order of its terms. Shuffle the nine positions any way you like, the
# same way for all filters: $G$ stays. The Gram matrix *cannot* know where something was.

# %%
order = np.random.default_rng(0).permutation(9)
shuffled = F[order].reshape(3, 3, 2)
show(
    {
        "filter a": apart[..., 0],
        "filter b": apart[..., 1],
        "filter a, shuffled": shuffled[..., 0],
        "filter b, shuffled": shuffled[..., 1],
    },
    width=6,
)
np.testing.assert_array_equal(gram_by_hand(shuffled), gram_by_hand(apart))


# %% [markdown]
# Now with real features. First the positions of a *feature map* are shuffled: nothing changes,
# exactly as above. Then the *pixels* are, and that is something else. A filter sees a
# neighbourhood, and neighbourhoods are destroyed. So texture is what survives when you forget where
# each neighbourhood was, but not what it looked like inside. The deeper the layer, the larger the
# neighbourhood.


# %%
def gram(maps):
    """The Gram matrix `[N, N]` of feature maps `[1, h, w, N]`, divided by the positions."""
    positions = maps.shape[1] * maps.shape[2]
    return tf.tensordot(maps, maps, axes=[[0, 1, 2], [0, 1, 2]]) / positions


maps = features(style, STYLE)
for layer in STYLE:
    rows = tf.reshape(maps[layer], [-1, maps[layer].shape[-1]])
    order = np.random.default_rng(0).permutation(rows.shape[0])
    shuffled = tf.reshape(tf.gather(rows, order), maps[layer].shape)
    np.testing.assert_allclose(gram(shuffled), gram(maps[layer]), rtol=1e-3, atol=1e-4)
    packaged = losses.gram_matrix(losses.gram_sums(maps[layer]))
    np.testing.assert_allclose(packaged, gram(maps[layer]), rtol=1e-3, atol=1e-4)
A = {layer: gram(maps[layer]) for layer in STYLE}  # the style's Gram matrices; we keep them

large, harbour = tensor(inputs.style.rgb, 384), tensor(inputs.content.rgb, 384)
pixels = tf.reshape(large, [-1, 3])
order = np.random.default_rng(0).permutation(pixels.shape[0])
height, width = large.shape[1:3]
variants = {
    "moved": tf.roll(large, (height // 3, width // 3), axis=(1, 2)),
    "pixels shuffled": tf.reshape(tf.gather(pixels, order), large.shape),
}
show({"the style image": large, **variants, "the harbour": harbour}, columns=4)


def gram_differences(image, other):
    """Squared differences of the Gram matrices of two images, by layer."""
    ours, theirs = features(image, STYLE), features(other, STYLE)
    return np.array([mean_square(gram(ours[k]) - gram(theirs[k])) for k in STYLE])


figure, axis = plt.subplots(figsize=(7, 3))
unit = gram_differences(harbour, large)
relative = {title: gram_differences(image, large) / unit for title, image in variants.items()}
for offset, colour, (title, values) in zip(
    (-0.2, 0.2), (BLUE, ORANGE), relative.items(), strict=True
):
    axis.bar(np.arange(5) + offset, values, 0.4, color=colour, label=title)
axis.axhline(1.0, color="black", linestyle=":", label="the harbour")
axis.set_xticks(range(5), map(short, STYLE))
axis.set(xlabel="layer", ylabel="Gram difference / the harbour's", yscale="log")
axis.legend(fontsize=8)
plt.show()
assert max(relative["moved"]) < 0.5
assert min(relative["pixels shuffled"] / relative["moved"]) > 10

# %% [markdown]
# Moving the painting hardly changes its Gram matrices: a seam appears where the edges meet, and
# deep layers, which see far, notice it a little. Shuffling its pixels changes them by far more,
# although the colours are exactly the same ones.
#
# And this is what the matrices look like. Bright cells are pairs of filters that like to fire
# together. Same network, same layer; two different portraits.

# %%
show(
    {
        "conv2_1: the starry night": np.sqrt(A["block2_conv1"]),
        "conv2_1: the harbour": np.sqrt(gram(features(content, STYLE)["block2_conv1"])),
    }
)

# %% [markdown]
# ### A small thing with large consequences
#
# Sums can be taken in parts. The Gram sums of the left half and of the right half of a feature map
# add up to those of the whole. The package is built around this: from it follow, without new ideas,
# several style images (add their sums), masks (weigh the terms), and images too large for the
# memory (one tile after the other).

# %%
whole = losses.gram_sums(maps["block3_conv1"])
half = maps["block3_conv1"].shape[2] // 2
left = losses.gram_sums(maps["block3_conv1"][:, :, :half])
right = losses.gram_sums(maps["block3_conv1"][:, :, half:])
np.testing.assert_allclose(left.products + right.products, whole.products, rtol=1e-4)
assert left.count + right.count == whole.count
print(f"{left.count:.0f} positions + {right.count:.0f} positions = {whole.count:.0f} positions")

# %% [markdown]
# ### The style loss
#
# The distance of two textures is the distance of their Gram matrices. With $G^l$ for our image and
# $A^l$ for the style image, [G15] has **equation 4** for one layer and **equation 5** for all of
# them:
#
# $$E_l = \frac{1}{4 N_l^2 M_l^2} \sum_{i,j} \big(G^l_{ij} - A^l_{ij}\big)^2, \qquad
#   \mathcal{L}_{style} = \sum_l w_l E_l$$
#
# **Departures**: with our Gram matrix, already divided by $M$, the mean squared difference is
# $4 E_l$; the 4 goes into the weight $\beta$. And the paper gives all layers the same weight; we
# take $w_l \propto 1/N_l^2$, as the authors' later code does, so that the wide, deep layers do not
# drown the others. The weights sum to 1.


# %%
def layer_loss(maps, target):
    """How far the texture at one layer is from that of the style image: four times E_l."""
    return tf.reduce_mean((gram(maps) - target) ** 2)


shares = {layer: 1.0 / maps[layer].shape[-1] ** 2 for layer in STYLE}
w = {layer: share / sum(shares.values()) for layer, share in shares.items()}
channels = weights.layer_channels(inputs.network.network)
assert np.allclose(list(w.values()), list(losses.Gram(1.0, STYLE).part_weights(channels).values()))
table(["layer", *map(short, STYLE)], ["weight", *(f"{w[layer]:.4f}" for layer in STYLE)])

# Equation 4 as printed, against ours. It wants images of the same size: the style, cut to fit.
layer = "block3_conv1"
F = features(content, [layer])[layer][0].numpy().reshape(-1, channels[layer])
S = features(tf.constant(covering), [layer])[layer][0].numpy().reshape(F.shape)
M, N = F.shape
paper = np.sum((F.T @ F - S.T @ S) ** 2) / (4 * N**2 * M**2)
ours = np.mean((F.T @ F / M - S.T @ S / M) ** 2)
assert np.isclose(4 * paper, ours, rtol=1e-3)
print(f"equation 4: {paper:.4f}   ours: {ours:.4f}   ours / paper: {ours / paper:.3f}")

# %% [markdown]
# ### And its derivative
#
# [G15], **equation 6**, again with the ReLU's zero where a filter is silent:
#
# $$\frac{\partial E_l}{\partial F^l_{ij}} =
#   \frac{1}{N_l^2 M_l^2} \Big( (F^l)^\top \big(G^l - A^l\big) \Big)_{ji}
#   \quad\text{if } F^l_{ij} > 0$$
#
# In words: filter $i$ should change where its *partners* $j$ fire, in proportion to how wrong the
# pair is. With our division by $M$ it reads $\frac{4}{N^2 M} F (G - A)$, with positions in rows.
# The tape agrees.

# %%
F = features(content, [layer])[layer]
with tf.GradientTape() as tape:
    tape.watch(F)
    loss = layer_loss(F, A[layer])
by_tape = tape.gradient(loss, F)
assert np.isclose(loss, losses.gram_distance(losses.gram_sums(F), A[layer]), rtol=1e-4)

rows = tf.reshape(F, [M, N])
by_formula = tf.reshape(4 / (N**2 * M) * rows @ (gram(F) - A[layer]), F.shape)
scale = float(tf.reduce_max(tf.abs(by_formula)))
np.testing.assert_allclose(by_tape / scale, by_formula / scale, atol=1e-4)
print("tape and formula agree at all", int(tf.size(F)), "activations")

# %% [markdown]
# ### Painting a texture from nothing
#
# Now the beautiful part. Start from noise, and ask for nothing but the Gram matrices [T15]. First
# those of conv1_1 alone, then more and more layers. This is the upper row of figure 1 in [G15].


# %%
def texture(names, steps=80):
    """An image with the Gram matrices of the style image, at the layers named."""

    def loss(image):
        maps = features(image, names)
        return tf.add_n([w[name] * layer_loss(maps[name], A[name]) for name in names])

    return minimise(loss, noise(), steps)[0]


textures = {"the style image": style}
for depth in (1, 2, 3, 4, 5):
    title = "conv1_1" if depth == 1 else f"conv1_1 … {short(STYLE[depth - 1])}"
    textures[title] = texture(STYLE[:depth])
show(textures, columns=3)

# %% [markdown]
# Read it as a sentence that gets longer. With conv1_1 alone the colours are there, as small flecks.
# Each further layer adds larger neighbourhoods: flecks join into strokes, and the yellow gathers
# into lights in the dark. Nothing is where it was, and yet you would recognise the palette and the
# brush. (With VGG19 the swirls return as well; the bundled network is a modest painter.)
#
# The claim "larger neighbourhoods" can be checked: how similar are two pixels at a distance of $d$?
# For small flecks that falls fast; for strokes it takes longer.


# %%
def similarity(image, distances):
    """Correlation of brightness between pixels that are so many columns apart."""
    grey = tf.reduce_mean(image, axis=3)[0].numpy()
    grey = grey - grey.mean()
    return [np.mean(grey[:, d:] * grey[:, :-d]) / np.mean(grey**2) for d in distances]


apart_by = range(1, 13)
chosen = ["conv1_1", "conv1_1 … conv2_1", "conv1_1 … conv4_1", "the style image"]
falls = {title: similarity(textures[title], apart_by) for title in chosen}
figure, axis = plt.subplots(figsize=(6.5, 3))
for title, values in falls.items():
    axis.plot(apart_by, values, label=title)
axis.set(xlabel="distance between two pixels, columns", ylabel="correlation of brightness")
axis.legend(fontsize=8)
plt.show()
assert np.mean(falls["conv1_1 … conv4_1"]) > np.mean(falls["conv1_1"])

# %% [markdown]
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
# **4.2** How many numbers describe the texture, from conv1_1 to conv5_1, if you count each pair of
# filters once? How many numbers has the image? Is it a surprise that the texture cannot be a copy?
#
# <details><summary>Solution</summary>
#
# A symmetric $N \times N$ matrix has $N (N + 1) / 2$ different entries.
#
# ```python
# described = sum(A[k].shape[0] * (A[k].shape[0] + 1) // 2 for k in STYLE)
# print(described, "numbers for the texture,", int(tf.size(style)), "for the image")
# ```
#
# With the bundled network there are far fewer numbers than pixels: many images share them, and a
# copy would be a coincidence. For VGG19 there are 305,888, more than a small image has pixel
# values. What keeps the copy away there is mostly that the optimisation starts from noise.
#
# </details>
#
# **4.3** The Gram matrix is not centred: it is the mean of $f f^\top$, not the covariance. Express
# one by the other, and check it.
#
# <details><summary>Solution</summary>
#
# $G = \Sigma + \mu \mu^\top$, with $\mu$ the mean activations and $\Sigma$ their covariance. The
# Gram matrix thus also knows *how much* of each feature there is.
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
# $$J = \alpha\, \mathcal{L}_{content} + \beta\, \mathcal{L}_{style}$$
#
# $J$ is *one number for an image*: how bad is it? All that follows is a walk through the space of
# images, always to where $J$ is smaller. Our image has $3 H W$ numbers, so that space has this many
# dimensions.

# %%
ALPHA, BETA = config.alpha, config.beta  # the package's default
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


def J(image, P=P, A=A):
    """Equation 7."""
    c, s = parts(image, P, A)
    return ALPHA * c + BETA * s


rows = []
for title, image in {"content": content, "style": tf.constant(covering), "noise": noise()}.items():
    c, s = map(float, parts(image))
    rows.append([title, f"{c:.3f}", f"{s:.3f}", f"{ALPHA * c + BETA * s:,.0f}"])
table(["image", "content loss", "style loss", "J"], *rows)
assert float(parts(content)[0]) == 0.0

# %% [markdown]
# The photograph has content loss 0, of course. The style image has a small style loss (not 0 here:
# it was cut to the photograph's shape). Noise is bad at both.
#
# ### The gradient with a tape
#
# How does $J$ change if one pixel gets a little brighter? That is a partial derivative. All of them
# together, one for each number in the image, form the gradient: itself an image.
#
# Trying each pixel in turn would take one evaluation of $J$ per number. The tape needs *one*
# backward pass for all. First on something you can check in your head:

# %%
x = tf.constant(3.0)
with tf.GradientTape() as tape:
    tape.watch(x)  # a constant is not recorded unless we ask; a tf.Variable always is
    y = x**2 + 5 * x
derivative = float(tape.gradient(y, x))
print("derivative of x² + 5x at 3:", derivative, "= 2·3 + 5")
assert derivative == 11.0


def value_and_gradient(image):
    """J at an image, and its gradient: one forward pass and one backward pass."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = J(image)
    return value, tape.gradient(value, image)


start = content  # the photograph itself; part 8 looks at other starts
value, gradient = value_and_gradient(start)
print("shape of the gradient:", gradient.shape)
assert gradient.shape == start.shape

size = tf.abs(gradient[0])
show({"the image": start, "where J wants a change": tf.reduce_max(size, axis=-1) ** 0.5})

# %% [markdown]
# Do not believe a gradient that you have not checked. Walk a tiny distance $h$ along a direction
# $d$, in both senses. The difference quotient must be what the gradient promises:
#
# $$\frac{J(x + h\,d) - J(x - h\,d)}{2h} \approx \nabla J(x) \cdot d$$

# %%
h = 0.02
direction = gradient / tf.norm(gradient)
quotient = float(J(start + h * direction) - J(start - h * direction)) / (2 * h)
promised = float(tf.reduce_sum(gradient * direction))
print(f"difference quotient {quotient:,.1f}, gradient {promised:,.1f}")
assert np.isclose(quotient, promised, rtol=0.05)

# %% [markdown]
# ### The first step, by hand
#
# Gradient descent: go against the gradient, by a step of size $\eta$. The gradient's own length
# says little (multiply $\alpha$ and $\beta$ by 1000, and it grows a thousandfold, for the same
# picture). So we measure it in units of its root mean square. Then $\eta$ is about *how much a
# pixel changes*:
#
# $$x_1 = x_0 - \eta\, \frac{g}{\text{rms}(g)}, \qquad g = \nabla J(x_0),\qquad
#   \text{rms}(g) = \sqrt{\text{mean}(g^2)}$$
#
# (The package does the same, with the first gradient of a run as the unit for all its steps.)
#
# Start at the photograph. Its content loss is 0, so the first push comes from the style alone.
#
# How long should the step be? Look along the line. The dashed line is what the gradient promises;
# the blue one is what happens.

# %%
unit = tf.sqrt(tf.reduce_mean(gradient**2))
steps = np.linspace(0, 0.06, 25)
along = [float(J(start - step * gradient / unit)) for step in steps]
slope = -float(tf.reduce_sum(gradient * gradient / unit))

figure, axis = plt.subplots(figsize=(6, 3))
axis.plot(steps, along, label="J along the line")
axis.plot(steps, along[0] + slope * steps, label="what the gradient promises")
axis.set(xlabel="step η, in pixel values", ylabel="J", ylim=(0.8 * min(along), 1.05 * along[0]))
axis.legend()
plt.show()

best = steps[np.argmin(along)]
after = tf.clip_by_value(start - best * gradient / unit, 0.0, 1.0)
print(f"the best step here is about {best:.3f}: J falls from {along[0]:,.0f} to {min(along):,.0f}")
assert float(J(after)) < float(value)
show(
    {
        "before the first step": start,
        "after it": after,
        "the change, × 5": 0.5 + 5 * (after - start),
    }
)

# %% [markdown]
# The promise holds for small steps only; go too far and $J$ turns around. So: many small steps,
# with a new gradient after each.
#
# ### Adam
#
# Plain descent has one step size for all pixels. **Adam** keeps two running means for each number
# of the image, of the gradient and of its square, and divides one by the root of the other ([Adam],
# algorithm 1; $g_t$ is the gradient of step $t = 1, 2, \dots$):
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad
#   v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2$$
#
# Both start at zero, and a factor makes up for that. In the order of computation that the end of
# section 2 of [Adam] recommends, and that Keras follows:
#
# $$x_t = x_{t-1} - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\;
#   \frac{m_t}{\sqrt{v_t} + \varepsilon}$$
#
# ($\beta_1, \beta_2$ have nothing to do with our $\beta$.) With a tiny $\varepsilon$ the first step
# is $\eta$ times the *sign* of the gradient: every pixel moves by the same amount, however little
# it matters. In empty, bright areas of an image that breeds noise. The package takes
# $\varepsilon = 0.1$, in units of the first gradient, so that pixels with small gradients stay
# calm.
#
# The first step by hand, and by Keras:

# %%
eta, beta1, beta2, epsilon = 0.02, 0.9, 0.99, 0.1
g = gradient / unit
m, v = (1 - beta1) * g, (1 - beta2) * g**2
factor = (1 - beta2) ** 0.5 / (1 - beta1)
by_hand = start - eta * factor * m / (tf.sqrt(v) + epsilon)

image = tf.Variable(start)
keras.optimizers.Adam(eta, beta1, beta2, epsilon).apply([g], [image])
np.testing.assert_allclose(image, by_hand, atol=1e-5)
print("by hand and by Keras: the same")

sizes = np.geomspace(1e-3, 1e1, 50)
figure, axis = plt.subplots(figsize=(6, 3))
for tiny in (1e-8, epsilon):
    first_steps = eta * factor * (1 - beta1) * sizes / ((1 - beta2) ** 0.5 * sizes + tiny)
    axis.plot(sizes, first_steps, label=f"ε = {tiny:g}")
axis.set(xlabel="gradient of a pixel / rms(g)", ylabel="its first step", xscale="log")
axis.legend()
plt.show()

# %% [markdown]
# **Departure**: [G15] leaves the optimiser open ("gradient descent"), [G16] uses L-BFGS. The
# package's default is Adam, with pixels kept in [0, 1] after each step, and with the mean of the
# last iterates as the result. Part 9 lets both race.
#
# ### Eager, or compiled
#
# So far TensorFlow ran in **eager** mode: each line of Python does its work at once, like NumPy.
# Easy to debug; but Python hands over every small operation separately.
#
# `tf.function` does it differently. At the first call it **traces**: it runs your Python once with
# placeholder tensors, and writes down which operations are called. That is the graph. From then on
# it runs the graph, without your Python. Two things follow, and both can be seen below:
#
# * A `print` inside happens only while tracing.
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
print("6 calls,", len(traces), "traces:", *traces, sep="\n  ")
assert len(traces) == 4  # 1.0; 2.0; all tensors together; the other shape

# %% [markdown]
# Now time both, on a large and on small images. The work in the filters shrinks with the image; the
# overhead of Python does not.


# %%
def milliseconds(function, repeats=9):
    """The median time of a call."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


rows = []
for side in (32, 64, 128, 192):
    image = tf.image.resize(content, (side * 3 // 4, side))

    def eager_step(image=image):
        """One gradient, line by line."""
        with tf.GradientTape() as tape:
            tape.watch(image)
            maps = encoder(image, [*STYLE, CONTENT])
            value = tf.add_n([tf.reduce_mean(f**2) for f in maps.values()])
        return tape.gradient(value, image)

    compiled_step = tf.function(eager_step)
    begin = time.perf_counter()
    compiled_step()
    first_call = 1000 * (time.perf_counter() - begin)
    eager, fast = milliseconds(eager_step), milliseconds(compiled_step)
    row = [f"{eager:.1f}", f"{fast:.1f}", f"{eager / fast:.2f}", f"{first_call:.0f}"]
    rows.append([f"{side} × {side * 3 // 4} px", *row])
table(["image", "eager, ms", "compiled, ms", "ratio", "first compiled call, ms"], *rows)

# %% [markdown]
# On small images compiling pays a lot, on large ones less: there the filters are the work, and they
# run in the same library code either way. The first call costs far more than the others: that is
# the trace. It pays once you take more than a few dozen steps.
#
# ### Exercises
#
# **5.1** Double both $\alpha$ and $\beta$. What happens to $J$, to the gradient, to the first step?
#
# <details><summary>Solution</summary>
#
# $J$ and its gradient double. The step is the same, since it is measured in units of the gradient.
#
# ```python
# g2 = 2 * gradient
# step_1 = gradient / tf.sqrt(tf.reduce_mean(gradient**2))
# step_2 = g2 / tf.sqrt(tf.reduce_mean(g2**2))
# np.testing.assert_allclose(step_1, step_2, rtol=1e-4, atol=1e-6)
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
# with tf.GradientTape() as tape:
#     tape.watch(content)
#     c = parts(content)[0]
# assert not np.any(tape.gradient(c, content))
# ```
#
# </details>
#
# **5.3** Find the gradient of $J$ at one pixel by a difference quotient, and compare. Why do the
# two not agree to many digits?
#
# <details><summary>Solution</summary>
#
# ```python
# where = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)  # the steepest pixel
# bump = np.zeros(start.shape, np.float32)
# bump[where] = 0.05
# quotient = float(J(start + bump) - J(start - bump)) / 0.1
# print(quotient, float(gradient[where]))
# assert np.isclose(quotient, float(gradient[where]), rtol=0.3)
# ```
#
# 32-bit floats carry seven digits, and $J$ hardly changes with one pixel: a small $h$ drowns in
# rounding, a large one leaves the straight part of the curve. The package's tests use 64 bits.
#
# </details>

# %% [markdown]
# ---
# # Part 6: The whole method in 25 lines
#
# You have seen every part. Here they are in one piece: the network, the loss, the gradient, the
# step. It uses TensorFlow, Keras' Adam, and from above the one-line `gram` of part 4 with the
# layers' weights `w`, the numbers in `layers` (the weights of the network) and in `norms` (the mean
# activations). Nothing else of this package.


# %%
nn, BORDER = tf.nn, [[0, 0], [1, 1], [1, 1], [0, 0]]


def paint(content, style, start, steps, alpha=ALPHA, beta=BETA, rate=0.02):
    """Neural style transfer. Returns the picture, and J before each step and at the end."""

    def see(image):  # parts 2 to 4: the features that content means, the Gram matrices of style
        x, maps = tf.pad(image[..., ::-1] * 255.0 - BGR_MEAN, BORDER, "SYMMETRIC"), {}
        for name, kernel, b in layers:
            if kernel is None:
                x = nn.avg_pool2d(x, 2, 2, "SAME")
            else:
                x = maps[name] = nn.relu(nn.conv2d(x, kernel, 1, "SAME" if maps else "VALID") + b)
        maps = {name: maps[name] / norms[name] for name in (CONTENT, *STYLE)}
        return maps[CONTENT], {k: gram(maps[k]) for k in STYLE}

    @tf.function
    def evaluate():  # part 5: J by equation 7, and its gradient
        with tf.GradientTape() as tape:
            F, G = see(image)
            style_loss = sum(w[k] * tf.reduce_mean((G[k] - A[k]) ** 2) for k in STYLE)
            J = alpha * tf.reduce_mean((F - P) ** 2) + beta * style_loss
        return J, tape.gradient(J, image)

    P, A, image = see(content)[0], see(style)[1], tf.Variable(start)
    adam, history, unit = keras.optimizers.Adam(rate, beta_2=0.99, epsilon=0.1), [], None
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
# A tutorial that computes something else than the program it explains is worth little. So we let
# the package run with the same settings, with a run folder, and compare: $J$ at each step, and the
# picture at the end.
#
# `optimizer.average=0` turns the averaging of iterates off, and `pyramid=single` the coarse-to-fine
# scheme of part 10; our 25 lines have neither.

# %%
STEPS = 30
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
        "optimizer.learning_rate=0.02",
        "optimizer.options={beta_1: 0.9, beta_2: 0.99, epsilon: 0.1}",
        "optimizer.average=0",
        "observer=[metrics]",
    ],
    folder=WORK / "same",
)
totals = [line["total"] for line in RunFolder(WORK / "same").history()]

np.testing.assert_allclose(history, totals, rtol=1e-3)
difference = np.abs(np.asarray(by_package) / 255 - by_hand[0].numpy())
print(f"J at the start {history[0]:,.2f} and {totals[0]:,.2f}")
print(f"J at the end   {history[-1]:,.2f} and {totals[-1]:,.2f}")
print(
    f"largest relative difference of J over {STEPS} steps: "
    f"{max(abs(a / b - 1) for a, b in zip(history, totals, strict=True)):.1e}"
)
print(f"difference of pixels, of 255: {255 * difference.mean():.3f} on average (rounding: 0.25)")
assert difference.mean() < 0.5 / 255 and len(history) == len(totals) == STEPS + 1

show({"25 lines": by_hand, "the package": np.asarray(by_package) / 255})
figure, axis = plt.subplots(figsize=(6, 3))
axis.plot(history, label="25 lines")
axis.plot(totals, label="the package")
axis.set(xlabel="step", ylabel="J", yscale="log")
axis.legend()
plt.show()

# %% [markdown]
# The two curves lie on top of each other; what remains is the rounding of 32-bit floats, and of the
# PNG's 8 bits. So what do the other few thousand lines of the package do? They check what you type,
# load any image, find the weights, run any size and any sweep, record everything, survive a power
# cut, and tell you what went wrong. The mathematics is what you see above.
#
# ### Exercises
#
# **6.1** Which lines of `paint` would you change for max pooling? For zeros at the border? For a
# content loss at conv3_2?
#
# <details><summary>Solution</summary>
#
# `tf.nn.max_pool2d`; leave out `"SYMMETRIC"` (then `tf.pad` pads zeros; the mean has been taken
# away before, so these are zeros of the right kind); set `CONTENT = "block3_conv2"`. With the
# package: `network.pooling=max`, `network.padding=zeros`, `loss.content.layers=[block3_conv2]`.
#
# </details>
#
# **6.2** The network inside `paint` runs to conv5_4, although conv5_1 is the deepest layer that is
# used. Is that a waste?
#
# <details><summary>Solution</summary>
#
# In eager mode, yes. A traced graph is pruned: operations whose results nobody uses are not run.
# Only the trace itself is longer. (The package stops at the deepest layer it needs.)
#
# </details>

# %% [markdown]
# ---
# # Part 7: How much content, how much style
#
# Only the ratio $\alpha / \beta$ matters for the picture. Here it runs over four powers of ten,
# from left to right from nearly all style to nearly all content; the middle one is the package's
# default.

# %%
factors = (0.1, 1, 10, 100, 1000)
ratios, pictures, measured = [], {}, []
for factor in factors:
    picture, _ = paint(content, style, content, 60, alpha=factor * ALPHA)
    ratios.append(factor * ALPHA / BETA)
    pictures[f"α/β = {ratios[-1]:g}"] = picture
    measured.append(evaluate(picture[0].numpy(), inputs.content.rgb, inputs.style.rgb))
show(pictures, columns=5)

# %% [markdown]
# To compare runs with *different* weights, $J$ is useless: each run has its own $J$. We need a
# measure that does not depend on the weights. The package reports two, always on the same network,
# layers and size (`nst/evaluation.py`). The content distance you know from part 3. The style
# distance is 0 for the style image's Gram matrices $A$, and 1 for those of the photograph:
#
# $$d_{style} = \frac{\text{mean}\big((G - A)^2\big)}{\text{mean}\big((G_{content} - A)^2\big)}$$

# %%
content_distances = [m["content_distance"] for m in measured]
style_distances = [m["style_distance"] for m in measured]
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
axes[0].plot(ratios, content_distances, marker="o", label="content distance")
axes[0].plot(ratios, style_distances, marker="s", label="style distance")
axes[0].set(xlabel="α / β", ylabel="distance", xscale="log")
axes[0].legend()
axes[1].plot(style_distances, content_distances, color=GREEN, linestyle="-", marker="o")
for ratio, x, y in zip(ratios, style_distances, content_distances, strict=True):
    axes[1].annotate(f" {ratio:g}", (x, y), fontsize=8)
axes[1].set(xlabel="style distance", ylabel="content distance", title="each point: one α / β")
plt.show()
assert content_distances[-1] < content_distances[0] and style_distances[-1] > style_distances[0]

# %% [markdown]
# The right plot is the *price list*: so much content must be given up for so much style. No ratio
# is right. It is a matter of taste, and of the two images.
#
# [G15] writes ratios like $10^{-3}$ for its own losses. With the departures that you know, the same
# balance has other numbers here; the list at the end converts them.
#
# ### Exercises
#
# **7.1** What picture do you expect for $\alpha = 0$ from a *content* start? From noise?
#
# <details><summary>Solution</summary>
#
# From noise: a texture, as in part 4. From the content: a texture that still remembers the
# photograph, as nothing pushes it *away* from there; the optimisation takes what it finds.
#
# ```python
# picture, _ = paint(content, style, content, 60, alpha=0.0)
# show({"alpha = 0, from the content": picture})
# ```
#
# </details>
#
# **7.2** Take the photograph as its own style image. What are $J$ and its gradient at the start?
#
# <details><summary>Solution</summary>
#
# Both are zero: it has its own content and its own Gram matrices. Nothing moves.
#
# ```python
# _, history_of_self = paint(content, content, content + 0.0, 0)
# assert history_of_self[0] < 1e-3
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 8: Where to start
#
# $J$ has many valleys. Where we end depends on where we begin. [G15] starts from white noise; [G16]
# shows that starting from the content or from the style image works as well, and biases the result
# towards it (section 3.3 and its figure 6). The same $J$, four starts:

# %%
starts = {
    "noise, seed 0": noise(),
    "noise, seed 1": noise(seed=1),
    "content": content,
    "style": tf.constant(covering),
}
ends, curves = {}, {}
for title, begin_with in starts.items():
    ends[title], curves[title] = minimise(J, begin_with, 80)
show({f"start: {title}": picture for title, picture in starts.items()}, columns=4)
show({f"after 80 steps: {title}": picture for title, picture in ends.items()}, columns=4)

figure, axis = plt.subplots(figsize=(6.5, 3))
for title, curve in curves.items():
    axis.plot(curve, label=title)
axis.set(xlabel="step", ylabel="J", yscale="log")
axis.legend(fontsize=8)
plt.show()

apart = mean_square(ends["noise, seed 0"] - ends["noise, seed 1"])
print(
    f"two seeds end with J = {curves['noise, seed 0'][-1]:,.0f} and "
    f"{curves['noise, seed 1'][-1]:,.0f}; mean squared difference of the pictures {apart:.3f}"
)
assert apart > 0.001

# %% [markdown]
# Look at what each keeps of its start. From the content the drawing is crisp, and the picture is
# the same every time. From noise each seed gives another picture of nearly the same quality: a
# lottery that some people like to play. From the style image the places of the painting shine
# through.
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
# picture, _ = paint(content, style, 0.7 * content + 0.3 * noise(), 80)
# show({"70 % content, 30 % noise": picture})
# ```
#
# </details>
#
# **8.2** Is the best start the one with the lowest $J$ at its beginning? Use the curves above.
#
# <details><summary>Solution</summary>
#
# No. The first number of a curve says little about the last one.
#
# ```python
# for title, curve in curves.items():
#     print(f"{title:15} {curve[0]:12,.0f} → {curve[-1]:10,.0f}")
# ```
#
# </details>

# %% [markdown]
# ---
# # Part 9: Adam against L-BFGS
#
# ### Why the gradient alone is not enough
#
# Think of a long, narrow valley. The gradient points to the nearer wall, not along the valley.
# Gradient descent zigzags. Newton's method would look at the *curvature*, the second derivatives
# $H$, and go to $x - H^{-1} g$: in a quadratic valley straight to the bottom. But with $n$ pixel
# values $H$ has $n^2$ entries.
#
# **L-BFGS** never builds it. It remembers the last few steps $s_i = x_{i+1} - x_i$ and how the
# gradient changed along them, $y_i = g_{i+1} - g_i$. That is curvature, measured on the way. From
# these pairs it computes $r \approx H^{-1} g$ with two loops ([NW], **algorithm 7.4**, with
# $\rho_i = 1 / (y_i \cdot s_i)$ from **equation 7.17** and $\gamma$ from **equation 7.20**):
#
# > $q \leftarrow g$
# > for $i$ from the newest pair to the oldest: $\quad a_i \leftarrow \rho_i\, s_i \cdot q, \quad
# q \leftarrow q - a_i y_i$
# >
# > $r \leftarrow \gamma\, q, \quad \gamma = \dfrac{s \cdot y}{y \cdot y}$ of the newest pair
# >
# > for $i$ from the oldest to the newest: $\quad b \leftarrow \rho_i\, y_i \cdot r, \quad
# r \leftarrow r + s_i (a_i - b)$
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
shape = (1, 6, 5, 3)
S = random.normal(size=(4, 90))
Y = S * random.uniform(0.5, 2.0, 90)  # a quadratic: y = H s with a diagonal H
g = random.normal(size=90)
as_images = [[tf.constant(v.reshape(shape), tf.float32) for v in vectors] for vectors in (S, Y)]
by_package = two_loop(
    tf.constant(g.reshape(shape), tf.float32),
    *as_images,
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


grid_x, grid_y = np.meshgrid(np.linspace(-4.5, 1.5, 200), np.linspace(-1.2, 1.2, 100))
figure, axis = plt.subplots(figsize=(8, 3))
valley = 0.5 * (grid_x**2 + 25 * grid_y**2)
axis.contour(grid_x, grid_y, valley, levels=np.geomspace(0.05, 30, 12), cmap="cividis", alpha=0.5)
for title, remember, marker in (("gradient descent", 0, "o"), ("L-BFGS", 5, "s")):
    path = walk(remember)
    axis.plot(*path.T, marker=marker, label=f"{title}: {len(path) - 1} steps shown")
axis.set(xlabel="$x_1$", ylabel="$x_2$")
axis.legend()
plt.show()
assert np.allclose(walk(5)[2], 0, atol=1e-8) and np.linalg.norm(walk(0)[-1]) > 0.1

# %% [markdown]
# L-BFGS is at the bottom after two steps. Gradient descent is still bouncing off the walls.
#
# ### The race
#
# Now on our $J$, which is no quadratic. Both optimisers are the package's own, and so is the
# objective. What counts as cost? A *step* of L-BFGS may need several evaluations of $J$ (it tries
# step lengths until one is good), so steps are no fair unit. **Evaluations** are, on paper.
# **Seconds** are what you wait for: L-BFGS also has to do its two loops over images.

# %%
terms = {
    "content": losses.Content(ALPHA, [CONTENT]),
    "style": losses.Gram(BETA, STYLE),
}
part_weights = {name: term.part_weights(channels) for name, term in terms.items()}
objective = Objective(encoder, terms, part_weights, norms, content, style)
assert np.isclose(objective(start).total, J(start), rtol=1e-3)  # the same J as ours


def race(make, start, evaluations=100):
    """Runs a new optimizer until its evaluations are used up. Returns rows of cost and J."""
    warm_up, optimizer = make(), make()
    for either in (warm_up, optimizer):
        either.begin(start)
    warm_up.step(objective)  # compiles what there is to compile, before the clock starts
    begin, rows = time.perf_counter(), []
    while optimizer.evaluations < evaluations and optimizer.stopped is None:
        total = float(optimizer.step(objective).total)
        rows.append((optimizer.evaluations, time.perf_counter() - begin, total))
    return np.array(rows), optimizer.result


def adam(eta):
    """The package's Adam with its default options and step size eta."""
    return FirstOrder("Adam", eta, options={"beta_2": 0.99, "epsilon": 0.1})


racers = {
    "Adam, η = 0.02": partial(adam, 0.02),
    "Adam, η = 0.05": partial(adam, 0.05),
    "L-BFGS": LBFGS,
}
starts = {"content": content, "noise": noise()}
results = {
    (begin_with, title): race(make, image)
    for begin_with, image in starts.items()
    for title, make in racers.items()
}

figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
for title in racers:
    rows, from_noise = results["content", title][0], results["noise", title][0]
    axes[0].plot(rows[:, 0], rows[:, 2], label=title)
    axes[1].plot(rows[:, 1], rows[:, 2], label=title)
    axes[2].plot(from_noise[:, 0], from_noise[:, 2], label=title)
axes[0].set(xlabel="evaluations of J", ylabel="J", yscale="log", title="from the content")
axes[1].set(xlabel="seconds", yscale="log", title="from the content")
axes[2].set(xlabel="evaluations of J", yscale="log", title="from noise")
axes[0].legend(fontsize=8)
plt.show()
show({f"{title}, from the {k}": picture for (k, title), (_, picture) in results.items()}, columns=3)
rows = []
for (begin_with, title), (race_rows, _) in results.items():
    used, seconds, total = race_rows[-1]
    rows.append([begin_with, title, f"{used:.0f}", f"{seconds:.1f}", f"{total:,.0f}"])
table(["start", "optimiser", "evaluations", "seconds", "J"], *rows)
for begin_with in starts:
    totals = results[begin_with, "L-BFGS"][0][:, 2]
    assert (np.diff(totals) <= 0).all()  # never uphill
    assert totals[-1] < results[begin_with, "Adam, η = 0.02"][0][-1, 2]

# %% [markdown]
# What to take home:
#
# * L-BFGS never goes uphill; the package guarantees it, and the cell asserts it. On this $J$ it
#   gets further with the same number of evaluations.
# * Adam needs a step size, and it matters. From the content its slow, even steps are no
#   disadvantage: they stop before everything has dissolved, which many eyes prefer.
# * From noise Adam has a hard time. The style loss of noise is enormous, so the first gradients are
#   huge; they set the unit, they linger in $v_t$, and all later ones look tiny beside them. The
#   authors' noise starts come with L-BFGS, and so does `experiment=gatys2015`.
# * A lead in evaluations is not the same as a lead in seconds. Compare the first two plots.
#
# A lower $J$ is not the same as a nicer picture, either. Look, and decide for yourself.
#
# ### Exercises
#
# **9.1** How much memory do 20 pairs take for an image of 4000 × 3000 pixels?
#
# <details><summary>Solution</summary>
#
# Each pair is two images of 36 million floats of 4 bytes: 288 MB. Twenty pairs: 5.8 GB. Hence
# `optimizer.history`.
#
# ```python
# assert 20 * 2 * 4000 * 3000 * 3 * 4 == 5_760_000_000
# ```
#
# </details>
#
# **9.2** Why must L-BFGS not have its pixels clipped to [0, 1] after each step, as Adam does?
#
# <details><summary>Solution</summary>
#
# The pair $(s, y)$ says: "along $s$ the gradient changed by $y$". If the image is moved behind its
# back, $s$ is not the step that was searched along, the guarantee $s \cdot y > 0$ of the line
# search is gone, and with it the downhill direction. The package clips the result only.
#
# </details>

# %% [markdown]
# ---
# # Part 10: Coarse to fine
#
# The network sees the world through windows of a fixed number of pixels (part 2). In a large
# picture a swirl of the sky is larger than any window: nobody sees it, nobody asks for it. In a
# *small* version of the same picture it fits. So begin small: lay the large strokes there, enlarge,
# and let each next scale add what is finer. Small images are also cheap. Painters work like this,
# too.
#
# Published examples are in Gatys, Ecker, Bethge, Hertzmann, Shechtman: *Controlling Perceptual
# Factors in Neural Style Transfer*, CVPR 2017, section 6. **Departure**: [G15] and [G16] use a
# single scale. The package's default grows by factors of $\sqrt 2$ (`pyramid=sqrt2`), takes Adam's
# running means along, and continues from the average of the iterates; the few lines below only
# enlarge the image.
#
# Both ways start from the content and get the same number of steps.

# %%
FINE, ALL_STEPS = 224, 120
scales = plan(images.fit(inputs.content.rgb.shape[:2], FINE), ALL_STEPS, 79, 2**0.5, -0.5)


def J_at(long_side):
    """Equation 7 for both images at another size."""
    P, A = targets(tensor(inputs.content.rgb, long_side), tensor(inputs.style.rgb, long_side))
    return partial(J, P=P, A=A)


begin = time.perf_counter()
image, stages = tensor(inputs.content.rgb, 79), {}
for scale in scales:
    image = tf.clip_by_value(tf.image.resize(image, (scale.height, scale.width), "bicubic"), 0, 1)
    image, _ = minimise(J_at(max(scale.height, scale.width)), image, scale.steps)
    stages[f"{scale.width} × {scale.height} px, {scale.steps} steps"] = image
pyramid_seconds = time.perf_counter() - begin

begin = time.perf_counter()
single, _ = minimise(J_at(FINE), tensor(inputs.content.rgb, FINE), ALL_STEPS)
single_seconds = time.perf_counter() - begin

show(stages, columns=5)
show(
    {
        f"single scale, {single_seconds:.0f} s": single,
        f"coarse to fine, {pyramid_seconds:.0f} s": image,
    }
)
rows = []
for title, picture in {"single scale": single, "coarse to fine": image}.items():
    m = evaluate(picture[0].numpy(), inputs.content.rgb, inputs.style.rgb)
    rows.append([title, f"{m['content_distance']:.3f}", f"{m['style_distance']:.3f}"])
table(["", "content distance", "style distance"], *rows)
assert sum(scale.steps for scale in scales) == ALL_STEPS
assert float(rows[1][2]) < float(rows[0][2])

# %% [markdown]
# Same number of steps, less time (its early steps are cheap), and a lower style distance: patches
# of light and dark are larger, as in the painting. The price is content; a larger $\alpha$ buys it
# back.
#
# ### Exercises
#
# **10.1** How many scales does the package use for a long side of 2048 px, with
# `pyramid.min_size=128`? How are 400 steps shared out?
#
# <details><summary>Solution</summary>
#
# $2048 / 128 = 2^4 = \sqrt 2^{\,8}$: nine scales. Steps are proportional to one over the long side,
# so that the cheap scales get most of them.
#
# ```python
# for scale in plan((1536, 2048), 400, 128, 2**0.5, -1.0):
#     print(f"{scale.width:5} × {scale.height:<5} {scale.steps:4} steps")
# ```
#
# </details>
#
# **10.2** From *noise* the pyramid matters even more. Why?
#
# <details><summary>Solution</summary>
#
# From the content the large structure is in place from the beginning. From noise nothing is, and at
# full size each unit sees only its small window of it. At 79 pixels a window is half the image.
#
# </details>

# %% [markdown]
# ---
# # Part 11: The package itself
#
# ### One function
#
# `stylize` is for other programs: two images in, one picture out. Overrides are written as on the
# command line. With `folder=` it keeps a full record; without, it leaves no trace.

# %%
picture = stylize(overrides=[NETWORK, *HANDLES, "size=224", "steps=100"])
print(type(picture).__name__, picture.size, picture.mode)
show({"stylize(…)": np.asarray(picture) / 255})

# %% [markdown]
# ### One command
#
# The same from a shell:
#
#     python -m nst.run style=starry alpha=1e3
#
# `key=value` changes what stands in `conf/`, and `--help` lists what can be changed. Here we run it
# from the notebook, inside the temporary folder. The last lines it prints say where the picture is.


# %%
def command(module, *arguments):
    """Runs `python -m module arguments` in the temporary folder and shows what it prints."""
    print("$ python -m", module, *arguments)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=WORK,
        env=os.environ | {"FORCE_COLOR": ""},  # Jupyter asks for colours; this is no terminal
        capture_output=True,
        text=True,
    )
    print(done.stderr + done.stdout)
    assert done.returncode == 0, done.stderr


command(
    "nst.run",
    NETWORK,
    "style=starry",
    "alpha=1e3",
    "size=256",
    "steps=90",
    "observer.tensorboard.images_every=30",
    "hydra.run.dir=outputs/first/run",
)

# %% [markdown]
# ### Reading a run folder back
#
# Each run leaves a folder with everything that is needed to understand it, or to do it again.

# %%
run = RunFolder(WORK / "outputs/first/run")
rows = []
for path in sorted(p for p in run.path.rglob("*") if p.is_file() and ".hydra" not in p.parts):
    shown_name = str(path.relative_to(run.path))
    shown_name = "events.out.tfevents.…" if "tfevents" in shown_name else shown_name
    rows.append([f"`{shown_name}`", f"{path.stat().st_size / 1000:.1f} kB"])
table(["file", "size"], *rows)
print("status:", run.status["status"], "·", run.status["reason"])
print(
    "content distance {content_distance:.3f}, style distance {style_distance:.3f}".format(
        **run.metrics
    )
)
assert run.status["status"] == "completed"

# %% [markdown]
# `metrics.jsonl` has one line for each step: plain JSON, made for plots like these. The weighted
# terms add up to the total, which is exactly the function whose gradient was used.
#
# The jumps are the pyramid: at each new scale the loss is a new function, of a larger image. And
# the very last point is the *result*: the mean of the last iterates, which looks calmer, although
# its $J$ is a little higher than that of the iterates it is made of.

# %%
lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
print(", ".join(lines[-1]))

step = [line["step"] for line in lines]
figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
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
# (`tensorboard --logdir outputs`). The file can be read by a program, too:

# %%
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(str(run.path), size_guidance={"tensors": 0})
events.Reload()
print(len(events.Tags()["tensors"]), "series, for example", *sorted(events.Tags()["tensors"])[:5])
snapshots = {}
for event in events.Tensors("result"):
    _, _, png = event.tensor_proto.string_val[:3]  # width, height, and the first image of the batch
    snapshots[f"step {event.step}"] = tf.image.decode_png(png).numpy() / 255
show(snapshots, columns=len(snapshots))

# %% [markdown]
# ### A small sweep
#
# `-m` and several values for a key run all combinations. Two weights times two optimisers are four
# runs:

# %%
command(
    "nst.run",
    "-m",
    NETWORK,
    "style=starry",
    "alpha=1e2,1e4",
    "optimizer=adam,lbfgs",
    "size=128",
    "steps=40",
    "pyramid=single",
    "observer=[metrics]",
    "hydra.sweep.dir=outputs/sweep",
)

# %% [markdown]
# Every run has a folder of its own in the sweep's, and `nst.compare` sets them side by side. It
# finds out by itself which keys differ.

# %%
from nst.compare import compare

report = compare([WORK / "outputs/sweep"])
sheet = Image.open(report.parent / "sheet.png").convert("RGB")
sheet.thumbnail((1000, 1000))
figure = plt.figure(figsize=(sheet.width / 100, sheet.height / 100))
axis = figure.add_axes((0, 0, 1, 1))
axis.imshow(sheet)
axis.axis("off")
plt.show()

rows = []
for folder in sorted(p.parent for p in (WORK / "outputs/sweep").glob("*/metrics.json")):
    m, c = RunFolder(folder).metrics, RunFolder(folder).config()
    optimizer = c.optimizer.get("name", "L-BFGS")
    distances = [f"{m['content_distance']:.3f}", f"{m['style_distance']:.3f}"]
    rows.append([f"{c.alpha:g}", optimizer, *distances, m["evaluations"], f"{m['seconds']:.1f}"])
table(["alpha", "optimizer", "content", "style", "evaluations", "seconds"], *rows)
assert len(rows) == 4

# %% [markdown]
# With the larger alpha content wins, whatever the optimiser. You have read the numbers for the
# reason in part 7, and the two columns on cost in part 9.
#
# ### Exercises
#
# **11.1** A picture can be made again from itself: `result.png` carries its configuration. Read it.
#
# <details><summary>Solution</summary>
#
# ```python
# text = images.read_text(run.path / "result.png")
# print(*text, sep=", ")
# print(text["config"][:300])
# assert "alpha: 1000.0" in text["config"]
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

# %%
TEMPORARY.cleanup()
assert not WORK.exists()
print(
    f"{time.perf_counter() - STARTED:.0f} seconds from the first cell to the last, with {NETWORK}"
)

# %% [markdown]
# ---
# # What differs from the paper
#
# All in one place. "Paper" is [G15].
#
# * **Content layers.** Paper: conv4_2. Here: conv3_2 and conv4_2 with equal weight, by default
#   (`loss.content.layers`); this notebook uses the paper's.
# * **Content loss.** Paper, eq. 1: half the sum of squares. Here: their mean. Same picture for
#   $\alpha_{here} = \alpha_{paper}\, N M / 2$, with $N$ filters and $M$ positions of the content
#   layer.
# * **Gram matrix.** Paper, eq. 3: a sum. Here: divided by the number of positions. So eq. 4 becomes
#   the plain mean of squares, four times the paper's: $\beta_{here} = \beta_{paper} / 4$, layer
#   weights equal.
# * **Layer weights.** Paper: 1/5 each. Here: proportional to $1/N_l^2$, with sum 1
#   (`loss.style.layer_weights`).
# * **Filters are normalised** to mean activation 1. [G15] does not mention it; [G16] does it over
#   ImageNet, we do it over the two images (`network.normalize`).
# * **Network.** Paper: VGG19. Here too where its weights can be had, else a small one with the same
#   layers, trained by this project (`network=bundled`).
# * **Pooling.** Average, as in the paper. Odd sides keep their last row and column.
# * **Border.** Paper: zeros. Here: the first convolution sees repeated border pixels
#   (`network.padding`).
# * **Total variation.** Not in the paper. Here: a little, by default (`loss.tv.weight=0` turns it
#   off).
# * **Start.** Paper: noise. Here: the content image (`init`).
# * **Optimiser.** Paper: gradient descent, not further specified; [G16]: L-BFGS. Here: Adam by
#   default, pixels kept in [0, 1], the mean of the last iterates as the result (`optimizer`).
# * **Scales.** Paper: one. Here: coarse to fine (`pyramid`).
#
# `python -m nst.run experiment=gatys2015` turns back what can be turned back.
#
# # Where to go from here
#
# * Your own pictures: `python -m nst.run content.image=me.jpg style.image=painting.jpg`.
# * The source, in the order of this notebook: `nst/images.py`, `nst/encoder.py`,
#   `nst/losses/functional.py`, `nst/objective.py`, `nst/optimizers/`, `nst/loop.py`, and
#   `nst/transfer.py`, which sees all of it.
# * A new loss is a class with two methods; see `nst/losses/terms.py`. Try the covariance of
#   exercise 4.3.
#
# One last thought. You never told the program what a brush stroke is. You wrote down what you want
# to see, as a number, and let calculus find the picture. That idea reaches far beyond painting.
