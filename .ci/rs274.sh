#!/bin/sh
# Unpacks LinuxCNC's stand-alone interpreter into DIR and prints what to export for the tests that compare with it.
#
#   eval "$(.ci/rs274.sh DIR)" && cargo test --release --test rs274
#   .ci/rs274.sh DIR PROGRAM.ngc...      also runs the interpreter over these programs; fails if it rejects one
#
# Debian 12, no installation: two packages are unpacked, `apt-get update` once before. Fails if anything is missing.
set -eu
dir=${1:?usage: rs274.sh DIR [PROGRAM...]}
shift
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

if [ ! -x "$dir/x/usr/bin/rs274" ]; then
    (
        cd "$dir"
        apt-get download linuxcnc-uspace libboost-python1.74.0 >&2
        for deb in linuxcnc-uspace_*.deb libboost-python1.74.0_*.deb; do dpkg-deb -x "$deb" x; done
    )
fi

# Lengths zero and diameters in inches: the stand-alone binary reads the tool table in inches whatever the .ini says.
awk '
    /^number = /      { number = $3 }
    /^diameter_mm = / { diameter[number] = $3; order[++n] = number }
    END { for (i = 1; i <= n; i++) printf "T%d P%d Z0.0 D%.7f\n", order[i], order[i], diameter[order[i]] / 25.4 }
' "$here/pipelines/shop/tools.toml" > "$dir/tool.tbl"

# Work offsets and their rotation, all zero; the active offset, 5220, is the first (G54). Must be sorted.
{
    for first in 5161 5181; do
        i=0
        while [ $i -lt 9 ]; do echo "$((first + i)) 0.000000"; i=$((i + 1)); done
    done
    i=5210
    while [ $i -lt 5220 ]; do echo "$i 0.000000"; i=$((i + 1)); done
    echo "5220 1.000000"
    base=5221
    while [ $base -le 5381 ]; do
        i=0
        while [ $i -lt 10 ]; do echo "$((base + i)) 0.000000"; i=$((i + 1)); done
        base=$((base + 20))
    done
} > "$dir/mm.var"

cat > "$dir/mm.ini" <<INI
[RS274NGC]
PARAMETER_FILE = mm.var
RS274NGC_STARTUP_CODE = G21 G90 G94 G17 G40 G49 G80
[TRAJ]
LINEAR_UNITS = mm
ANGULAR_UNITS = degree
COORDINATES = X Y Z A C
[EMCIO]
TOOL_TABLE = tool.tbl
INI

LD_LIBRARY_PATH="$dir/x/usr/lib:$dir/x/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
for program in "$@"; do
    program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
    (cd "$dir" && ./x/usr/bin/rs274 -g -i mm.ini -t tool.tbl -v mm.var "$program" "$(basename "$program").canon") >&2
    echo "rs274: $(basename "$program") accepted" >&2
done

echo "export RS274='$dir/x/usr/bin/rs274' RS274_DIR='$dir' LD_LIBRARY_PATH='$LD_LIBRARY_PATH'"
