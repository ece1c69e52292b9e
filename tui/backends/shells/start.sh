# What a sh of ours reads at its start, for enter.sh: the start-up files of a login, then the activation.
if [ -n "$__envtui_had_ENV" ]; then ENV=$__envtui_old_ENV; else unset ENV; fi
[ -n "$__envtui_folder" ] || exec 9<&-
__envtui_end() {
  trap - INT EXIT
  __envtui_last
  unset -f __envtui_end
  __envtui_forget
}
# ctrl+c ends what a start-up file waits for, and not our part
trap : INT
# one that exits leaves no folder behind
trap __envtui_take_back EXIT
# `command`: an error in them ends them, and not our part
[ ! -r /etc/profile ] || command . /etc/profile || :
[ ! -r ~/.profile ] || command . ~/.profile || :
# what an interactive one reads besides
eval "__envtui_file=\"${ENV-}\""
[ -z "$__envtui_file" ] || [ ! -r "$__envtui_file" ] || command . "$__envtui_file" || :
__envtui_end
