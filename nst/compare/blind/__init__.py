"""The blind comparison: a page on which people judge pictures, and what their votes amount to."""
