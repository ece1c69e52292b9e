"""What the subcommands print, without an engine."""
