# Finds what package managers keep for the next time, for tui/backends/conda/cache_reading.py.
#
#   /bin/sh -c "$(cat caches.sh)" caches PREFIX...       PREFIX: of an environment, or root prefix of an installation
#
# POSIX sh, as in probe.sh, which describes the form of the answer; it writes nothing. Without `find` the sizes
# are unknown, without `stat` the owners. It ends, and what it has started, when it gets the signal TERM.
#   V  format, process number of this shell
#   C  number, whose it is (conda pip uv), path, number of the user that owns it, writable (y n)
#   I  prefix that has a pip, its interpreter, version of the pip
#   N  program uv
#   W  number, a line for each file in it: DEVICE:INODE LINKS BLOCKS KIND CHANGED MODIFIED, with blocks of 512
#      bytes, kind a letter or the mode in hexadecimal digits, epoch seconds. No name is told.
#   Z  number of C: the answer is complete
LC_ALL=C
NL='
'
T=$(printf '\t\r')
CR=${T#?}
T=${T%?}
IFS=
unset CDPATH
n=0 seen=// programs=// homes=// child=
trap 'if [ -n "$child" ]; then kill "$child" 2>/dev/null; fi; exit 143' TERM
put() { tag=$1; shift; printf '%s\0' "$tag $#" "$@"; }
put V 1 $$
cache() { # cache OWNER DIR
  case $2 in /*) ;; *) return 0;; esac
  [ -d "$2" ] && cd -P -- "$2" 2>/dev/null && [ "$PWD" != / ] || return 0
  case $seen in *"//$PWD//"*) return 0;; esac
  # Any folder may be called so, or be named by a variable, and cleaning empties it: only what its owner alone
  # makes is one. conda, mamba and micromamba write urls.txt into each cache of theirs; pip and uv keep to names.
  is=
  case $1 in
    conda) [ -f urls.txt ] && is=y;;
    pip)
      for f in * .[!.]*; do
        case $f in
          http | http-v2 | wheels) is=y;;
          selfcheck | selfcheck.json | CACHEDIR.TAG | '*' | '.[!.]*') ;;
          *) return 0;;
        esac
      done;;
    uv)
      [ -f CACHEDIR.TAG ] || return 0
      for f in * .[!.]*; do
        case $f in
          *-v[0-9] | *-v[0-9][0-9]) is=y;;
          CACHEDIR.TAG | .gitignore | .git | .lock | .tmp* | '*' | '.[!.]*') ;;
          *) return 0;;
        esac
      done;;
  esac
  [ -n "$is" ] || return 0
  seen=$seen$PWD//; n=$((n + 1)); eval "c$n=\$PWD"
  w=n; [ -w . ] && w=y
  put C $n "$1" "$PWD" "$(stat -c %u . 2>/dev/null)" $w
}
each() { # each LIST SEPARATOR: caches of conda
  s=$1
  while [ -n "$s" ]; do
    q=${s%%"$2"*}; if [ "$q" = "$s" ]; then s=; else s=${s#*"$2"}; fi
    case $q in "~"/*) q=$HOME${q#"~"};; esac
    cache conda "$q"
  done
}
plain() { # plain SCALAR: q, without blanks and quotes around it, its home filled in
  q=$1
  while :; do case $q in ' '* | "$T"* | '"'* | "'"*) q=${q#?};; *' ' | *"$T" | *"$CR" | *'"' | *"'") q=${q%?};; *) break;; esac; done
  q=${q%% #*}
  case $q in "~"/*) q=$h${q#"~"};; '$HOME'/*) q=$h${q#'$HOME'};; '${HOME}'/*) q=$h${q#'${HOME}'};; esac
}
condarc() { # condarc FILE: its pkgs_dirs, as a block or a flow list
  [ -f "$1" ] && [ -r "$1" ] || return 0
  inside= i=0
  while [ $i -lt 500 ] && { IFS= read -r l || [ -n "$l" ]; }; do
    i=$((i + 1))
    case $l in
      pkgs_dirs:*) inside=1; v=${l#*:}
        case $v in *'['*) v=${v#*'['}; v=${v%']'*}; inside=
          while [ -n "$v" ]; do
            q=${v%%,*}; if [ "$q" = "$v" ]; then v=; else v=${v#*,}; fi
            plain "$q"; cache conda "$q"
          done;; esac;;
      [!\ "$T"-]*) inside=;;
      *-*) [ -n "$inside" ] && { plain "${l#*-}"; cache conda "$q"; };;
    esac
  done <"$1"
}
uv() { # uv PROGRAM
  [ -f "$1" ] && [ -x "$1" ] || return 0
  case $programs in *"//$1//"*) return 0;; esac
  programs=$programs$1//; put N "$1"
}
pip() { # pip PREFIX: whether it has one, and which
  for f in "$1"/lib/python3*/site-packages/pip-*.dist-info "$1"/lib/python3/dist-packages/pip-*.dist-info; do
    [ -e "$f" ] || continue
    f=${f##*/pip-}
    for k in python python3; do
      [ -x "$1/bin/$k" ] && { put I "$1" "$1/bin/$k" "${f%.dist-info}"; return 0; }
    done
  done
}
home() { # home DIR: what its user keeps
  h=$1
  case $h in / | /dev/* | /proc/* | /bin | /sbin | /usr/* | "") return 0;; esac
  [ -d "$h" ] || return 0
  case $homes in *"//$h//"*) return 0;; esac
  homes=$homes$h//
  cache conda "$h/.conda/pkgs"
  for f in "$h"/*/pkgs "$h"/.[!.]*/pkgs "$h/.local/share/mamba/pkgs"; do cache conda "$f"; done
  for f in .condarc .conda/.condarc .config/conda/.condarc .mambarc; do condarc "$h/$f"; done
  cache pip "$h/.cache/pip"
  cache uv "$h/.cache/uv"
  for f in .local/bin/uv .cargo/bin/uv; do uv "$h/$f"; done
}

h=${HOME:-/}
for p do cache conda "$p/pkgs"; condarc "$p/.condarc"; done
case ${CONDA_PKGS_DIRS:-} in *,*) each "$CONDA_PKGS_DIRS" ,;; *) each "${CONDA_PKGS_DIRS:-}" :;; esac
for f in /etc/conda/.condarc /etc/conda/condarc /etc/conda/condarc.d/* /var/lib/conda/.condarc "${CONDARC:-}"; do condarc "$f"; done
cache pip "${PIP_CACHE_DIR:-}"
cache uv "${UV_CACHE_DIR:-}"
case ${XDG_CACHE_HOME:-} in /*) cache pip "$XDG_CACHE_HOME/pip"; cache uv "$XDG_CACHE_HOME/uv";; esac
home "${HOME:-}"; home /root
for f in /home/*; do home "$f"; done
if [ -f /etc/passwd ] && [ -r /etc/passwd ]; then
  i=0
  while [ $i -lt 200 ] && IFS= read -r l; do
    i=$((i + 1))
    l=${l%:*}; home "${l##*:}"
  done </etc/passwd
fi
for p do pip "$p"; uv "$p/bin/uv"; done
for p in /usr/local /usr; do pip "$p"; done
s=${PATH:-}
while [ -n "$s" ]; do
  q=${s%%:*}; if [ "$q" = "$s" ]; then s=; else s=${s#*:}; fi
  uv "$q/uv"
done

# Quiet beside what the machine is for. In the background, as a shell takes no signal while it waits otherwise.
low=
nice -n 19 true >/dev/null 2>&1 && low=y
run() {
  if [ -n "$low" ]; then nice -n 19 "$@" 2>/dev/null & else "$@" 2>/dev/null & fi
  child=$!
  wait "$child"
  child=
}
how=
# by its path: a busybox that is `nice` may take its own `find` for it
if f=$(command -v find); then
  if find / -maxdepth 0 -printf '' >/dev/null 2>&1; then how=gnu
  elif command -v stat >/dev/null 2>&1; then how=stat; fi
fi
j=0
while [ -n "$how" ] && [ $j -lt $n ]; do
  j=$((j + 1))
  eval "p=\$c$j"
  printf 'W 2\0%s\0' $j
  case $how in
    gnu) run "$f" "$p" -xdev -printf '%D:%i %n %b %y %C@ %T@\n';;
    stat) run "$f" "$p" -xdev -exec stat -c '%d:%i %h %b %f %Z %Y' '{}' +;;
  esac
  printf '\0'
done
put Z $n
