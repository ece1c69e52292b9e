# What a sh of ours reads at its start, for enter.sh: the start-up files of a login, then the activation.
if [ -n "$__envtui_had_ENV" ]; then ENV=$__envtui_old_ENV; else unset ENV; fi
[ -n "$__envtui_folder" ] || exec 9<&-
trap : INT
# `command`: an error in them ends them, and not our part
[ ! -r /etc/profile ] || command . /etc/profile || :
[ ! -r ~/.profile ] || command . ~/.profile || :
eval "__envtui_file=\"${ENV-}\""
[ -z "$__envtui_file" ] || [ ! -r "$__envtui_file" ] || command . "$__envtui_file" || :
trap - INT
__envtui_take_back
__envtui_kept_path
__envtui_activate
__envtui_tell
__envtui_forget
