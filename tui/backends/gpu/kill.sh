# Sends a signal to one process of the system it runs in, if it still is that process, for tui/backends/gpu/ending.py.
#
#   /bin/sh -c "$(cat kill.sh)" kill SIGNAL START "NSpid:<tab>NUMBER<tab>…"...
#
# START is field 22 of its stat, each further argument the line that its status has if it is known here by the
# first NUMBER of it. Ends with 0 if the signal was sent, 3 if it was refused, 4 if there is no such process.
LC_ALL=C
NL='
'
TAB=$(printf '\t')
signal=$1 start=$2; shift 2
for line; do
  number=${line#*"$TAB"}; number=${number%%"$TAB"*}
  told=$({ while IFS= read -r l; do case $l in NSpid:*) printf %s "$l"; break;; esac; done <"/proc/$number/status"; } 2>/dev/null)
  [ "$told" = "$line" ] || continue
  stat=$({ while IFS= read -r l; do printf '%s ' "$l"; done <"/proc/$number/stat"; } 2>/dev/null)
  # the name may hold blanks and brackets: what follows the last one is counted
  IFS=' '; set -f
  set -- ${stat##*') '}
  [ "${20}" = "$start" ] || exit 4
  kill -s "$signal" "$number" || exit 3
  exit 0
done
exit 4
