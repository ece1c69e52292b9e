# Begins a shell, or one command, with an environment active, for tui/backends/shells/entering.py.
#
#   /bin/sh -c "$(cat enter.sh)" envtui TAG MODE TERM SHELL FOLDER \
#     FACTS FISH_FACTS ACTIVATE BASH SH ZSH FISH [COMMAND...]
#
# POSIX sh (dash, busybox ash, bash). MODE: shell, command, or command-tty. FACTS: assignments
# (__envtui_kind, prefix, root, manager, program, mark, line, place, needs), FISH_FACTS the same for fish.
# ACTIVATE to FISH: the texts that lie beside this one, of which a command needs the first only.
# The chain from here to the shell or program only execs: $$ stays the session's leader.
ENVTUI_SESSION=$1:$$
export ENVTUI_SESSION
__envtui_tag=$1 __envtui_mode=$2 __envtui_term=$3 __envtui_shell=$4
[ -z "$5" ] || command cd -- "$5" 2>/dev/null || :
__envtui_facts=$6 __envtui_fish_facts=$7 __envtui_activate_text=$8 __envtui_bash_text=$9
shift 9
__envtui_sh_text=$1 __envtui_zsh_text=$2 __envtui_fish_text=$3
shift 3
eval "$__envtui_facts"
eval "$__envtui_activate_text"

# No name here is one that an image may have exported: the program would get our value.
__envtui_has_terminal() { # NAME: whether it is described here; 2 where nothing is
  set -- "$1" "${1%"${1#?}"}" "$(printf %x "'$1")" none
  __envtui_rest=${TERMINFO:-}:${HOME:+$HOME/.terminfo}:${TERMINFO_DIRS:-}
  __envtui_rest=$__envtui_rest:/etc/terminfo:/lib/terminfo:/usr/share/terminfo:/usr/lib/terminfo
  while [ -n "$__envtui_rest" ]; do
    __envtui_part=${__envtui_rest%%:*}
    case $__envtui_rest in *:*) __envtui_rest=${__envtui_rest#*:};; *) __envtui_rest=;; esac
    [ -n "$__envtui_part" ] && [ -d "$__envtui_part" ] || continue
    # a Mac keeps them by the number of their first letter
    if [ -f "$__envtui_part/$2/$1" ] || [ -f "$__envtui_part/$3/$1" ]; then return 0; fi
    for __envtui_file in "$__envtui_part"/*/*; do
      if [ -f "$__envtui_file" ]; then set -- "$1" "$2" "$3" some; fi
      break
    done
  done
  if command -v infocmp >/dev/null 2>&1; then
    # where they are in a file of another form
    infocmp "$1" >/dev/null 2>&1 && return 0
    infocmp xterm >/dev/null 2>&1 && return 1
  fi
  [ "$4" = some ] && return 1
  return 2
}
__envtui_terminal() { # TERM: the one that is wanted, or one that every terminal is
  case $__envtui_term in '' | *[!A-Za-z0-9+._-]*) __envtui_term=xterm-256color;; esac
  TERM=xterm-256color
  for __envtui_text in "$__envtui_term" xterm-256color xterm; do
    __envtui_has_terminal "$__envtui_text"
    case $? in 0) TERM=$__envtui_text; break;; 2) break;; esac
  done
  export TERM
}
[ "$__envtui_mode" = command ] || __envtui_terminal

if [ "$__envtui_mode" != shell ]; then
  if [ -n "$__envtui_kind" ] && ! [ -d "$__envtui_prefix" ]; then
    printf 'envtui: there is no environment at %s\n' "$__envtui_place" >&2
    exit 1
  fi
  __envtui_silent=yes
  __envtui_activate </dev/null >/dev/null 2>&1
  # what is not there gives 127, what can't be run 126
  exec "$@"
fi

__envtui_account_shell() { # of this user, without getent
  __envtui_user=$(id -u 2>/dev/null) || __envtui_user=
  if [ -z "$__envtui_user" ] && [ -r /proc/self/status ]; then
    while read -r __envtui_part __envtui_rest; do
      case $__envtui_part in Uid:) __envtui_user=${__envtui_rest%%[!0-9]*}; break;; esac
    done </proc/self/status
  fi
  [ -r /etc/passwd ] || return 0
  while IFS=: read -r _ _ __envtui_part _ _ _ __envtui_rest; do
    if [ "$__envtui_part" = "$__envtui_user" ]; then __envtui_shell=$__envtui_rest; break; fi
  done </etc/passwd
}
__envtui_usual() { # what is there for certain
  __envtui_shell=$(command -v bash 2>/dev/null) || __envtui_shell=/bin/sh
}
__envtui_is_there() {
  case $__envtui_shell in
    */*) [ -f "$__envtui_shell" ] && [ -x "$__envtui_shell" ];;
    *) __envtui_part=$(command -v -- "$__envtui_shell" 2>/dev/null) && __envtui_shell=$__envtui_part;;
  esac
}
if [ -n "$__envtui_shell" ]; then
  __envtui_is_there || {
    printf 'envtui: that shell is not there, another is used\n' >&2
    __envtui_usual
  }
else
  __envtui_shell=${SHELL:-}
  case $__envtui_shell in /*) __envtui_is_there || __envtui_shell=;; *) __envtui_shell=;; esac
  [ -n "$__envtui_shell" ] || __envtui_account_shell
  case $__envtui_shell in
    # an account that has none, which who comes by the engine need not mind
    */nologin | */false | '') __envtui_usual;;
    *) __envtui_is_there || __envtui_usual;;
  esac
