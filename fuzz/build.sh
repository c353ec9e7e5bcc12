#!/bin/sh
# Builds every target without cargo-fuzz: libFuzzer's coverage by hand, on a stable toolchain too. Prints where they lie.
set -eu
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-trace-compares"
# A target of its own name keeps the flags off build scripts.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$coverage -Cdebug-assertions -Coverflow-checks --cfg fuzzing ${RUSTFLAGS:-}" \
    cargo build --release --target "$host" --manifest-path fuzz/Cargo.toml --target-dir "${FUZZ_TARGET:-fuzz/target}" >&2
echo "${FUZZ_TARGET:-fuzz/target}/$host/release"
