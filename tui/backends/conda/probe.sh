# Lists the Python environments of the system it runs in, for tui/backends/conda/answer.py.
#
#   /bin/sh -c "$(cat probe.sh)" probe [PREFIX...]       PREFIX: looked at, too
#
# POSIX sh (dash, busybox ash, bash). It starts neither Python nor conda, writes nothing, reads regular files
# only, and needs no other program: without `ls` the processes are unknown, without `stat` the times.
#
# Answer: records of fields. Every field ends with a NUL byte, the one byte that no path holds. The first field
# of a record is "TAG COUNT", and COUNT fields follow. Lists in one field are joined by "/", which no name holds.
#   V  format, user's number, home, process number of this shell
#   U  home that this user can't look into
#   M  program that manages environments, absolute
#   R  root prefix: has envs/, pkgs/ or a manager of its own
#   D  folder whose folders are environments with names
#   E  number, prefix, conda-meta/ (y n), history (y n), pixi (y n), writable (y n), frozen (y n),
#      Python (y: there, n: a link to nothing, -: none), first and second line of the history, pyvenv.cfg,
#      folder of packages below the prefix, records of conda, dists of conda, dists of others,
#      lines of torch/version.py, "unreadable" for what can't be looked into
#   Y  the same for a Python outside of any environment; its dists are those of both folders
#   X  process number, its program           A  process number, beginning of its command line
#   T  "NUMBER:WHAT/…" in the order of the lines of what follows, "mtime uid user time" of each
#   Z  number of E and Y: the answer is complete
LC_ALL=C
NL='
'
T=$(printf '\t\r')
CR=${T#?}
T=${T%?}
IFS=
unset CDPATH
seen=// roots=// dirs=// homes=// managers=// times= n=0
# Paths are kept as PWD gives them after cd -P: absolute, without links and doubled slashes; so "//" parts them.

put() { # put TAG FIELD...
  tag=$1; shift
  printf '%s\0' "$tag $#" "$@"
}
add() { # add PREFIX: an environment, by where it really is
  case $1 in /*) ;; *) return 1;; esac
  [ -d "$1/conda-meta" ] || [ -f "$1/pyvenv.cfg" ] || [ "${2:-}" = any ] || return 1
  cd -P -- "$1" 2>/dev/null || return 1
  [ "$PWD" != / ] || return 1
  case $seen in *"//$PWD//"*) return 0;; esac
  seen=$seen$PWD//; n=$((n + 1)); eval "e$n=\$PWD"
}
envs() { # envs DIR: everything below it is an environment, however broken
  case $1 in "~"/*) set -- "$HOME${1#"~"}";; '$HOME'/*) set -- "$HOME${1#'$HOME'}";; '${HOME}'/*) set -- "$HOME${1#'${HOME}'}";; esac
  case $1 in /*) ;; *) return 0;; esac
  [ -d "$1" ] && cd -P -- "$1" 2>/dev/null || return 0
  case $dirs in *"//$PWD//"*) return 0;; esac
  dirs=$dirs$PWD//; put D "$PWD"; set -- "$PWD"
  for c in "$1"/* "$1"/.[!.]*; do
    if [ -d "$c/conda-meta" ] || [ -f "$c/pyvenv.cfg" ]; then add "$c"
    elif [ -d "$c/lib" ]; then add "$c" any; fi
  done
}
root() { # root PREFIX [NAMED]: an installation, or the folder that micromamba takes for one. What a variable
  # names as one is one, also where an image has left everything out that would tell
  case $1 in /*) ;; *) return 0;; esac
  cd -P -- "$1" 2>/dev/null || return 0
  [ "$PWD" != / ] || return 0
  case $roots in *"//$PWD//"*) return 0;; esac
  set -- "$PWD" "${2:-}"
  if { [ -n "$2" ] && [ -d "$1/conda-meta" ]; } || [ -d "$1/envs" ] || [ -d "$1/pkgs" ] || [ -d "$1/condabin" ] || [ -x "$1/bin/conda" ] || [ -x "$1/bin/mamba" ]; then
    roots=$roots$1//; put R "$1"
    add "$1"; envs "$1/envs"; condarc "$1/.condarc"
    for k in bin/conda condabin/conda bin/mamba bin/micromamba; do manager "$1/$k"; done
  else add "$1"; fi
}
manager() { # manager PROGRAM
  [ -f "$1" ] && [ -x "$1" ] || return 0
  case $managers in *"//$1//"*) return 0;; esac
  managers=$managers$1//; put M "$1"
}
plain() { # plain SCALAR: q, without blanks and quotes around it
  q=$1
  while :; do case $q in ' '* | "$T"* | '"'* | "'"*) q=${q#?};; *' ' | *"$T" | *'"' | *"'") q=${q%?};; *) break;; esac; done
  q=${q%% #*}
}
condarc() { # condarc FILE: its envs_dirs, as a block or a flow list
  [ -f "$1" ] && [ -r "$1" ] || return 0
  inside= i=0
  while [ $i -lt 500 ] && { IFS= read -r l || [ -n "$l" ]; }; do
    i=$((i + 1))
    case $l in
      envs_dirs:* | envs_path:*) inside=1; v=${l#*:}
        case $v in *'['*) v=${v#*'['}; v=${v%']'*}; inside=
          while [ -n "$v" ]; do
            q=${v%%,*}; if [ "$q" = "$v" ]; then v=; else v=${v#*,}; fi
            plain "$q"; envs "$q"
          done;; esac;;
      [!\ "$T"-]*) inside=;;
      *-*) [ -n "$inside" ] && { plain "${l#*-}"; envs "$q"; };;
    esac
  done <"$1"
}
each() { # each LIST SEPARATOR FUNCTION
  s=$1
  while [ -n "$s" ]; do
    q=${s%%"$2"*}; if [ "$q" = "$s" ]; then s=; else s=${s#*"$2"}; fi
    [ -n "$q" ] && "$3" "$q"
  done
}
onpath() {
  for k in conda mamba micromamba pixi uv; do manager "$1/$k"; done
  case $1 in
    */condabin) root "${1%/*}";;
    /*/bin) if [ -d "${1%/*}/conda-meta" ]; then root "${1%/*}"; else add "${1%/*}"; fi;;
  esac
}
home() { # home DIR: what users keep below it
  case $1 in / | /dev/* | /proc/* | /bin | /sbin | /usr/* | "") return 0;; esac
  [ -d "$1" ] || return 0
  case $homes in *"//$1//"*) return 0;; esac
  homes=$homes$1//
  if ! [ -x "$1" ] || ! [ -r "$1" ]; then put U "$1"; fi
  for c in "$1"/*/conda-meta "$1"/.local/share/mamba "$1"/micromamba "$1"/.[!.]*/conda-meta; do
    [ -d "$c" ] && root "${c%/conda-meta}"
  done
  envs "$1/.conda/envs"
  for c in .condarc .conda/.condarc .config/conda/.condarc .mambarc; do condarc "$1/$c"; done
  if [ -f "$1/.conda/environments.txt" ] && [ -r "$1/.conda/environments.txt" ]; then
    i=0
    while [ $i -lt 1000 ] && { IFS= read -r l || [ -n "$l" ]; }; do i=$((i + 1)); add "${l%"$CR"}"; done <"$1/.conda/environments.txt"
  fi
  for c in .virtualenvs .cache/pypoetry/virtualenvs .local/share/virtualenvs .pixi/envs .local/share/uv/tools .pyenv/versions; do envs "$1/$c"; done
  projects "$1"
  for k in .local/bin/micromamba .local/bin/pixi .local/bin/uv .cargo/bin/uv .pixi/bin/pixi bin/micromamba; do manager "$1/$k"; done
}
projects() { # projects DIR: environments of the projects in it
  for c in "$1"/.venv "$1"/venv "$1"/env "$1"/*/.venv "$1"/*/venv "$1"/*/env; do [ -f "$c/pyvenv.cfg" ] && add "$c"; done
  for c in "$1"/.pixi/envs "$1"/*/.pixi/envs; do [ -d "$c" ] && envs "$c"; done
}

