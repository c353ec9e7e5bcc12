#!/bin/sh
# The tests that take minutes: run before a release.
set -eu
cd "$(dirname "$0")/.."

# Bone: thin walls at every blur and voxel size; a skull at 0.45 mm.
cargo test --release --test edge --test edge_skull -- --ignored --nocapture
