#!/bin/sh
# Runs fuzz targets one after the other; exit 1 when one finds something.
#
#     fuzz/run.sh [SECONDS] [TARGET...]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-180}
[ $# -gt 0 ] && shift
targets=${*:-nifti nrrd inv3 zip dicomdir seg mask dicom pixels}
programs=$(fuzz/build.sh)
scans=${OSTEOMILL_SCANS:-../shared/scans}
failed=0
for target in $targets; do
    corpus=fuzz/corpus/$target found=fuzz/artifacts/$target/
    mkdir -p "$corpus" "$found"
    # Small files of the reader corpus, by their hash: names may repeat.
    if [ -d "$scans/reader" ]; then
        find "$scans/reader" -type f -size -64k | while read -r file; do
            cp "$file" "$corpus/$(sha256sum < "$file" | cut -c1-16)"
        done
    fi
    [ -n "${FUZZ_SEEDS:-}" ] && cp "$FUZZ_SEEDS"/* "$corpus/"
    # Panics inside a decoder are caught and told; libFuzzer must see them, and does, before they unwind.
    "$programs/$target" "$corpus" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=600 -timeout=1 \
        -artifact_prefix="$found" -print_final_stats=1 || failed=1
done
exit $failed
