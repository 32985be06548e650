"""Networks of keras.applications: layers, normalisation, smoothing, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst.config import USER_ERRORS, check, compose
from nst.errors import InputError
from nst.features import catalogue
from nst.features.application import Application
from nst.features.catalogue import _model
from nst.features.normalisation import FLOOR
from nst.sources import gather
from nst.studio import paint, prepare, terms_of

POSITIVE, SIGNED = "Conv1_relu", "expanded_conv_project_BN"
NAMED = [
    "network=keras",
    "network.application=MobileNetV2",
    f"loss.content.layers=[{SIGNED}]",
    f"loss.style.layers=[{POSITIVE},{SIGNED}]",
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mobile.weights.h5"
    _model("MobileNetV2").save_weights(path)
    return path


@pytest.fixture(scope="module")
def plain(weights: Path) -> Application:
    return Application("MobileNetV2", weights)


def test_maps_are_normalised_by_means_or_root_mean_squares(plain: Application, picture) -> None:
    image = picture(32, 48)
    maps = {k: f.numpy() for k, f in plain(image, [POSITIVE, SIGNED]).items()}
    norms = {k: n.numpy() for k, n in plain.norms([image], [POSITIVE, SIGNED]).items()}
    assert maps[POSITIVE].shape[1:3] == (16, 24)
    assert maps[POSITIVE].min() >= 0 > maps[SIGNED].min()
    for name, values in ((POSITIVE, maps[POSITIVE]), (SIGNED, maps[SIGNED] ** 2)):
        expected = values.mean((0, 1, 2)) ** (1 if name == POSITIVE else 0.5)
        floor = FLOOR * expected.mean()
        np.testing.assert_allclose(norms[name], np.maximum(expected, floor), rtol=1e-4)
    assert float(plain.norms([], [SIGNED])[SIGNED]) == 1.0


def test_weights_that_cannot_be_kept_leave_no_file(
    plain: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def save_weights(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise OSError("no space left on device")

    monkeypatch.setattr(catalogue, "_application", lambda _: lambda **_: Full())
    with pytest.raises(InputError, match="cannot be written: no space left"):
        catalogue.imagenet_weights("MobileNetV2", tmp_path, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_painted_with_it_and_smoothing_is_a_softmax_of_mean_1(
    weights: Path, plain: Application, picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    settings = [*NAMED, f"network.weights={weights.name}", "network.smooth=true", "pyramid=single"]
    settings += ["size=40", "steps=1", "margin=0", "optimizer=sgd"]
    studio = prepare(compose(settings))
    assert studio.config.network.weights == str(weights)  # it is found from elsewhere as well
    assert "Wang et al. 2021" in str(studio.inputs.network.warning)
    first, last = paint(studio).run()
    assert last.total != first.total > 0
    image = picture(32, 32)
    exponentials = np.exp(plain(image, [SIGNED])[SIGNED])
    smooth = studio.objectives.loss.encoder(image, [SIGNED])[SIGNED]
    np.testing.assert_allclose(smooth, exponentials / exponentials.mean(), rtol=1e-4)


def test_weights_that_are_missing_or_not_finite_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match="does not hold weights of Keras' MobileNetV2 without"):
        Application("MobileNetV2", path)
    model = _model.__wrapped__("MobileNetV2")
    last = model.weights[-1]
    last.assign(np.full(last.shape, np.nan))
    model.save_weights(path)
    with pytest.raises(InputError, match=f"no valid weights for {last.path} of Keras' MobileNetV2"):
        Application("MobileNetV2", path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["network.application=MobilNetV2"], "no such network. Did you mean 'MobileNetV2'"),
        ([f"loss.style.layers=[{POSITIVE}s]"], f"no layer {POSITIVE}s .*Nearest: {POSITIVE}, "),
        (["runtime.tile=256"], "runtime.tile: of network=keras it is not known"),
        (["network.pooling=max"], "MobileNetV2 has its own; add network.pooling=null"),
        (["runtime.precision=float16"], "computes in float32"),
        (["network=bundled", "network.smooth=true"], "it needs network=keras"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changes: list[str], message: str, weights: Path) -> None:
    changed = {change.split("=")[0] for change in changes}
    named = [word for word in NAMED if word.split("=")[0] not in changed]
    named = [] if "network=bundled" in changes else [*named, f"network.weights={weights}"]
    config = compose([*named, *changes])
    with pytest.raises(InputError, match=message):
        check(config)
        gather(config)


def test_layers_that_a_term_brings_along_are_checked(weights: Path) -> None:
    """Those of conf/ are VGG's."""
    given = [*NAMED[:3], f"network.weights={weights}", "loss=[content,cross_layer]"]
    with pytest.raises(InputError, match="MobileNetV2 has no layer block"):
        gather(compose(given))
    config = compose([*given, f"loss.cross_layer.layers=[{POSITIVE}]"])
    gather(config)
    with pytest.raises(USER_ERRORS, match=f"{POSITIVE} is no convolution of a VGG"):
        terms_of(config.loss)
