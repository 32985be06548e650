"""The rows of scripts/benchmark.py, one module for each subject."""
