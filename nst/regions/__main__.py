"""``python -m nst.regions PICTURE [--colours N] [--out FILE]``."""

import sys

from nst.regions.cli import main

if __name__ == "__main__":
    sys.exit(main())
