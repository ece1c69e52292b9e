"""What micromamba is told, where that differs from conda."""

from __future__ import annotations

from tui.backends.conda.command import FILE, Command
from tui.backends.conda.conda_commands import CondaCommands


class MicromambaCommands(CondaCommands):
    """The commands of one change by micromamba.

    Clones by `create --clone`, which it knows since 2.5.0; an older one ends with 109 and has done nothing.
    Whoever knows that it is older hands an explicit list of the source in the change's file instead.
    """

    def create_from_yml(self) -> Command:
        """Makes the environment from the change's file."""
        return self.run("create", "-p", self.prefix, "-y", "-f", FILE)

    def update_from_yml(self) -> Command:
        """Brings the environment to the change's file."""
        return self.run("update", "-p", self.prefix, "-y", "-f", FILE)

    def remove_all(self, prefix: str) -> Command:
        """Removes an environment; `remove --all` would leave its history, so that it stays listed."""
        return self.run("env", "remove", "-p", prefix, "-y")

    def update(self, packages: tuple[str, ...], *options: str) -> Command:
        """Updates packages, with or without versions, or all."""
        wanted = packages or ("--all",)
        return self.run("update", "-p", self.prefix, "-y", *options, *self.channels, *wanted)

    def clean(self, *options: str) -> Command:
        """Removes what is kept for the next time, in all caches or in the one that is named."""
        return super().clean(*options) if self.change.cache else self.run("clean", "-a", *options)
