"""The figures of a comparison: contact sheet, Pareto chart, curves."""
