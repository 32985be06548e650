"""``python -m nst.compare FOLDER [FOLDER …] [--out DIR]``."""

import sys

from nst.compare.cli import main

if __name__ == "__main__":
    sys.exit(main())
