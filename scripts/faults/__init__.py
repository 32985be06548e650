"""Ways in which runs are disturbed, one module each; see scripts/torture.py."""
