"""``python -m pd4ml`` is the ``pd4ml`` command."""

from pd4ml.cli import main

__all__: list[str] = []

if __name__ == "__main__":  # not in a process that imports its parent's main module
    main()