fi
case ${__envtui_shell##*/} in
  bash | zsh | fish | sh | dash | ash | ksh | ksh93 | mksh | lksh | oksh | loksh | yash | busybox) ;;
  *)
    __envtui_usual
    printf 'envtui: %s is used, as no environment can be activated in that shell\n' "${__envtui_shell##*/}" >&2;;
esac
SHELL=$__envtui_shell
export SHELL
# as a login has it: start-up files ask for it
unset SHLVL

__envtui_folder=
for __envtui_part in "${TMPDIR:-/tmp}" /tmp /dev/shm /run; do
  # its name gets into texts of several shells
  case $__envtui_part in *[!A-Za-z0-9_./+@=,-]* | [!/]*) continue;; esac
  # mkdir goes through no link and takes none that is there
  if [ -d "$__envtui_part" ] && mkdir -m 700 -- "$__envtui_part/envtui.$__envtui_tag" 2>/dev/null; then
    __envtui_folder=$__envtui_part/envtui.$__envtui_tag
    break
  fi
done

__envtui_quote() { # TEXT: in single quotes
  __envtui_rest=$1 __envtui_quoted="'"
  while :; do
    case $__envtui_rest in
      *"'"*) __envtui_quoted=$__envtui_quoted${__envtui_rest%%"'"*}"'\\''" __envtui_rest=${__envtui_rest#*"'"};;
      *) __envtui_quoted=$__envtui_quoted$__envtui_rest"'"; return;;
    esac
  done
}
# What the texts find besides FACTS. The last shell of the chain takes the hooks back.
__envtui_facts="$__envtui_facts
__envtui_folder=$__envtui_folder"
__envtui_fish_facts="$__envtui_fish_facts
set -g __envtui_folder $__envtui_folder"
for __envtui_part in PATH ZDOTDIR XDG_DATA_DIRS ENV; do
  eval "__envtui_text=\${$__envtui_part-} __envtui_is_set=\${$__envtui_part+x}"
  __envtui_quote "$__envtui_text"
  __envtui_facts="$__envtui_facts
__envtui_old_$__envtui_part=$__envtui_quoted __envtui_had_$__envtui_part=$__envtui_is_set"
  __envtui_fish_facts="$__envtui_fish_facts
set -g __envtui_old_$__envtui_part ${__envtui_is_set:+$__envtui_quoted}"
done

if [ -n "$__envtui_folder" ]; then
  # a start-up file may exec another shell: its hook lies ready
  __envtui_fish_file=$__envtui_folder/xdg/fish/vendor_conf.d/envtui.fish
  mkdir -p "${__envtui_fish_file%/*}"
  printf '%s\n%s\n' "$__envtui_fish_facts" "$__envtui_fish_text" >"$__envtui_fish_file"
  printf '%s\n%s\n%s\n' "$__envtui_facts" "$__envtui_activate_text" "$__envtui_zsh_text" >"$__envtui_folder/.zshenv"
  for __envtui_part in .zprofile .zshrc .zlogin; do
    # not in a function: what the user's file declares would be the function's own
    printf '%s\n' "__envtui_before $__envtui_part" \
      '{ [[ -z $__envtui_file ]] || \source "$__envtui_file" || : } always { TRY_BLOCK_ERROR=0 TRY_BLOCK_INTERRUPT=0 }' \
      "__envtui_after $__envtui_part" >"$__envtui_folder/$__envtui_part"
  done
  case ${__envtui_shell##*/} in
    fish) ;;
    *) XDG_DATA_DIRS=$__envtui_folder/xdg:${XDG_DATA_DIRS:-/usr/local/share:/usr/share}; export XDG_DATA_DIRS;;
  esac
  ZDOTDIR=$__envtui_folder
  export ZDOTDIR
fi

case ${__envtui_shell##*/} in
  zsh)
    if [ -z "$__envtui_folder" ]; then
      __envtui_activate
      printf 'envtui: no folder can be written: a start-up file may have undone the activation\n' >&2
      __envtui_tell
    fi
    exec "$__envtui_shell" -l -i;;
  fish)
    if [ -n "$__envtui_folder" ]; then
      exec "$__envtui_shell" -l -i -C "source $__envtui_fish_file"
    fi
    exec "$__envtui_shell" -l -i -C "$__envtui_fish_facts
$__envtui_fish_text";;
  bash) __envtui_text=$__envtui_bash_text;;
  *) __envtui_text=$__envtui_sh_text;;
esac
__envtui_text="$__envtui_facts
$__envtui_activate_text
$__envtui_text"
if [ -n "$__envtui_folder" ]; then
  ENV=$__envtui_folder/start
  printf '%s\n' "$__envtui_text" >"$ENV"
else
  ENV=/dev/fd/9
  if [ -n "${BASH_VERSION:-}" ]; then
    # a here-document may be a file to it
    set +o posix
    eval 'exec 9< <(printf "%s\n" "$__envtui_text")'
  else
    exec 9<<X
$__envtui_text
X
  fi
fi
export ENV
case ${__envtui_shell##*/} in
  # bash reads nothing but ENV then, where --rcfile lets some of them read /etc/bash.bashrc a second time
  bash) exec "$__envtui_shell" --posix -i;;
  busybox) exec "$__envtui_shell" sh -i;;
  *) exec "$__envtui_shell" -i;;
esac
