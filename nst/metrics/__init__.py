"""Metrics that nothing optimises: numpy alone, no network. A module per kind, a table of all."""
