#!/usr/bin/env python3
"""Drop-cutter: osteomill beside OpenCAMLib on one dome of 197,192 triangles, in one run.

    pip install opencamlib numpy
    python3 benches/peers/cam.py WORK          (a folder for the dome and the places)

`cargo bench --bench cam` writes the dome, and the heights it finds; OpenCAMLib lowers the same ball at every one of
10,332 of those places. Prints places a second, their ratio, and the largest difference in height. Both err from the
sphere by the facets' chords; from each other by rounding. Ends with 1 when any height differs by more than 0.1 um, or
when osteomill is not 50 times as fast.
"""
import os
import re
import subprocess
import sys
import time

import numpy as np
import opencamlib as ocl

BALL_D_MM = 6.0
APART_MM = 1e-4
# Some 300 on an idle machine; the two are timed one after the other, and either may be disturbed.
RATIO_MIN = 50.0


def surface(path):
    data = np.fromfile(path, dtype=np.uint8)
    count = int(data[80:84].view("<u4")[0])
    facets = np.ndarray((count,), dtype=[("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")], buffer=data[84:].tobytes())
    out = ocl.STLSurf()
    for v in facets["v"].astype(float):
        out.addTriangle(ocl.Triangle(*(ocl.Point(*p) for p in v)))
    return out, count


def main():
    work = sys.argv[1]
    os.makedirs(work, exist_ok=True)
    text = subprocess.run(["cargo", "bench", "--bench", "cam"], env={**os.environ, "OSTEOMILL_CAM_KEEP": work},
                          check=True, capture_output=True, text=True).stdout
    print(text.strip())
    ours = float(re.search(r"drop-cutter:.* (\d+) places/s", text).group(1))
    places = np.loadtxt(os.path.join(work, "places.csv"), delimiter=",", skiprows=1)
    stl, count = surface(os.path.join(work, "dome.stl"))
    drop = ocl.BatchDropCutter()
    drop.setSTL(stl)
    # OpenCAMLib keeps no reference: cutter and surface must outlive the run.
    ball = ocl.BallCutter(BALL_D_MM, 50.0)
    drop.setCutter(ball)
    for x, y, _ in places:
        drop.appendPoint(ocl.CLPoint(float(x), float(y), -1000.0))
    start = time.perf_counter()
    drop.run()
    seconds = time.perf_counter() - start
    theirs = len(places) / seconds
    apart = np.abs(np.array([p.z for p in drop.getCLPoints()]) - places[:, 2])
    print(f"OpenCAMLib: {count} triangles, {len(places)} places, {seconds:.1f} s, {theirs:.0f} places/s")
    print(f"osteomill is {ours / theirs:.0f} times as fast; heights differ by {apart.max() * 1e3:.4f} um at most, "
          f"{np.percentile(apart, 99) * 1e3:.4f} um at the 99th percentile")
    sys.exit(int(apart.max() > APART_MM or ours / theirs < RATIO_MIN))


main()
