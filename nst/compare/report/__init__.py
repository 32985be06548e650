"""The report: one HTML file that holds everything and opens anywhere, without a network."""
