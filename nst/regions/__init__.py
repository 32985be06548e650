"""``python -m nst.regions``: makes a region picture from a photograph."""
