"""What makes two runs the same run: all that the picture depends on, as one hash."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from nst.sources import Inputs

WITHOUT_INFLUENCE: dict[str, tuple[str, ...]] = {  # on the picture; () stands for the whole group
    "observer": (),
    "content": ("image",),
    "style": ("image",),
    "init": ("image",),
    "network": ("weights", "url", "md5", "timeout"),
    "runtime": ("threads", "gradient_every"),
}


def identity(config: DictConfig, inputs: Inputs) -> str:
    """Hashes all that the picture depends on: runs of equal identity make the same picture.

    Args:
        config: As returned by :func:`nst.sources.resolved`. Paths do not count, contents do.
        inputs: The pictures and the network.
    """
    parts: Any = OmegaConf.to_container(config)
    for group, keys in WITHOUT_INFLUENCE.items():
        for key in keys or list(parts[group]):
            parts[group].pop(key, None)
    hashes = [inputs.base.sha256, inputs.network.sha256]
    return hashlib.sha256(json.dumps([parts, hashes], sort_keys=True).encode()).hexdigest()
