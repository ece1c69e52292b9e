"""A session in this terminal, or between this program's own pipes, whatever leads to the far side."""
