"""Comparison of runs: contact sheet, Pareto chart, table and report. Free of TensorFlow."""
