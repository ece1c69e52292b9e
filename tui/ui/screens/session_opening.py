"""The dialog while a session is opened: its steps as they are taken, its questions, and why it failed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.backends.base import Session
from tui.model.errors import EnvtuiError, HostKeyError
from tui.model.sessions import AnyQuestion, Consent, HostKeyQuestion, KeyConsent, SessionRequest
from tui.monitor.session_opening import SessionKeeper, SessionOpening
from tui.ui.bridge import Bridge
from tui.ui.screens.confirm import Choice, ConfirmScreen, Question
from tui.ui.screens.secret import SecretScreen
from tui.ui.text import printable

# A ladder of more steps than this is not read.
_STEPS_SHOWN = 12


class SessionOpeningScreen(ModalScreen[Session | None]):
    """Gives back the open session, None where there is none."""

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape,q", "cancel"),
        ("y", "copy"),
        ("up", "scroll('up')"),
        ("down", "scroll('down')"),
    ]

    def __init__(self, request: SessionRequest, keeper: SessionKeeper, bridge: Bridge) -> None:
        """Args: what to open; who opens it; the way into the event loop."""
        super().__init__(classes="dialog-screen")
        self.request = request
        self._keeper = keeper
        self._bridge = bridge
        self._opening: SessionOpening | None = None
        self._steps: list[str] = []
        self._error: EnvtuiError | None = None
        self._session: Session | None = None

    def compose(self) -> ComposeResult:
        """Title, steps, keys."""
        with Vertical(classes="dialog"):
            yield Static(f"Session in {printable(self.request.target)}", classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-lines", can_focus=False):
                yield Static("…", id="steps", markup=False)
            yield Static("esc gives it up", classes="dialog-consequence", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        self._opening = self._keeper.open(self.request, self)

    # -- what the thread that opens it tells

    def progressed(self, words: str) -> None:
        """From the thread: a step."""
        self._bridge.deliver(lambda: self._show_step(words))

    def asked(self, question: AnyQuestion) -> None:
        """From the thread: a question."""
        self._bridge.deliver(lambda: self._ask(question))

    def opened(self, session: Session) -> None:
        """From the thread: it is open."""
        self._bridge.deliver(lambda: self._end(session))

    def failed(self, error: EnvtuiError) -> None:
        """From the thread: it is not."""
        self._bridge.deliver(lambda: self._show_error(error))

    # -- in the event loop

    def _show_step(self, words: str) -> None:
        self._steps = [*self._steps, printable(words)][-_STEPS_SHOWN:]
        if self.is_attached:
            self.query_one("#steps", Static).update("\n".join(self._steps))

    def _show_error(self, error: EnvtuiError) -> None:
        self._error = error
        if not self.is_attached:
            return
        self.query_one("#steps", Static).update("\n".join([*self._steps, "", *error_lines(error)]))
        keys = "esc closes" + (" · y copies what to do" if error.hint else "")
        self.query_one(".dialog-consequence", Static).update(keys)

    def _end(self, session: Session) -> None:
        if self._opening is None or self._opening.is_cancelled or not self.is_attached:
            # given up in the moment in which it was opened
            self._keeper.discard(session)
            return
        self._session = session
        self._show_session()

    def _show_session(self) -> None:
        """Hand it over, unless another dialog lies above: that one would be closed instead."""
        if self.app.screen is self:
            self.dismiss(self._session)

    def on_screen_resume(self) -> None:
        """What lay above is gone: a session that was opened meanwhile can be shown."""
        if self._session is not None:
            self.call_later(self._show_session)

    def _ask(self, question: AnyQuestion) -> None:
        opening = self._opening
        if opening is None or opening.is_cancelled or not self.is_attached:
            return
        if isinstance(question, HostKeyQuestion):
            self.app.push_screen(
                ConfirmScreen(host_key_question(question)), lambda choice: opening.answer(choice == "accept")
            )
        elif isinstance(question, KeyConsent):
            self.app.push_screen(
                ConfirmScreen(consent_question(question)),
                lambda choice: opening.answer(Consent(choice) if choice else Consent.CANCEL),
            )
        else:
            self.app.push_screen(SecretScreen(question), opening.answer)

    # -- keys

    def action_cancel(self) -> None:
        """Nobody wants it any more."""
        if self._opening is not None:
            self._opening.cancel()
        if self._session is None:
            self.dismiss(None)

    def action_copy(self) -> None:
        """Copy what the error says to do."""
        if self._error is not None and self._error.hint:
            self.app.copy_to_clipboard(self._error.hint)
            self.app.notify(printable(self._error.hint), title="Copied", markup=False)

    def action_scroll(self, direction: str) -> None:
        """Scroll the steps: up or down."""
        getattr(self.query_one(VerticalScroll), f"scroll_{direction}")(animate=False)


def error_lines(error: EnvtuiError) -> list[str]:
    """An error as lines: what, why, both host keys where it is about them, what to do."""
    lines = [f"▲ {printable(error.title)}"]
    # each reason of a route that failed is a line
    lines += [printable(line) for line in error.detail.splitlines()]
    if isinstance(error, HostKeyError):
        lines += [f"offered  {printable(error.offered)}"] if error.offered else []
        lines += [f"known    {printable(each)}" for each in error.known]
        lines += [f"         {printable(each)}" for each in error.lines]
    if error.hint:
        lines += ["", printable(error.hint)]
    return lines


def host_key_question(question: HostKeyQuestion) -> Question:
    """Whether a key that is not known is the host's."""
    others = tuple(f"  a key of another kind is known: {printable(each)}" for each in question.others)
    return Question(
        title=f"The key of {printable(question.host)} is not known. Is it this one?",
        lines=(
            printable(question.fingerprint),
            printable(question.kind),
            *map(printable, question.randomart.splitlines()),
            *others,
        ),
        consequence="Compare it with what the host's owner says. If you accept, it is written into "
        "known_hosts, and any other key is refused from then on.",
        choices=(Choice("accept", "Accept and write down"),),
    )


def consent_question(question: KeyConsent) -> Question:
    """Whether envtui's key may be put into a container."""
    return Question(
        title=f"Put envtui's key into {printable(question.container_name)}, for SSH?",
        lines=(
            printable(f"one line more in {question.path}"),
            printable(f"that lets {question.key_comment} log in as {question.account}"),
        ),
        consequence="SSH then needs no password, and its host key is read through the engine. "
        "What you say is remembered for this container.",
        choices=(Choice("yes", "Put it in"), Choice("no", printable(question.otherwise))),
    )
