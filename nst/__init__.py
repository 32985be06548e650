"""Neural style transfer by optimisation: a config-driven experiment framework on TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    from omegaconf import DictConfig
    from PIL import Image

    from nst.images import Picture
    from nst.record import Record

    AnyPicture = str | os.PathLike[str] | Image.Image | npt.NDArray[Any] | bytes | IO[bytes]
    StyleRegions = AnyPicture | Sequence[str]  # a region picture, or names of colours

__version__ = "0.1.0"
__all__ = ["stylize"]


def stylize(
    content: AnyPicture | None = None,
    style: AnyPicture | Sequence[AnyPicture] | None = None,
    *,
    init: AnyPicture | None = None,
    style_weights: Sequence[float] | None = None,
    content_regions: AnyPicture | None = None,
    style_regions: StyleRegions | Sequence[StyleRegions] | None = None,
    weight_map: AnyPicture | None = None,
    overrides: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[Record], object] | None = None,
) -> Image.Image:
    """Paints the content image in the style of the style image.

    A picture is a path, an https address, a PIL image, the bytes of an image file, a file opened in
    mode "rb", or an array: ``[H, W]`` or ``[H, W, 1…4]``, uint8, uint16 or floats in [0, 1].

    Args:
        content: A picture; None for the default of ``conf/``.
        style: A picture, or a list of up to 16 to mix; None for the default of ``conf/``.
        init: A picture to start from; None for the start set by the configuration.
        style_weights: A number >= 0 for each style, of which only the ratios matter; None for
            equal ones.
        content_regions: A region picture of the content image: pixels of equal colour belong
            together. It needs ``style_regions``.
        style_regions: Of each style, a list if there are several: its region picture, whose
            regions are matched with the content's by colour; or the regions of the content that
            take all of it, by a colour's name or hexadecimal value (``"blue"``, ``"0000ff"``), or
            several in a list.
        weight_map: A grey picture: white where the content counts most, black where not at all.
        overrides: As on the command line, for example ``["alpha=1e3", "optimizer=lbfgs"]``.
        folder: The run folder; a run that was stopped in it goes on. None records nothing.
        progress: Called with a record of every step, from the initial image to the result:
            ``record.step``, ``record.total``, ``record.image`` and more. An exception raised in it
            ends the run. None shows a progress bar in Jupyter and nothing elsewhere.

    Returns:
        The picture, RGB, or RGBA if the content image has transparency.

    Raises:
        ValueError: Wrong input; the message says in one line what would be valid.
    """
    # Imported here, so that importing nst does not load TensorFlow.
    from nst.config import USER_ERRORS, explain
    from nst.errors import InputError
    from nst.runs.folder import RunFolder
    from nst.runs.status import reporting

    pictures = {
        "content.image": content,
        "style.image": style,
        "init.image": init,
        "content.regions": content_regions,
        "style.regions": style_regions,
        "content.weight_map": weight_map,
    }
    pictures = {key: picture for key, picture in pictures.items() if picture is not None}
    try:
        given = _in_memory(pictures)
        config = _configured(pictures, given, style_weights, overrides)
    except USER_ERRORS as error:
        raise InputError(explain(error)) from error
    from nst.runtime import import_tensorflow

    import_tensorflow()
    from nst.observers.notebook import bar
    from nst.transfer import transfer

    with nullcontext(progress) if progress else bar(config.steps) as watch:
        if folder is None:
            return transfer(config, None, given, watch).image
        run_folder = RunFolder(Path(folder))
        run_folder.path.mkdir(parents=True, exist_ok=True)
        with run_folder.locked(), reporting(run_folder):
            return transfer(config, run_folder.path, given, watch).image


def _in_memory(pictures: dict[str, Any]) -> dict[str, Picture]:
    """Decodes the pictures that are not paths; returns them by configuration key."""
    from nst import images
    from nst.errors import InputError

    given = {}
    for name, value in pictures.items():
        for key, picture in _each(name, value):
            if _is_text(picture):
                continue
            try:
                given[key] = images.from_memory(picture)
            except InputError as error:
                raise InputError(f"{key.replace('.image', '')}: {error}") from error
    return given


def _each(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Lists the pictures of a setting, each of several styles by itself, with its key."""
    from nst.sources import numbered

    if name.startswith("style.") and isinstance(value, list | tuple):
        yield from zip(numbered(name, len(value)), value, strict=True)
    else:
        yield name, value


def _is_text(picture: Any) -> bool:
    """Tells whether this is a path, or colours."""
    texts = picture if isinstance(picture, list | tuple) and picture else [picture]
    return all(isinstance(text, str | os.PathLike) for text in texts)


def _configured(
    pictures: dict[str, Any],
    given: dict[str, Picture],
    style_weights: Sequence[float] | None,
    overrides: Sequence[str],
) -> DictConfig:
    """Composes and checks the configuration, pictures and memory included."""
    from omegaconf import OmegaConf

    from nst.config import check, compose
    from nst.errors import InputError
    from nst.runs.replay import HASHES, effective
    from nst.sources import gather, resolved

    if isinstance(overrides, str):
        raise InputError(f'overrides: give a list, ["{overrides}"], not a string')
    arguments = [*pictures, *(["style.weights"] if style_weights is not None else [])]
    _check_apart(arguments, overrides)
    composed = compose(overrides)
    if (run := composed.resume) is not None:
        raise InputError(
            f"resume={run}: a stopped run goes on with the command nst resume={run}, or here with "
            f"overrides=['replay={run}'] and folder='{run}'"
        )
    config = effective(composed, overrides)
    for argument in arguments:  # a recorded hash is that of what it replaces
        OmegaConf.update(config, HASHES[argument], None)
    for name, value in pictures.items():
        names = [
            f"memory:{given[key].source}" if key in given else _text(picture)
            for key, picture in _each(name, value)
        ]
        group, key = name.split(".")
        # Several colours of one style stay a list of their own: they must not look like styles.
        alone = len(names) == 1 and not isinstance(names[0], list)
        config[group][key] = names[0] if alone else names
        if name == "init.image":
            config.init.base = "file"
    if style_weights is not None:
        config.style.weights = [float(weight) for weight in style_weights]
    check(config)
    resolved(config, gather(config, given))  # before a folder is made
    return config


def _check_apart(arguments: Sequence[str], overrides: Sequence[str]) -> None:
    """Checks that no override says what an argument says already, or what folder= is for."""
    from nst.config.overrides import parse
    from nst.errors import InputError
    from nst.runs.replay import HASHES

    told = {*arguments, *(HASHES[argument] for argument in arguments)}
    told |= {group for group in ("content", "style") if f"{group}.image" in told}
    told |= {"init.base"} if "init.image" in told else set()
    for key in (override.key_or_group for override in parse(overrides)):
        if key in told:
            raise InputError(f"{key}: given as an argument and in overrides; leave one out")
        if key.startswith("hydra."):
            raise InputError(f"{key}: of the command line; in a program folder= names a run folder")


def _text(picture: Any) -> Any:
    """Writes a path, or colours, as the configuration has them."""
    if isinstance(picture, list | tuple):
        return [os.fspath(text) for text in picture]
    return os.fspath(picture)
