# Begins a shell, or one command, with an environment active, for tui/backends/shells/entering.py.
#
#   /bin/sh -c "$(cat enter.sh)" envtui TAG MODE TERM SHELL FOLDER FACTS FISH_FACTS ACTIVATE BASH SH ZSH FISH [COMMAND...]
#
# POSIX sh (dash, busybox ash, bash). MODE: shell, command, or command-tty. FACTS: assignments that all our texts
# read (__envtui_kind, _prefix, _root, _manager, _program, _mark, _line, _place, _needs), FISH_FACTS the same for
# fish. ACTIVATE to FISH: the texts that lie beside this one.
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

__envtui_has_terminal() { # NAME: whether this side can drive it; 2 where it drives none by description
  d=$(printf %x "'$1")
  set -- "$1" "${1%"${1#?}"}" "$d" ""
  for d in "${TERMINFO:-}" "${HOME:+$HOME/.terminfo}" /etc/terminfo /lib/terminfo /usr/share/terminfo /usr/lib/terminfo; do
    [ -n "$d" ] && [ -d "$d" ] || continue
    for c in "$d"/*/*; do [ -f "$c" ] && set -- "$1" "$2" "$3" any; break; done
    [ -f "$d/$2/$1" ] || [ -f "$d/$3/$1" ] && return 0
  done
  l=${TERMINFO_DIRS:-}
  while [ -n "$l" ]; do
    d=${l%%:*}; case $l in *:*) l=${l#*:};; *) l=;; esac
    [ -n "$d" ] && { [ -f "$d/$2/$1" ] || [ -f "$d/$3/$1" ]; } && return 0
  done
  command -v infocmp >/dev/null 2>&1 && { infocmp "$1" >/dev/null 2>&1 && return 0; set -- "$1" "$2" "$3" any; }
  [ -n "$4" ] || return 2
  return 1
}
__envtui_terminal() { # TERM: the one that is wanted, or one that every terminal is
  case $__envtui_term in '' | *[!A-Za-z0-9+._-]*) __envtui_term=xterm-256color;; esac
  TERM=xterm-256color
  for t in "$__envtui_term" xterm-256color xterm; do
    __envtui_has_terminal "$t"
    case $? in 0) TERM=$t; break;; 2) break;; esac
  done
  export TERM
}
case $__envtui_mode in *command) ;; *) __envtui_terminal;; esac

case $__envtui_mode in command*)
  if [ -n "$__envtui_kind" ] && ! [ -d "$__envtui_prefix" ]; then
    printf 'envtui: there is no environment at %s\n' "$__envtui_place" >&2
    exit 1
  fi
  __envtui_silent=yes
  __envtui_activate </dev/null >/dev/null 2>&1
  # what is not there gives 127, what can't be run 126
  exec "$@"
esac

__envtui_account_shell() { # of this user, without getent
  u=$(id -u 2>/dev/null)
  [ -n "$u" ] || while read -r n v _; do case $n in Uid:) u=$v; break;; esac; done 2>/dev/null </proc/self/status
  [ -r /etc/passwd ] || return 0
  while IFS=: read -r _ _ i _ _ _ s; do
    if [ "$i" = "$u" ]; then __envtui_shell=$s; break; fi
  done </etc/passwd
}
__envtui_usual() { # what is there for certain
  __envtui_shell=$(command -v bash 2>/dev/null) || __envtui_shell=/bin/sh
}
__envtui_wanted=$__envtui_shell
if [ -z "$__envtui_shell" ]; then
  __envtui_shell=${SHELL:-}
  case $__envtui_shell in /*) [ -x "$__envtui_shell" ] || __envtui_shell=;; *) __envtui_shell=;; esac
  [ -n "$__envtui_shell" ] || __envtui_account_shell
fi
case $__envtui_shell in */nologin | */false | '') __envtui_usual;; esac
case $__envtui_shell in
  */*) [ -f "$__envtui_shell" ] && [ -x "$__envtui_shell" ] || __envtui_found=;;
  *) __envtui_found=$(command -v -- "$__envtui_shell" 2>/dev/null) && __envtui_shell=$__envtui_found || __envtui_found=;;
esac
if [ "${__envtui_found-yes}" = '' ]; then
  [ -z "$__envtui_wanted" ] || printf 'envtui: that shell is not there, another one is used\n' >&2
  __envtui_usual
fi
case ${__envtui_shell##*/} in
  bash | zsh | fish | sh | dash | ash | ksh | ksh93 | mksh | lksh | oksh | loksh | yash | busybox) ;;
  *) __envtui_usual
    printf 'envtui: that shell is not known here, %s is used\n' "${__envtui_shell##*/}" >&2;;
esac
SHELL=$__envtui_shell
export SHELL
# as a login has it: start-up files ask for it
unset SHLVL

__envtui_folder=
for d in "${TMPDIR:-/tmp}" /tmp /dev/shm /run; do
  case $d in *[!A-Za-z0-9_./+@=,-]* | [!/]*) continue;; esac
  if [ -d "$d" ] && mkdir -m 700 -- "$d/envtui.$__envtui_tag" 2>/dev/null; then
    __envtui_folder=$d/envtui.$__envtui_tag
    break
  fi
done

__envtui_quote() { # TEXT: in single quotes
  r=$1 q="'"
  while :; do
    case $r in
      *"'"*) q=$q${r%%"'"*}"'\\''" r=${r#*"'"};;
      *) q=$q$r"'"; return;;
    esac
  done
}
# what the texts find besides FACTS; the hooks are taken back by whichever shell is the last one
__envtui_facts="$__envtui_facts
__envtui_folder=$__envtui_folder"
for n in PATH ZDOTDIR XDG_DATA_DIRS ENV; do
  eval "v=\${$n-} x=\${$n+x}"
  __envtui_quote "$v"
  __envtui_facts="$__envtui_facts
__envtui_old_$n=$q __envtui_had_$n=$x"
done

if [ -n "$__envtui_folder" ]; then
  # a start-up file may exec another shell: its hook lies ready
  mkdir -p "$__envtui_folder/xdg/fish/vendor_conf.d"
  __envtui_fish_facts="$__envtui_fish_facts
set -g __envtui_folder $__envtui_folder
set -g __envtui_had_xdg ${XDG_DATA_DIRS+yes}
set -g __envtui_had_zdotdir ${ZDOTDIR+yes}"
  printf '%s\n%s\n' "$__envtui_fish_facts" "$__envtui_fish_text" >"$__envtui_folder/xdg/fish/vendor_conf.d/envtui.fish"
  printf '%s\n%s\n%s\n' "$__envtui_facts" "$__envtui_activate_text" "$__envtui_zsh_text" >"$__envtui_folder/.zshenv"
  for f in .zprofile .zshrc .zlogin; do
    # not in a function: what the user's file declares would be the function's own
    printf '%s\n' "__envtui_before $f" \
      '{ [[ -z $__envtui_file ]] || \source "$__envtui_file" || : } always { TRY_BLOCK_ERROR=0 TRY_BLOCK_INTERRUPT=0 }' \
      "__envtui_after $f" >"$__envtui_folder/$f"
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
      exec "$__envtui_shell" -l -i -C "source $__envtui_folder/xdg/fish/vendor_conf.d/envtui.fish"
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
