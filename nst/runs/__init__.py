"""A run folder: created, written, read back and replayed."""

from nst.runs.folder import RunFolder, outcome, provenance, recorded_config

__all__ = ["RunFolder", "outcome", "provenance", "recorded_config"]
