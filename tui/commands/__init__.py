"""The subcommands: what the screen shows, for scripts and pipes."""
