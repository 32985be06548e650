"""Where weights come from: found, fetched from a local server, or refused in a clear line."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from nst.config.composition import option, options
from nst.errors import InputError
from nst.features import vgg, weights
from nst.features.weights import Source, load, locate

BODY = os.urandom(200_000)  # nobody looks inside before load() does
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()
BUNDLED = weights.ASSETS / "bundled.npz"
REMEDY = "network.weights=PATH.*network=bundled"


class Handler(BaseHTTPRequestHandler):
    """Serves the body whole, cut off, slowly, or not at all, as the path says."""

    hits: ClassVar[Counter[str]] = Counter()
    end = threading.Event()

    def do_GET(self) -> None:
        self.hits[self.path] += 1
        if self.path == "/mute.h5":
            self.end.wait(20)
            return
        self.send_response(200 if self.path != "/missing.h5" else 404)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        half = len(BODY) // 2
        self.wfile.write(BODY[:half])
        if self.path == "/slow.h5":
            time.sleep(0.3)
        if self.path != "/cut.h5":
            self.wfile.write(BODY[half:])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Address of the server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        Handler.end.set()
        httpd.shutdown()


@pytest.fixture(scope="module")
def closed_port() -> str:
    """Address at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of Keras'."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "keras" / "models"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "network"), [("auto", "vgg19"), ("vgg19", "vgg19"), ("vgg16", "vgg16")]
)
def test_a_good_file_is_fetched_once_and_its_hash_recorded(name, network, server, home) -> None:
    Handler.hits.clear()
    source = locate(name, None, f"{server}/good.h5", MD5, 5.0)
    assert source == Source(network, home / "good.h5", SHA256)
    assert source.warning is None
    assert source.path.read_bytes() == BODY
    assert locate(name, None, f"{server}/good.h5", MD5, 5.0) == source
    assert Handler.hits["/good.h5"] == 1
    assert files(home) == ["good.h5"]


def test_weights_in_keras_own_cache_need_no_route(closed_port, home) -> None:
    home.mkdir(parents=True)
    (home / "vgg.h5").write_bytes(BODY)
    source = locate("auto", None, f"{closed_port}/vgg.h5", MD5, 5.0)
    assert (source.network, source.sha256, source.warning) == ("vgg19", SHA256, None)


