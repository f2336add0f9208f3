#!/usr/bin/env bash
# Pictures of each place of the window in both themes, at each size and at 200 %, for people to look at.
#   tests/gui/pictures.sh [BINARY [FOLDER [SIZE@SCALE…]]]
# Without a size all of them are taken. README_PICTURES=1 copies those of the README from 1100x720 to docs/pictures.
# Needs what tests/gui/display.sh needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=${1:-target/release/linesman} folder=${2:-target/pictures}
shift $(($# > 2 ? 2 : $#))
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(1024x640@1 1100x720@1 1600x1000@1 2560x1440@1 1024x640@2 1600x1000@2)

status=0
for size in "${sizes[@]}"; do
  for theme in light dark; do
    into=$folder/${size/@/-at-}-$theme
    echo "pictures: $into"
    LINESMAN_SCREEN=${size%@*} LINESMAN_BARE=1 tests/gui/display.sh /usr/bin/python3 tests/gui/pictures.py \
      --binary "$binary" --theme "$theme" --scale "${size#*@}" --pictures "$into" || status=1
  done
done
if [ "${README_PICTURES:-}" = 1 ]; then
  for theme in light dark; do
    cp "$folder/1100x720-at-1-$theme/joined.png" "docs/pictures/gateways-$theme.png"
  done
  cp "$folder/1100x720-at-1-dark/telemetry.png" docs/pictures/telemetry-dark.png
  cp "$folder/1100x720-at-1-dark/refused.png" docs/pictures/refused-dark.png
fi
exit $status
