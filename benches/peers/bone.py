"""Threshold and largest 26-connected piece: osteomill, cc3d and SimpleITK on the same voxels in one run.

    pip install connected-components-3d SimpleITK numpy
    cargo build --release --bench bone        # prints the path of the bench's executable
    python3 benches/peers/bone.py EXECUTABLE [FOLDER_OF_SCANS]

Prints seconds (median of calls), ratios to osteomill, and whether the counts of pieces and the sizes of the largest
agree; ends with 1 when they do not. Times depend on the machine, ratios less.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import cc3d
import numpy as np
import SimpleITK as sitk

LEVEL_HU = 226
CALLS = 3


def head():
    """512 x 512 x 400: a shell of bone about tissue in noisy air, with specks."""
    k, j, i = np.ogrid[:400, :512, :512]
    r = np.sqrt(((i - 256) / 170) ** 2 + ((j - 256) / 210) ** 2 + ((k - 180) / 190) ** 2).astype(np.float32)
    random = np.random.default_rng(1)
    hu = np.where(r > 1, -1000, np.where(r > 0.94, 1100, 40)).astype(np.int16)
    hu += random.integers(-60, 60, hu.shape, dtype=np.int16)
    hu[random.random(hu.shape, dtype=np.float32) < 1e-4] += 900
    return hu


def series(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayFromImage(reader.Execute()).astype(np.int16)


def by_cc3d(hu):
    labels, count = cc3d.connected_components(hu >= LEVEL_HU, connectivity=26, return_N=True)
    sizes = np.bincount(labels.ravel())
    largest = int(np.argmax(sizes[1:])) + 1
    mask = labels == largest
    return count, int(sizes[largest]), mask


def by_cc3d_largest(hu):
    mask = cc3d.largest_k(hu >= LEVEL_HU, k=1, connectivity=26)
    return None, int(np.count_nonzero(mask)), mask


def by_simpleitk(hu):
    image = sitk.GetImageFromArray(hu)
    start = time.perf_counter()
    labels = sitk.ConnectedComponent(image >= LEVEL_HU, True)
    ordered = sitk.RelabelComponent(labels)
    mask = ordered == 1
    seconds = time.perf_counter() - start
    array = sitk.GetArrayViewFromImage(ordered)
    return int(array.max()), int(np.count_nonzero(sitk.GetArrayViewFromImage(mask))), seconds


def measure(name, hu, executable):
    with tempfile.NamedTemporaryFile(suffix=".raw") as file:
        hu.tofile(file.name)
        dims = [str(n) for n in hu.shape[::-1]]
        out = subprocess.run([executable, *dims, file.name, str(LEVEL_HU)], check=True, capture_output=True, text=True)
    ours = json.loads(out.stdout.strip().splitlines()[-1])
    rows = [("osteomill", ours["median_s"], ours["pieces"], ours["largest"])]
    for label, run in (("cc3d components", by_cc3d), ("cc3d largest_k", by_cc3d_largest)):
        times = []
        for _ in range(CALLS):
            start = time.perf_counter()
            count, largest, _ = run(hu)
            times.append(time.perf_counter() - start)
        rows.append((label, statistics.median(times), count, largest))
    runs = [by_simpleitk(hu) for _ in range(CALLS)]
    rows.append(("SimpleITK", statistics.median(r[2] for r in runs), runs[0][0], runs[0][1]))
    print(f"{name} {hu.shape[::-1]}; osteomill's first call {ours['first_s']} s")
    for label, seconds, count, largest in rows:
        print(f"  {label:16} {seconds:7.4f} s  x {seconds / ours['median_s']:6.1f}  pieces {count}  largest {largest}")
    equal = all(r[3] == rows[0][3] and r[2] in (None, rows[0][2]) for r in rows)
    print("  counts and sizes agree" if equal else "  COUNTS OR SIZES DIFFER")
    return equal


def main():
    executable = sys.argv[1]
    scans = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "../shared/scans")
    sets = [("synthetic head", head())]
    real = scans / "philips-skull" / "S2030"
    if real.is_dir():
        sets.append(("philips-skull/S2030", series(real)))
    else:
        print(f"skipped: no {real}")
    if not all([measure(name, hu, executable) for name, hu in sets]):
        sys.exit(1)


if __name__ == "__main__":
    main()