FAILURES = {
    "wrong hash": ("/good.h5", "0" * 32, f"md5 is {MD5}, not 0000"),
    "cut connection": ("/cut.h5", MD5, "cut off after 100000 of 200000 bytes"),
    "no such file": ("/missing.h5", MD5, "the server answers 404"),
    "no answer": ("/mute.h5", MD5, "no answer within 0.3 s"),
    "no route": (":", MD5, "refused"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_download(failure, server, closed_port, home) -> None:
    path, md5, reason = FAILURES[failure]
    url = f"{closed_port}/vgg.h5" if failure == "no route" else server + path

    begin = time.monotonic()
    source = locate("auto", None, url, md5, 0.3)
    assert time.monotonic() - begin < 5
    assert source == Source("bundled", BUNDLED, hashlib.sha256(BUNDLED.read_bytes()).hexdigest())
    for part in (reason, str(home / url.rsplit("/", 1)[-1]), "network=bundled silences this"):
        assert part in source.warning

    for name in ("vgg19", "vgg16"):
        with pytest.raises(InputError, match=f"ImageNet weights of {name} .*{REMEDY}") as caught:
            locate(name, None, url, md5, 0.3)
        assert reason in str(caught.value)
    assert files(home.parent) == []


def test_a_damaged_file_in_the_cache_is_replaced_or_passed_over(server, closed_port, home) -> None:
    home.mkdir(parents=True)
    (home / "good.h5").write_bytes(BODY[:1000])
    source = locate("auto", None, f"{closed_port}/good.h5", MD5, 5.0)
    assert source.network == "bundled"
    assert "good.h5" in source.warning
    assert locate("auto", None, f"{server}/good.h5", MD5, 5.0).sha256 == SHA256
    assert files(home) == ["good.h5"]


def test_a_failed_download_is_remembered_until_the_file_is_there(server, home) -> None:
    Handler.hits.clear()
    url = f"{server}/missing.h5"
    assert [locate("auto", None, url, MD5, 5.0).network for _ in range(3)] == ["bundled"] * 3
    assert Handler.hits["/missing.h5"] == 1
    (home / "missing.h5").write_bytes(BODY)  # as the warning says
    source = locate("auto", None, url, MD5, 5.0)
    assert (source.network, source.sha256, source.warning) == ("vgg19", SHA256, None)


def test_a_file_that_is_replaced_is_another_source(tmp_path) -> None:
    path = tmp_path / "my.weights.h5"
    path.write_bytes(BODY[1:])
    before = locate("vgg19", str(path), None, None, 5.0)
    assert locate("vgg19", str(path), None, None, 5.0) == before
    path.write_bytes(BODY)
    assert locate("vgg19", str(path), None, None, 5.0).sha256 == SHA256 != before.sha256


def test_two_processes_at_once_without_tensorflow(server, home) -> None:
    code = (
        "import sys; from nst.features.weights import locate;"
        f"print(locate('auto', None, '{server}/slow.h5', '{MD5}', 60.0).sha256);"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    command, folder = [sys.executable, "-c", code], Path(__file__).parent.parent
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) for _ in range(2)
    ]
    assert [process.communicate(timeout=300)[0].strip() for process in running] == [SHA256] * 2
    assert [process.returncode for process in running] == [0, 0]
    assert files(home) == ["slow.h5"]


def test_every_network_decides_within_ten_seconds() -> None:
    for name in options("network"):
        assert option("network", name).timeout < 10


def test_bundled_needs_nothing(closed_port, home) -> None:
    source = locate("bundled", None, f"{closed_port}/vgg.h5", MD5, 5.0)
    assert source == Source("bundled", BUNDLED, hashlib.sha256(BUNDLED.read_bytes()).hexdigest())
    assert source.warning is None
    assert not home.exists()


@pytest.mark.parametrize("name", ["auto", "vgg19", "vgg16"])
def test_a_network_without_address_is_not_replaced_silently(name) -> None:
    with pytest.raises(InputError, match=f"network.url: {name} needs .*{REMEDY}"):
        locate(name, None, None, None, 5.0)


@pytest.mark.parametrize(("name", "network"), [("auto", "vgg19"), ("vgg16", "vgg16")])
def test_a_file_of_the_users_needs_no_route(
    name, network, tmp_path, closed_port, monkeypatch
) -> None:
    (tmp_path / "my.weights.h5").write_bytes(BODY)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for path in (str(tmp_path / "my.weights.h5"), "~/my.weights.h5", "my.weights.h5"):
        source = locate(name, path, f"{closed_port}/vgg.h5", MD5, 5.0)
        assert source == Source(network, tmp_path / "my.weights.h5", SHA256)


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path) -> None:
    (tmp_path / "vgg19.weights.h5").write_bytes(BODY)
    with pytest.raises(InputError, match=r"no file .*vg19\.weights\.h5.*'vgg19\.weights\.h5'"):
        locate("vgg19", str(tmp_path / "vg19.weights.h5"), None, None, 5.0)
    with pytest.raises(InputError, match=r"network\.weights: no file"):
        locate("vgg19", str(tmp_path / "nowhere" / "a.h5"), None, None, 5.0)
    with pytest.raises(InputError, match=r"network\.weights: no file"):
        locate("vgg19", str(tmp_path), None, None, 5.0)


@pytest.mark.parametrize("name", ["vgg19.pth", "vgg19.npz", "vgg19.keras"])
def test_another_kind_of_file_is_answered(name, tmp_path) -> None:
    (tmp_path / name).write_bytes(BODY)
    with pytest.raises(InputError, match=rf"{name} is not a Keras file \(.weights.h5 or .h5\)"):
        locate("vgg19", str(tmp_path / name), None, None, 5.0)


