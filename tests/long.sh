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
once edge cargo test --release --test all edge -- --ignored --nocapture

# Gap and contour against the true edge at 0.5 mm, and what coarser slices cost (docs/slices.md).
once truth cargo test --release --test all implant_truth:: -- --ignored --nocapture

# Faults planted in a program, fifty places of each kind (docs/faults.md). About an hour on two free cores; goes on where it was
# stopped, as long as the commit is the same.
export OSTEOMILL_FAULTS_PLACES=50 OSTEOMILL_FAULTS_LOG="$PWD/$marks/faults-$stamp.tsv" OSTEOMILL_FAULTS_OUT="$PWD/docs/faults.md"
once faults cargo test --release --test faults -- --ignored --nocapture

# Virtual craniectomies: 110 cuts per skull in pieces of ten, so that it goes on where it was stopped; the reports lie in
# target/long/bench. Some hours on two cores.
scans=${OSTEOMILL_SCANS:-../shared/scans}
if [ -d "$scans" ]; then
    cargo build --release --quiet
    mkdir -p "$marks/bench"
    seed=1
    while [ "$seed" -le 11 ]; do
        once "cuts-cranium-$seed" target/release/osteomill bench cuts "$scans/cranium/dicom" \
            --count 10 --seed "$seed" --out "$marks/bench/cranium-$seed"
        once "cuts-plastic-$seed" target/release/osteomill bench cuts "$scans/philips-skull/S2030" \
            --count 10 --seed "$seed" --out "$marks/bench/plastic-$seed"
        once "cuts-mesh-$seed" target/release/osteomill bench cuts "$scans/../meshes/skull/human_skull.stl" \
            --axes=-z,x,-y --voxel-mm 0.8 --count 10 --seed "$seed" --out "$marks/bench/mesh-$seed"
        once "cuts-phantom-$seed" target/release/osteomill bench cuts "phantom:$seed" \
            --voxel-mm 0.7 --count 10 --seed "$seed" --out "$marks/bench/phantom-$seed"
        seed=$((seed + 1))
    done
else
    echo "skipped: no real scans; set OSTEOMILL_SCANS"
fi
