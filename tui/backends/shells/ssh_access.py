"""What SSH into a container needs: an account, an sshd, envtui's key in place, and somebody who agreed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from tui.backends.base import SessionQuestions
from tui.backends.deadline import QUESTION_SECONDS, Deadline
from tui.backends.docker.archive import ContainerFiles
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.exec_socket import ExecSocket
from tui.backends.shells.accounts import Account, find_account
from tui.backends.shells.authorized_keys import put_key
from tui.backends.shells.consents import Consents
from tui.backends.shells.container_facts import ContainerFacts
from tui.backends.shells.container_sshd import ContainerSshd, find_program, find_sshd, published_ports
from tui.backends.shells.known_accesses import KnownAccesses
from tui.backends.shells.own_key import OwnKey, own_key
from tui.backends.ssh.configuration import NO_AGENT, SshHost, resolve
from tui.model.containers import Container
from tui.model.errors import NoRoute, SessionCancelled
from tui.model.sessions import Consent, KeyConsent

#: Somebody who says no is not asked again; `--route ssh` asks anew.
NOT_WANTED = "envtui's key may not be put into it"
NOBODY = "nobody could be asked whether envtui's key may be put into it"

# A server on this machine, or behind the engine, greets in milliseconds; a busy one takes seconds.
_CONNECT_SECONDS = 10.0
# sshd needs this folder to separate privileges, and packages make it only where it is started as a service.
_START_SSHD = 'mkdir -p -m 0755 /run/sshd 2>/dev/null; exec "$0" -i -e'

Gate = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class SshAccess:
    """A container that lets envtui in over SSH.

    Attributes:
        account: that is logged into.
        sshd: its server.
        key: that is in its place; None where the user's own keys, or a password, are to let them in.
    """

    account: Account
    sshd: ContainerSshd
    key: OwnKey | None

    def host(self, container: str, hostname: str = "", port: int = 22) -> SshHost:
        """How it is logged into; exactly its own host keys are right.

        Raises:
            SshError: the user's own keys are to be used, and ssh's configuration can't be read.
        """
        if self.key is None:
            own = resolve(hostname or "localhost", user=self.account.name, port=port)
            # where the way leads is known; of the configuration the keys are wanted
            return replace(
                own,
                alias=container,
                hostname=hostname or container,
                port=port,
                proxy_jump=(),
                proxy_command=None,
                pinned_keys=self.sshd.host_keys,
                connect_seconds=_CONNECT_SECONDS,
            )
        return SshHost(
            container,
            hostname or container,
            port,
            self.account.name,
            identity_files=(str(self.key.path),),
            identities_only=True,
            identity_agent=NO_AGENT,
            strict_host_key="yes",
            connect_seconds=_CONNECT_SECONDS,
            pinned_keys=self.sshd.host_keys,
            asks_secrets=False,
        )


class AccessGiver:
    """Gets envtui into the containers of one engine, as far as they have an sshd."""

    def __init__(self, engine: DockerEngine, folder: Path) -> None:
        """Args: the engine; where the key and what was agreed to are kept."""
        self._engine = engine
        self._folder = folder
        self.consents = Consents(folder)
        self._known = KnownAccesses(folder)

    def known(self, facts: ContainerFacts, container: Container, user: str) -> SshAccess | None:
        """How it was entered the last time, if that is still wanted; None where nothing is known.

        Raises:
            SessionError: what is kept can't be read.
        """
        if self.consents.of(facts.id) is not Consent.YES:
            return None
        found = self._known.of(facts.id, user or facts.user)
        if found is None:
            return None
        account, sshd = found
        published = published_ports(container, sshd.ports, self._engine_host)
        return SshAccess(account, replace(sshd, published=published), own_key(self._folder))

    def remember(self, facts: ContainerFacts, user: str, access: SshAccess) -> None:
        """It led in. Raises SessionError where that can't be written."""
        self._known.remember(facts.id, user or facts.user, access.account, access.sshd)

    def forget(self, facts: ContainerFacts, user: str) -> None:
        """It does not lead in any more. Raises SessionError where that can't be written."""
        self._known.forget(facts.id, user or facts.user)

    def find(
        self, facts: ContainerFacts, container: Container, user: str, gate: Gate
    ) -> tuple[Account, ContainerSshd]:
        """The account and the sshd of a container; nothing is changed.

        Raises:
            NoRoute: SSH does not work there, with the reason.
            EngineError: the engine can't be asked.
        """
        deadline = Deadline(QUESTION_SECONDS)
        http = self._engine.http
        passwd = ContainerFiles(http, facts.id, deadline).read("/etc/passwd") or b""
        account = find_account(passwd, user or facts.user)
        if account is None:
            raise NoRoute("No SSH", f"it has no account {user or facts.user}")
        wanted_group = user.partition(":")[2]
        if wanted_group and wanted_group != str(account.gid):
            raise NoRoute("No SSH", f"{account.name} logs in with group {account.gid}, not {wanted_group}")
        with gate(facts.id):
            sshd = find_sshd(http, facts.id, container, account, self._engine_host, deadline)
        # a folder that only a service makes is made by whoever starts one for us
        if sshd.problem and not sshd.missing_folder:
            raise NoRoute("No SSH", sshd.problem)
        if not sshd.host_keys:
            raise NoRoute("No SSH", "its sshd has no host keys that can be read through the engine")
        return account, sshd

    def give(
        self,
        facts: ContainerFacts,
        account: Account,
        sshd: ContainerSshd,
        questions: SessionQuestions,
        asks_again: bool,
    ) -> SshAccess:
        """Put the key in where that was, or is now, agreed to.

        Raises:
            NoRoute: it was not, nobody is there to be asked, or the key has no place.
            SessionError: somebody called it all off.
            EngineError: the engine can't be asked.
        """
        key = own_key(self._folder)
        agreed = self.consents.of(facts.id)
        if agreed is Consent.NO and asks_again:
            agreed = None
        if agreed is None:
            question = KeyConsent(facts.id, facts.name, account.name, sshd.authorized_keys, key.comment)
            if asks_again:
                question = replace(question, otherwise="Use keys or a password of mine")
            agreed = questions.consent(question)
            if agreed is Consent.CANCEL:
                raise SessionCancelled("Not opened", "you called it off")
            if agreed is Consent.NOBODY:
                raise NoRoute("No SSH", NOBODY, f"Run `envtui ssh {facts.name}` in a terminal once")
            self.consents.remember(facts.id, agreed)
        if agreed is not Consent.YES:
            if asks_again:
                # who wants SSH and not our key logs in as anybody would
                return SshAccess(account, sshd, None)
            raise NoRoute("No SSH", NOT_WANTED)
        put_key(
            self._engine.http,
            facts.id,
            facts.mounts,
            account,
            sshd.authorized_keys,
            key.public_line,
            Deadline(QUESTION_SECONDS),
        )
        return SshAccess(account, sshd, key)

    def program(self, facts: ContainerFacts) -> str:
        """Path of its sshd, "" for none. Raises an EngineError."""
        return find_program(ContainerFiles(self._engine.http, facts.id, Deadline(QUESTION_SECONDS)))

    def start_sshd(self, container_id: str, program: str, user: str = "0") -> ExecSocket:
        """The container's sshd, started for one connection, as a socket. Raises an EngineError."""
        return ExecSocket.open(
            self._engine.http,
            container_id,
            ("/bin/sh", "-c", _START_SSHD, program),
            user,
            {},
            Deadline(QUESTION_SECONDS),
        )

    @property
    def _engine_host(self) -> str:
        """Where ports are published that are published on every address."""
        endpoint = self._engine.endpoint
        return "127.0.0.1" if endpoint.socket_path is not None else endpoint.tcp_host
