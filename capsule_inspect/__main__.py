"""Lets `python -m capsule_inspect` stand for `capsule-inspect`."""

from capsule_inspect.cli.app import main

if __name__ == "__main__":
    main()
