# What a sh of ours reads at its start, for enter.sh: the start-up files of a login, then the activation.
if [ -n "$__envtui_had_ENV" ]; then ENV=$__envtui_old_ENV; else unset ENV; fi
[ -n "$__envtui_folder" ] || exec 9<&-
__envtui_end() {
  # dash does not tell its traps in $()
  if [ -n "$__envtui_folder" ] && trap >"$__envtui_folder/traps" 2>/dev/null; then
    while IFS= read -r __envtui_part; do
      case $__envtui_part in
        "trap -- '__envtui_take_back' EXIT") trap - EXIT;;
        "trap -- ':' "*INT) trap - INT;;
      esac
    done <"$__envtui_folder/traps"
  else trap - INT; fi
  __envtui_last
  unset -f __envtui_end
  __envtui_forget
}
# ctrl+c ends what a start-up file waits for, and not our part
trap : INT
# one that exits leaves no folder behind
[ -z "$__envtui_folder" ] || trap __envtui_take_back EXIT
# `command`: an error in them ends them, and not our part
[ ! -r /etc/profile ] || command . /etc/profile || :
__envtui_image_path
[ ! -r ~/.profile ] || command . ~/.profile || :
# what an interactive one reads besides
eval "__envtui_file=\"${ENV-}\""
[ -z "$__envtui_file" ] || [ ! -r "$__envtui_file" ] || command . "$__envtui_file" || :
__envtui_end
:
