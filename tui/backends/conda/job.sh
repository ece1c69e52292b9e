# Carries out one change of an environment inside its container, for container_jobs.py.
#
#   /bin/sh -c "$(cat job_common.sh job.sh)" job ID MODE CONTAINER CHANGE FILE BYTES TOKEN MAKES KEEPS
#       UNDO_BEFORE ROOT LOCKS NAME... GUARDS (WHAT PATH)... (FLAGS VARIABLES NAME=VALUE... WORDS WORD...)...
#
# ID         names the job's folder; letters and digits
# MODE       run: everything is printed into `log`; plan: outputs apart, into out.N and err.N
# CONTAINER  its id: a folder may be shared by several
# CHANGE     the description, which is only kept
# FILE       name of the file that comes on standard input, "" for none; BYTES of it
# TOKEN      a word of a command that stands for that file's path
# MAKES      prefix that is made, "" for none
# KEEPS      y: it stays after a failure where a part of it is done
# UNDO_BEFORE  number of the command from which on what was made stays, whatever comes; 0 for none
# ROOT       the installation that must not be the one that is changed, "" for none
# LOCKS, GUARDS, VARIABLES, WORDS   how many of what follows; a flag "m": the command may fail
#
# Answers with fields that end with NUL: `started PID SINCE FOLDER`, or `locked FOLDER`, `refused WHAT PATH`,
# `nowhere`, `cancelled`. From `started` on nothing is printed, so that whoever asked may go. POSIX sh: dash,
# busybox. The folder is BASE/envtui-jobs-UID/ID, with `pid` (process, since when, container), `change`, the file,
# `log`, at the end `status` (result, exit code, number of the command, y where what was made stays). A lock is
# BASE/envtui-jobs-UID/locks/NAME: each account has its own, and looks at those of the others.
id=$1 mode=$2 container=$3 change=$4 file=$5 bytes=$6 token=$7 makes=$8 keeps=$9
shift 9
undo_before=$1 root=$2
shift 2

look $own || { give refused proc /proc; exit 0; }
own_start=$start own_led=
[ "$session" != $own ] || own_led=$own

# a folder that somebody else made, or a link, is not ours, whatever its name
is_ours() { [ -d "$1" ] && ! [ -L "$1" ] && [ -O "$1" ] && [ -w "$1" ]; }
settle() { # settle BASE: ours, job
  ours=$1/envtui-jobs-$uid
  # once more: another job may just have put the folder away
  for _ in 1 2 3; do
    mkdir -m 755 -- "$ours" 2>/dev/null
    is_ours "$ours" && mkdir -m 755 -- "$ours/$id" 2>/dev/null && { job=$ours/$id; return 0; }
  done
  return 1
}
job=
home=${HOME:-/root}
for base in /tmp /var/tmp "${home%/}/.cache" /dev/shm; do
  case $base in */.cache) mkdir -p -- "$base" 2>/dev/null;; esac
  settle "$base" && break
done
[ -n "$job" ] || { give nowhere; exit 0; }
path=$job/$file
[ "$mode" != plan ] || : >"$job/plan"
process() { printf '%s\n' "$own" "$own_start" "$life" "$own_led" "$@"; }
since=$(date +%s)
process "$since" "$container" >"$job/pid"

# -- locks

locks=$ours/locks
held=
release() {
  for each in $held; do rm -rf -- "$locks/$each"; done
  held=
  rmdir -- "$locks" 2>/dev/null
}
take() { # take NAME: among the jobs of this account
  tries=0
  while [ $tries -lt 8 ]; do
    tries=$((tries + 1))
    mkdir -m 755 -- "$locks" 2>/dev/null
    if mkdir -m 755 -- "$locks/$1" 2>/dev/null; then
      (umask 022; process "$job" >"$locks/$1/owner") 2>/dev/null && read_process "$locks/$1/owner" &&
        [ "$more" = "$job" ] || return 1
      held="$held $1"
      return 0
    fi
    read_process "$locks/$1/owner" && is_at_work && return 1
    # just being made, or of a job that is gone
    [ -n "$pid" ] || { [ $tries -gt 4 ] || { sleep 1; continue; }; }
    gone=$pid.$begun
    mv -- "$locks/$1" "$locks/$1.$id" 2>/dev/null || continue
    read_process "$locks/$1.$id/owner"
    if [ "$pid.$begun" = "$gone" ]; then
      rm -rf -- "$locks/$1.$id"
    else
      # another one was quicker, and this is its lock
      mv -- "$locks/$1.$id" "$locks/$1" 2>/dev/null
    fi
  done
  return 1
}
alone() { # alone NAME: no other account is at it. Two who come at once both see the other one, and both go.
  for other in /tmp/envtui-jobs-*/locks/"$1" /var/tmp/envtui-jobs-*/locks/"$1" /dev/shm/envtui-jobs-*/locks/"$1" \
    "${home%/}"/.cache/envtui-jobs-*/locks/"$1" /root/.cache/envtui-jobs-*/locks/"$1" \
    /home/*/.cache/envtui-jobs-*/locks/"$1"; do
    [ "$other" != "$locks/$1" ] && read_process "$other/owner" && [ "$more" != "$job" ] && is_at_work && return 1
  done
  return 0
}
busy() { # busy NAME: another job of any account is at work with this lock; "*" for any lock
  # the name is letters and digits, or that pattern
  for other in /tmp/envtui-jobs-*/locks/$1 /var/tmp/envtui-jobs-*/locks/$1 /dev/shm/envtui-jobs-*/locks/$1 \
    "${home%/}"/.cache/envtui-jobs-*/locks/$1 /root/.cache/envtui-jobs-*/locks/$1 \
    /home/*/.cache/envtui-jobs-*/locks/$1; do
    [ -d "$other" ] && read_process "$other/owner" && [ "$more" != "$job" ] && is_at_work && return 0
  done
  return 1
}
leave() { # leave ANSWER...: nothing was done
  release
  rm -rf -- "$job"
  rmdir -- "$ours" 2>/dev/null
  give "$@"
  exit 0
}
trap 'leave cancelled' INT TERM HUP

