"""Runs a style transfer or a sweep: ``python -m nst.run``; see :mod:`nst.cli.app`."""

from nst.cli.app import main

if __name__ == "__main__":
    main()
