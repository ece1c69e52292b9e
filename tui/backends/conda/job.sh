# Carries out one change of an environment inside its container, for container_jobs.py.
#
#   /bin/sh -c "$(cat job.sh)" job ID MODE CHANGE FILE TOKEN MAKES UNDO_BEFORE
#       LOCKS NAME... GUARDS (WHAT PATH)... (FLAGS VARIABLES NAME=VALUE... WORDS WORD...)...
#
# ID         names the job's folder; letters and digits
# MODE       run: everything is printed into `log`; plan: outputs apart, into out.N and err.N
# CHANGE     the description, which is only kept
# FILE       name of the file that comes on standard input, "" for none
# TOKEN      a word of a command that stands for that file's path
# MAKES      prefix that is made, "" for none
# UNDO_BEFORE  number of the command from which on what was made stays, whatever comes; 0 for none
# LOCKS, GUARDS, VARIABLES, WORDS   how many of what follows; a flag "m": the command may fail
#
# Answers with fields that end with NUL: `started PID START FOLDER`, or `locked FOLDER`, `refused WHAT PATH`,
# `nowhere`. From `started` on nothing is printed, so that whoever asked may go. POSIX sh: dash, busybox.
# The folder is BASE/envtui-jobs-UID/ID, a lock BASE/envtui-locks/NAME; a process is told by its number and its
# start (fields 1 and 22 of /proc/PID/stat).
LC_ALL=C
usual=$(umask)
umask 077
IFS=' '
unset CDPATH
own=$$
id=$1 mode=$2 change=$3 file=$4 token=$5 makes=$6 undo_before=$7
shift 7

# state, parent, session and start of process $1; the name may hold blanks, brackets and newlines
look() {
  text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done <"/proc/$1/stat"; } 2>/dev/null
  case $text in *') '*) ;; *) return 1;; esac
  set -f; IFS=' '; set -- ${text##*') '}; set +f
  state=$1 parent=$2 session=$4 start=${20}
  case $state in Z|X) return 1;; esac
}
give() { printf '%s\0' "$@"; }

look $own || { give nowhere; exit 0; }
own_start=$start
uid=$(id -u 2>/dev/null)
case $uid in '' | *[!0-9]*) uid=x;; esac

# a folder that somebody else made, or a link, is not ours, whatever its name
is_ours() { [ -d "$1" ] && ! [ -L "$1" ] && [ -O "$1" ] && [ -w "$1" ]; }
job=
for base in /tmp /var/tmp "${HOME:-/root}/.cache" /dev/shm; do
  case $base in */.cache) mkdir -p -- "$base" 2>/dev/null;; esac
  ours=$base/envtui-jobs-$uid
  mkdir -m 755 -- "$ours" 2>/dev/null
  is_ours "$ours" && mkdir -m 755 -- "$ours/$id" 2>/dev/null || continue
  job=$ours/$id
  break
done
[ -n "$job" ] || { give nowhere; exit 0; }
path=$job/$file

# -- locks