count=$1
shift
while [ "$count" -gt 0 ]; do
  more=
  take "$1" && alone "$1" || leave locked "$more"
  shift
  count=$((count - 1))
done

# -- guards: what the plan rests on

is_mounted() { # at the path or below it, as the kernel writes a path: blanks and backslashes by numbers
  while IFS=' ' read -r _ _ _ _ where _; do
    case $where in "$1" | "$1"/*) return 0;; esac
  done </proc/self/mountinfo
  return 1
} 2>/dev/null
is_folder() { [ -d "$1" ] && ! [ -L "$1" ]; }
above() { # above PATH: the nearest folder over it that is there, in `up`
  up=${1%/*}
  while [ -n "$up" ] && ! [ -e "$up" ] && ! [ -L "$up" ]; do up=${up%/*}; done
  up=${up:-/}
}
outside() { # outside PATH: in no environment, but for the folder envs of one
  up=${1%/*} step=
  while [ -n "$up" ]; do
    if [ -d "$up/conda-meta" ] || [ -f "$up/pyvenv.cfg" ]; then
      [ "$step" = envs ] && [ "${1%/*}" -ef "$up/envs" ] || [ "${1%/*}" = "$up/envs" ] || return 1
    fi
    step=${up##*/} up=${up%/*}
  done
}
holds() {
  case $1 in
    outside) outside "$2";;
    unlocked) ! busy "$2";;
    idle) ! busy '*';;
    absent) ! [ -e "$2" ] && ! [ -L "$2" ];;
    place) above "$2"; [ -d "$up" ] && [ -w "$up" ];;
    folder) is_folder "$2";;
    conda) is_folder "$2" && [ -d "$2/conda-meta" ];;
    venv) is_folder "$2" && [ -f "$2/pyvenv.cfg" ];;
    writable)
      [ -w "$2" ] || return 1
      ! [ -d "$2/conda-meta" ] || [ -w "$2/conda-meta" ];;
    parent) [ -d "${2%/*}/" ] && [ -w "${2%/*}/" ];;
    unfrozen)
      ! [ -e "$2/conda-meta/frozen" ] && ! [ -L "$2/conda-meta/frozen" ] || return 1
      for mark in "$2"/lib/python3*/EXTERNALLY-MANAGED; do ! [ -e "$mark" ] || return 1; done;;
    no-mount) ! is_mounted "$2";;
    no-root) [ -n "${2%/}" ] && ! [ "$2" -ef / ] && { [ -z "$root" ] || ! [ "$2" -ef "$root" ]; };;
    program) [ -f "$2" ] && [ -x "$2" ];;
    *) false;;
  esac
}
count=$1
shift
while [ "$count" -gt 0 ]; do
  holds "$1" "$2" || leave refused "$1" "$2"
  shift 2
  count=$((count - 1))
done

# -- the job

printf %s "$change" >"$job/change" || leave refused file "$job/change"
if [ -n "$file" ]; then
  # whoever sends it may have been ended in the middle
  cat >"$path" && size=$(wc -c <"$path") && [ "$size" -eq "$bytes" ] || leave refused file "$path"
fi
# from here on it is told as a job
: >"$job/log" || leave refused file "$job/log"
cancelled=
# programs get these signals as they would anywhere: what is trapped is not handed on, what is ignored would be
trap 'cancelled=y' INT TERM HUP
give started "$own" "$since" "$job"
exec >>"$job/log" 2>&1 </dev/null
cd /

