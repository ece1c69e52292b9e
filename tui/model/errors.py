"""Every failure that envtui knows how to explain, as one tree.

EnvtuiError                title, detail, hint
├── SettingsError          a mistake in the settings file or an ENVTUI_* variable
├── UsageError             a command line that cannot mean anything
├── ReadOnlyRefusal        an action above SAFE while envtui runs read-only
├── SaveFailed             a file could not be written, and nothing of it is left
├── GpuError               nothing can be known of the host's GPUs
│   ├── NoGpuDriver        no library of a driver: a normal state of most machines
│   ├── NoGpu              the driver works, and knows no GPU
│   ├── GpuModuleMissing   the library is there, the kernel's module is not loaded
│   ├── GpuMismatch        library and module are of different versions
│   ├── GpuPermission      the driver does not let this user in
│   ├── GpuTimeout         the driver took a call and does not come back from it
│   └── GpuDriverError     anything else that the driver reports
├── ProcessError           a process of this machine was not ended
│   ├── ProcessChanged     its number belongs to another process now, or it moved to another container
│   ├── ProcessPermission  the kernel lets this user send it no signal
│   └── ProcessStays       it got the signal and is still there
├── FileFault              a file that describes an environment can't be read
├── ChangeError            an environment was not made, changed or removed
│   ├── ChangeRefused      it must not be: base, frozen, another's, already there
│   ├── ChangeUnderWay     another job is at work on the same environment
│   ├── NoManager          no program in the container can do it
│   ├── ChangeFailed       the manager tried, and says why not
│   ├── ChangeCancelled    somebody called it off
│   └── ChangeLost         its process is gone without a word
├── ReclaimError           something was not removed from the disk
│   ├── ItemInUse          something uses it by now
│   ├── ItemChanged        it is not as it was when it was listed
│   ├── ItemGone           it is not there any more
│   └── ItemStays          it is still there, and why
├── SessionError           a session was not opened, or could not go on
│   ├── SessionCancelled   somebody called it off
│   ├── NoRoute            no way of the wanted kind leads into the container
│   └── SshError           SSH failed, at one of its steps
│       ├── SshUnreachable   name, network, jump host or proxy command
│       ├── SshSilent        no answer in time
│       ├── SshNotSpoken     what answers does not speak SSH, or nothing that both sides accept
│       ├── HostKeyError     the host's key is not the one that is known
│       │   ├── HostKeyUnknown   none is known, and nobody accepted this one
│       │   ├── HostKeyChanged   another one is known
│       │   └── HostKeyRevoked   it is marked as one that must not be used any more
│       ├── AuthenticationFailed
│       ├── ChannelRefused   the server does not open a session, or not run the command
│       └── SshLost          the connection is gone
└── EngineError            the container engine did not do what was asked
    ├── EngineNotFound     nothing listens where the engine should be
    ├── EnginePermission   the socket is there, but not for this user
    ├── EngineUnreachable  address, TLS or network trouble on the way to it
    ├── EngineTimeout      it took the question and did not answer in time
    ├── EngineLost         it closed the connection in the middle of an answer
    ├── EngineTooOld       its API is older than the oldest that envtui speaks
    └── EngineRefused      it answered with an error status
        ├── NoSuchContainer
        ├── Conflict
        └── LogUnreadable  the log driver keeps nothing that could be read
"""

from __future__ import annotations


class EnvtuiError(Exception):
    """A failure with a title (what), a detail (why) and a hint (what to do)."""

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        """Args: title in a few words; detail and hint as sentences, may be empty."""
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint

    def one_line(self) -> str:
        """Title, detail and hint as one line, for stderr and toasts."""
        parts = [part.rstrip(".") for part in (self.detail, self.hint) if part]
        return f"{self.title}: {'. '.join(parts)}" if parts else self.title


class SettingsError(EnvtuiError):
    """The settings file or an ENVTUI_* variable holds a mistake."""


class UsageError(EnvtuiError):
    """The command line cannot be carried out as written."""


class ReadOnlyRefusal(EnvtuiError):
    """An action that changes something was asked for in read-only mode."""


class SaveFailed(EnvtuiError):
    """A file could not be written; nothing of it is left."""


class GpuError(EnvtuiError):
    """Nothing can be known of the host's GPUs."""


class NoGpuDriver(GpuError):
    """There is no library of a GPU driver on this host."""


class NoGpu(GpuError):
    """The driver works, and knows no GPU."""


class GpuModuleMissing(GpuError):
    """The driver's library is there, but the kernel's module is not loaded."""


class GpuMismatch(GpuError):
    """The driver's library and the kernel's module are of different versions.

    Attributes:
        library_version, module_version: None where one is not known.
    """

    def __init__(
        self,
        title: str,
        detail: str = "",
        hint: str = "",
        library_version: str | None = None,
        module_version: str | None = None,
    ) -> None:
        """Args: as for EnvtuiError, plus both versions."""
        super().__init__(title, detail, hint)
        self.library_version = library_version
        self.module_version = module_version


class GpuPermission(GpuError):
    """The driver does not let this user in."""


class GpuTimeout(GpuError):
    """The driver does not answer in time."""


class GpuDriverError(GpuError):
    """The driver reports an error that has no face of its own."""


class ProcessError(EnvtuiError):
    """A process of this machine was not ended."""


class ProcessChanged(ProcessError):
    """The number belongs to another process than the one that was meant; nothing was done to it."""


class ProcessPermission(ProcessError):
    """This user may not end the process."""


