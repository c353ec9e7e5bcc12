#!/usr/bin/env bash
# Other programs as judges of what is read and written: tests/peers. Wants pip's registry; says so where there is none.
#
#     .ci/peers.sh WORK      (a folder for the packages and files; the program is built in release)
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
scans="${OSTEOMILL_SCANS:-$PWD/../shared/scans}"
if ! python3 -m venv "$work/venv" 2>/dev/null; then
    apt-get install -y -qq python3-venv
    python3 -m venv "$work/venv"
fi
packages=(numpy pydicom SimpleITK nibabel highdicom trimesh lib3mf pygltflib
    pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pyjpegls dcm2niix connected-components-3d vtk)
if ! "$work/venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" 2>"$work/pip.log"; then
    echo "skipped: the peers' packages cannot be installed: $(tail -n 1 "$work/pip.log")"
    exit 0
fi
export PATH="$work/venv/bin:$PATH"
cargo build --release --quiet --bin osteomill --example dump_values
program=target/release/osteomill
echo "-- containers: SimpleITK and highdicom write, osteomill reads"
python tests/peers/containers.py "$program"
echo "-- meshes: trimesh, lib3mf and pygltflib read"
mkdir -p "$work/formats"
OSTEOMILL_FORMATS_OUT="$work/formats" cargo test --release --quiet --lib formats::
python tests/peers/meshes.py "$work/formats"
if [ -d "$scans" ]; then
    echo "-- pixels: pydicom and SimpleITK on every file of the reader corpus"
    python tests/peers/pixels.py target/release/examples/dump_values "$scans/reader"
    echo "-- geometry: SimpleITK and dcm2niix on whole series"
    python tests/peers/geometry.py "$program" "$scans"
else
    echo "skipped: no real scans for pixels and geometry; set OSTEOMILL_SCANS"
fi
echo "-- speed: load, threshold, largest piece and surface beside SimpleITK, cc3d and VTK; gated on the ratio"
mkdir -p "$work/series"
OSTEOMILL_LOADING_KEEP="$work/series" cargo bench --quiet --bench loading
python benches/peers/chain.py "$work/series"
echo "-- drop-cutter: OpenCAMLib lowers the same ball at 10,332 places"
# Its wheels end at Python 3.11.
if "$work/venv/bin/pip" install --quiet --disable-pip-version-check opencamlib 2>"$work/pip-ocl.log"; then
    python benches/peers/cam.py "$work/cam"
else
    echo "skipped: OpenCAMLib cannot be installed: $(tail -n 1 "$work/pip-ocl.log")"
fi
