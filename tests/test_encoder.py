"""The encoder against Keras' own model, and where it departs from it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nst.features import vgg, weights
from nst.features.encoder import BGR_MEAN, Encoder
from nst.features.normalisation import FLOOR, normalised
from nst.features.vgg import Layer
from nst.losses import gram_matrix, gram_sums

CONVOLUTIONS = [name for name in vgg.layer_channels("bundled") if "conv" in name]
ALL = list(vgg.layer_channels("bundled"))


def keras_features(
    model: keras.Model, image: tf.Tensor, layers: list[str]
) -> dict[str, np.ndarray]:
    """Feature maps of Keras' model, its own preprocessing included."""
    pixels = keras.applications.vgg19.preprocess_input(255.0 * image.numpy())
    outputs = [model.get_layer(layer).output for layer in layers]
    values = keras.Model(model.inputs[0], outputs)(pixels)
    return dict(zip(layers, (value.numpy() for value in values), strict=True))


def assert_close(
    actual: dict[str, tf.Tensor], expected: dict[str, np.ndarray], share: float
) -> None:
    """Compares feature maps, errors relative to each layer's largest activation."""
    assert set(actual) == set(expected)
    for layer, value in expected.items():
        assert value.max() > 0
        np.testing.assert_allclose(actual[layer], value, rtol=0, atol=share * value.max())


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_feature_maps_are_keras_own(name, random_vgg, picture) -> None:
    model, path = random_vgg(name)
    source = weights.locate(name, str(path), None, None, 1.0)
    image, layers = picture(32, 64), list(vgg.layer_channels(name))
    features = Encoder(weights.load(source), padding="zeros")(image, layers)
    assert_close(features, keras_features(model, image, layers), 1e-5)
    channels = {layer: value.shape[-1] for layer, value in features.items()}
    assert channels == vgg.layer_channels(name)


def keras_model(layers: list[Layer]) -> keras.Model:
    """A Keras model with these layers."""
    x = inputs = keras.Input((None, None, 3))
    for name, kernel, *_ in layers:
        if kernel is None:
            x = keras.layers.MaxPooling2D(name=name)(x)
        else:
            convolution = keras.layers.Conv2D(
                kernel.shape[3], 3, padding="same", activation="relu", name=name
            )
            x = convolution(x)
    model = keras.Model(inputs, x)
    for name, kernel, bias, *_ in layers:
        if kernel is not None:
            model.get_layer(name).set_weights([kernel, bias])
    return model


def test_the_bundled_network_is_a_keras_model_with_its_weights(bundled_layers, picture) -> None:
    image = picture(64, 32)
    features = Encoder(bundled_layers, padding="zeros")(image, ALL)
    assert_close(features, keras_features(keras_model(bundled_layers), image, ALL), 5e-5)
    channels = {layer: value.shape[-1] for layer, value in features.items()}
    assert channels == vgg.layer_channels("bundled")


@pytest.mark.parametrize(
    ("layers", "convolutions", "poolings"),
    [
        (["block1_conv1"], 1, 0),
        (["block2_pool"], 4, 2),
        (["block3_conv3", "block1_conv2"], 7, 2),
        (["block5_conv1", "block5_conv1"], 8, 4),  # three more are matrix products: Winograd's
        ([], 0, 0),
    ],
)
def test_it_goes_no_deeper_than_the_deepest_layer(layers, convolutions, poolings, bundled) -> None:
    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3])])
    def features(image) -> list[tf.Tensor]:
        return bundled(image, layers)

    graph = features.get_concrete_function().graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert (kinds.count("Conv2D"), kinds.count("MaxPool")) == (convolutions, poolings)


def test_poolings_take_the_largest_or_the_mean_of_four(bundled_layers, picture) -> None:
    for pooling, reduce in (("max", np.max), ("avg", np.mean)):
        features = Encoder(bundled_layers, pooling)(picture(8, 12), ["block1_conv2", "block1_pool"])
        blocks = features["block1_conv2"].numpy().reshape(1, 4, 2, 6, 2, -1)
        expected = reduce(blocks, axis=(2, 4))
        np.testing.assert_allclose(features["block1_pool"], expected, rtol=1e-5, atol=1e-5)