class ProcessStays(ProcessError):
    """The process got the signal and has not ended in the time it was given."""


class FileFault(EnvtuiError):
    """A file that describes an environment can't be read.

    Attributes:
        line: where, from 1; 0 where it is about the whole file.
    """

    def __init__(self, title: str, detail: str = "", hint: str = "", line: int = 0) -> None:
        """Args: as for EnvtuiError, plus the line."""
        super().__init__(title, detail, hint)
        self.line = line


class ChangeError(EnvtuiError):
    """An environment was not made, changed or removed."""


class ChangeRefused(ChangeError):
    """It must not be changed, and nothing was done to it."""


class ChangeUnderWay(ChangeError):
    """Another job is at work on the same environment."""


class NoManager(ChangeError):
    """No program in the container can do it."""


class ChangeFailed(ChangeError):
    """The manager tried.

    Attributes:
        kind: the manager's own name for it ("PackagesNotFoundError"), "" where it has none.
        exit_code: None where it did not even start.
    """

    def __init__(
        self, title: str, detail: str = "", hint: str = "", kind: str = "", exit_code: int | None = None
    ) -> None:
        """Args: as for EnvtuiError, plus name and exit code."""
        super().__init__(title, detail, hint)
        self.kind = kind
        self.exit_code = exit_code


class ChangeCancelled(ChangeError):
    """Somebody called it off; nothing of it is left."""


class ChangeLost(ChangeError):
    """Its process is gone, and nobody knows how it ended."""


class ReclaimError(EnvtuiError):
    """Something was not removed from the disk."""


class ItemInUse(ReclaimError):
    """Something uses it by now; it was left alone."""


class ItemChanged(ReclaimError):
    """It is not as it was when it was listed; it was left alone."""


class ItemGone(ReclaimError):
    """It is not there any more."""


class ItemStays(ReclaimError):
    """It is still there: the engine refused, or removed a part of it only."""


class SessionError(EnvtuiError):
    """A session was not opened, or could not go on."""


class SessionCancelled(SessionError):
    """Somebody called it off."""


class NoRoute(SessionError):
    """No way of the wanted kind leads into the container."""


class SshError(SessionError):
    """SSH failed.

    Attributes:
        step: "resolve", "connect", "banner", "host key", "authentication", "channel" or "connection".
    """

    step = "connection"


class SshUnreachable(SshError):
    """Name, network, jump host or proxy command fails."""

    step = "connect"


class SshSilent(SshError):
    """No answer in time."""

    def __init__(self, title: str, detail: str = "", hint: str = "", step: str = "connection") -> None:
        """Args: as for EnvtuiError, plus the step that was waited at."""
        super().__init__(title, detail, hint)
        self.step = step


class SshNotSpoken(SshError):
    """What answers does not speak SSH, or nothing that both sides accept."""

    step = "banner"


class HostKeyError(SshError):
    """The host's key is not the one that is known.

    Attributes:
        offered: fingerprint of the key that the host has.
        known: fingerprints of the keys that are known for it.
        lines: where those stand, as `file:line`.
    """

    step = "host key"

    def __init__(
        self,
        title: str,
        detail: str = "",
        hint: str = "",
        offered: str = "",
        known: tuple[str, ...] = (),
        lines: tuple[str, ...] = (),
    ) -> None:
        """Args: as for EnvtuiError, plus the keys."""
        super().__init__(title, detail, hint)
        self.offered = offered
        self.known = known
        self.lines = lines


class HostKeyUnknown(HostKeyError):
    """No key is known for the host, and nobody accepted this one."""


class HostKeyChanged(HostKeyError):
    """Another key is known for the host."""


class HostKeyRevoked(HostKeyError):
    """The key is marked as one that must not be used any more."""


class AuthenticationFailed(SshError):
    """The server lets this user not in.

    Attributes:
        tried: what was offered, in order, in words.
    """

    step = "authentication"

    def __init__(self, title: str, detail: str = "", hint: str = "", tried: tuple[str, ...] = ()) -> None:
        """Args: as for EnvtuiError, plus what was tried."""
        super().__init__(title, detail, hint)
        self.tried = tried


class ChannelRefused(SshError):
    """The server does not open a session, or not run the command."""

    step = "channel"


class SshLost(SshError):
    """The connection is gone."""


class EngineError(EnvtuiError):
    """The container engine did not do what was asked."""


class EngineNotFound(EngineError):
    """Nothing listens where the engine should be."""


class EnginePermission(EngineError):
    """The engine's socket does not let this user in."""


class EngineUnreachable(EngineError):
    """The way to the engine fails: name, network or TLS."""


class EngineTimeout(EngineError):
    """The engine did not answer in time."""


class EngineLost(EngineError):
    """The engine closed the connection before its answer was complete."""


class EngineTooOld(EngineError):
    """The engine speaks no API version that envtui speaks."""


class EngineRefused(EngineError):
    """The engine answered with an error.

    Attributes:
        status: its HTTP status.
    """

    def __init__(self, title: str, detail: str = "", hint: str = "", status: int = 500) -> None:
        """Args: as for EnvtuiError, plus the HTTP status."""
        super().__init__(title, detail, hint)
        self.status = status


class NoSuchContainer(EngineRefused):
    """The container is gone."""


class Conflict(EngineRefused):
    """The container's state, or somebody else's use of it, forbids the request."""


class LogUnreadable(EngineRefused):
    """The container's log driver keeps nothing that could be read."""
