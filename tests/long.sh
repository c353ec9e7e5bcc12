#!/bin/sh
# The long tests: 10,000 mutated files through the reader, in chunks; run again, it goes on where it was stopped.
#
#     tests/long.sh [COUNT]
set -eu
cd "$(dirname "$0")/.."
count=${1:-10000}
chunk=1000
marks=target/long
mkdir -p "$marks"
stamp=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
from=0
while [ "$from" -lt "$count" ]; do
    mark="$marks/mutations-$stamp-$from"
    if [ ! -e "$mark" ]; then
        OSTEOMILL_MUTATIONS=$chunk OSTEOMILL_MUTATIONS_FROM=$from \
            cargo test --release --quiet --test hostile mutated -- --nocapture
        : > "$mark"
    fi
    from=$((from + chunk))
done
echo "$count mutated files: done"