def test_poolings_of_odd_sides_keep_the_last_row_and_column(bundled_layers, picture) -> None:
    for pooling in ("max", "avg"):
        features = Encoder(bundled_layers, pooling)(picture(5, 7), ["block1_conv2", "block1_pool"])
        corner = features["block1_conv2"][:, -1, -1]
        np.testing.assert_allclose(features["block1_pool"][:, 2, 3], corner, rtol=1e-6)


def test_the_border_is_repeated_or_zero(bundled_layers, picture) -> None:
    image = picture(6, 9)
    centred = image[..., ::-1] * 255.0 - BGR_MEAN
    for padding, mode in (("replicate", "edge"), ("zeros", "constant")):
        expected, x = {}, centred
        for name, kernel, bias, *_ in bundled_layers[:2]:
            padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode)
            x = tf.nn.relu(tf.nn.conv2d(padded, kernel, 1, "VALID") + bias).numpy()
            expected[name] = x
        features = Encoder(bundled_layers, padding=padding)(image, list(expected))
        assert_close(features, expected, 1e-5)


def test_a_repeated_border_is_invisible_in_an_even_image(bundled_layers) -> None:
    spread = {}
    for padding in ("replicate", "zeros"):
        encoder = Encoder(bundled_layers, padding=padding)
        features = encoder(tf.fill([1, 7, 9, 3], 0.2), ["block3_conv1"])["block3_conv1"]
        spread[padding] = np.ptp(features.numpy(), axis=(1, 2)).max() / float(
            tf.reduce_max(features)
        )
    assert spread["replicate"] < 1e-5
    assert spread["zeros"] > 0.1


