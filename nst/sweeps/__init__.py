"""Sweeps, planned before they run."""
