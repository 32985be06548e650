"""Neural style transfer by optimisation: a config-driven experiment framework on TensorFlow."""

from __future__ import annotations

__version__ = "0.1.0"
