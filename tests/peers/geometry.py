#!/usr/bin/env python3
"""Compares the NIfTI that `osteomill scan --nifti` writes with other readers of the same DICOM.

Usage: geometry.py OSTEOMILL SCANS     (the program; the folder of real scans)
Needs: pip install SimpleITK nibabel numpy pydicom; dcm2niix on the path for the tilted series.

`cranium` and `philips-skull/S2030` against SimpleITK (GDCM): every corner to 1e-3 mm, every HU equal.
`philips-tilt/S3010` against dcm2niix's own correction of the tilt: matrix and size to 1e-3 mm, HU by their median and
95th percentile, since both interpolate (dcm2niix linearly). dcm2niix v1.0.20260724 misplaces the corrected file along z
(its origin is moved by 100 rows along the slice axis instead of the rows' own); the place is therefore compared with
its uncorrected file, whose first slice is the same.
"""

import pathlib
import subprocess
import sys
import tempfile

import nibabel
import numpy
import pydicom
import SimpleITK

LIMIT_MM = 1e-3
RAS = numpy.diag([-1.0, -1.0, 1.0, 1.0])


def ours(program, scan, out):
    subprocess.run([program, "scan", str(scan), "--nifti", str(out)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    image = nibabel.load(out)
    return image, RAS @ image.affine, numpy.asarray(image.dataobj)


def corners(affine, shape):
    ends = [[0, n - 1] for n in shape]
    at = numpy.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]])
    return (at @ affine.T)[:, :3]


def with_simpleitk(program, scan, work):
    image, affine, hu = ours(program, scan, work / "ours.nii.gz")
    files = []
    for path in sorted(pathlib.Path(scan).iterdir()):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            continue
        if "ImagePositionPatient" in header:
            files.append((float(header.ImagePositionPatient[2]), str(path)))
    peer = SimpleITK.ReadImage([f for _, f in sorted(files)])
    direction = numpy.array(peer.GetDirection()).reshape(3, 3)
    matrix = numpy.eye(4)
    matrix[:3, :3] = direction * numpy.array(peer.GetSpacing())
    matrix[:3, 3] = peer.GetOrigin()
    values = SimpleITK.GetArrayFromImage(peer).transpose(2, 1, 0)
    assert image.shape == values.shape, (image.shape, values.shape)
    apart = numpy.abs(corners(affine, image.shape) - corners(matrix, image.shape)).max()
    different = int((hu != values).sum())
    print(f"{scan.parent.name}/{scan.name}: {image.shape}, corners within {apart:.2e} mm of SimpleITK, "
          f"{different} of {hu.size} HU differ")
    return apart <= LIMIT_MM and different == 0


def with_dcm2niix(program, scan, work):
    image, affine, hu = ours(program, scan, work / "ours.nii.gz")
    subprocess.run(["dcm2niix", "-z", "n", "-f", "peer", "-o", str(work), str(scan)], check=True,
                   stdout=subprocess.DEVNULL)
    straight, raw = nibabel.load(work / "peer_Tilt_1.nii"), nibabel.load(work / "peer.nii")
    assert image.shape == straight.shape, (image.shape, straight.shape)
    # dcm2niix counts rows from the other end.
    flip = numpy.diag([1.0, -1.0, 1.0, 1.0])
    flip[1, 3] = straight.shape[1] - 1
    matrix = RAS @ straight.affine @ flip
    step = numpy.abs(affine[:3, :3] - matrix[:3, :3]).max(axis=0) * numpy.array(image.shape)
    flip[1, 3] = raw.shape[1] - 1
    first = RAS @ raw.affine @ flip
    apart = numpy.abs(affine[:3, 3] - first[:3, 3]).max()
    peer = numpy.asarray(straight.dataobj)[:, ::-1, :]
    covered = (hu > -1000) & (peer > -1000)
    off = numpy.abs(hu.astype(int) - peer.astype(int))[covered]
    same = numpy.asarray(raw.dataobj)[:, ::-1, 0]
    exact = bool((hu[: same.shape[0], : same.shape[1], 0] == same).all())
    print(f"{scan.parent.name}/{scan.name}: {image.shape}, axes to {step.max():.2e} mm over the whole length, first "
          f"slice to {apart:.2e} mm, its HU {'equal' if exact else 'differ'}; elsewhere median |dHU| "
          f"{numpy.median(off):.0f}, P95 {numpy.percentile(off, 95):.0f} (two kernels)")
    print(f"    dcm2niix puts its corrected file {numpy.abs(affine[:3, 3] - matrix[:3, 3]).max():.3f} mm elsewhere")
    return step.max() <= LIMIT_MM and apart <= LIMIT_MM and exact


def main():
    program, scans = sys.argv[1], pathlib.Path(sys.argv[2])
    good = True
    for scan, compare in [("cranium/dicom", with_simpleitk), ("philips-skull/S2030", with_simpleitk),
                          ("philips-tilt/S3010", with_dcm2niix)]:
        with tempfile.TemporaryDirectory() as work:
            good &= compare(program, scans / scan, pathlib.Path(work))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