locks=$base/envtui-locks
mkdir -m 1777 -- "$locks" 2>/dev/null
[ -d "$locks" ] && ! [ -L "$locks" ] && [ -w "$locks" ] || {
  locks=$ours/locks
  mkdir -m 755 -- "$locks" 2>/dev/null
}
held=
owner() { # owner LOCK: pid, begun and folder of the job that has it
  pid= begun= folder=
  { IFS= read -r pid; IFS= read -r begun; IFS= read -r folder; } 2>/dev/null <"$1/owner"
  IFS=' '
}
take() {
  tries=0
  while [ $tries -lt 6 ]; do
    tries=$((tries + 1))
    if mkdir -m 755 -- "$locks/$1" 2>/dev/null; then
      held="$held $1"
      (umask 022; printf '%s\n' "$own" "$own_start" "$job" >"$locks/$1/owner")
      return 0
    fi
    owner "$locks/$1"
    [ -n "$pid" ] && look "$pid" && [ "$start" = "$begun" ] && return 1
    # just being made, or of a job that is gone
    [ -n "$pid" ] || { [ $tries -gt 3 ] || { sleep 1; continue; }; }
    gone=$pid.$begun
    mv -- "$locks/$1" "$locks/$1.$id" 2>/dev/null || continue
    owner "$locks/$1.$id"
    if [ "$pid.$begun" = "$gone" ]; then
      rm -rf -- "$locks/$1.$id"
    else
      # another one was quicker, and this is its lock
      mv -- "$locks/$1.$id" "$locks/$1" 2>/dev/null
    fi
  done
  return 1
}
release() {
  for each in $held; do rm -rf -- "$locks/$each"; done
  held=
  rmdir -- "$locks" 2>/dev/null
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
  take "$1" || leave locked "$folder"
  shift
  count=$((count - 1))
done

# -- guards: what the plan rests on

is_mount() { # as the kernel writes a path: blanks and backslashes by numbers
  while IFS=' ' read -r _ _ _ _ where _; do [ "$where" = "$1" ] && return 0; done </proc/self/mountinfo
  return 1
} 2>/dev/null
is_folder() { [ -d "$1" ] && ! [ -L "$1" ]; }
holds() {
  case $1 in
    absent) ! [ -e "$2" ] && ! [ -L "$2" ];;
    folder) is_folder "$2";;
    conda) is_folder "$2" && [ -d "$2/conda-meta" ];;
    venv) is_folder "$2" && [ -f "$2/pyvenv.cfg" ];;
    writable) [ -w "$2" ];;
    parent) [ -d "${2%/*}/" ] && [ -w "${2%/*}/" ];;
    unfrozen)
      ! [ -e "$2/conda-meta/frozen" ] || return 1
      for mark in "$2"/lib/python3*/EXTERNALLY-MANAGED; do ! [ -e "$mark" ] || return 1; done;;
    no-mount) ! is_mount "$2";;
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

{ printf '%s\n' "$own" "$own_start"; date +%s; } >"$job/pid"
printf %s "$change" >"$job/change"
: >"$job/log"
[ -z "$file" ] || cat >"$path" || leave refused file "$path"
cancelled=
# programs get these signals as they would anywhere: what is trapped is not handed on, what is ignored would be
trap 'cancelled=y' INT TERM HUP
give started "$own" "$own_start" "$job"
exec >>"$job/log" 2>&1 </dev/null
cd /
umask "$usual"

is_cancelled() { [ -n "$cancelled" ] || [ -e "$job/cancelled" ]; }
code=0 number=0 begun=
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
  number=$((number + 1))
  # `test` may be nothing but a word of the shell; everything else takes the place of the subshell, so that
  # there is no process between this one and the program, which could end before it
  case $program in test) run=;; *) run=exec begun=y;; esac
  if [ "$mode" = plan ]; then
    (eval "${variables:+export $variables;} $run $words") >"$job/out.$number" 2>"$job/err.$number"
  else
    (eval "${variables:+export $variables;} $run $words")
  fi
  code=$?
  echo "$number $code" >>"$job/codes"
  shift $((last - 1))
  [ $code -eq 0 ] || case $flags in *m*) code=0;; *) break;; esac
done

# -- the end: nothing may disturb it

trap '' INT TERM HUP
umask 077
: >"$job/ending"
result=done kept=
[ $code -eq 0 ] || result=failed
! is_cancelled || result=cancelled
forget() { # the line of the prefix in the list that conda keeps
  list=${HOME:-/nonexistent}/.conda/environments.txt
  [ -f "$list" ] && ! [ -L "$list" ] && [ -w "$list" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    [ "$line" = "$makes" ] || printf '%s\n' "$line"
  done <"$list" >"$job/list"
  cmp -s "$job/list" "$list" 2>/dev/null || cat "$job/list" >"$list"
}
if [ -n "$makes" ] && [ -n "$begun" ] && [ $result != done ]; then
  if [ "$undo_before" -gt 0 ] && [ $number -ge "$undo_before" ]; then
    # what it was made from is being removed
    kept=y
  elif [ $result = failed ] && { [ -f "$makes/conda-meta/history" ] || [ -f "$makes/pyvenv.cfg" ]; }; then
    # a part of it is done, and may have taken an hour
    kept=y
  else
    tries=0
    while { [ -e "$makes" ] || [ -L "$makes" ]; } && [ $tries -lt 5 ]; do
      echo "envtui: removing what was begun: $makes"
      rm -rf -- "$makes"
      tries=$((tries + 1))
    done
    if [ -e "$makes" ] || [ -L "$makes" ]; then kept=y; else forget; fi
  fi
fi
release
printf '%s\n' "$result" "$code" "$number" "$kept" >"$job/status.new"
mv -- "$job/status.new" "$job/status"
