"""Where ``conf/`` is. Free of TensorFlow."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# In a wheel conf/ is packaged as nst/conf; in a checkout it is at the top level.
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
