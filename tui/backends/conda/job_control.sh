# Looks after the jobs of job.sh in a container, for container_jobs.py.
#
#   /bin/sh -c "$(cat job_control.sh)" control list
#   /bin/sh -c "$(cat job_control.sh)" control news ID OFFSET MOST     its log from OFFSET on, at most MOST bytes
#   /bin/sh -c "$(cat job_control.sh)" control results ID              of a plan: what its commands printed
#   /bin/sh -c "$(cat job_control.sh)" control cancel ID SECONDS       returns when nothing of it runs
#   /bin/sh -c "$(cat job_control.sh)" control away ID                 removes the traces of one that is over
#   /bin/sh -c "$(cat job_control.sh)" control place ROOT NAME         where an environment of that name can be
#
# Answers with fields that end with NUL, for each job: `job FOLDER UID ALIVE PID START SINCE SIZE STATUS CHANGE`,
# with ALIVE y or n, STATUS the lines of its file (result, exit code, number of the command, y where what was made
# was kept), "" before its end. Then for `news` the log; for `results` N times `result NUMBER CODE BYTES BYTES`
# followed by as many bytes of each output. Last `end`.
LC_ALL=C
umask 077
IFS=' '
unset CDPATH
NL='
'
own=$$
give() { printf '%s\0' "$@"; }
look() { # state, parent, session and start of process $1
  text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done <"/proc/$1/stat"; } 2>/dev/null
  case $text in *') '*) ;; *) return 1;; esac
  set -f; IFS=' '; set -- ${text##*') '}; set +f
  state=$1 parent=$2 session=$4 start=${20}
  case $state in Z|X) return 1;; esac
}
slurp() { # slurp FILE: x, its lines
  x=
  { while IFS= read -r line || [ -n "$line" ]; do x="$x${x:+$NL}$line"; done <"$1"; } 2>/dev/null
  IFS=' '
}
is_alive() { [ -n "$pid" ] && look "$pid" && [ "$start" = "$begun" ]; }
know() { # know FOLDER: pid, begun, since, status
  pid= begun= since=
  { IFS= read -r pid; IFS= read -r begun; IFS= read -r since; } 2>/dev/null <"$1/pid"
  IFS=' '
  slurp "$1/status"; status=$x
}
tell() { # tell FOLDER
  know "$1"
  alive=n
  is_alive && alive=y
  # it may just have ended
  [ $alive = y ] || { slurp "$1/status"; status=$x; }
  uid=${1%/*}; uid=${uid##*-}
  size=$(wc -c <"$1/log" 2>/dev/null) || size=0
  slurp "$1/change"
  give job "$1" "$uid" $alive "$pid" "$begun" "$since" "${size:-0}" "$status" "$x"
}
find_job() { # find_job ID: job
  for job in /tmp/envtui-jobs-*/"$1" /var/tmp/envtui-jobs-*/"$1" "${HOME:-/root}"/.cache/envtui-jobs-*/"$1" \
    /dev/shm/envtui-jobs-*/"$1"; do
    [ -d "$job" ] && ! [ -L "$job" ] && [ -e "$job/pid" ] && return 0
  done
  give end
  exit 0
}
clear_locks() { # those of a job that is gone
  base=${1%/envtui-jobs-*}
  for lock in "$base"/envtui-locks/* "${1%/*}"/locks/*; do
    [ -d "$lock" ] && ! [ -L "$lock" ] || continue
    folder=
    { IFS= read -r _; IFS= read -r _; IFS= read -r folder; } 2>/dev/null <"$lock/owner"
    IFS=' '
    [ "$folder" != "$1" ] || rm -rf -- "$lock"
  done
  rmdir -- "$base/envtui-locks" "${1%/*}/locks" 2>/dev/null
}
put_away() {
  clear_locks "$1"
  rm -rf -- "$1"
  rmdir -- "${1%/*}" 2>/dev/null
}
members() { # found: every process of the job but its first: of its kernel session, or descended from it
  found= family=" $pid "
  grown=y
  while [ -n "$grown" ]; do
    grown=
    for folder in /proc/[0-9]*; do
      each=${folder#/proc/}
      case $family in *" $each "*) continue;; esac
      [ "$each" != $own ] && look "$each" || continue
      # the session is the job's own only where its first process leads it
      if [ "$session" = "$led" ]; then :; else case $family in *" $parent "*) ;; *) continue;; esac; fi
      family="$family$each " found="$found $each:$start" grown=y
    done
  done
}
strike() { # strike SIGNAL: every member that still is the one that was found, and has not had it yet
  for each in $found; do
    case $struck in *" $1:$each "*) continue;; esac
    look "${each%%:*}" && [ "$start" = "${each#*:}" ] && kill -s "$1" "${each%%:*}" 2>/dev/null
    struck="$struck$1:$each "
  done
}
pause() { sleep 0.1 2>/dev/null || { sleep 1; tenths=$((tenths + 9)); }; }

verb=$1
case $verb in
  list)
    for job in /tmp/envtui-jobs-*/* /var/tmp/envtui-jobs-*/* "${HOME:-/root}"/.cache/envtui-jobs-*/* \
      /dev/shm/envtui-jobs-*/*; do
      [ -d "$job" ] && ! [ -L "$job" ] && [ -e "$job/pid" ] || continue
      case $job in */locks) continue;; esac
      if [ -e "$job/plan" ]; then
        # nobody asks for it any more
        know "$job"
        is_alive || put_away "$job" 2>/dev/null
        continue
      fi
      tell "$job"
    done;;
  news)
    find_job "$2"
    tell "$job"
    tail -c "+$(($3 + 1))" "$job/log" 2>/dev/null | head -c "$4"
    exit;;
  results)
    find_job "$2"
    tell "$job"
    { while IFS=' ' read -r number code; do
      out=$(wc -c <"$job/out.$number") err=$(wc -c <"$job/err.$number")
      give result "$number" "$code" $((out)) $((err))
      cat "$job/out.$number" "$job/err.$number"
    done <"$job/codes"; } 2>/dev/null;;
  cancel)
    find_job "$2"
    know "$job"
    limit=$(($3 * 10)) tenths=0
    led=none
    if [ -z "$status" ] && is_alive; then
      [ "$session" != "$pid" ] || led=$pid
      : >"$job/cancelled"
      struck=' '
      while is_alive && [ $tenths -lt $limit ]; do
        if ! [ -e "$job/ending" ]; then
          members
          if [ $tenths -ge $((limit * 3 / 4)) ]; then strike KILL
          elif [ $tenths -ge $((limit / 2)) ]; then strike TERM
          else strike INT
          fi
        fi
        pause
        tenths=$((tenths + 1))
      done
      # what is left of it, should its first process be gone
      if ! is_alive; then
        members
        [ -z "$found" ] || { strike TERM; pause; pause; pause; strike KILL; }
      fi
    fi
    tell "$job";;
  away)
    find_job "$2"
    know "$job"
    if is_alive; then tell "$job"; else put_away "$job"; fi;;
  place)
    if [ -n "$2" ] && { [ -w "$2/envs" ] || { ! [ -e "$2/envs" ] && [ -w "$2" ]; }; }; then
      give place "$2/envs/$3"
    else
      give place "${HOME:-/root}/.conda/envs/$3"
    fi;;
esac
give end
