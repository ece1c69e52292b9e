"""How bad a line says that things are."""

from __future__ import annotations

import pytest

from tui.model.log_levels import Level, level_of


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24 12:00:00 ERROR worker died",
        "Traceback (most recent call last):",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "ValueError: bad",
        "[rank0]: NCCL operation timed out",
        "Segmentation fault (core dumped)",
        "error: no such file",
        "E0101 12:00:00.1 12 foo.cc:1] failed",
    ],
)
def test_errors(text: str) -> None:
    assert level_of(text) is Level.ERROR


@pytest.mark.parametrize(
    "text",
    ["WARNING: slow", "foo.py:3: UserWarning: deprecated", "warn: x", "step 12 loss: nan", "grad_norm=inf"],
)
def test_warnings(text: str) -> None:
    assert level_of(text) is Level.WARNING


@pytest.mark.parametrize("text", ["epoch 3 error=0.03", "test_error_rate 0.1", "", "loss 0.1", "terror"])
def test_plain_lines(text: str) -> None:
    assert level_of(text) is Level.PLAIN


def test_only_the_beginning_is_looked_at() -> None:
    assert level_of("x" * 5_000_000 + " ERROR") is Level.PLAIN
