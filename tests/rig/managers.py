"""Stand-ins for conda and micromamba that keep the contract of their activation.

What they print is what the shell functions of the real ones evaluate: a prefix that is active is replaced
where it stands in PATH, the prompt is changed, `activate.d` is read, an unknown environment is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tui.model.environments import Environment, EnvironmentKind

_PROGRAM = r"""#!/bin/sh
# conda: shell.KIND hook | activate ENV | deactivate
# micromamba, mamba: shell hook | activate ENV | deactivate, with -s KIND
program=${0##*/} root=$(cd "$(dirname "$0")/.." && pwd -P)
if [ "$program" = conda ]; then kind=${1#shell.}; shift
else
  [ "$1" = shell ] || exit 109
  shift; root=${MAMBA_ROOT_PREFIX:?} list= previous=
  for each; do case $previous in -s | --shell) kind=$each;; esac; previous=$each; done
fi
what=$1 wanted=$2
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
case $what in
  hook)
    if [ "$program" = conda ]; then
      case $kind in fish) file=etc/fish/conf.d/conda.fish;; *) file=etc/profile.d/conda.sh;; esac
      cat "$root/$file"
      echo 'conda activate base'
      exit
    fi
    me=$(cd "$(dirname "$0")" && pwd -P)/$program
    if [ "$kind" = fish ]; then
      printf 'function %s\nif contains -- "$argv[1]" activate deactivate\n' "$program"
      printf 'eval (%s shell $argv -s fish)\nelse\n%s $argv\nend\nend\n' "$(quoted "$me")" "$(quoted "$me")"
    else
      printf 'export MAMBA_EXE=%s MAMBA_ROOT_PREFIX=%s\n' "$(quoted "$me")" "$(quoted "$root")"
      cat <<X
$program() {
    \\local cmd="\${1-__missing__}"
    case "\$cmd" in
        activate|deactivate)
            \\local ask_mamba
            ask_mamba="\$(PS1="\${PS1:-}" "\$MAMBA_EXE" shell "\$@" -s bash)" || \\return
            \\eval "\$ask_mamba";;
        *) "\$MAMBA_EXE" "\$@";;
    esac
}
X
    fi
    exit;;
esac
level=${CONDA_SHLVL:-0} old=${CONDA_PREFIX:-}
case $what in
  activate)
    case $wanted in base | '') prefix=$root;; */*) prefix=$wanted;; *) prefix=$root/envs/$wanted;; esac
    if ! [ -d "$prefix/conda-meta" ]; then
      echo "EnvironmentNameNotFound: Could not find conda environment: $wanted" >&2; exit 1
    fi
    name=${prefix##*/}; [ "$prefix" = "$root" ] && name=base
    case $prefix in "$root" | "$root"/envs/*) ;; *) name=$prefix;; esac
    path=:$PATH:
    case $path in
      *":${old:-/none}/bin:"*) path=${path%%":$old/bin:"*}:$prefix/bin:${path#*":$old/bin:"};;
      *) path=$prefix/bin:$PATH;;
    esac
    next=$((level + 1));;
  deactivate)
    [ "$level" -gt 0 ] || exit 0
    next=$((level - 1)) prefix= name=
    path=:$PATH:; path=${path%%":$old/bin:"*}:${path#*":$old/bin:"}
    if [ $next -gt 0 ]; then
      eval "prefix=\$CONDA_PREFIX_$next"; path=$prefix/bin$path; name=${prefix##*/}
    fi;;
  *) exit 2;;
