#!/usr/bin/env python3
"""Images written by others, read by osteomill: geometry to 1e-3 mm, values exactly.

    pip install numpy SimpleITK pydicom highdicom
    python3 tests/peers/containers.py target/debug/osteomill [--seeds DIR]

SimpleITK writes NIfTI and NRRD with each signed order of axes and obliquely; highdicom writes a segmentation. osteomill
reads them (`run --until scan`, `run --mask ... --until bone`) and its own NIfTI of the bone is compared by SimpleITK.
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import SimpleITK as sitk

program = pathlib.Path(sys.argv[1]).resolve()
seeds = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
root = pathlib.Path(__file__).resolve().parents[2]
pipeline = root / "pipelines/cranial-peek.toml"


def run(scan, case, until, *more):
    command = [program, "run", scan, "--pipeline", pipeline, "--out", case, "--until", until, "--json", *more]
    command = [str(c) for c in command]
    done = subprocess.run(command, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert not result.get("error"), result["error"]


def corners(image):
    size = np.array(image.GetSize())
    ends = itertools.product(*[(0, int(n) - 1) for n in size])
    return {tuple(np.round(image.TransformIndexToPhysicalPoint(e), 2)) for e in ends}, [
        np.array(image.TransformIndexToPhysicalPoint(e))
        for e in itertools.product(*[(0, int(n) - 1) for n in size])
    ]


def own_corners(grid):
    dims, axes = grid["dims"], [np.array(a) for a in grid["axes_lps"]]
    return [
        np.array(grid["origin_lps_mm"]) + sum(axes[a] * grid["spacing_mm"][a] * e[a] for a in range(3))
        for e in itertools.product(*[(0, n - 1) for n in dims])
    ]


def check_geometry(image, case):
    grid = json.loads((case / "scan/scan.json").read_text())["grid"]
    theirs = corners(image)[1]
    worst = max(min(np.linalg.norm(p - q) for q in theirs) for p in own_corners(grid))
    assert worst < 1e-3, f"a corner is {worst} mm off"
    return worst


def head(direction, spacing=(0.9, 1.0, 1.3)):
    """A shell of bone with a lump on the patient's left, written along `direction`."""
    size = np.array([90, 80, 70])
    image = sitk.Image([int(n) for n in size], sitk.sitkInt16)
    image.SetSpacing(spacing)
    image.SetDirection(direction.ravel().tolist())
    middle = direction @ ((size - 1) / 2 * spacing)
    image.SetOrigin((-middle).tolist())
    k, j, i = np.meshgrid(*[np.arange(n) for n in size[::-1]], indexing="ij")
    p = (np.stack([i, j, k], -1) * spacing) @ direction.T - middle
    r = np.linalg.norm(p, axis=-1)
    hu = np.where(r < 30, 40, -1000)
    hu = np.where((r > 24) & (r < 30), 900, hu)
    hu = np.where(np.linalg.norm(p - [29, -5, 8], axis=-1) < 5, 1200, hu)
    out = sitk.GetImageFromArray(hu.astype(np.int16))
    out.CopyInformation(image)
    return out


def directions():
    a, b = np.radians(20), np.radians(-12)
    oblique = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    for signs in itertools.product((1, -1), repeat=3):
        yield np.diag(signs).astype(float)
    for order in itertools.permutations(range(3)):
        yield np.eye(3)[:, order]
        yield (oblique @ np.diag((-1, 1, -1)))[:, order]


def main():
    worst = 0.0
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for n, direction in enumerate(directions()):
            image = head(direction)
            for name in ("x.nii.gz", "x.nii", "x.nrrd", "x.nhdr"):
                path, case = tmp / name, tmp / f"case-{n}-{name}"
                sitk.WriteImage(image, str(path), name in ("x.nii.gz", "x.nrrd"))
                if seeds and n % 7 == 0:
                    seeds.mkdir(parents=True, exist_ok=True)
                    (seeds / f"{n}-{name}").write_bytes(path.read_bytes())
                run(path, case, "bone", "--set", "bone.kept_mm3_min=100.0")
                worst = max(worst, check_geometry(image, case))
                # Every voxel of the bone's mask at its place in the image: nothing mirrored, nothing shifted.
                bone = sitk.ReadImage(str(case / "bone/bone.nii.gz"))
                there = sitk.Resample(image, bone, sitk.Transform(), sitk.sitkNearestNeighbor, -2000)
                same = (sitk.GetArrayFromImage(there) >= 226) == (sitk.GetArrayFromImage(bone) > 0)
                assert same.all(), f"{name}: {np.count_nonzero(~same)} voxels differ along {direction.tolist()}"
                extremes = sitk.GetArrayFromImage(image)
                facts = json.loads((case / "scan/scan.json").read_text())
                assert (facts["hu_min"], facts["hu_max"]) == (extremes.min(), extremes.max())
        print(f"NIfTI and NRRD along 20 directions: every voxel in place, corners within {worst:.2e} mm")
        segmentation(tmp)


def segmentation(tmp):
    import highdicom as hd
    import pydicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    image = head(np.eye(3))
    hu = sitk.GetArrayFromImage(image)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    (tmp / "ct").mkdir()
    slices = []
    for k in range(hu.shape[0]):
        d = pydicom.Dataset()
        d.file_meta = pydicom.dataset.FileMetaDataset()
        d.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        d.PatientID = d.PatientName = d.PatientBirthDate = d.PatientSex = ""
        d.StudyDate = d.StudyTime = d.AccessionNumber = d.StudyID = d.ReferringPhysicianName = ""
        d.Modality, d.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, frame
        d.PositionReferenceIndicator, d.SeriesNumber, d.InstanceNumber = "", 1, k + 1
        d.ImagePositionPatient = [f"{v:.6f}" for v in image.TransformIndexToPhysicalPoint((0, 0, k))]
        d.ImageOrientationPatient, d.PixelSpacing, d.SliceThickness = [1, 0, 0, 0, 1, 0], [1.0, 0.9], 1.3
        d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = hu.shape[1], hu.shape[2], 1, "MONOCHROME2"
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 1
        d.RescaleSlope, d.RescaleIntercept = 1, 0
        d.PixelData = hu[k].astype("<i2").tobytes()
        d.save_as(tmp / "ct" / f"{k}", enforce_file_format=True)
        slices.append(d)
    mask = (hu >= 600).astype(np.uint8)
    description = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="skull",
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Bone,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    seg = hd.seg.Segmentation(
        source_images=slices, pixel_array=mask, segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description], series_instance_uid=generate_uid(), series_number=2,
        sop_instance_uid=generate_uid(), instance_number=1, manufacturer="x", manufacturer_model_name="x",
        software_versions="x", device_serial_number="x",
    )
    seg.save_as(tmp / "seg.dcm")
    if seeds:
        (seeds / "seg.dcm").write_bytes((tmp / "seg.dcm").read_bytes())
    run(tmp / "ct", tmp / "case-seg", "bone", "--mask", tmp / "seg.dcm", "--set", "bone.kept_mm3_min=100.0")
    bone = sitk.ReadImage(str(tmp / "case-seg/bone/bone.nii.gz"))
    there = sitk.GetArrayFromImage(bone) > 0
    assert (there == (mask > 0)).all(), f"{np.count_nonzero(there != (mask > 0))} voxels differ"
    assert np.allclose(bone.GetOrigin(), image.GetOrigin(), atol=1e-3)
    print("a segmentation by highdicom: every voxel in place")


main()
