"""Turns what Hydra and OmegaConf raise into one line for people. Free of TensorFlow."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nst.config.composition import CONF_DIR, compose
from nst.errors import InputError, nearest

LAUNCHERS = {"joblib": "parallel", "submitit_slurm": "cluster", "submitit_local": "cluster"}
USER_ERRORS = (InputError, HydraException, OmegaConfBaseException)


class OneLine(logging.Formatter):
    """Formats log records for the terminal: the message alone. Tracebacks are for run.log."""

    def format(self, record: logging.LogRecord) -> str:
        """Leaves the traceback out."""
        return record.getMessage()


def explain(error: Exception) -> str:
    """Says what is wrong, where, and what would be right.

    Args:
        error: One of :data:`USER_ERRORS`.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_option(error.missing_cfg_file)
    if isinstance(error, OverrideParseException):
        return _unparsable(error.override)
    text = str(error).strip()
    if isinstance(error, InstantiationException) and isinstance(error.__cause__, ValueError):
        return str(error.__cause__)
    nowhere = re.match(r"Error locating target '([\w.]+)'.*full_key: ([\w.]+)", text, re.DOTALL)
    if nowhere:
        return f"{nowhere[2]}._target_: there is no {nowhere[1]}"
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    unknown = re.match(r"Could not (?:override|append|delete).*?'([^'=]+)", text)
    if unknown and "not in" in str(cause):
        return _unknown_key(unknown[1].lstrip("+~"))
    if isinstance(cause, OmegaConfBaseException):
        key = getattr(cause, "full_key", None)
        reason = str(cause.msg or cause).splitlines()[0]
        return f"{key}: {_plain(reason)}" if key else _plain(reason)
    added = re.match(r"Multiple values for (\w+)", text)
    if added:
        return f"+{added[1]}: an option is chosen already; write {added[1]}=… without the +"
    if isinstance(error, ConfigCompositionException) and text.startswith("Ambiguous value"):
        override = text.split("'")[1]
        key, _, value = override.partition("=")
        return (
            f"{override}: a comma lists the values of a sweep, which needs -m. For a list write "
            f"'{key}=[{value}]', for a text with a comma \"{key}='{value}'\""
        )
    return " ".join(text.split())


def options(group: str) -> list[str]:
    """Lists the options of a group, as ``conf/`` has them."""
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


def groups() -> list[str]:
    """Lists the groups of ``conf/``."""
    return sorted(path.name for path in CONF_DIR.iterdir() if any(path.glob("*.yaml")))


def _missing_option(missing: str) -> str:
    group, _, option = missing.rpartition("/")
    if group == "hydra/launcher" and option in LAUNCHERS:
        return f"{group}={option}: it needs a package: pip install 'nst[{LAUNCHERS[option]}]'"
    valid = options(group)
    hint = nearest(option, valid)
    if group in ("content", "style"):
        hint += f" For a picture of your own write {group}.image=PATH."
    return f"{group}={option}: there is no such option.{hint} Valid: {', '.join(valid)}"


def _unparsable(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override}: write KEY=VALUE, for example alpha=1e3 (--help shows the keys)"
    return (
        f"{override}: a value with spaces, commas, =, brackets or quotes needs quotes of its own "
        f"inside the shell's: \"{key}='{value}'\""
    )


def _unknown_key(key: str) -> str:
    group, _, rest = key.partition(".")
    having = [option for option in options(group) if rest in _keys(_option(group, option))]
    if having:
        return f"{key}: what is chosen of {group} has no such key; {group}={having[0]} has it"
    valid = [*_keys(compose(hydra=True)), *groups()]
    valid += [f"{g}.{k}" for g in groups() for o in options(g) for k in _keys(_option(g, o))]
    found = nearest(key, valid)
    if not found:  # perhaps the last part alone is right, under another parent
        by_last = {full.rsplit(".", 1)[-1]: full for full in valid}
        near = nearest(key.rsplit(".", 1)[-1], by_last)
        found = f" Did you mean '{by_last[near.split(chr(39))[1]]}'?" if near else ""
    return f"{key}: there is no such key.{found} `python -m nst.run --help` shows them all"


def _option(group: str, option: str) -> DictConfig:
    config = OmegaConf.load(CONF_DIR / group / f"{option}.yaml")
    assert isinstance(config, DictConfig)
    return config


def _keys(config: DictConfig, prefix: str = "") -> Iterable[str]:
    for key in map(str, config):
        yield f"{prefix}{key}"
        node = config._get_node(key)
        if isinstance(node, DictConfig):
            yield from _keys(node, f"{prefix}{key}.")


def _plain(reason: str) -> str:
    """Puts OmegaConf's commonest sentences into words."""
    patterns = {
        r"Value '(.*)' of type '.*' could not be converted to Float": r"\1 is not a number",
        r"Value '(.*)' of type '.*' could not be converted to Integer": r"\1 is not a whole number",
        r"Value '(.*)' .* could not be converted to Boolean": r"\1 is neither true nor false",
        r"Value '(.*)' is not a valid bool.*": r"\1 is neither true nor false",
        r"field '.*' is not Optional": "it needs a value",
        r"Incompatible value 'None' for field of type '.*'": "it needs a value",
        r"Key '.*' not in '.*'": "there is no such key",
        r".* does not support deletion": "it cannot be left out",
        r"Invalid value assigned: \w+ is not a ListConfig.*": "it takes a list: [first,second]",
    }
    for pattern, words in patterns.items():
        reason = re.sub(pattern, words, reason)
    return reason
