# Fails where a file of one folder is not in another, and prints which, for command.py.
#
#   /bin/sh -c "$(cat compare.sh)" compare SOURCE COPY
#
# Cached code is made anew, and what is in conda-meta is the manager's own, but for pins and variables.
cd -- "$1" || exit 1
missing=$(
  find . -path ./conda-meta -prune -o -name __pycache__ -prune -o -name '*.py[co]' -o '(' -type f -o -type l ')' \
    -exec /bin/sh -c '
      to=$1
      shift
      for f do [ -e "$to/$f" ] || [ -L "$to/$f" ] || printf "%s\n" "$f"; done
    ' each "$2" {} +
) || { echo "envtui: not every file can be looked at, so that nothing is removed"; exit 1; }
for f in conda-meta/pinned conda-meta/state; do
  [ ! -e "$f" ] || [ -e "$2/$f" ] || missing="$missing $f"
done
[ -n "$missing" ] || exit 0
echo "envtui: the copy lacks files, so that nothing is removed:"
printf '%s\n' "$missing" | head -n 40
exit 1
