"""Neural style transfer by optimisation: a config-driven experiment framework on TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    from omegaconf import DictConfig
    from PIL import Image

    from nst.images import Picture
    from nst.loop import Record

    AnyPicture = str | os.PathLike[str] | Image.Image | npt.NDArray[Any] | bytes | IO[bytes]

__version__ = "0.1.0"
__all__ = ["stylize"]


def stylize(
    content: AnyPicture | None = None,
    style: AnyPicture | Sequence[AnyPicture] | None = None,
    *,
    init: AnyPicture | None = None,
    overrides: Sequence[str] = (),
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[Record], object] | None = None,
) -> Image.Image:
    """Paint the content image in the style of the style image.

    A picture is a path, an https address, a PIL image, the bytes of an image file, a file opened in
    mode "rb", or an array: ``[H, W]`` or ``[H, W, 1…4]``, uint8, uint16 or floats in [0, 1].

    Args:
        content: A picture; None for the default of ``conf/``.
        style: A picture, or a list of up to 16 to mix (``overrides=["style.weights=[0.7,0.3]"]``);
            None for the default of ``conf/``.
        init: A picture to start from; None for the start set by the configuration.
        overrides: As on the command line, for example ``["alpha=1e3", "optimizer=lbfgs"]``.
        folder: The run folder; None records nothing.
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

    pictures = {"content": content, "style": style, "init": init}
    try:
        given = _in_memory(pictures)
        config = _configured(pictures, given, overrides)
    except USER_ERRORS as error:
        raise InputError(explain(error)) from error
    from nst.runtime import import_tensorflow

    import_tensorflow()
    from nst.observers.notebook import bar
    from nst.transfer import transfer

    watch = progress or bar(config.steps) or _ignore
    if folder is None:
        return transfer(config, None, given, watch).image
    run_folder = RunFolder(Path(folder))
    run_folder.path.mkdir(parents=True, exist_ok=True)
    with run_folder.locked(), run_folder.reporting():
        return transfer(config, run_folder.path, given, watch).image


def _ignore(record: Record) -> None:
    """Ignore a record."""


def _in_memory(pictures: dict[str, Any]) -> dict[str, Picture]:
    """Decode the pictures that are not paths; return them by configuration key."""
    from nst import images
    from nst.errors import InputError

    given = {}
    for key, picture in _by_key(pictures):
        if isinstance(picture, str | os.PathLike):
            continue
        try:
            given[key] = images.from_memory(picture)
        except InputError as error:
            raise InputError(f"{key.replace('.image', '')}: {error}") from error
    return given


def _by_key(pictures: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """List the pictures, each of several styles by itself, with their keys for ``gather``."""
    from nst.sources import style_keys

    for name, picture in pictures.items():
        if name == "style" and isinstance(picture, list | tuple):
            yield from zip(style_keys(len(picture)), picture, strict=True)
        elif picture is not None:
            yield f"{name}.image", picture


def _configured(
    pictures: dict[str, Any], given: dict[str, Picture], overrides: Sequence[str]
) -> DictConfig:
    """Compose and check the configuration, pictures included."""
    from nst.config import check, compose
    from nst.errors import InputError
    from nst.runs.replay import effective

    if isinstance(overrides, str):
        raise InputError(f'overrides: give a list, ["{overrides}"], not a string')
    config = effective(compose(overrides), overrides)
    for name in pictures:
        if pictures[name] is None:
            continue
        names = [
            f"memory:{given[key].source}" if key in given else os.fspath(picture)
            for key, picture in _by_key({name: pictures[name]})
        ]
        config[name].image = names[0] if len(names) == 1 else names
        if name == "init":
            config[name].base = "file"
        else:
            config[name].sha256 = None
    check(config)
    return config
