"""The page that ``--help`` shows, made from ``conf/`` so that it cannot differ from it."""

from __future__ import annotations

import re


from nst.config import CONF_DIR, compose
from nst.explain import options

EXAMPLES = {
    "style=starry alpha=1e3": "the shipped town under the shipped night sky",
    "content.image=me.jpg style.image=painting.jpg size=768": "pictures of your own",
    "style=starry optimizer=lbfgs pyramid=single init=noise": "as in the paper of 2015",
    "-m alpha=1e2,1e3,1e4 style=starry,wave": "a sweep: every combination, side by side",
    "resume=outputs/2026-01-31/12-00-00-000000_harbour_starry": "go on with a run that was stopped",
}


def page() -> str:
    """Writes the help page."""
    config, main = compose(), (CONF_DIR / "config.yaml").read_text("utf-8")
    comments = dict(re.findall(r"^(?:  - )?(\w+): [^#\n]*# (.*)$", main, re.MULTILINE))
    handles = [key for key in ("alpha", "beta", "size", "steps", "seed", "resume", "replay")]
    groups = re.findall(r"^  - (\w+): ", main, re.MULTILINE)
    examples = [
        f"  python -m nst.run {arguments.replace('starry,wave', _two_styles())}\n      {what}"
        for arguments, what in EXAMPLES.items()
    ]
    return "\n".join(
        [
            "Neural style transfer by optimisation: paints the structure of one image in the manner",
            "of another. Every run writes its picture, curves and configuration into a folder of its own.",
            "",
            "  python -m nst.run [KEY=VALUE or GROUP=OPTION …]      (-m: every combination of a,b,c)",
            "",
            "Handles",
            *(
                f"  {key + '=' + _shown(config[key]):<18} {comments[key]}"
                for key in handles
            ),
            f"  {'content.image=':<18} a picture of your own: path or https address; likewise style.image=",
            "",
            "Groups (the default first)",
            *(f"  {group:<10} {_options(group, main)}\n{'':13}{comments[group]}" for group in groups),
            "",
            "Examples",
            *examples,
            "",
            "More: --cfg job shows the whole configuration, --cfg job -p loss a part of it, with every key",
            "explained in conf/. A value with spaces or commas takes quotes inside quotes: \"style.image='a b.jpg'\".",
            "Then look: python -m tensorboard.main --logdir outputs",
        ]
    )


def _shown(value: object) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _options(group: str, main: str) -> str:
    match = re.search(rf"^  - {group}: \[?([\w, ]+)", main, re.MULTILINE)
    default = [name.strip() for name in match[1].split(",")] if match else []
    default = [name for name in default if name != "null"]
    return ", ".join([*default, *(name for name in options(group) if name not in default)])


def _two_styles() -> str:
    return ",".join(["starry", *(name for name in options("style") if name != "starry")][:2])
