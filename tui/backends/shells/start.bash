# What a bash of ours reads at its start, for enter.sh: the start-up files of a login, then the activation.
#
# The user's files are read by lines of this text and not by a function: what they declare would be its own.
set +o posix
shopt -u inherit_errexit shift_verbose 2>/dev/null
if [ -n "$__envtui_had_ENV" ]; then ENV=$__envtui_old_ENV; else unset ENV; fi
[ -n "$__envtui_folder" ] || exec 9<&-
# as POSIX mode has it, until a moment ago
case ${HISTFILE-} in */.sh_history) HISTFILE=$HOME/.bash_history;; esac
__envtui_names_bashrc() { # FILE: whether it does, apart from comments
  __envtui_rest=
  while IFS= read -r __envtui_part || [ -n "$__envtui_part" ]; do
    case ${__envtui_part%%#*} in *bashrc*) return 0;; *.profile*) __envtui_rest=yes;; esac
  done <"$1"
  [ -n "$__envtui_rest" ] && [ "$1" != ~/.profile ] && [ -r ~/.profile ] && __envtui_names_bashrc ~/.profile
}
__envtui_end() {
  case $(\trap -p INT) in "trap -- ':' "*) trap - INT;; esac
  case $(\trap -p EXIT) in "trap -- '__envtui_take_back' "*) trap - EXIT;; esac
  __envtui_last
  unset -f __envtui_names_bashrc __envtui_end
  __envtui_forget
}
# ctrl+c ends what a start-up file waits for, and not our part
trap : INT
# one that exits leaves no folder behind
trap __envtui_take_back EXIT
# `||`: what sets -e and fails goes on
[ ! -r /etc/profile ] || . /etc/profile || :
__envtui_image_path
for __envtui_file in ~/.bash_profile ~/.bash_login ~/.profile ""; do [ ! -r "$__envtui_file" ] || break; done
[ -z "$__envtui_file" ] || . "$__envtui_file" || :
# as in any terminal, where the files of the login did not do it
[ -n "$__envtui_file" ] && __envtui_names_bashrc "$__envtui_file" || [ ! -r ~/.bashrc ] || . ~/.bashrc || :
__envtui_end
:
