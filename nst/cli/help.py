"""The ``--help`` page, generated from ``conf/`` so that both always agree."""

from __future__ import annotations

import re
import textwrap

from nst.config import CONF_DIR, options

EXAMPLES = {
    "style=starry alpha=1e3": "the bundled harbour in the style of the bundled night sky",
    "content.image=me.jpg style.image=painting.jpg size=768": "your own images",
    "experiment=gatys2015 style=starry": "the settings of a publication",
    "-m alpha=1e2,1e3,1e4 optimizer=adam,lbfgs": "a sweep: every combination, compared",
    "-m content.image=FOLDER style=starry": "every picture of a folder, or of a '*.jpg' in quotes",
    "resume=outputs/2026-01-31/12-00-00-000000_harbour_starry": "resume a stopped run",
}


def page() -> str:
    """Returns the help page."""
    main = (CONF_DIR / "config.yaml").read_text("utf-8")
    settings = re.findall(r"^(\w+): ([^#\n]*?) *# (.*)$", main, re.MULTILINE)
    groups = re.findall(r"^  - (\w+): ([^#\n]*?) *# (.*)$", main, re.MULTILINE)
    return "\n".join(
        [
            "Neural style transfer by optimisation: paints the content of one image in the style",
            "of another. Every run writes picture, curves and configuration into a run folder.",
            "",
            "  python -m nst.run [KEY=VALUE or GROUP=OPTION …]   (-m: every combination of a,b,c)",
            "",
            "Settings, with their defaults",
            *(f"  {f'{key}={value}':<18} {comment}" for key, value, comment in settings),
            "  content.image=     your own image, a path or https address; likewise style.image=",
            "",
            "Groups and their options, the default first (search, experiment: by default none)",
            *(
                f"  {group:<10} {comment}\n             {_options(group, default)}"
                for group, default, comment in groups
            ),
            "",
            "Examples",
            *(f"  python -m nst.run {words}\n      {what}" for words, what in EXAMPLES.items()),
            "",
            "With --forecast a command only says how much memory and time the run would take.",
            "More: --cfg job shows the whole configuration, --cfg job -p loss a part of it; conf/",
            "explains every key. A value with spaces or commas needs quotes inside quotes:",
            "\"style.image='a b.jpg'\".",
            "Other commands: nst tensorboard (all runs, in a browser), nst compare, nst regions,",
            "nst forecast, nst schema.",
        ]
    )


def _options(group: str, default: str) -> str:
    first = [name for name in re.findall(r"\w+", default) if name != "null"]
    names = ", ".join([*first, *(name for name in options(group) if name not in first)])
    return textwrap.fill(names, 97).replace("\n", "\n" + " " * 13)
