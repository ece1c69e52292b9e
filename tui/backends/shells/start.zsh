# What a zsh of ours reads first, for enter.sh: it reads the user's file of each stage, and activates after the last.
#
# Our folder is ZDOTDIR between the stages, and the user's own while one of their files runs.
__envtui_before() {
  if [[ -n $__envtui_had_ZDOTDIR ]]; then export ZDOTDIR=$__envtui_old_ZDOTDIR; else unset ZDOTDIR; fi
  # after the system's
  if [[ $1 == .zprofile ]]; then __envtui_image_path; fi
  __envtui_file=${ZDOTDIR:-$HOME}/$1
  [[ -r $__envtui_file ]] || __envtui_file=
}
__envtui_after() {
  __envtui_had_ZDOTDIR=${ZDOTDIR+x} __envtui_old_ZDOTDIR=${ZDOTDIR-}
  export ZDOTDIR=$__envtui_folder
  # no other file is read after one that says `setopt no_rcs`
  if [[ $1 == .zlogin || ( $1 == .zshrc && ! -o login ) || ! -o rcs ]]; then __envtui_end; fi
}
__envtui_end() {
  # where a system's file puts things beside the user's own
  if [[ ${HISTFILE-} == $__envtui_folder/* ]]; then HISTFILE=${__envtui_old_ZDOTDIR:-$HOME}/${HISTFILE##*/}; fi
  __envtui_last
  unset -f __envtui_before __envtui_after __envtui_end
  __envtui_forget
}
__envtui_before .zshenv
{ [[ -z $__envtui_file ]] || \source "$__envtui_file" || : } always { TRY_BLOCK_ERROR=0 TRY_BLOCK_INTERRUPT=0 }
if [[ -o interactive ]]; then __envtui_after .zshenv; fi
