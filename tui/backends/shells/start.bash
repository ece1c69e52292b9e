# What a bash of ours reads at its start, for enter.sh: the start-up files of a login, then the activation.
set +o posix
shopt -u inherit_errexit shift_verbose 2>/dev/null
if [ -n "$__envtui_had_ENV" ]; then ENV=$__envtui_old_ENV; else unset ENV; fi
[ -n "$__envtui_folder" ] || exec 9<&-
# in POSIX mode it would have been another file
case ${HISTFILE-} in */.sh_history) HISTFILE=$HOME/.bash_history;; esac
# ctrl+c ends what a start-up file waits for, and not our part; an exit in one leaves no folder behind
trap : INT
trap __envtui_take_back EXIT
# `||`: what sets -e and fails goes on
[ ! -r /etc/profile ] || . /etc/profile || :
for __envtui_file in ~/.bash_profile ~/.bash_login ~/.profile ""; do [ ! -r "$__envtui_file" ] || break; done
[ -z "$__envtui_file" ] || . "$__envtui_file" || :
__envtui_text=
for __envtui_file in ~/.bash_profile ~/.bash_login ~/.profile; do
  [ ! -r "$__envtui_file" ] || while IFS= read -r __envtui_part || [ -n "$__envtui_part" ]; do
    case $__envtui_part in '#'* | ' '*'#'*) ;; *bashrc*) __envtui_text=yes;; esac
  done <"$__envtui_file"
done
# as in any terminal, where the files of the login did not do it
[ -n "$__envtui_text" ] || [ ! -r ~/.bashrc ] || . ~/.bashrc || :
case $(trap -p INT) in "trap -- ':' "*) trap - INT;; esac
case $(trap -p EXIT) in "trap -- '__envtui_take_back' "*) trap - EXIT;; esac
__envtui_take_back
__envtui_kept_path
__envtui_activate
__envtui_tell
__envtui_forget
