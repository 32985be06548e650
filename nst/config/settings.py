"""The settings of a run: its configuration as a flat mapping. Free of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst.config.names import stem

Value = str | int | float | bool | tuple[str, ...] | None
Settings = dict[str, Value]

STYLES = (
    *("style", "mean_std", "covariance", "wasserstein", "cmd", "cross_layer", "shifted"),
    *("sliced_wasserstein", "histogram", "nearest_neighbour", "feature_splitting"),
    *("relaxed_transport", "mrf", "contextual"),
)
FEEDS = {  # the root key that sets the weight of a term
    **dict.fromkeys(("content", "self_similarity"), "alpha"),
    **dict.fromkeys(STYLES, "beta"),
}

# Keys that cannot change the pixels of the picture, by kind. A group stands for all its keys.
COMMAND = ("resume", "replay", "search", "hydra")  # which runs, and where they are written
WATCHING = ("observer",)
ORIGIN = ("network.url", "network.md5", "network.timeout")  # where a file comes from
FILES = (  # only their hashes count
    *("content.image", "style.image", "init.image", "network.weights"),
    *("content.regions", "style.regions", "content.weight_map"),
)
HASHES = ("init.sha256", "network.sha256")  # of files that the identity hashes itself
SPEED = ("runtime.threads", "runtime.gradient_every", "runtime.tile")
FILED = ("output",)  # changes the file, and so the identity of a run
JUDGING = ("evaluation",)  # measures the picture when it is done
WITHOUT_INFLUENCE = COMMAND + WATCHING + ORIGIN + FILES + HASHES + SPEED + JUDGING
ASIDE = COMMAND + WATCHING + ORIGIN + FILED + JUDGING  # not settings to compare runs by


def influential(config: DictConfig) -> dict[str, Any]:
    """Returns the configuration without the keys that change neither the picture nor its file."""
    parts: Any = OmegaConf.to_container(config)
    for key in WITHOUT_INFLUENCE:
        group, _, last = key.rpartition(".")
        (parts[group] if group else parts).pop(last, None)
    for key in ("application", "smooth"):  # runs from before these keys are the same runs
        if not parts["network"].get(key):
            parts["network"].pop(key, None)
    for key, value in {"bits": 8, "profile": "srgb"}.items():
        if parts["output"].get(key) == value:
            del parts["output"][key]
    for node in parts["loss"].values():  # recordings spell out what null stands for
        weights = node.get("layer_weights")
        if weights and weights == [1 / len(weights)] * len(weights):
            node["layer_weights"] = None
    if parts["color"]["mode"] == "none":  # runs from before this group are the same runs
        del parts["color"]
    return dict(parts)


def flat(node: Mapping[Any, Any], prefix: str = "") -> Iterable[tuple[str, Value]]:
    """Flattens nested mappings; the parts of a key are joined with dots."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _value(value)


def settings_of(config: Mapping[str, Value]) -> Settings:
    """Returns the settings: groups named by option, images by file name, :data:`ASIDE` left out.

    Args:
        config: A configuration, flat: ``{"style.image": "a/wave.jpg"}`` → ``{"style": "wave"}``.
    """
    named: Settings = {}
    for key, value in config.items():
        if key.startswith(ASIDE) or key.endswith((".sha256", "optimizer.name")):
            continue
        if key in ("content.image", "style.image", "init.image"):
            key = key.removesuffix(".image") if key != "init.image" else key
            value = stem(value if isinstance(value, tuple) else str(value)) if value else None
        elif key in ("content.regions", "style.regions", "content.weight_map"):
            value = _stems(value)
        elif key == "style.scale" and isinstance(value, tuple):
            key = "style.scales"  # a column of numbers takes no list
        elif key == "optimizer._target_":
            key, value = "optimizer", str(config.get("optimizer.name") or _class(value)).lower()
        elif key in ("network.name", "color.mode"):
            key = key.partition(".")[0]
        elif key.endswith("._target_"):
            key, value = key.removesuffix("._target_"), _class(value)
        named[key] = value
    terms = [key.split(".")[1] for key in config if re.fullmatch(r"loss\.\w+\._target_", key)]
    return named | {"loss": "+".join(terms)} if terms else named


def hparams(config: DictConfig) -> dict[str, bool | int | float | str]:
    """Returns the columns of a run in TensorBoard's table: every setting that has a value.

    A column has one type in all runs and never None: TensorBoard turns mixed columns into text and
    hides rows. What a run lacks, such as the learning rate of L-BFGS, stays blank. Weights of terms
    that equal alpha or beta are left out as redundant.

    Args:
        config: The resolved configuration.
    """
    plain: Any = OmegaConf.to_container(config, resolve=True)
    named = settings_of(dict(flat(plain)))
    if named.get("pyramid.min_size") is None:  # a number, as in other runs
        named["pyramid.min_size"] = named["size"]
    fed = {f"loss.{term}.weight": key for term, key in FEEDS.items()}
    return {
        key: " ".join(value) if isinstance(value, tuple) else value
        for key, value in named.items()
        if value is not None and not (key in fed and value == named[fed[key]])
    }


def _stems(value: Value) -> Value:
    return tuple(map(stem, value)) if isinstance(value, tuple) else value and stem(str(value))


def _class(target: Value) -> str:
    return str(target).rsplit(".", 1)[-1]


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return value if isinstance(value, str | int | float | None) else str(value)
