# What a fish of ours reads at its start, for enter.sh: it activates before the first prompt, after all start-up files.
if status is-interactive; and set -q __envtui_kind
function __envtui_first --on-event fish_prompt
    functions -e __envtui_first
    set -g __envtui_gone
    if test -n "$__envtui_folder"
        __envtui_take_back
    end
    __envtui_kept_path
    __envtui_activate
    __envtui_tell
    functions -e __envtui_activate __envtui_by_hand __envtui_kept_path __envtui_take_back __envtui_tell __envtui_way
    for name in (set --names | string match '__envtui_*')
        set -e $name
    end
end
function __envtui_take_back
    if test "$ZDOTDIR" = $__envtui_folder
        set -e ZDOTDIR
        set -q __envtui_old_ZDOTDIR[1]; and set -gx ZDOTDIR $__envtui_old_ZDOTDIR
    end
    set -l parts (string split : -- "$XDG_DATA_DIRS")
    if contains -- $__envtui_folder/xdg $parts
        set -l rest (string match -v -- $__envtui_folder/xdg $parts | string join :)
        if set -q __envtui_old_XDG_DATA_DIRS[1]; or test "$rest" != /usr/local/share:/usr/share
            set -gx XDG_DATA_DIRS $rest
        else
            set -e XDG_DATA_DIRS
        end
    end
    string match -q '*/envtui.*' -- $__envtui_folder; and command rm -rf -- $__envtui_folder
end
function __envtui_kept_path
    for part in (string split : -- "$__envtui_old_PATH")
        test -n "$part"; and not contains -- $part $PATH; and set -gx PATH $PATH $part
    end
end
function __envtui_by_hand
    set -gx PATH $__envtui_prefix/bin $PATH
    set -e PYTHONHOME
    switch $__envtui_kind
        case venv uv
            set -gx VIRTUAL_ENV $__envtui_prefix
        case '*'
            set -gx CONDA_PREFIX $__envtui_prefix
            set -gx CONDA_DEFAULT_ENV $__envtui_mark
            set -gx CONDA_SHLVL 1
            set -gx CONDA_PROMPT_MODIFIER "($__envtui_mark) "
            for file in $__envtui_prefix/etc/conda/activate.d/*.fish
                source $file
            end
    end
    functions -q fish_prompt; and functions -c fish_prompt __fish_prompt_before
    set -g __fish_prompt_mark "($__envtui_mark) "
    function fish_prompt
        echo -n $__fish_prompt_mark
        functions -q __fish_prompt_before; and __fish_prompt_before
    end
end
function __envtui_way
    switch $__envtui_kind:$__envtui_program
        case 'venv:*' 'uv:*'
            test -r $__envtui_prefix/bin/activate.fish; or return 1
            source $__envtui_prefix/bin/activate.fish
            test "$VIRTUAL_ENV" = $__envtui_prefix
        case 'pixi:*'
            return 2
        case '*:conda'
            if not functions -q conda
                test -r $__envtui_root/etc/fish/conf.d/conda.fish; or return 1
                source $__envtui_root/etc/fish/conf.d/conda.fish
            end
            conda activate $__envtui_prefix </dev/null 2>/dev/null
            test "$CONDA_PREFIX" = $__envtui_prefix
        case '*:micromamba' '*:mamba'
            set -gx MAMBA_EXE $__envtui_manager
            test -n "$__envtui_root"; and set -gx MAMBA_ROOT_PREFIX $__envtui_root
            functions -q $__envtui_program; or $__envtui_manager shell hook -s fish </dev/null 2>/dev/null | source
            functions -q $__envtui_program; or return 1
            $__envtui_program activate $__envtui_prefix </dev/null 2>/dev/null
            test "$CONDA_PREFIX" = $__envtui_prefix
        case '*'
            return 2
    end
end
function __envtui_activate
    test -n "$__envtui_kind"; or return
    if not test -d $__envtui_prefix
        set __envtui_gone yes
        return
    end
    if test $__envtui_kind = system
        set -q VIRTUAL_ENV; and functions -q deactivate; and deactivate
        set -e VIRTUAL_ENV
        for round in 1 2
            set -q CONDA_PREFIX; and functions -q conda; and conda deactivate 2>/dev/null
        end
        set -e CONDA_PREFIX
        set -e CONDA_DEFAULT_ENV
    else
        if not contains -- $__envtui_kind venv uv; and set -q VIRTUAL_ENV
            functions -q deactivate; and deactivate
            set -e VIRTUAL_ENV
        end
        __envtui_way
        switch $status
            case 0
            case 2
                __envtui_by_hand
            case '*'
                __envtui_by_hand
                echo 'envtui: its own activation failed, so it was put first in PATH by hand' >&2
        end
    end
    test "$PATH[1]" = $__envtui_prefix/bin; or set -gx PATH $__envtui_prefix/bin $PATH
end
function __envtui_tell
    set -l python python
    if test -z "$__envtui_kind"
        type -q python; or set python python3
    else if not test -x $__envtui_prefix/bin/python; and test -x $__envtui_prefix/bin/python3
        set python python3
    end
    set -l red
    set -l said
    set -l shown 'not there'
    set -l found
    if functions -q $python
        set shown 'a function'
        set found function
    else if set found (command -s $python)
        set shown $found
        string match -qr '[^]A-Za-z0-9_./+@:,~=%[ -]' -- $found; and set shown 'in another folder'
    end
    if test -n "$__envtui_gone"
        set red yes
        set said "there is no environment at $__envtui_place"
    else if test -z "$__envtui_kind"
        set said "$python $shown"
    else if not test -x $__envtui_prefix/bin/$python
        set said 'no python in it'
        set red $__envtui_needs
        if test -n "$found"
            set red yes
            set said "$said: $python is $shown"
        end
    else if test "$found" = $__envtui_prefix/bin/$python
        set said "$python $__envtui_place/bin/$python"
    else
        set red yes
        set said "$python is $shown, not $__envtui_place/bin/$python"
    end
    if test -n "$red"
        printf '\e[31m%s · %s\e[0m\n' $__envtui_line $said
    else
        printf '%s · %s\n' $__envtui_line $said
    end
end
end
