"""Lets `python -m tui` do what `envtui` does."""

from tui.cli import entry

if __name__ == "__main__":
    entry()
