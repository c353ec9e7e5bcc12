#!/bin/sh
# The tests that take minutes: run before a release.
set -eu
cd "$(dirname "$0")/.."

# Bone: thin walls at every blur and voxel size.
cargo test --release --test edge -- --ignored --nocapture
