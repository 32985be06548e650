"""The frame of the HTML files: one file that holds everything, and loads nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from string import Template

FRAME = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<style>
$css
</style>
</head>
<body>
$body
<script>
$js
</script>
</body>
</html>
"""
)
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def document(title: str, body: str, folder: Path, css: str = "", js: str = "") -> str:
    """Makes an HTML document.

    Args:
        title: HTML.
        body: HTML.
        folder: Where its ``page.css`` and ``page.js`` are.
        css: More of it.
        js: Likewise.
    """
    style, script = ((folder / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    style = f"{style}\n{css}" if css else style
    script = f"{script}\n{js}" if js else script
    return FRAME.substitute(title=title, policy=POLICY, css=style, body=body, js=script)
