"""Run folders: written, read back, resumed and replayed."""
