"""``python -m pofx`` is ``pofx``."""

from pofx.cli import run

if __name__ == "__main__":
    run()
