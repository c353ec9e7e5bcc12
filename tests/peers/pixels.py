#!/usr/bin/env python3
"""Compares the stored values of every file of the reader corpus with pydicom and with SimpleITK, value by value,
and writes the table of docs/transfer-syntaxes.md.

    pip install pydicom SimpleITK numpy pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pyjpegls
    cargo build --release --example dump_values
    python3 tests/peers/pixels.py target/release/examples/dump_values SCANS/reader [--table docs/transfer-syntaxes.md]

Exit 1 where a CT that both we and a peer read differs by one value (JPEG 2000 lossy and JPEG lossy may differ by the
rounding of their transforms: 1), or where one that is declared equal is not CTImage.dcm.
"""
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pydicom
import SimpleITK as sitk

warnings.filterwarnings("ignore")
sitk.ProcessObject.SetGlobalWarningDisplay(False)

# Lossy transforms are rounded once more on the way; everything else must be equal.
MAY_DIFFER_BY_1 = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"}
# What the cornerstone files are declared to be off CTImage.dcm.
DECLARED = {"2.4.91": 5, "2.4.81": 1, "2.2": 0, "2.1.99": 0, "2.4.90": 0, "2.4.80": 0, "2.4.70": 0, "2.4.57": 0,
            "2.5": 0, "2.1": 0, "2": 0}


def of_pydicom(path):
    d = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in d.file_meta:
        d.file_meta.TransferSyntaxUID = d.original_encoding and (
            pydicom.uid.ExplicitVRLittleEndian if not d.original_encoding[0] else pydicom.uid.ImplicitVRLittleEndian)
    return np.asarray(d.pixel_array, dtype=np.int64).ravel()


def of_sitk(path):
    """Undoes slope and intercept, which SimpleITK applies."""
    d = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(path)
    a = sitk.GetArrayFromImage(reader.Execute()).astype(np.float64).ravel()
    for group in d.get("SharedFunctionalGroupsSequence", []):
        d.update(group.get("PixelValueTransformationSequence", [{}])[0])
    return np.rint((a - float(d.get("RescaleIntercept", 0))) / float(d.get("RescaleSlope", 1))).astype(np.int64)


def compare(ours, reader, path):
    try:
        theirs = reader(path)
    except Exception:
        return "cannot", None
    if theirs.size != ours.size:
        return "another size", None
    worst = int(np.abs(theirs - ours).max())
    return ("equal" if worst == 0 else f"off by {worst}"), worst


def main():
    tool, root = sys.argv[1:3]
    files = sorted(os.path.join(d, f) for d, _, fs in os.walk(root) for f in fs if f not in ("LICENSE", "README.txt"))
    rows, bad = [], 0
    with tempfile.TemporaryDirectory() as out:
        said = subprocess.run([tool, out, *files], capture_output=True, text=True, check=True).stdout
        oracle = None
        lines = [line.split("\t") for line in said.splitlines()]
        for n, f in enumerate(files):
            if os.path.basename(f) == "CTImage.dcm":
                oracle = np.fromfile(f"{out}/{n}.i32", np.int32)
        for (n, *line), f in zip(lines, files):
            name = os.path.relpath(f, root)
            if line[0] == "other":
                rows.append((name, "", "not DICOM", "", "", ""))
                continue
            if line[0] == "refused":
                rows.append((name, syntax_of(f), "refused: " + line[1], "", "", ""))
                continue
            frames, _, _, syntax = line[:4]
            why = line[4] if len(line) > 4 else ""
            ours = np.fromfile(f"{out}/{n}.i32", np.int32).astype(np.int64)
            by_pydicom, a = compare(ours, of_pydicom, f)
            by_sitk, b = compare(ours, of_sitk, f)
            limit = 1 if syntax in MAY_DIFFER_BY_1 else 0
            bad += sum(w is not None and w > limit for w in (a, b))
            equal = ""
            tail = name.rsplit("_", 1)[-1].removeprefix("1.2.840.10008.1.").removesuffix(".dcm")
            if "CTImage.dcm_" in name and oracle is not None and tail in DECLARED:
                worst = int(np.abs(ours - oracle).max())
                equal = "yes" if worst == 0 else f"within {worst}"
                bad += worst > DECLARED[tail]
            result = f"{frames} frame{'s' if frames != '1' else ''}" + (f"; no slice: {why}" if why else "; a slice")
            rows.append((name, syntax, result, equal, by_pydicom, by_sitk))
    head = ("file", "syntax 1.2.840.10008.", "result", "CTImage.dcm", "pydicom", "SimpleITK")
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for r in rows:
        cells = [c.replace("1.2.840.10008.", "").replace("|", "\\|") for c in r]
        table.append("| `" + r[0] + "` | " + " | ".join(cells[1:]) + " |")
    text = "\n".join(table)
    if "--table" in sys.argv:
        path = sys.argv[sys.argv.index("--table") + 1]
        mark = "<!-- written by tests/peers/pixels.py -->\n"
        head = open(path).read().split(mark)[0] if os.path.exists(path) else ""
        open(path, "w").write(head + mark + "\n" + text + "\n")
    else:
        print(text)
    print(f"{len(rows)} files, {bad} disagreements", file=sys.stderr)
    sys.exit(bad > 0)


def syntax_of(path):
    try:
        return str(pydicom.dcmread(path, force=True, stop_before_pixels=True).file_meta.get("TransferSyntaxUID", ""))
    except Exception:
        return ""


if __name__ == "__main__":
    main()
