from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tui.backends.ssh.fingerprints import fingerprint, kind_of, randomart

KINDS = [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "521"), ("rsa", "2048")]


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_a_key_looks_as_ssh_keygen_draws_it(tmp_path: Path, kind: str, bits: str) -> None:
    path = tmp_path / "key"
    size = ["-b", bits] if bits else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", str(path)], check=True)
    shown = subprocess.run(
        ["ssh-keygen", "-lvf", f"{path}.pub"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    blob = base64.b64decode(Path(f"{path}.pub").read_text().split()[1])
    assert fingerprint(blob) == shown[0].split()[1]
    assert randomart(blob).splitlines() == shown[1:]


def test_what_is_no_key_has_no_kind() -> None:
    assert [kind_of(blob) for blob in (b"", b"\0\0\0\x09ssh", b"\xff" * 8)] == ["", "", ""]
