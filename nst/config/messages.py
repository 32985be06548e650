"""Turns the errors of Hydra and OmegaConf into one readable line. Free of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from os.path import exists, expanduser
from typing import Any

from hydra.errors import (
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError  # type: ignore[import-untyped]

from nst.config.adding import GROUPS, SIGN
from nst.config.composition import compose, groups, option, options
from nst.config.places import CONF_DIR
from nst.errors import InputError, did_you_mean, nearest, printable

LAUNCHERS = {"joblib": "parallel", "submitit_slurm": "cluster", "submitit_local": "cluster"}
PICTURES = ("content", "style")  # groups that name a picture
USER_ERRORS = (InputError, HydraException, OmegaConfBaseException, MarkedYAMLError)


def explain(error: Exception) -> str:
    """Returns a line that says what is wrong, where, and what would be valid.

    Args:
        error: One of :data:`USER_ERRORS`.
    """
    raised = [error, *filter(None, [error.__cause__])]
    text = "\n".join(str(e).strip() for e in raised)
    for kind, pattern, say in LINES:
        found = re.match(pattern, text, re.DOTALL)
        of_kind = [e for e in raised if isinstance(e, kind)]
        if found and of_kind:
            return printable(say(of_kind[0], found))
    return printable(" ".join(str(error).split()))


def _missing_option(error: Any, found: re.Match[str]) -> str:
    missing = str(error.missing_cfg_file)
    group = next((g for g in groups() if missing.startswith(f"{g}/")), missing.rpartition("/")[0])
    name = missing.removeprefix(f"{group}/")
    if group == "hydra/launcher" and name in LAUNCHERS:
        return f"{group}={name} needs a package: pip install 'nst[{LAUNCHERS[name]}]'"
    if group.startswith("hydra/"):
        return f"{group}={name}: neither Hydra nor an installed package has such an option"
    if _is_picture(group, name):
        return f"{group}={name}: {group}= takes the name of an option. {_own(group, name)}"
    valid = options(group)
    hint = did_you_mean(name, valid)
    if group in PICTURES:
        hint += f" {_own(group, 'PATH')}."
    return f"{group}={name}: there is no such option.{hint} Valid: {', '.join(valid)}"


def _unparsable(error: Any, _: re.Match[str]) -> str:
    key, equals, value = str(error.override).partition("=")
    if not equals and exists(expanduser(key)):
        return f"{key}: write content.image={key} or style.image={key}"
    if not equals:
        return f"{key}: write KEY=VALUE, for example alpha=1e3 (--help shows the keys)"
    if _is_picture(key, value):
        return f"{key}={value}: {key}= takes the name of an option. {_own(key, value)}"
    if re.match(r"(\w+\()*(interval|range|choice|tag)\(", value):
        return (
            f"{key}={value}: a range is written interval(low,high), int(interval(low,high)), "
            "tag(log,interval(low,high)) or range(start,stop,step), with numbers"
        )
    if re.search(r"[−–]\d", value):
        typed = re.sub("[−–]", "-", value)
        return f"{key}={value}: the minus of a number is the hyphen: {key}={typed}"
    return (
        f"{key}={value}: a value with characters such as =, #, & or brackets needs its own "
        f"quotes inside the shell's: \"{key}='{value}'\""
    )


def _is_picture(group: str, value: str) -> bool:
    return group in PICTURES and exists(expanduser(value))


def _own(group: str, path: str) -> str:
    return f"For a picture of your own write {group}.image={path}"


def _not_yaml(error: Any, _: re.Match[str]) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{mark.name}, line {mark.line + 1}: {error.problem}"


def _unknown_key(_: Any, found: re.Match[str]) -> str:
    key = found[1].lstrip("+~")
    group = key.partition(".")[0]
    having = [o for o in options(group) if key in _keys_of(group, o)]
    if having:
        name = f"{SIGN}{having[0]}" if group in GROUPS else having[0]
        return f"{key}: no chosen option of {group} has such a key; {group}={name} has it"
    others = {k: f"{g}={o}" for g in groups() for o in options(g) for k in _keys_of(g, o)}
    if key in others:
        return f"{key}: no chosen option has such a key; {others[key]} has it"
    valid = [*_keys(compose(hydra=True)), *groups(), *others]
    hint = did_you_mean(key, valid)
    if not hint:  # perhaps only the last part is right, under another parent
        by_last = {full.rsplit(".", 1)[-1]: full for full in valid}
        near = nearest(key.rsplit(".", 1)[-1], by_last)
        hint = f" Did you mean '{by_last[near]}'?" if near else ""
    return f"{key}: there is no such key.{hint} `python -m nst.run --cfg job` shows them all"


def _wrong_value(error: Any, _: re.Match[str]) -> str:
    key, reason = getattr(error, "full_key", None), str(error.msg or error).splitlines()[0]
    for sentence, words in WORDS.items():
        reason = re.sub(sentence, words, reason)
    return f"{key}: {reason}" if key else reason


def _comma(_: Any, found: re.Match[str]) -> str:
    key, _, value = found[1].partition("=")
    return (
        f"{found[1]}: a comma lists the values of a sweep, as in nst -m {found[1]}. Where a key "
        f"takes a list write '{key}=[{value}]', for a text with a comma \"{key}='{value}'\""
    )


# Type of the error, pattern at the start of its text (and its cause's), and the formatter of the
# message. The first match counts.
LINES: tuple[tuple[type[Exception], str, Callable[[Any, re.Match[str]], str]], ...] = (
    (InputError, "", lambda error, _: str(error)),
    (MarkedYAMLError, "", _not_yaml),
    (MissingConfigException, "", _missing_option),
    (OverrideParseException, "", _unparsable),
    (
        InstantiationException,
        r"Error locating target '([\w.]+)'.*full_key: ([\w.]+)",
        lambda _, found: f"{found[2]}._target_: there is no {found[1]}",
    ),
    (
        InstantiationException,
        r"Expected a callable target.*full_key: ([\w.]+)",
        lambda _, found: f"{found[1]}._target_: it is no class",
    ),
    (
        HydraException,
        r"Could not (?:override|append|delete).*?'([^'=]+).*not in",
        _unknown_key,
    ),
    (OmegaConfBaseException, "", _wrong_value),
    (ValueError, "", lambda error, _: str(error)),  # from a class named in the configuration
    (
        InstantiationException,
        r"Error in call to target '([\w.]+)'.*full_key: ([\w.]+)",
        lambda error, found: f"{found[2]}: {found[1]} cannot be built: {error.__cause__}",
    ),
    (
        HydraException,
        r"Multiple values for (\w+)",
        lambda _, found: (
            f"+{found[1]}: an option is chosen already; write {found[1]}=… without the +"
        ),
    ),
    (HydraException, r"Ambiguous value[^']*'([^']*)'", _comma),
    (
        HydraException,
        r"Sweep parameters '(.*)' requires",
        lambda _, found: f"{found[1]}: this gives several values, so it needs -m",
    ),
)
WORDS = {  # for the most common sentences of OmegaConf
    r"Value '(.*)' of type '.*' could not be converted to Float": r"\1 is not a number",
    r"Value '(.*)\.0' of type '.*' could not be converted to Integer": (
        r"\1.0 is not a whole number: write \1"
    ),
    r"Value '(.*)' of type '.*' could not be converted to Integer": r"\1 is not a whole number",
    r"Value '(.*)\.0' .* is incompatible with type hint '(Optional\[)?Union\[int, str\].*": (
        r"\1.0 is not a whole number: write \1"
    ),
    r"Value '(.*)' .* is incompatible with type hint '(Optional\[)?Union\[int, str\].*": (
        r"\1 is not a whole number"
    ),
    r"Cannot convert 'list' to string: '(.*)'": r"\1 is a list, but it takes a single value",
    r"Value '(.*)' .* could not be converted to Boolean": r"\1 is neither true nor false",
    r"Value '(.*)' is not a valid bool.*": r"\1 is neither true nor false",
    r"field '.*' is not Optional": "it needs a value",
    r"Value 'None' is incompatible with type hint .*": "it needs a value",
    r"Incompatible value 'None' for field of type '.*'": "it needs a value",
    r"Key '.*' not in '.*'": "there is no such key",
    r"Invalid type assigned: dict is not a subclass of (Term|Observer)Conf.*": (
        "there is no such option; a class of your own is named in a file of --config-dir"
    ),
    r".* does not support deletion": "it cannot be left out",
    r"Invalid value assigned: \w+ is not a ListConfig.*": "it takes a list: [first,second]",
}


def _keys_of(group: str, name: str) -> Iterable[str]:
    """Lists the keys that an option sets, which are its group's unless it says otherwise."""
    first = (CONF_DIR / group / f"{name}.yaml").read_text("utf-8").partition("\n")[0]
    return _keys(option(group, name), "" if first.endswith("_global_") else f"{group}.")


def _keys(config: DictConfig, prefix: str = "") -> Iterable[str]:
    for key in map(str, config):
        yield f"{prefix}{key}"
        node = config._get_node(key)
        if isinstance(node, DictConfig):
            yield from _keys(node, f"{prefix}{key}.")
