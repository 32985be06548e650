"""Kinds of faults injected into runs, one module each; see scripts/torture.py."""
