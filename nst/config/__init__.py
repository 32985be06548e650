"""The configuration: composition, validation, settings and messages. Free of TensorFlow."""

from nst.config.composition import compose, groups, option, options, without_hydra
from nst.config.messages import USER_ERRORS, explain
from nst.config.overrides import quoted
from nst.config.places import CONF_DIR
from nst.config.schema import Config
from nst.config.validation import check

__all__ = [
    "CONF_DIR",
    "USER_ERRORS",
    "Config",
    "check",
    "compose",
    "explain",
    "groups",
    "option",
    "options",
    "quoted",
    "without_hydra",
]
