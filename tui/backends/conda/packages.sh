# Lists the packages of environments, for tui/backends/conda/packages.py.
#
#   /bin/sh -c "$(cat packages.sh)" packages DETAILS PREFIX...       DETAILS: y, n, or u for all but RECORD
#
# POSIX sh, as in probe.sh, which describes the form of the answer. With details it needs `cat`, without nothing.
#   V  format, process number of this shell
#   B  number of the prefix that the following records are about
#   C  records of conda, joined by "/"
#   P  folder of a dist, who installed it, asked for (y n), first lines of METADATA, direct_url.json (of an
#      egg-link itself), RECORD
#   Z  number of prefixes: the answer is complete
LC_ALL=C
NL='
'
IFS=
unset CDPATH
put() { tag=$1; shift; printf '%s\0' "$tag $#" "$@"; }
slurp() { # slurp FILE: x, its text; only of what is a regular file
  x=
  [ -f "$1" ] && [ -r "$1" ] && x=$(cat "$1" 2>/dev/null)
  return 0
}
put V 1 $$
details=$1
shift
n=0
seen=//
for p do
  n=$((n + 1))
  put B $n
  if cd -P -- "$p/conda-meta" 2>/dev/null; then
    set -- *.json
    [ "$1" = '*.json' ] && ! [ -e "$1" ] && shift
    IFS=/; put C "$*"; IFS=
  fi
  set -- "$p"/lib/python[23].[0-9]*/site-packages "$p"/lib/pypy3*/site-packages
  case $p in
    /usr) set -- "$@" /usr/lib/python3/dist-packages /usr/lib/python3.[0-9]*/dist-packages /usr/local/lib/python3.[0-9]*/dist-packages;;
  esac
  for d do
    cd -P -- "$d" 2>/dev/null || continue
    # a link beside the real folder
    case $seen in *"//$n//$PWD//"*) continue;; esac
    seen=$seen$n//$PWD//
    for f in *.dist-info *.egg-info *.egg-link; do
      [ -e "$f" ] || continue
      by= asked=n meta= url= record=
      [ -f "$f/INSTALLER" ] && IFS= read -r by <"$f/INSTALLER"
      [ -e "$f/REQUESTED" ] && asked=y
      if [ "$details" != n ]; then
        case $by in conda*) ;; *)
          if [ -f "$f/METADATA" ] && [ -r "$f/METADATA" ]; then
            i=0
            while [ $i -lt 8 ] && IFS= read -r l; do
              i=$((i + 1))
              # the description behind the first empty line may speak of names, too
              case $l in '') break;; Name:* | Version:*) meta=$meta$l$NL;; esac
            done <"$f/METADATA"
          fi
          slurp "$f/direct_url.json"; url=$x
          case $f in *.egg-link) slurp "$f"; url=$x;; esac
          [ "$details" = y ] && slurp "$f/RECORD" && record=$x;;
        esac
      fi
      put P "$f" "$by" $asked "$meta" "$url" "$record"
    done
  done
done
put Z $n
