"""What a person is asked on the terminal: nothing secret is shown, and the terminal is as it was after."""

from __future__ import annotations

import sys

import pytest

from tests.rig.terminal import TerminalSession
from tui.commands.questions import NoQuestions, TerminalQuestions, questions_here
from tui.model.sessions import Consent, HostKeyQuestion, KeyConsent

SECRET = "correct horse 分割"
HOST_KEY = HostKeyQuestion(
    "[box]:2222", "ssh-ed25519", "SHA256:abc",
    "+--[ED25519 256]--+\n|  .o.\x1b[2J      |\n+----[SHA256]-----+",
    ("/home/ana/.ssh/known_hosts:3",),
)  # fmt: skip
CONSENT = KeyConsent("0" * 64, "box", "ana", "/home/ana/.ssh/authorized_keys", "envtui@here")
# Answers are compared, and told in other words: what a person typed must not be on the screen by our doing.
PROGRAM = """
import sys
from tests.commands.test_questions import CONSENT, HOST_KEY, SECRET
from tui.commands.questions import questions_here
questions = questions_here(shows_progress=True)
try:
    answer = eval(sys.argv[1])
except KeyboardInterrupt:
    answer = "interrupted"
told = "the secret" if answer in (SECRET, ["ana", SECRET]) else repr(answer)
questions.close()
print("told", told)
"""


def asking(call: str) -> TerminalSession:
    return TerminalSession([sys.executable, "-c", PROGRAM, f"questions.{call}"])


class TestSecrets:
    @pytest.mark.parametrize(
        ("call", "prompt"),
        [
            ("password('ana@box', 1)", r"^Password of ana@box:$"),
            ("password('ana@box', 2)", r"^That was not it\. Password of ana@box:$"),
            ("passphrase('/home/ana/.ssh/id', 1)", r"^Passphrase of the key /home/ana/\.ssh/id:$"),
        ],
    )
    def test_are_not_shown(self, call: str, prompt: str) -> None:
        with asking(call) as shown:
            before = shown.termios_attributes()
            shown.wait_for(prompt)
            assert not shown.echo and shown.canonical
            shown.send(f"{SECRET}\r")
            shown.wait_for(r"^told the secret")
            assert shown.wait_exit() == 0 and SECRET.encode() not in shown.raw
            assert shown.termios_attributes() == before

    @pytest.mark.parametrize(
        ("keys", "told"), [("\r", "None"), ("\x04", "None"), ("abc\x03", "'interrupted'")]
    )
    def test_can_be_given_up(self, keys: str, told: str) -> None:
        with asking("password('ana@box', 1)") as shown:
            before = shown.termios_attributes()
            shown.wait_for("Password")
            shown.send(keys)
            shown.wait_for(f"^told {told}")
            shown.wait_exit()
            assert shown.termios_attributes() == before

    def test_a_server_says_what_may_be_seen_and_can_drive_nothing(self) -> None:
        prompts = "[('Name: ', True), ('a\\nCode\\x07: ', False)]"
        call = f"answers('Two steps', 'Read\\x1b[2J this\\nand that', {prompts})"
        with asking(call) as shown:
            shown.wait_for(r"^Two steps\nRead␛\[2J this\nand that\nName:$")
            shown.send("ana\r")
            # echoed by the terminal
            shown.wait_for(r"^Name: ana\na\nCode␇:$")
            shown.send(f"{SECRET}\r")
            shown.wait_for(r"^told the secret")
            assert SECRET.encode() not in shown.raw


class TestAgreeing:
    @pytest.mark.parametrize(("typed", "told"), [("yes", True), ("no", False), ("YES", True)])
    def test_to_a_host_key_takes_a_whole_word(self, typed: str, told: bool) -> None:
        with asking("accept_host_key(HOST_KEY)") as shown:
            shown.wait_for(r"The host key of \[box\]:2222 is not known yet")
            shown.wait_for(r"^ssh-ed25519 SHA256:abc\n\+--\[ED25519 256\]--\+\n\|  \.o\.␛\[2J")
            shown.wait_for(r"Keys of other kinds are known for it: /home/ana/\.ssh/known_hosts:3")
            shown.wait_for(r"\(yes/no\)$")
            shown.send("y\r")
            shown.wait_for(r"^Please type yes or no:$")
            shown.send(f"{typed}\r")
            shown.wait_for(f"^told {told}")

    @pytest.mark.parametrize(
        ("keys", "told"),
        [
            ("y\r", Consent.YES),
            ("Yes\r", Consent.YES),
            ("\r", Consent.NO),
            ("x\r", Consent.NO),
            ("\x04", Consent.CANCEL),
        ],
    )
    def test_to_a_key_takes_a_yes(self, keys: str, told: Consent) -> None:
        with asking("consent(CONSENT)") as shown:
            shown.wait_for(r"one more line in /home/ana/\.ssh/authorized_keys, for the account ana")
            shown.wait_for(r"envtui@here")
            shown.wait_for(r"\(y/N\)$")
            shown.send(keys)
            shown.wait_for(f"^told <Consent.{told.name}:")


def test_progress_is_gone_before_anything_else_is_said() -> None:
    with asking("progress('connecting to \\x1b[2Jbox')") as shown:
        shown.wait_for(r"^told None")
        assert "connecting to ␛[2Jbox…".encode() in shown.raw and "connecting" not in shown.text()


class TestNobody:
    def test_agrees_to_nothing(self) -> None:
        nobody = NoQuestions()
        assert nobody.consent(CONSENT) is Consent.NOBODY and nobody.wanted_consent
        assert not nobody.accept_host_key(HOST_KEY)
        assert nobody.password("ana@box", 1) is nobody.passphrase("/id", 1) is None
        assert nobody.answers("", "", [("Code: ", False)]) is None and nobody.answers("", "", []) == ()

    @pytest.fixture
    def no_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is there, and belongs to nobody's session."""
        monkeypatch.setattr(TerminalQuestions.__init__, "__defaults__", (False, "/dev/null"))

    @pytest.mark.usefixtures("no_terminal")
    def test_is_asked_where_the_terminal_is_not_ours(self) -> None:
        assert isinstance(questions_here(), NoQuestions)