esac
path=${path#:} path=${path%:}
modifier=; [ -n "$name" ] && modifier="($name) "
if [ "$kind" = fish ]; then
  escaped() { printf "'%s'" "$(printf %s "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/\\\\'/g")"; }
  printf 'set -gx PATH (string split : -- %s);' "$(escaped "$path")"
  if [ -n "$prefix" ]; then
    printf 'set -gx CONDA_PREFIX %s;' "$(escaped "$prefix")"
    printf 'set -gx CONDA_DEFAULT_ENV %s;' "$(escaped "$name")"
  else printf 'set -e CONDA_PREFIX; set -e CONDA_DEFAULT_ENV;'; fi
  printf 'set -gx CONDA_SHLVL %s; set -gx CONDA_PROMPT_MODIFIER %s;' $next "$(escaped "$modifier")"
  [ $what = activate ] && [ -n "$old" ] && printf 'set -gx CONDA_PREFIX_%s %s;' $level "$(escaped "$old")"
  [ $what = activate ] && for each in "$prefix"/etc/conda/activate.d/*.fish; do
    [ -r "$each" ] && printf 'source %s;' "$(escaped "$each")"
  done
  exit 0
fi
shown=${PS1-}; [ -n "${CONDA_PROMPT_MODIFIER-}" ] && shown=${shown#"$CONDA_PROMPT_MODIFIER"}
printf 'PS1=%s\nexport PATH=%s\n' "$(quoted "$modifier$shown")" "$(quoted "$path")"
if [ -n "$prefix" ]; then
  printf 'export CONDA_PREFIX=%s\nexport CONDA_DEFAULT_ENV=%s\n' "$(quoted "$prefix")" "$(quoted "$name")"
else printf 'unset CONDA_PREFIX\nunset CONDA_DEFAULT_ENV\n'; fi
printf "export CONDA_SHLVL='%s'\nexport CONDA_PROMPT_MODIFIER=%s\n" $next "$(quoted "$modifier")"
[ $what = activate ] && [ -n "$old" ] && printf 'export CONDA_PREFIX_%s=%s\n' $level "$(quoted "$old")"
[ $what = activate ] && for each in "$prefix"/etc/conda/activate.d/*.sh; do
  [ -r "$each" ] && printf '. %s\n' "$(quoted "$each")"
done
exit 0
"""

_CONDA_SH = r"""export CONDA_EXE={program}
__conda_exe() (
    "$CONDA_EXE" "$@"
)
__conda_activate() {{
    if [ -n "${{CONDA_PS1_BACKUP:+x}}" ]; then
        PS1="$CONDA_PS1_BACKUP"
        \unset CONDA_PS1_BACKUP
    fi
    \local ask_conda
    ask_conda="$(PS1="${{PS1:-}}" __conda_exe shell.posix "$@")" || \return
    \eval "$ask_conda"
}}
conda() {{
    \local cmd="${{1-__missing__}}"
    case "$cmd" in
        activate|deactivate) __conda_activate "$@";;
        *) __conda_exe "$@";;
    esac
}}
if [ -z "${{CONDA_SHLVL+x}}" ]; then
    \export CONDA_SHLVL=0
    PATH={condabin}${{PATH:+":${{PATH}}"}}
    \export PATH
    if [ -z "${{PS1+x}}" ]; then PS1=; fi
fi
"""

_CONDA_FISH = r"""set -gx CONDA_EXE {program}
set -q CONDA_SHLVL; or begin
    set -gx CONDA_SHLVL 0
    set -gx PATH {condabin} $PATH
end
function conda
    if contains -- "$argv[1]" activate deactivate
        set -l asked ($CONDA_EXE shell.fish $argv); or return $status
        eval $asked
    else
        $CONDA_EXE $argv
    end
end
"""


def conda_init(root: Path, kind: str = "bash") -> str:
    """What `conda init` writes into a start-up file: the last word of many of them is base."""
    program = f"'{root}/bin/conda'"
    if kind == "fish":
        return f'eval {program} "shell.fish" "hook" $argv | source\n'
    return (
        f"__conda_setup=\"$({program} 'shell.{kind}' 'hook' 2> /dev/null)\"\n"
        'if [ $? -eq 0 ]; then eval "$__conda_setup"; fi\nunset __conda_setup\n'
    )


def make_prefix(prefix: Path, is_conda: bool = True) -> Path:
    """An environment with a Python whose `sys.prefix` it is."""
    (prefix / "bin").mkdir(parents=True)
    real = Path(sys.executable).resolve()
    for name in ("python", "python3"):
        (prefix / "bin" / name).symlink_to(real)
    (prefix / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    if is_conda:
        (prefix / "conda-meta").mkdir()
        (prefix / "conda-meta" / "history").touch()
        for ending, line in (("sh", "export FROM_ACTIVATE_D=yes"), ("fish", "set -gx FROM_ACTIVATE_D yes")):
            script = prefix / "etc/conda/activate.d" / f"set.{ending}"
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(line + "\n")
    return prefix


def make_program(path: Path, text: str) -> Path:
    """A program out of a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def make_conda(root: Path) -> Path:
    """An installation of conda, with its base."""
    make_prefix(root)
    program = make_program(root / "bin" / "conda", _PROGRAM)
    for path, text, name in (
        (root / "etc/profile.d/conda.sh", _CONDA_SH, f"'{program}'"),
        (root / "etc/fish/conf.d/conda.fish", _CONDA_FISH, f"'{program}'"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(program=name, condabin=f"'{root}/condabin'"))
    return root


def make_micromamba(program: Path) -> Path:
    """micromamba, or mamba by that name, anywhere."""
    return make_program(program, _PROGRAM)


def environment_of(
    prefix: Path, kind: EnvironmentKind, root: Path | None = None, manager: Path | None = None
) -> Environment:
    """What the listing would say of it."""
    return Environment(
        "0" * 64,
        str(prefix),
        prefix.name,
        kind,
        root_prefix=str(root) if root else None,
        manager=str(manager) if manager else None,
        python="3.11.2",
    )
