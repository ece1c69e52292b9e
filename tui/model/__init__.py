"""What the things on a workstation are: frozen facts and pure functions, no I/O."""
