# Hangs up what a session left in the container it runs in, as the end of its terminal would, for hanging_up.py.
#
#   /bin/sh -c "$(cat hang_up.sh)" hang_up TAG STEPS                     finds the session by its mark
#   /bin/sh -c "$(cat hang_up.sh)" hang_up TAG STEPS SID PID:START...    knows it: by what is left in it
#
# A mark is ENVTUI_SESSION=TAG:SID in the environment of a process; SID is the kernel's session (field 6 of
# its stat). A process that made a session of its own keeps the mark, and is let alone. STEPS of a tenth of a
# second are waited. Prints "signalled N", then "refused SID PID START" for each process that is another user's.
LC_ALL=C
tag=$1 steps=$2; shift 2
own=$$ signalled=0 told='' refused=''

# state, session and start of process $1; the name may hold blanks, brackets and newlines: the last ')' ends it
look() {
  text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text $line"; done <"/proc/$1/stat"; } 2>/dev/null
  case $text in *') '*) ;; *) return 1;; esac
  set -f; IFS=' '; set -- ${text##*') '}; set +f
  state=$1 session=$4 start=${20}
  case $state in Z|X) return 1;; esac
}

# the session that process $1 is marked with, if it is in it. `read` drops the zeros between variables, and no
# variable's name begins with a digit.
marked() {
  text=
  { while IFS= read -r line || [ -n "$line" ]; do text="$text$line"; done <"/proc/$1/environ"; } 2>/dev/null
  case $text in *"ENVTUI_SESSION=$tag:"[0-9]*) ;; *) return 1;; esac
  sid=${text#*"ENVTUI_SESSION=$tag:"}; sid=${sid%%[!0-9]*}
  look "$1" && [ "$session" = "$sid" ]
}

hang_up() {
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    [ "$pid" != "$own" ] && look "$pid" && [ "$session" = "$1" ] || continue
    begun=$start
    # stopped jobs hear of it when they go on
    if kill -s HUP "$pid" 2>/dev/null; then
      kill -s CONT "$pid" 2>/dev/null
      signalled=$((signalled + 1)) told="$told $pid:$begun"
    elif look "$pid" && [ "$start" = "$begun" ]; then
      refused="$refused $1:$pid:$begun"
    fi
  done
}

if [ $# -gt 0 ]; then
  sid=$1; shift
  for known; do
    look "${known%%:*}" && [ "$session" = "$sid" ] && [ "$start" = "${known#*:}" ] || continue
    hang_up "$sid"
    break
  done
else
  # reading files byte by byte takes a shell a millisecond or more each: only where there is no grep
  if command -v grep >/dev/null 2>&1; then
    files=$(grep -l "ENVTUI_SESSION=$tag:" /proc/[0-9]*/environ 2>/dev/null)
  else
    files=$(echo /proc/[0-9]*/environ)
  fi
  IFS=' 
'
  found=' '
  for file in $files; do
    pid=${file#/proc/}; pid=${pid%/environ}
    marked "$pid" || continue
    case $found in *" $sid "*) continue;; esac
    found="$found$sid "
    hang_up "$sid"
  done
fi

IFS=' '
while [ "$steps" -gt 0 ] && [ -n "$told" ]; do
  left=
  for known in $told; do
    IFS=' '
    look "${known%%:*}" && [ "$start" = "${known#*:}" ] && left="$left $known"
  done
  told=$left
  [ -z "$told" ] || sleep 0.1 2>/dev/null || break
  steps=$((steps - 1))
done
echo "signalled $signalled"
for known in $refused; do
  pid=${known#*:}
  echo "refused ${known%%:*} ${pid%%:*} ${pid#*:}"
done
