"""Neural style transfer by optimisation: a config-driven experiment framework on TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__version__ = "0.1.0"
__all__ = ["stylize"]


def stylize(
    content: str | Path | None = None,
    style: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    folder: str | Path | None = None,
) -> Image.Image:
    """Paints the content image in the manner of the style image.

    Args:
        content: Path or https address; None for the default of ``conf/``.
        style: Likewise.
        overrides: As on the command line, for example ``["alpha=1e3", "optimizer=lbfgs"]``.
        folder: Where the run is recorded; None keeps no record.

    Returns:
        The picture, RGB, or RGBA where the content image is transparent.

    Raises:
        ValueError: Wrong input; one line says what would be right.
    """
    # Here and not above, so that asking for the version or the help does not wait for TensorFlow.
    from nst.cli.messages import USER_ERRORS, explain
    from nst.config.composition import compose
    from nst.config.validation import check
    from nst.errors import InputError
    from nst.runs.folder import RunFolder
    from nst.runs.replay import effective

    try:
        config = compose(overrides)
        for node, image in ((config.content, content), (config.style, style)):
            if image is not None:
                node.image, node.sha256 = str(image), None
        config = effective(config, overrides)
        check(config)
    except USER_ERRORS as error:
        raise InputError(explain(error)) from error
    from nst.runtime import import_tensorflow

    import_tensorflow()
    from nst.transfer import stylize as transfer

    if folder is None:
        return transfer(config, None).image
    Path(folder).mkdir(parents=True, exist_ok=True)
    with RunFolder(Path(folder)).locked(), RunFolder(Path(folder)).telling():
        return transfer(config, Path(folder)).image