u=-
if [ -r /proc/self/status ]; then
  while IFS= read -r l; do case $l in Uid:*) u=${l#Uid:"$T"}; u=${u#*"$T"}; u=${u%%"$T"*}; break;; esac; done </proc/self/status
fi
put V 1 "$u" "${HOME:-}" $$
here=$PWD

# What the container's own variables say: an exec has them without any start-up file of a shell.
[ -n "${CONDA_EXE:-}" ] && { manager "$CONDA_EXE"; root "${CONDA_EXE%/*/*}" named; }
[ -n "${MAMBA_EXE:-}" ] && manager "$MAMBA_EXE"
for v in "${MAMBA_ROOT_PREFIX:-}" "${CONDA_ROOT:-}" "${CONDA_DIR:-}" "${CONDA_HOME:-}" "${CONDA_PREFIX_1:-}"; do root "$v" named; done
for v in "${CONDA_PREFIX:-}" "${VIRTUAL_ENV:-}" "${UV_PROJECT_ENVIRONMENT:-}" "$@"; do add "$v"; done
each "${CONDA_ENVS_PATH:-}" : envs
case ${CONDA_ENVS_DIRS:-} in *,*) each "$CONDA_ENVS_DIRS" , envs;; *) each "${CONDA_ENVS_DIRS:-}" : envs;; esac
each "${PATH:-}" : onpath
# Where images and people put them.
for c in /opt/*/conda-meta /*/conda-meta /usr/local/*/conda-meta /srv/*/conda-meta /usr/share/*/conda-meta /databricks/conda/conda-meta; do
  [ -d "$c" ] && root "${c%/conda-meta}"
done
for c in /opt/micromamba /usr/local/micromamba /opt/conda; do [ -d "$c/envs" ] && root "$c"; done
home "${HOME:-}"; home /root
for h in /home/*; do home "$h"; done
if [ -f /etc/passwd ] && [ -r /etc/passwd ]; then
  i=0
  while [ $i -lt 200 ] && IFS= read -r l; do
    i=$((i + 1))
    l=${l%:*}; home "${l##*:}"
  done </etc/passwd
fi
for c in /etc/conda/.condarc /etc/conda/condarc /etc/conda/condarc.d/* /var/lib/conda/.condarc "${CONDARC:-}"; do condarc "$c"; done
for c in /azureml-envs /opt/venvs /venvs /envs; do envs "$c"; done
case $here in /) ;; *) projects "$here";; esac
for c in /app /code /src /srv /workspace /workspaces /opt /project /mnt /data; do projects "$c"; done
for c in /venv /.venv /opt/venv; do add "$c"; done
# What runs: the program of a process is known to its own user only, its command line to all. A venv is named
# by the second, as the first names the Python behind it.
ran() { # ran PID PROGRAM
  [ -n "$1" ] || return 0
  case $2 in
    /*/bin/*)
      put X "$1" "$2"
      add "${2%/bin/*}"
      case ${2##*/} in python* | pypy*) asks=1;; esac;;
  esac
}
argued() { # argued PID: the beginning of its command line
  [ -r "/proc/$1/cmdline" ] || return 0
  a=
  { IFS= read -r a <"/proc/$1/cmdline"; } 2>/dev/null
  case $a in
    /*/bin/*) case ${a%%/bin/*} in /usr | /usr/local) ;; *) put A "$1" "$a"; add "${a%%/bin/*}";; esac;;
  esac
}
if command -v ls >/dev/null 2>&1; then
  pid= exe= known=/
  finish() { asks=; ran "$pid" "$exe"; known=$known$pid/; [ -n "$asks" ] && argued "$pid"; }
  while IFS= read -r l; do
    case $l in
      [l-]*' /proc/'[0-9]*'/exe -> '*)
        [ -n "$pid" ] && finish
        exe=${l#*'/exe -> '}; pid=${l%%'/exe -> '*}; pid=${pid##*/proc/};;
      # without a target: another user's
      [l-]*' /proc/'[0-9]*'/exe') [ -n "$pid" ] && finish; pid= exe=;;
      # a line break in the name
      ?*) exe=$exe$NL$l;;
    esac
  done <<X
