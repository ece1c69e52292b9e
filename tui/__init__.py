"""envtui: one screen for the containers, environments and GPUs of a workstation."""

__version__ = "0.1.0"