def assert_loaded(layers: list[vgg.Layer], model) -> None:
    assert [layer.name for layer in layers] == list(vgg.layer_channels(model.name))
    for name, kernel, bias, lift, gain in layers:
        assert (lift, gain) == (None, 1.0)
        expected = model.get_layer(name).get_weights()
        arrays = [array for array in (kernel, bias) if array is not None]
        for array, value in zip(arrays, expected, strict=True):
            np.testing.assert_array_equal(array, value)


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_keras_files_are_read(name, random_vgg) -> None:
    model, path = random_vgg(name)
    assert_loaded(load(locate(name, str(path), None, None, 5.0)), model)


def test_a_model_saved_whole_with_a_layer_on_top_is_read(random_vgg, tmp_path) -> None:
    import keras

    model, _ = random_vgg("vgg16")
    top = keras.layers.GlobalAveragePooling2D()(model.output)
    keras.Model(model.inputs, keras.layers.Dense(3)(top)).save(tmp_path / "whole.h5")
    assert_loaded(load(locate("vgg16", str(tmp_path / "whole.h5"), None, None, 5.0)), model)


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5"])
def test_a_file_that_is_not_hdf5_is_answered(name, tmp_path) -> None:
    (tmp_path / name).write_bytes(BODY)
    with pytest.raises(InputError, match=f"{name} does not hold weights of Keras' vgg19"):
        load(locate("vgg19", str(tmp_path / name), None, None, 5.0))


@pytest.mark.parametrize(("name", "other"), [("vgg19", "vgg16"), ("vgg16", "vgg19")])
def test_weights_of_the_other_network_are_answered(name, other, random_vgg) -> None:
    # Keras itself loads what fits by name and leaves the other layers random.
    path = str(random_vgg(other)[1])
    with pytest.raises(InputError, match=f"of Keras' {name}"):
        load(locate(name, path, None, None, 5.0))


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5"])
def test_weights_of_some_other_model_are_answered(name, tmp_path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    model.save(tmp_path / name) if name == "a.h5" else model.save_weights(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} .*of Keras' vgg16"):
        load(locate("vgg16", str(tmp_path / name), None, None, 5.0))


def test_a_file_under_the_wrong_kind_of_name_is_answered(random_vgg, tmp_path) -> None:
    shutil.copy(random_vgg("vgg16")[1], tmp_path / "published.weights.h5")
    with pytest.raises(InputError, match="of Keras' vgg16"):
        load(locate("vgg16", str(tmp_path / "published.weights.h5"), None, None, 5.0))


def test_weights_that_are_not_finite_are_answered(random_vgg, tmp_path) -> None:
    import h5py

    path = shutil.copy(random_vgg("vgg16")[1], tmp_path / "nan.h5")
    with h5py.File(path, "r+") as file:
        file["block4_conv2/block4_conv2_b_1:0"][7] = np.nan
    with pytest.raises(InputError, match=r"no valid weights for block4_conv2/bias"):
        load(locate("vgg16", str(path), None, None, 5.0))


def test_layers_of_the_bundled_network(bundled_layers) -> None:
    channels = vgg.layer_channels("bundled")
    assert [layer.name for layer in bundled_layers] == list(channels)
    teacher = vgg.layer_channels("vgg16")
    below = 3
    for name, kernel, bias, lift, gain in bundled_layers:
        assert lift.shape == (channels[name], teacher[name])
        assert 0.8 < gain < 2  # its distances are nearly the teacher's
        if name.endswith("pool"):
            assert kernel is bias is None
            continue
        assert kernel.shape == (3, 3, below, channels[name])
        assert bias.shape == (channels[name],)
        assert kernel.dtype == bias.dtype == np.float32
        below = channels[name]