is_cancelled() { [ -n "$cancelled" ] || [ -e "$job/cancelled" ]; }
carry_out() { # carry_out VARIABLES RUN WORDS, each as text for the shell; the command's arguments are in "$@"
  umask "$usual"
  if [ -n "$has_locale" ]; then LC_ALL=$locale; else unset LC_ALL; fi
  given=$1 how=$2 said=$3
  shift 3
  eval "${given:+export $given;} $how $said"
}
code=0 command=0 begun_by= part=
while [ $# -gt 0 ] && ! is_cancelled; do
  flags=$1 at=3 variables= words=
  while [ $at -lt $((3 + $2)) ]; do
    variables="$variables \"\${$at}\""
    at=$((at + 1))
  done
  eval "last=\$((at + \${$at} + 1))"
  at=$((at + 1))
  eval "program=\${$at}"
  while [ $at -lt $last ]; do
    eval "word=\${$at}"
    if [ -n "$file" ] && [ "$word" = "$token" ]; then words="$words \"\$path\""; else words="$words \"\${$at}\""; fi
    at=$((at + 1))
  done
  command=$((command + 1))
  # `test` may be nothing but a word of the shell; everything else takes the place of the subshell, so that
  # there is no process between this one and the program, which could end before it
  case $program in test) run=;; *) run=exec begun_by=y;; esac
  if [ "$mode" = plan ]; then
    (carry_out "$variables" "$run" "$words" "$@") >"$job/out.$command" 2>"$job/err.$command"
  else
    (carry_out "$variables" "$run" "$words" "$@")
  fi
  code=$?
  echo "$command $code" >>"$job/codes"
  shift $((last - 1))
  [ $code -eq 0 ] || case $flags in *m*) code=0;; *) break;; esac
  [ -z "$run" ] || part=y
done

# -- the end: nothing may disturb it

trap '' INT TERM HUP
: >"$job/ending"
result=done kept=
[ $code -eq 0 ] || result=failed
if is_cancelled; then
  # too late where all is done, and nothing can be undone
  [ $# -eq 0 ] && [ $code -eq 0 ] && { [ -z "$makes" ] || [ "$undo_before" -gt 0 ]; } || result=cancelled
fi
quiet() { # what was begun goes on behind nobody's back
  pid=$own led=$own_led struck=' '
  clock; first=$now
  while members; [ -n "$found" ]; do
    # what was told to end has time for it
    if [ $((now - first)) -ge 15 ]; then return 1
    elif [ $((now - first)) -ge 7 ]; then strike KILL
    elif [ $((now - first)) -ge 3 ]; then strike TERM
    elif [ $result = failed ]; then strike TERM
    fi
    pause
    clock
  done
}
NL='
'
forget() { # the prefix in the list that conda keeps
  list=${home%/}/.conda/environments.txt
  [ -f "$list" ] && ! [ -L "$list" ] && [ -w "$list" ] || return 0
  listed=$NL$(cat -- "$list" && echo .) || return 0
  listed=${listed%.}
  case $listed in *"$NL") ;; *) listed=$listed$NL;; esac
  case $listed in *"$NL$makes$NL"*) ;; *) return 0;; esac
  while :; do case $listed in
    *"$NL$makes$NL"*) listed=${listed%%"$NL$makes$NL"*}$NL${listed#*"$NL$makes$NL"};;
    *) break;;
  esac; done
  # whole or not at all: others know their environments by it
  printf %s "${listed#"$NL"}" >"$list.$id" && mv -f -- "$list.$id" "$list" || rm -f -- "$list.$id"
}
undo() {
  tries=0
  while { [ -e "$makes" ] || [ -L "$makes" ]; } && [ $tries -lt 5 ]; do
    echo "envtui: removing what was begun: $makes"
    rm -rf -- "$makes"
    tries=$((tries + 1))
  done
  ! [ -e "$makes" ] && ! [ -L "$makes" ] || return 1
  forget
}
if [ $result != done ]; then
  quiet
  if [ -n "$makes" ] && [ -n "$begun_by" ]; then
    if [ "$undo_before" -gt 0 ] && [ $command -ge "$undo_before" ]; then
      # what it was made from is being removed
      kept=y
    elif [ $result = failed ] && [ -n "$keeps" ] && is_folder "$makes" &&
      { [ -n "$part" ] || [ -f "$makes/conda-meta/history" ]; }; then
      # a part of it is done, and may have taken an hour
      kept=y
    else
      undo || kept=y
    fi
  fi
fi
release
printf '%s\n' "$result" "$code" "$command" "$kept" >"$job/status.new"
mv -- "$job/status.new" "$job/status"
