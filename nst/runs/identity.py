"""The identity of a run: a hash of all that its picture and the file of it depend on."""

from __future__ import annotations

import hashlib
import json

from omegaconf import DictConfig

from nst.config.settings import influential
from nst.sources import Inputs


def identity(config: DictConfig, inputs: Inputs) -> str:
    """Hashes all that the picture and its file depend on: equal runs write the same picture.

    Args:
        config: As returned by :func:`nst.sources.resolved`. File contents count, paths do not.
        inputs: The pictures and the network.
    """
    parts = influential(config)
    hashes = [inputs.base.sha256, inputs.network.sha256]
    return hashlib.sha256(json.dumps([parts, hashes], sort_keys=True).encode()).hexdigest()
