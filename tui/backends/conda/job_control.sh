# Looks after the jobs of job.sh in a container, for container_jobs.py.
#
#   /bin/sh -c "$(cat job_common.sh job_control.sh)" control CONTAINER VERB...
#       list
#       news ID OFFSET MOST       its log from OFFSET on, at most MOST bytes
#       results ID MOST           of a plan: what its commands printed, of each output at most MOST bytes
#       cancel ID SECONDS         tells it to end for so long, then kills it; returns when nothing of it runs
#       away ID                   removes the traces of one that is over
#       place FOLDER NAME...      the first of these places where an environment can be made
#       lines PID...              command lines of processes
#
# Answers with fields that end with NUL: `me UID`, and for each job: `job FOLDER UID ALIVE PID SINCE SIZE STATUS
# CHANGE`, with ALIVE y, c where it was told to end, or n; STATUS the lines of its file (result, exit code, number
# of the command, y where what was made stays), "" before its end. Then for `news` the log; for `results` N times
# `result NUMBER CODE BYTES BYTES` followed by as many bytes of each output. Last `end`.
# Only folders that belong to the account they are named after are believed, and only its own are changed.
container=$1 verb=$2
shift 2
home=${HOME:-/root}

know() { # know FOLDER: of this container, with all that a job has
  read_process "$1/pid" && [ "$last" = "$container" ] || return 1
  since=$more status=
  [ -f "$1/status" ] && ! [ -L "$1/status" ] && status=$(cat -- "$1/status" 2>/dev/null)
  return 0
}
is_owned() { # is_owned FOLDER: of jobs, by the account in its name, in `owner`
  [ -d "$1" ] && ! [ -L "$1" ] || return 1
  owner=${1##*-}
  [ "$owner" != "$uid" ] || { [ -O "$1" ]; return; }
  set -- "$1" $(ls -ldn -- "$1" 2>/dev/null)
  [ "${4:-$owner}" = "$owner" ]
}
each_folder() { # each_folder FUNCTION
  for ours in /tmp/envtui-jobs-* /var/tmp/envtui-jobs-* "${home%/}"/.cache/envtui-jobs-* \
    /root/.cache/envtui-jobs-* /home/*/.cache/envtui-jobs-* /dev/shm/envtui-jobs-*; do
    is_owned "$ours" && "$1"
  done
  return 0
}
tell() { # tell FOLDER, which is known
  alive=n
  if [ -z "$status" ] && is_at_work; then
    alive=y
    [ ! -e "$1/cancelled" ] || alive=c
  fi
  # it may just have ended
  [ $alive != n ] || know "$1" || return 0
  size=0 described=
  [ -f "$1/log" ] && ! [ -L "$1/log" ] && size=$(wc -c <"$1/log")
  [ -f "$1/change" ] && ! [ -L "$1/change" ] && described=$(cat -- "$1/change" 2>/dev/null)
  told=${1%/*}
  give job "$1" "${told##*-}" $alive "$pid" "$since" "$((size))" "$status" "$described"
}
put_away() { # put_away FOLDER: with the locks that it left
  for lock in "${1%/*}"/locks/*; do
    read_process "$lock/owner" && [ "$more" = "$1" ] && rm -rf -- "$lock"
  done
  rm -rf -- "$1"
  rmdir -- "${1%/*}/locks" "${1%/*}" 2>/dev/null
}
# Whoever asks for $job looks each second, so that a list may come between its end and the last look. The file
# has the second in which a list first saw it over, and the life of the container.
is_unasked() {
  then= lived=
  clock
  [ -f "$job/unasked" ] && ! [ -L "$job/unasked" ] &&
    { IFS= read -r then; IFS= read -r lived; } 2>/dev/null <"$job/unasked"
  case $then in
    '' | *[!0-9]*) ;;
    *) [ "$lived" != "$life" ] || { [ $((now - then)) -gt 60 ]; return; };;
  esac
  printf '%s\n' "$now" "$life" >"$job/unasked"
  return 1
}
list_folder() {
  for job in "$ours"/*; do
    [ -d "$job" ] && ! [ -L "$job" ] && know "$job" || continue
    if [ -e "$job/plan" ] || ! [ -e "$job/log" ]; then
      # nobody asks any more for what its process has not put away
      { [ "$owner" = "$uid" ] && ! is_at_work && is_unasked && put_away "$job"; } 2>/dev/null
      continue
    fi
    tell "$job"
  done
}
find_in() {
  [ -z "$job" ] && know "$ours/$wanted" && ! [ -L "$ours/$wanted" ] && job=$ours/$wanted
}
find_job() { # find_job ID: job
  job= wanted=$1
  case $wanted in *[!0-9a-zA-Z]*) ;; *) each_folder find_in;; esac
  [ -n "$job" ] && know "$job" || { give end; exit 0; }
}
find_own() {
  find_job "$1"
  is_owned "${job%/*}" && [ "$owner" = "$uid" ] || { give end; exit 0; }
}
cancel() { # cancel SECONDS
  : >"$job/cancelled"
  clock
  first=$now age=0
  while :; do
    members
    if is_alive; then
      # its own shell ends what is left, and must not be disturbed in putting things in order
      [ -e "$job/ending" ] && found=
    else
      [ -n "$found" ] || break
    fi
    if [ $age -ge $(($1 + 8)) ]; then strike KILL
    elif [ $age -ge "$1" ]; then strike TERM
    else strike INT
    fi
    [ $age -lt $(($1 + 32)) ] || break
    pause
    clock
    age=$((now - first))
  done
}

give me "$uid"
case $verb in
  list) each_folder list_folder;;
  news)
    find_job "$1"
    tell "$job"
    [ "$3" -gt 0 ] && [ -f "$job/log" ] && ! [ -L "$job/log" ] &&
      tail -c "+$(($2 + 1))" "$job/log" 2>/dev/null | head -c "$3"
    exit 0;;
  results)
    find_job "$1"
    tell "$job"
    { while IFS=' ' read -r number code; do
      out=$(($(wc -c <"$job/out.$number"))) err=$(($(wc -c <"$job/err.$number")))
      [ $out -le "$2" ] || out=$2
      [ $err -le "$2" ] || err=$2
      give result "$number" "$code" $out $err
      head -c "$out" "$job/out.$number"
      head -c "$err" "$job/err.$number"
    done <"$job/codes"; } 2>/dev/null;;
  cancel)
    find_own "$1"
    [ -n "$status" ] || ! is_at_work || cancel "$2"
    know "$job"
    tell "$job";;
  away)
    find_own "$1"
    if is_at_work; then tell "$job"; else put_away "$job"; fi;;
  place)
    while [ $# -gt 1 ]; do
      case $1 in "~"/*) at=${home%/}/${1#"~/"};; *) at=$1;; esac
      at=${at%/}/$2
      if [ -e "$at" ] || [ -L "$at" ]; then there=y; else there=n; fi
      up=${at%/*}
      has_parent=n
      [ -d "${up:-/}" ] && has_parent=y
      while [ -n "$up" ] && ! [ -e "$up" ] && ! [ -L "$up" ]; do up=${up%/*}; done
      up=${up:-/}
      may=n
      [ -d "$up" ] && [ -w "$up" ] && may=y
      give place "$at" $there $has_parent $may
      shift 2
    done;;
  lines)
    for number; do
      x=$(tr '\0' ' ' <"/proc/$number/cmdline" 2>/dev/null | head -c 400)
      give line "$number" "$x"
    done;;
esac
give end
