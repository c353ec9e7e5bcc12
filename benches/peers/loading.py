#!/usr/bin/env python3
"""Times SimpleITK (GDCM), pydicom and, where it is there, dcm2niix on folders of one CT series each, beside our own
loading, in one run; medians of five, cache warm.

    pip install SimpleITK pydicom numpy
    OSTEOMILL_LOADING_KEEP=SERIES cargo bench --bench loading
    python3 benches/peers/loading.py SERIES scans/philips-skull/S2030
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import SimpleITK as sitk


def median(run, times=5):
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def simpleitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(folder))
    return reader.Execute()


def dcm2niix(folder):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["dcm2niix", "-o", out, folder], check=True, capture_output=True)


def main():
    folders = sys.argv[1:]
    ours = subprocess.run(["cargo", "bench", "--bench", "loading"], capture_output=True, text=True, check=True,
                          env={**os.environ, "OSTEOMILL_LOADING": os.pathsep.join(folders)}).stdout
    ours = dict(re.findall(r"^folder (\d+): best [\d.]+ s, median ([\d.]+) s", ours, re.M))
    for n, folder in enumerate(folders, 1):
        own = float(ours[str(n)])
        print(f"folder {n}: osteomill {own:.3f} s")
        peers = {"SimpleITK": simpleitk}
        if shutil.which("dcm2niix"):
            peers["dcm2niix"] = dcm2niix
        for name, load in peers.items():
            taken = median(lambda: load(folder))
            print(f"    {name} {taken:.3f} s, {taken / own:.1f} times ours")


if __name__ == "__main__":
    main()
