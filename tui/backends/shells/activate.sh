# Activates an environment in the shell that reads this, and tells of it: bash, zsh, dash, busybox ash, ksh.
#
# Functions only: they are read before the user's start-up files, so that no alias gets into them. Facts: enter.sh.
__envtui_is_function() {
  if [ -n "${BASH_VERSION-}${ZSH_VERSION-}${KSH_VERSION-}" ]; then typeset -f "$1" >/dev/null 2>&1; return; fi
  case $(\command -V "$1" 2>/dev/null) in *function*) return 0;; esac
  return 1
}
__envtui_first_in_path() {
  case ${PATH-} in
    "$__envtui_prefix/bin" | "$__envtui_prefix/bin:"*) ;;
    *) PATH=$__envtui_prefix/bin${PATH:+:$PATH};;
  esac
  export PATH
}
__envtui_each() { # FUNCTION LIST: the function with each part of it, as in PATH
  __envtui_rest=$2
  while [ -n "$__envtui_rest" ]; do
    __envtui_part=${__envtui_rest%%:*}
    case $__envtui_rest in *:*) __envtui_rest=${__envtui_rest#*:};; *) __envtui_rest=;; esac
    [ -z "$__envtui_part" ] || "$1"
  done
}
__envtui_keep() { case :$PATH: in *:"$__envtui_part":*) ;; *) PATH=$PATH:$__envtui_part;; esac; }
__envtui_kept_path() { # what the image has in PATH and a start-up file dropped is still found, behind the rest
  __envtui_each __envtui_keep "$__envtui_old_PATH"
  export PATH
}
__envtui_miss() { case :$PATH: in *:"$__envtui_part":*) ;; *) __envtui_found=yes;; esac; }
__envtui_sort() {
  case :$__envtui_old_PATH: in
    *:"$__envtui_part":*) __envtui_found=yes;;
    *) if [ -z "$__envtui_found" ]; then __envtui_before_it=$__envtui_before_it$__envtui_part:
      else __envtui_behind_it=$__envtui_behind_it:$__envtui_part; fi;;
  esac
}
__envtui_image_path() { # after /etc/profile, which may set one that knows nothing of the image's
  __envtui_found= __envtui_before_it= __envtui_behind_it=
  __envtui_each __envtui_miss "$__envtui_old_PATH"
  [ -n "$__envtui_found" ] || return 0
  __envtui_found=
  __envtui_each __envtui_sort "$PATH"
  PATH=$__envtui_before_it$__envtui_old_PATH$__envtui_behind_it
  export PATH
}
__envtui_run() { # . FILE or eval TEXT: an error in it ends it, and not us, as it would in dash without `command`
  case ${ZSH_VERSION:+zsh}$1 in
    # which takes what `command` runs for a program, and goes on anyway
    zsh.) \. "$2";;
    zsheval) \eval "$2";;
    *) command "$1" "$2";;
  esac
}
__envtui_no_alias() { # NAME: dash takes an alias even where a function is defined; the others are told not to
  [ -n "${BASH_VERSION-}${ZSH_VERSION-}" ] || unalias "$1" 2>/dev/null || :
}
__envtui_try() { # FUNCTION of a manager: whether it activates
  \unset CONDA_PS1_BACKUP
  if [ -n "${__envtui_silent-}" ]; then
    "$1" activate "$__envtui_prefix" </dev/null >/dev/null 2>&1
  else
    "$1" activate "$__envtui_prefix" </dev/null 2>/dev/null
  fi
  [ "${CONDA_PREFIX-}" = "$__envtui_prefix" ] || [ "${CONDA_PREFIX-}" -ef "$__envtui_prefix" ]
}
__envtui_conda() {
  __envtui_no_alias conda
  __envtui_is_function conda && __envtui_try conda && return
  # bin/activate of an installation activates base in dash, whatever it is told
  [ -r "$__envtui_root/etc/profile.d/conda.sh" ] || return
  __envtui_run . "$__envtui_root/etc/profile.d/conda.sh"
  __envtui_is_function conda && __envtui_try conda
}
__envtui_mamba() {
  __envtui_no_alias "$__envtui_program"
  __envtui_is_function "$__envtui_program" && __envtui_try "$__envtui_program" && return
  MAMBA_EXE=$__envtui_manager
  export MAMBA_EXE
  # mamba 2 called by its path does not find it alone
  [ -z "$__envtui_root" ] || { MAMBA_ROOT_PREFIX=$__envtui_root; export MAMBA_ROOT_PREFIX; }
  __envtui_run eval "$("$__envtui_manager" shell hook -s posix </dev/null 2>/dev/null)" 2>/dev/null
  __envtui_is_function "$__envtui_program" && __envtui_try "$__envtui_program" && return
  # mamba 1 is conda's sister
  [ "$__envtui_program" = mamba ] && __envtui_conda
}
__envtui_venv() {
  [ -r "$__envtui_prefix/bin/activate" ] || return
  __envtui_run . "$__envtui_prefix/bin/activate" 2>/dev/null
  [ "${VIRTUAL_ENV-}" = "$__envtui_prefix" ] || [ "${VIRTUAL_ENV-}" -ef "$__envtui_prefix" ]
}
__envtui_no_venv() { # one that the image or a start-up file has active
  [ -n "${VIRTUAL_ENV-}" ] || return 0
  if __envtui_is_function deactivate; then deactivate >/dev/null 2>&1; fi
  \unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
}
__envtui_by_hand() {
  __envtui_first_in_path
  \unset PYTHONHOME
  case $__envtui_kind in
    venv | uv) VIRTUAL_ENV=$__envtui_prefix; export VIRTUAL_ENV;;
    *)
      CONDA_PREFIX=$__envtui_prefix CONDA_DEFAULT_ENV=$__envtui_mark CONDA_SHLVL=1
      CONDA_PROMPT_MODIFIER="($__envtui_mark) "
      export CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL CONDA_PROMPT_MODIFIER
      for __envtui_part in "$__envtui_prefix"/etc/conda/activate.d/*.sh; do
        [ ! -r "$__envtui_part" ] || __envtui_run . "$__envtui_part"
      done;;
  esac
  PS1="($__envtui_mark) ${PS1-}"
}
__envtui_system() {
  if [ -n "${CONDA_PREFIX-}" ]; then
    if __envtui_is_function conda; then
      \conda deactivate >/dev/null 2>&1
      [ -z "${CONDA_PREFIX-}" ] || \conda deactivate >/dev/null 2>&1
    fi
    \unset CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
  fi
  __envtui_first_in_path
}
__envtui_activate_now() {
  case $__envtui_kind in
    '') return 0;;
    system) __envtui_no_venv; __envtui_system; return 0;;
  esac
  case $__envtui_kind:$__envtui_program in
    venv:* | uv:*) __envtui_way=__envtui_venv;;
    pixi:* ) __envtui_way=;;
    *:conda) __envtui_way=__envtui_conda;;
    *:micromamba | *:mamba) __envtui_way=__envtui_mamba;;
    *) __envtui_way=;;
  esac
  case $__envtui_kind in venv | uv) ;; *) __envtui_no_venv;; esac
  if [ -z "$__envtui_way" ]; then
    __envtui_by_hand
  elif ! "$__envtui_way"; then
    __envtui_by_hand
    [ -n "${__envtui_silent-}" ] || \printf 'envtui: its own activation failed, so it was put first in PATH by hand\n' >&2
  fi
  # a start-up file may have put another one before where conda puts it
  __envtui_first_in_path
}
__envtui_activate() {
  if [ -z "$__envtui_kind" ] || [ -d "$__envtui_prefix" ]; then __envtui_activate_now; else __envtui_gone=yes; fi
}
__envtui_tell() { # the first line: red where `python` is not the environment's
  __envtui_red= __envtui_said=
  __envtui_python=python
  if [ -n "$__envtui_kind" ] && ! [ -x "$__envtui_prefix/bin/python" ] && [ -x "$__envtui_prefix/bin/python3" ]; then __envtui_python=python3; fi
  [ -n "$__envtui_kind" ] || command -v python >/dev/null 2>&1 || __envtui_python=python3
  __envtui_found=$(\command -v "$__envtui_python" 2>/dev/null)
  case $__envtui_found in
    /*) case $__envtui_found in *[!]A-Za-z0-9_./+@:,~=%[\ -]*) __envtui_shown='in another folder';; *) __envtui_shown=$__envtui_found;; esac;;
    alias*) __envtui_shown='an alias';;
    '') __envtui_shown='not there';;
    *) __envtui_shown='a function';;
  esac
  if [ -n "${__envtui_gone-}" ]; then
    __envtui_red=yes __envtui_said="there is no environment at $__envtui_place"
  elif [ -z "$__envtui_kind" ]; then
    case $__envtui_found in '') __envtui_said='no python';; *) __envtui_said="$__envtui_python $__envtui_shown";; esac
  elif ! [ -x "$__envtui_prefix/bin/$__envtui_python" ]; then
    __envtui_said='no python in it'
    case $__envtui_found in '') __envtui_red=$__envtui_needs;; *) __envtui_red=yes __envtui_said="$__envtui_said: $__envtui_python is $__envtui_shown";; esac
  elif case $__envtui_found in /*) [ "${__envtui_found%/*}" -ef "$__envtui_prefix/bin" ];; *) false;; esac; then
    __envtui_said="$__envtui_python $__envtui_place/bin/$__envtui_python"
  else
    __envtui_red=yes __envtui_said="$__envtui_python is $__envtui_shown, not $__envtui_place/bin/$__envtui_python"
  fi
  if [ -n "$__envtui_red" ]; then
    \printf '\033[31m%s · %s\033[0m\n' "$__envtui_line" "$__envtui_said"
  else
    \printf '%s · %s\n' "$__envtui_line" "$__envtui_said"
  fi
}
__envtui_take_back() { # the hooks that were for another shell, and the folder
  [ -n "$__envtui_folder" ] || return 0
  if [ "${ZDOTDIR-}" = "$__envtui_folder" ]; then
    if [ -n "$__envtui_had_ZDOTDIR" ]; then ZDOTDIR=$__envtui_old_ZDOTDIR; else unset ZDOTDIR; fi
  fi
  case ${XDG_DATA_DIRS-} in
    "$__envtui_folder/xdg:/usr/local/share:/usr/share")
      if [ -n "$__envtui_had_XDG_DATA_DIRS" ]; then XDG_DATA_DIRS=$__envtui_old_XDG_DATA_DIRS; else unset XDG_DATA_DIRS; fi;;
    *"$__envtui_folder/xdg:"*) XDG_DATA_DIRS=${XDG_DATA_DIRS%%"$__envtui_folder/xdg:"*}${XDG_DATA_DIRS#*"$__envtui_folder/xdg:"};;
  esac
  case $__envtui_folder in */envtui.*) command rm -rf -- "$__envtui_folder";; esac
}
__envtui_finish() {
  __envtui_take_back
  __envtui_kept_path
  __envtui_activate
  hash -r 2>/dev/null
}
__envtui_last() { # after the user's start-up files, whatever options they set, which are theirs again afterwards
  if [ -n "${ZSH_VERSION-}" ]; then
    setopt local_options local_traps no_err_exit no_err_return unset no_xtrace no_nomatch glob no_ksh_arrays \
      no_glob_subst no_warn_create_global no_sh_word_split no_aliases
    __envtui_finish
    __envtui_tell
    return 0
  fi
  __envtui_options=$-
  set +e +u +f +x
  if [ -n "${BASH_VERSION-}" ] && shopt -q expand_aliases; then
    # not in what the environment's own scripts say
    shopt -u expand_aliases
    __envtui_finish
    shopt -s expand_aliases
  else
    __envtui_finish
  fi
  __envtui_tell
  case $__envtui_options in *f*) set -f;; esac
  case $__envtui_options in *u*) set -u;; esac
  case $__envtui_options in *x*) set -x;; esac
  case $__envtui_options in *e*) set -e;; esac
}
__envtui_forget() {
  unset -f __envtui_is_function __envtui_first_in_path __envtui_each __envtui_keep __envtui_kept_path \
    __envtui_miss __envtui_sort __envtui_image_path __envtui_run __envtui_no_alias \
    __envtui_try __envtui_conda __envtui_mamba \
    __envtui_venv __envtui_no_venv __envtui_by_hand __envtui_system __envtui_activate_now __envtui_activate \
    __envtui_tell __envtui_take_back __envtui_finish __envtui_last __envtui_forget
  unset __envtui_kind __envtui_prefix __envtui_root __envtui_manager __envtui_program __envtui_mark __envtui_line \
    __envtui_place __envtui_needs __envtui_folder __envtui_old_PATH __envtui_had_PATH __envtui_old_ZDOTDIR \
    __envtui_had_ZDOTDIR __envtui_old_XDG_DATA_DIRS __envtui_had_XDG_DATA_DIRS __envtui_old_ENV __envtui_had_ENV \
    __envtui_rest __envtui_part __envtui_way __envtui_gone __envtui_options __envtui_red __envtui_said \
    __envtui_python __envtui_found __envtui_shown __envtui_silent __envtui_file __envtui_before_it __envtui_behind_it
}