$(ls -l /proc/[0-9]*/exe 2>/dev/null)
X
  [ -n "$pid" ] && finish
  i=0
  for c in /proc/[0-9]*/cmdline; do
    c=${c#/proc/}; c=${c%/cmdline}
    case $known in */"$c"/*) continue;; esac
    i=$((i + 1)); [ $i -gt 300 ] && break
    argued "$c"
  done
fi

line() { # line FILE: l1 and l2, its first two
  l1= l2=
  [ -f "$1" ] && [ -r "$1" ] && { IFS= read -r l1; IFS= read -r l2; } <"$1"
}
dists() { # dists DIR: those that are there, by who put them there, on top of dc and dp
  cd -P -- "$1" 2>/dev/null || { bad=$bad$1/; return 0; }
  # one pass over the folder: every pattern would be another
  for f in *; do
    case $f in
      *.dist-info)
        by=
        # who put them into a venv changes nothing
        [ -n "$asks" ] && [ -f "$f/INSTALLER" ] && IFS= read -r by <"$f/INSTALLER"
        case $by in
          conda*) dc=$dc$f/;;
          debian*) dd=$dd$f/;;
          # what apt's own folder holds without a word is apt's
          "") [ -d "$f" ] && case $1 in /usr/lib/*) dd=$dd$f/;; *) dp=$dp$f/;; esac;;
          *) dp=$dp$f/;;
        esac;;
      *.egg-info | *.egg-link) case $1 in /usr/lib/*) ;; *) eggs=$eggs$f/;; esac;;
      # what a broken pip leaves
      "~"*) dp=$dp$f/;;
    esac
  done
}
torch() { # torch DIR: tl, the lines that tell
  f=$1/torch/version.py tl= i=0
  [ -f "$f" ] && [ -r "$f" ] || return 0
  while [ $i -lt 60 ] && { IFS= read -r l || [ -n "$l" ]; }; do
    i=$((i + 1))
    case $l in __version__*=* | cuda*=* | hip*=*) tl=$tl$l$NL;; esac
  done <"$f"
}
dated() { # dated NUMBER WHAT FILE: have its times asked for
  [ -e "$3" ] && times=$times$1:$2/ && t=$((t + 1)) && eval "t$t=\$3"
}
t=0 j=0
while [ $j -lt $n ]; do
  j=$((j + 1))
  eval "p=\$e$j"
  meta=n hist=n pixi=n w=n fz=n py=- cfg= sp= cr= rec= dc= dp= dd= eggs= bad=
  if [ -d "$p/conda-meta" ]; then
    meta=y
    [ -w "$p/conda-meta" ] && w=y
    [ -e "$p/conda-meta/frozen" ] && fz=y
    [ -e "$p/conda-meta/pixi" ] && pixi=y
    [ -f "$p/conda-meta/history" ] && hist=y
    if cd -P -- "$p/conda-meta" 2>/dev/null && [ -r . ]; then
      set -- *.json
      [ "$1" = '*.json' ] && ! [ -e "$1" ] && shift
      IFS=/; cr="$*"; IFS=
      # not by patterns on the list, which take a time that grows with its square
      for f in python-[23]*.json; do [ -e "$f" ] && rec=$f; done
    else bad=conda-meta/; fi
  elif [ -w "$p" ]; then w=y; fi
  line "$p/conda-meta/history"; h1=$l1 h2=$l2
  if [ -f "$p/pyvenv.cfg" ] && [ -r "$p/pyvenv.cfg" ]; then
    k=0
    while [ $k -lt 40 ] && { IFS= read -r l || [ -n "$l" ]; }; do k=$((k + 1)); cfg=$cfg$l$NL; done <"$p/pyvenv.cfg"
  fi
  for f in "$p"/bin/python3 "$p"/bin/python "$p"/bin/pypy3; do
    if [ -x "$f" ]; then py=y; break; elif [ -L "$f" ]; then py=n; fi
  done
  for f in "$p"/lib/python[23].[0-9]*/site-packages "$p"/lib/pypy3*/site-packages; do
    # a link beside the real one is a name of the same
    [ -d "$f" ] && { ! [ -L "${f%/*}" ] || [ -z "$sp" ]; } && sp=${f#"$p/"}
  done
  if [ -n "$rec" ]; then
    v=${rec#python-}; v=${v%%-*}; case $v in *.*.*) v=${v%.*};; esac
    [ -d "$p/lib/python$v/site-packages" ] && sp=lib/python$v/site-packages
  fi
  tl=
  if [ -n "$sp" ]; then
    asks=; [ $meta = y ] && asks=y
    dists "$p/$sp"; torch "$p/$sp"
    dated $j site "$p/$sp"
  fi
  dated $j meta "$p/conda-meta"; dated $j history "$p/conda-meta/history"; dated $j cfg "$p/pyvenv.cfg"; dated $j prefix "$p"
  [ -r "$p" ] && [ -x "$p" ] || bad=$bad./
  put E $j "$p" $meta $hist $pixi $w $fz $py "$h1" "$h2" "$cfg" "$sp" "$cr" "$dc" "$dd$dp" "$eggs" "$tl" "$bad"
done

# Pythons outside any environment.
for p in /usr/local /usr; do
  case $seen in *"//$p//"*) continue;; esac
  v=
  for f in "$p"/lib/python3.[0-9]*; do
    [ -f "$f/os.py" ] || [ -f "$f/os.pyc" ] || continue
    f=${f##*/python}
    # the one with packages of its own, else the one that python3 is
    if [ -z "$v" ] || [ "$p/bin/python3" -ef "$p/bin/python$f" ]; then v=$f; fi
  done
  [ -n "$v" ] && { [ -x "$p/bin/python3" ] || [ -x "$p/bin/python$v" ]; } || continue
  n=$((n + 1)) j=$n
  w=n fz=n py=y sp= dc= dp= dd= eggs= bad= tl=
  [ -e "$p/lib/python$v/EXTERNALLY-MANAGED" ] && fz=y
  set -- "$p/lib/python$v/site-packages"
  # Debian: what apt puts there, and what others put there
  [ $p = /usr ] && set -- /usr/lib/python3/dist-packages "/usr/lib/python$v/dist-packages" "/usr/local/lib/python$v/dist-packages"
  for f in "$@"; do
    [ -d "$f" ] || continue
    sp=$f asks=y
    dists "$f"
    [ -n "$tl" ] || torch "$f"
    dated $j site "$f"
  done
  # one that could hold packages nowhere is none that anybody works with
  [ -n "$sp" ] || { n=$((n - 1)); continue; }
  [ -w "$sp" ] && w=y
  put Y $j "$p" n n n $w $fz $py "" "" "version = $v" "$sp" "" "$dd" "$dp" "$eggs" "$tl" "$bad"
done
if [ -n "$times" ] && command -v stat >/dev/null 2>&1; then
  set --
  # one program for all of them; in steps, as adding to a long list copies it
  i=0
  list=
  while [ $i -lt $t ]; do i=$((i + 1)); list="$list \"\$t$i\""; done
  eval "set -- $list"
  put T "$times" "$(stat -L -c '%Y %u %U %y' -- "$@" 2>/dev/null)"
fi
put Z $n
