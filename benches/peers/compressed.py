#!/usr/bin/env python3
"""Loading of compressed slices: osteomill beside SimpleITK (GDCM), on slices of one series packed again in each lossless
syntax, in one run, warm cache.

    pip install SimpleITK pydicom pylibjpeg-openjpeg pyjpegls python-gdcm numpy
    python3 benches/peers/compressed.py FOLDER_OF_ONE_SERIES [SLICES]

JPEG lossless is packed by gdcmconv (libgdcm-tools, or pip's python-gdcm). Ends with 1 where osteomill is slower.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pydicom
import SimpleITK as sitk
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from loading import median, simpleitk  # noqa: E402


def packed_by_pydicom(source, out, syntax):
    data = pydicom.dcmread(source, force=True)
    data.compress(syntax, generate_instance_uid=False)
    data.save_as(out)


def packed_by_gdcm(source, out, option):
    subprocess.run(["gdcmconv", option, source, out], check=True, capture_output=True)


SYNTAXES = {
    "explicit little endian": lambda source, out: shutil.copy(source, out),
    "RLE": lambda source, out: packed_by_pydicom(source, out, RLELossless),
    "JPEG lossless SV1": lambda source, out: packed_by_gdcm(source, out, "--jpeg"),
    "JPEG-LS lossless": lambda source, out: packed_by_pydicom(source, out, JPEGLSLossless),
    "JPEG 2000 lossless": lambda source, out: packed_by_pydicom(source, out, JPEG2000Lossless),
}


def slices_of(folder, count):
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    first = max(0, len(names) // 2 - count // 2)
    return names[first:first + count]


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    names = slices_of(sys.argv[1], count)
    slower = False
    with tempfile.TemporaryDirectory() as work:
        folders = []
        for n, pack in enumerate(SYNTAXES.values()):
            folder = pathlib.Path(work) / str(n)
            folder.mkdir()
            for at, source in enumerate(names):
                pack(source, str(folder / f"{at:04}"))
            folders.append(str(folder))
        out = subprocess.run(["cargo", "bench", "--bench", "loading"], check=True, capture_output=True, text=True,
                             env={**os.environ, "OSTEOMILL_LOADING": os.pathsep.join(folders)}).stdout
        ours = re.findall(r"^folder \d+: best [\d.]+ s, median ([\d.]+) s", out, re.M)
        if len(ours) != len(folders):
            sys.exit(out)
        for name, folder, own in zip(SYNTAXES, folders, map(float, ours)):
            theirs = median(lambda: simpleitk(folder))
            slower |= theirs < own
            print(f"{name:24} {len(names)} slices: osteomill {own:.3f} s, SimpleITK {theirs:.3f} s, {theirs / own:.1f} times ours")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
