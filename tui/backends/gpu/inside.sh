# Tells programs and environments of some processes of the system it runs in, for tui/backends/gpu/inside.py.
#
#   /bin/sh -c "$(cat inside.sh)" inside TOKEN NUMBER...
#
# POSIX sh (dash, busybox ash, bash). It writes nothing. A number whose process is gone is left out.
#
# Answer: records of fields. Every field ends with a NUL byte, the one byte that no path holds; the first field of
# a record is TOKEN, which nobody can guess, so that it ends whatever stands before it.
#   V  process number of this shell
#   R  number, stat, "NSpid:" line, program, first word of the command line where it is a path, CONDA_PREFIX and
#      VIRTUAL_ENV without links where they are folders, then "cFOLDER" of conda or "vFOLDER" of a venv for each
#      environment around these paths, an empty field, and its variables as they are
#   S  number, stat once more: whoever has got the number meanwhile is found out
#   Z  the answer is complete
LC_ALL=C
IFS=
unset CDPATH
NL='
'
token=$1; shift
reads=; command -v readlink >/dev/null 2>&1 && reads=y

put() { printf '%s\0' "$@"; }
slurp() { while IFS= read -r l || [ -n "$l" ]; do printf '%s\n' "$l"; done; }
stat() { { slurp <"/proc/$1/stat"; } 2>/dev/null; }
link() { # link FILE: q, where it leads
  if [ -n "$reads" ]; then q=$(readlink "$1" 2>/dev/null; printf x)
  else q=$(ls -l "$1" 2>/dev/null; printf x); case $q in *' -> '*) q=${q#*' -> '};; *) q=x;; esac; fi
  q=${q%x}; q=${q%"$NL"}
}
real() { # real FOLDER: q, without links; empty where it is none
  q=
  case $1 in /*) q=$(cd -P -- "$1" 2>/dev/null && printf '%sx' "$PWD"); q=${q%x};; esac
}
about() { # about FOLDER: what it is
  if [ -d "$1/conda-meta" ]; then put "c$1"; elif [ -f "$1/pyvenv.cfg" ]; then put "v$1"; fi
}
around() { # around PATH: the folders that it lies in
  d=${1%/*}
  while [ -n "$d" ] && [ "$d" != "$1" ]; do about "$d"; set -- "$d"; d=${d%/*}; done
}

put "$token" V $$
for n; do
  s=$(stat "$n")
  [ -n "$s" ] || continue
  ns=$({ while IFS= read -r l; do case $l in NSpid:*) printf %s "$l"; break;; esac; done <"/proc/$n/status"; } 2>/dev/null)
  link "/proc/$n/exe"; exe=$q
  word= venv= prefix=
  if [ -n "$exe" ]; then
    word=$({ tr '\0' '\n' <"/proc/$n/cmdline" | { IFS= read -r l; printf '%sx' "$l"; }; } 2>/dev/null); word=${word%x}
    case $word in
      /*) ;;
      */*) link "/proc/$n/cwd"; word=$q/$word;;
      *) word=;;
    esac
    [ -n "$word" ] && { real "${word%/*}"; [ -n "$q" ] && word=${q%/}/${word##*/}; }
    told=$({ tr '\0' '\n' <"/proc/$n/environ" | while IFS= read -r l; do
      case $l in CONDA_PREFIX=* | VIRTUAL_ENV=*) printf '%s\n' "$l";; esac
    done; } 2>/dev/null)
    l=$told
    while [ -n "$l" ]; do
      v=${l%%"$NL"*}; if [ "$v" = "$l" ]; then l=; else l=${l#*"$NL"}; fi
      real "${v#*=}"
      case $v in C*) prefix=${prefix:-$q};; V*) venv=${venv:-$q};; esac
    done
  fi
  put "$token" R "$n" "$s" "$ns" "$exe" "$word" "$prefix" "$venv"
  [ -n "$exe" ] && around "$exe"
  [ -n "$word" ] && around "$word"
  [ -n "$venv" ] && about "$venv"
  put ""
  { cat "/proc/$n/environ"; } 2>/dev/null
  printf '\0'
  put "$token" S "$n" "$(stat "$n")"
done
put "$token" Z
