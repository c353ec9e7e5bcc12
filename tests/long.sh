#!/bin/sh
# The tests that take long; run again, they go on where they were stopped. Run before a release.
#
#     tests/long.sh [MUTATED FILES]
set -eu
cd "$(dirname "$0")/.."
count=${1:-10000}
chunk=1000
marks=target/long
mkdir -p "$marks"
stamp=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)

# once NAME COMMAND...: runs it unless this commit has passed it.
once() {
    mark="$marks/$1-$stamp"
    shift
    [ -e "$mark" ] || { "$@" && : > "$mark"; }
}

# Mutated files through the reader.
from=0
while [ "$from" -lt "$count" ]; do
    export OSTEOMILL_MUTATIONS=$chunk OSTEOMILL_MUTATIONS_FROM=$from
    once "mutations-$from" cargo test --release --quiet --test hostile mutated -- --nocapture
    from=$((from + chunk))
done
echo "$count mutated files: done"

# Bone: thin walls at every blur and voxel size; a skull at 0.45 mm.
once edge cargo test --release --test edge --test edge_skull -- --ignored --nocapture
