# What job.sh and job_control.sh have in common; container_jobs.py puts it in front of each.
#
# A process is told by its number, its start (field 22 of /proc/PID/stat) and the life of its container: the
# boot of the machine, and the start of the container's first process. Numbers come again after a restart.
locale=${LC_ALL-} has_locale=${LC_ALL+y}
LC_ALL=C
usual=$(umask)
umask 077
IFS=' '
unset CDPATH
# behind what the container says, which may be nothing
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
own=$$

give() { printf '%s\0' "$@"; }

# state, parent, session and start of process $1; the name may hold blanks, brackets and newlines
look() {
  text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done <"/proc/$1/stat"; } 2>/dev/null
  case $text in *') '*) ;; *) return 1;; esac
  set -f; IFS=' '; set -- ${text##*') '}; set +f
  state=$1 parent=$2 session=$4 start=${20}
  case $state in Z|X) return 1;; esac
}

life=
{ IFS= read -r life </proc/sys/kernel/random/boot_id; } 2>/dev/null
look 1 && life=$life.$start

uid=x
{ while IFS='	 ' read -r key _ value _; do
  case $key in Uid:) uid=$value; break;; esac
done </proc/self/status; } 2>/dev/null

# read_process FILE: pid, begun, lived, led, more and last, its lines; what is no file of its own is not opened
read_process() {
  pid= begun= lived= led= more= last=
  [ -f "$1" ] && ! [ -L "$1" ] || return 1
  { IFS= read -r pid; IFS= read -r begun; IFS= read -r lived; IFS= read -r led; IFS= read -r more
    IFS= read -r last; } 2>/dev/null <"$1"
  case $pid in '' | *[!0-9]*) pid=; return 1;; esac
}
is_alive() { [ -n "$pid" ] && [ "$lived" = "$life" ] && look "$pid" && [ "$start" = "$begun" ]; }

# whether it goes on: its first process, or where that is gone, what it began. While anything is in a session,
# the number of that is given to no other process.
is_at_work() {
  is_alive && return 0
  [ -n "$pid" ] && [ "$lived" = "$life" ] && [ "$led" = "$pid" ] && ! [ -e "/proc/$pid/stat" ] || return 1
  for folder in /proc/[0-9]*; do
    look "${folder#/proc/}" && [ "$session" = "$led" ] && return 0
  done
  return 1
}

# found, PID:START of all of the job at $pid but its first process: of its session, or descended from it
members() {
  all= found= family=" $pid " grown=y
  for folder in /proc/[0-9]*; do
    each=${folder#/proc/}
    [ "$each" != $own ] && [ "$each" != "$pid" ] && look "$each" && all="$all $each:$parent:$session:$start"
  done
  while [ -n "$grown" ]; do
    grown=
    for each in $all; do
      number=${each%%:*} rest=${each#*:}
      case $family in *" $number "*) continue;; esac
      parent=${rest%%:*} rest=${rest#*:}
      if [ "${rest%%:*}" != "$led" ]; then case $family in *" $parent "*) ;; *) continue;; esac; fi
      family="$family$number " found="$found $number:${rest#*:}" grown=y
    done
  done
}
struck=' '
strike() { # strike SIGNAL: those found that still are the same, and have not had it yet
  for each in $found; do
    case $struck in *" $1:$each "*) continue;; esac
    look "${each%%:*}" && [ "$start" = "${each#*:}" ] && kill -s "$1" "${each%%:*}" 2>/dev/null
    struck="$struck$1:$each "
  done
}
clock() { # now, seconds that no change of the date moves
  { IFS=' .' read -r now _ </proc/uptime; } 2>/dev/null
}
pause() { sleep 0.1 2>/dev/null || sleep 1; }
