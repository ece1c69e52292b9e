"""Homes with start-up files that have undone many an activation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.rig.managers import conda_init, make_program
from tests.shells.machine import Home

_FILES = {"bash": "bashrc", "zsh": "zshrc", "fish": "config_fish", "dash": "profile", "ash": "profile"}


def start(home: Home, shell: str, text: str, fish: str | None = None) -> None:
    """The start-up file of a shell; fish has its own language."""
    home.write(**{_FILES[shell]: fish if shell == "fish" and fish is not None else text})


def base_last(home: Home, shell: str, more: str = "") -> None:
    kind = {"bash": "bash", "zsh": "zsh", "fish": "fish"}.get(shell, "posix")
    start(home, shell, conda_init(home.machine.root, kind) + more)


def another_python_first(home: Home, shell: str) -> None:
    make_program(home.path / "bin" / "python", "#!/bin/sh\necho another\n")
    base_last(home, shell, f'export PATH="{home.path}/bin:$PATH"\n')


def aliases(home: Home, shell: str) -> None:
    names = "cd conda micromamba test printf hash source python3"
    if shell in ("bash", "zsh"):
        names += " unset export trap command eval"
    start(home, shell, "".join(f"alias {name}='false no'\n" for name in names.split()), "alias cd 'false'\n")


def errexit(home: Home, shell: str) -> None:
    # where a false one then ends dash, as it would in any login
    start(home, shell, "set -e\n" + ("false\n" if shell in ("bash", "zsh") else ""), "false\n")


def exec_zsh(home: Home, shell: str) -> None:
    start(home, shell, "exec zsh\n")
    home.write(zshrc=conda_init(home.machine.root, "zsh") + "precmd_functions=()\n")


def exec_zsh_guarded(home: Home, shell: str) -> None:
    start(home, shell, '[ -t 1 ] && [ "$SHLVL" = 1 ] && [ -z "$ZSH_VERSION" ] && exec zsh -l\n')
    home.write(zshrc=conda_init(home.machine.root, "zsh"))


def exec_fish(home: Home, shell: str) -> None:
    start(home, shell, "exec fish\n")
    home.write(config_fish=conda_init(home.machine.root, "fish"))


def exec_fish_guarded(home: Home, shell: str) -> None:
    guard = "[[ $(ps -o comm= -p $PPID) != fish && -z $BASH_EXECUTION_STRING && $SHLVL == 1 ]]"
    start(home, shell, f"if {guard}; then exec fish; fi\n")
    home.write(config_fish=conda_init(home.machine.root, "fish"))


def own_zdotdir(home: Home, shell: str) -> None:
    (home.path / "zsh").mkdir()
    home.write(zshenv='export ZDOTDIR="$HOME/zsh"\n')
    (home.path / "zsh" / ".zshrc").write_text(
        conda_init(home.machine.root, "zsh") + "echo the user's $ZDOTDIR\n"
    )


def text(plain: str, fish: str = "", zsh: str = "") -> Callable[[Home, str], None]:
    return lambda home, shell: start(home, shell, zsh if zsh and shell == "zsh" else plain, fish)


Start = Callable[[Home, str], None]

HOMES: dict[str, Start] = {
    "nothing": lambda home, shell: None,
    "base last": base_last,
    "another python first": another_python_first,
    "output": text("echo welcome; printf 'no end'; echo error >&2\n", "echo welcome; echo -n 'no end'\n"),
    "errexit": errexit,
    "nounset": text("set -u\necho $nope\n", "echo $nope\n"),
    "no globbing, strange separators": text("set -f\nIFS=/n\n", "set -g IFS /n\n"),
    "a syntax error": text("if then\n", "if\n"),
    "elsewhere": text("cd /usr/lib\n", "cd /usr/lib\n"),
    "aliases": aliases,
    "prompt hooks": text(
        "PROMPT_COMMAND='true'\nPS1='$ '\n",
        "function fish_prompt; echo '$ '; end\n",
        "precmd() { true }\nprecmd_functions=()\nadd-zsh-hook() { false }\nsetopt ksh_arrays\n",
    ),
}  # fmt: skip
SPECIAL: dict[tuple[str, str], Start] = {
    ("bash", "exec zsh"): exec_zsh,
    ("bash", "exec zsh, guarded"): exec_zsh_guarded,
    ("bash", "exec fish"): exec_fish,
    ("bash", "exec fish, guarded"): exec_fish_guarded,
    ("dash", "exec zsh"): exec_zsh,
    ("zsh", "exec fish"): exec_fish,
    ("zsh", "own ZDOTDIR"): own_zdotdir,
}


def every(shells: tuple[str, ...] | list[str]) -> list[tuple[str, str, Start]]:
    """Shell, name of a home, and what makes it."""
    usual = [(shell, name, make) for shell in shells for name, make in HOMES.items()]
    special = [(shell, name, make) for (shell, name), make in SPECIAL.items() if shell in shells]
    # the one that is run must be here, too
    here = [each for each in special if not any(other in each[1] for other in {"zsh", "fish"} - set(shells))]
    return usual + here


def files_with(folder: Path, word: bytes) -> list[str]:
    """Files below a folder that hold a word."""
    return [
        str(each.relative_to(folder))
        for each in folder.rglob("*")
        if each.is_file() and word in each.read_bytes()
    ]
