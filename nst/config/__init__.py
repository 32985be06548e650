"""The configuration: composed, checked, named. Free of TensorFlow."""

from nst.config.composition import (
    CONF_DIR,
    Config,
    compose,
    quoted,
    with_path_quoted,
    without_hydra,
)

__all__ = ["CONF_DIR", "Config", "compose", "quoted", "with_path_quoted", "without_hydra"]
