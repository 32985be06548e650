"""Run folders: written, read back, resumed and replayed."""

from nst.runs.folder import RunFolder, recorded_config
from nst.runs.provenance import provenance
from nst.runs.status import outcome

__all__ = ["RunFolder", "outcome", "provenance", "recorded_config"]