@pytest.mark.parametrize(("height", "width"), [(17, 33), (1, 40), (40, 1), (1, 1), (5, 3)])
@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_no_size_gives_empty_maps(height, width, pooling, bundled_layers, picture) -> None:
    encoder, image = Encoder(bundled_layers, pooling), picture(height, width)
    with tf.GradientTape() as tape:
        tape.watch(image)
        features = encoder(image, ALL)
        total = tf.add_n([tf.reduce_mean(value) for value in features.values()])
    for layer, value in features.items():
        halvings = int(layer[5]) - ("conv" in layer)
        assert value.shape[1:3] == (-(-height // 2**halvings), -(-width // 2**halvings))
        assert np.isfinite(value).all()
    gradient = tape.gradient(total, image)
    assert np.isfinite(gradient).all()
    assert np.any(gradient[:, -1, -1] != 0)


@pytest.fixture
def plain(bundled_layers) -> Encoder:
    """The bundled network as if nobody had taught it."""
    return Encoder([layer._replace(lift=None) for layer in bundled_layers])


def test_normalised_maps_have_mean_one(plain, picture) -> None:
    images = [picture(32, 40, seed=1), picture(24, 32, seed=2)]
    norms = plain.norms(images, ALL)
    for layer in ALL:
        maps = [plain(x, [layer])[layer] for x in images]
        means = np.mean([np.mean(f, (0, 1, 2)) for f in maps], 0)
        after = np.mean([np.mean(normalised(f, norms[layer]), (0, 1, 2)) for f in maps], 0)
        floor = FLOOR * means.mean()
        np.testing.assert_allclose(after[means > floor], 1, rtol=1e-4)
        assert (means > floor).any()
        assert (after[means <= floor] <= 1).all()


def test_normalising_is_rescaling_every_filter(bundled_layers, plain, picture) -> None:
    images = [picture(32, 48, seed=1), picture(48, 32, seed=2)]
    norms = {k: v.numpy() for k, v in plain.norms(images, CONVOLUTIONS).items()}
    rescaled, below = [], np.ones(3)
    for name, kernel, bias, *_ in bundled_layers:
        if kernel is None:
            rescaled.append(Layer(name))
            continue
        kernel = kernel * below[:, None] / norms[name]
        rescaled.append(Layer(name, kernel.astype(np.float32), bias / norms[name]))
        below = norms[name]
    encoder, image = Encoder(rescaled), picture(32, 32, seed=3)
    expected = {k: v.numpy() / norms[k] for k, v in plain(image, CONVOLUTIONS).items()}
    assert_close(encoder(image, CONVOLUTIONS), expected, 1e-4)


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_readout_is_half_way_from_the_students_channels_to_the_teachers_metric(
    calibrated, bundled_layers, bundled, picture
) -> None:
    images = [picture(32, 48, seed=1), picture(32, 48, seed=2)]
    norms = bundled.norms(images if calibrated else [], ALL)
    for layer in (layer for layer in bundled_layers if layer.name in ALL):
        lift = layer.lift
        if calibrated:
            maps = [bundled(x, [layer.name])[layer.name].numpy() @ lift for x in images]
            means = np.mean(maps, (0, 1, 2, 3))
            lift = lift / np.maximum(means, FLOOR * means.mean())
        channels, teachers = lift.shape
        metric = lift @ lift.T * channels / teachers
        found = norms[layer.name].numpy() / layer.gain
        fourth = np.linalg.matrix_power(found.astype(np.float64), 4)
        np.testing.assert_allclose(found, found.T, atol=1e-5 * found.max())
        np.testing.assert_allclose(np.trace(found @ found), np.trace(metric), rtol=1e-3)
        np.testing.assert_allclose(fourth / np.trace(fourth), metric / np.trace(metric), atol=1e-4)


def test_a_network_without_calibration_is_raw(plain, picture) -> None:
    image = picture(16, 16)
    for layer, norm in plain.norms([], ALL).items():
        features = plain(image, [layer])[layer]
        np.testing.assert_array_equal(normalised(features, norm), features)


@pytest.mark.parametrize("dead", [slice(0, 1), slice(None)], ids=["a filter", "a layer"])
def test_dead_filters_do_not_give_nan(dead, bundled_layers, picture) -> None:
    name, kernel, bias, *_ = bundled_layers[0]
    bias = bias.copy()
    bias[dead] = -1e6
    encoder = Encoder([Layer(name, kernel, bias)])
    features = encoder(picture(16, 16), [name])[name]
    norms = encoder.norms([picture(16, 16)], [name])[name]
    assert np.all(features[..., dead] == 0)
    assert np.isfinite(normalised(features, norms)).all()
    np.testing.assert_allclose(norms[dead], FLOOR * np.mean(features), atol=1e-9)


def test_other_precisions_are_near_float32(bundled_layers, bundled, picture) -> None:
    image = picture(48, 64)
    exact = {k: v.numpy() for k, v in bundled(image, ALL).items()}
    for precision, share in (("bfloat16", 0.08), ("float16", 0.01)):
        features = Encoder(bundled_layers, precision=precision)(image, ALL)
        assert {value.dtype for value in features.values()} == {tf.float32}
        assert_close(features, exact, share)
        assert any(np.any(features[k] != exact[k]) for k in ALL)  # it is another precision


def test_the_first_convolution_sees_pixels_in_float32(bundled_layers, picture) -> None:
    half, full = (
        Encoder(bundled_layers[:2], precision=precision)(picture(48, 64), ALL[:2])
        for precision in ("bfloat16", "float32")
    )
    first, second = ALL[:2]
    assert np.all(half[first] == full[first])
    assert np.any(half[second] != full[second])


def test_float16_does_not_overflow_in_gram_matrices(bundled_layers, picture) -> None:
    first, (name, kernel, bias, *_) = bundled_layers[:2]
    loud = [first, Layer(name, 30 * kernel, 30 * bias)]  # activations of hundreds, as VGG19's are
    half, full = (
        gram_sums(Encoder(loud, precision=precision)(picture(64, 64), [name])[name])
        for precision in ("float16", "float32")
    )
    assert float(tf.reduce_max(half.total)) > float(np.finfo(np.float16).max)
    expected = gram_matrix(full).numpy()
    np.testing.assert_allclose(gram_matrix(half), expected, rtol=0, atol=0.01 * expected.max())


@pytest.mark.parametrize("option", ["pooling", "padding", "precision"])
def test_unknown_options_are_answered(option, bundled_layers) -> None:
    with pytest.raises(ValueError, match=f"{option} must be one of .*, received 'mean'"):
        Encoder(bundled_layers, **{option: "mean"})


def test_unknown_layers_are_answered(bundled, picture) -> None:
    with pytest.raises(ValueError, match=r"the network has no layers \['conv4_2'\]"):
        bundled(picture(16, 16), ["block1_conv1", "conv4_2"])
