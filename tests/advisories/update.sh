#!/usr/bin/env bash
# Takes the advisories for the crates of Cargo.lock out of a clone of the RustSec advisory database (rustsec/advisory-db).
#   tests/advisories/update.sh CLONE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
clone=$(realpath "${1:?usage: update.sh CLONE}")
git_dir=$clone
[ -e "$clone/.git" ] && git_dir=$clone/.git
in_clone() { git --git-dir="$git_dir" "$@"; }

rm -rf crates
names=$(sed -n 's/^name = "\(.*\)"$/\1/p' ../../Cargo.lock | sort -u)
files=$(in_clone ls-tree -r --name-only HEAD crates)
count=0
for name in $names; do
  while read -r file; do
    mkdir -p "$(dirname "$file")"
    in_clone show "HEAD:$file" >"$file"
    count=$((count + 1))
  done < <(grep "^crates/$name/" <<<"$files" || true)
done
printf '%s\n' "$names" >CRATES
commit=$(in_clone log -1 --format=%H)
committed=$(in_clone log -1 --format=%cs)
cat >SNAPSHOT <<END
database: RustSec advisory database (rustsec/advisory-db on GitHub)
commit: $commit
committed: $committed
taken: $(date -u +%F)
crates in Cargo.lock: $(wc -w <<<"$names")
advisories: $count
END
cat SNAPSHOT
