"""The page that ``--help`` shows, made from ``conf/`` so that it cannot differ from it."""

from __future__ import annotations

import re
import textwrap

from nst.config import CONF_DIR, options

EXAMPLES = {
    "style=starry alpha=1e3": "the shipped town under the shipped night sky",
    "content.image=me.jpg style.image=painting.jpg size=768": "pictures of your own",
    "experiment=gatys2015 style=starry": "a published setting as a whole",
    "-m alpha=1e2,1e3,1e4 optimizer=adam,lbfgs": "a sweep: every combination, side by side",
    "resume=outputs/2026-01-31/12-00-00-000000_harbour_starry": "resume a run that was stopped",
}


def page() -> str:
    """Writes the help page."""
    main = (CONF_DIR / "config.yaml").read_text("utf-8")
    settings = re.findall(r"^(\w+): ([^#\n]*?) *# (.*)$", main, re.MULTILINE)
    groups = re.findall(r"^  - (\w+): ([^#\n]*?) *# (.*)$", main, re.MULTILINE)
    return "\n".join(
        [
            "Neural style transfer by optimisation: paints the structure of one image in the",
            "manner of another. Every run writes picture, curves and configuration into a folder.",
            "",
            "  python -m nst.run [KEY=VALUE or GROUP=OPTION …]   (-m: every combination of a,b,c)",
            "",
            "Settings, with their defaults",
            *(f"  {f'{key}={value}':<18} {comment}" for key, value, comment in settings),
            "  content.image=     a picture of yours, path or https address; likewise style.image=",
            "",
            "Groups, the default first",
            *(
                f"  {group:<10} {comment}\n             {_options(group, default)}"
                for group, default, comment in groups
            ),
            "",
            "Examples",
            *(f"  python -m nst.run {words}\n      {what}" for words, what in EXAMPLES.items()),
            "",
            "More: --cfg job shows the whole configuration, --cfg job -p loss a part of it; conf/",
            "explains every key. A value with spaces or commas takes quotes inside quotes:",
            "\"style.image='a b.jpg'\".",
            "Look at all runs: python -m nst.tensorboard",
        ]
    )


def _options(group: str, default: str) -> str:
    first = [name for name in re.findall(r"\w+", default) if name != "null"]
    names = ", ".join([*first, *(name for name in options(group) if name not in first)])
    return textwrap.fill(names, 97).replace("\n", "\n" + " " * 13)
