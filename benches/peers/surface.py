#!/usr/bin/env python3
"""The split net beside VTK and fast-surface-nets, same volume, one run.

    pip install vtk numpy        (SimpleITK too for a folder of DICOM)
    python benches/peers/surface.py [DICOM_FOLDER LEVEL_HU]

Without a folder, the synthetic 512 x 512 x 400 of `benches/surface.rs`. Medians; ratios to the split net.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk

RUNS = 3


def bench(spec=None, write=None):
    env = dict(os.environ)
    if spec:
        env["OSTEOMILL_BENCH_RAW"] = spec
    if write:
        env["OSTEOMILL_BENCH_WRITE"] = write
    command = [os.environ["OSTEOMILL_BENCH_BIN"]] if "OSTEOMILL_BENCH_BIN" in os.environ else \
        ["cargo", "bench", "--bench", "surface"]
    out = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def median(work):
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        polygons = work()
        seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[RUNS // 2], polygons


def main():
    with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
        if len(sys.argv) == 3:
            import SimpleITK as sitk

            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(sys.argv[1]))
            hu = sitk.GetArrayFromImage(reader.Execute()).astype("<i2")
            hu.tofile(raw.name)
            nk, nj, ni = hu.shape
            level = float(sys.argv[2])
            own = bench(spec=f"{raw.name},{ni},{nj},{nk},{level}")
        else:
            own = bench(write=raw.name)
            ni, nj, nk, level = 512, 512, 400, 300.5
            hu = np.fromfile(raw.name, "<i2").reshape(nk, nj, ni)
    image = vtk.vtkImageData()
    image.SetDimensions(ni, nj, nk)
    image.GetPointData().SetScalars(numpy_to_vtk(hu.ravel()))

    def flying_edges():
        f = vtk.vtkFlyingEdges3D()
        f.SetInputData(image)
        f.SetValue(0, level)
        f.ComputeNormalsOff()
        f.ComputeGradientsOff()
        f.Update()
        return f.GetOutput().GetNumberOfPolys()

    labels = vtk.vtkImageData()
    labels.SetDimensions(ni, nj, nk)
    labels.GetPointData().SetScalars(numpy_to_vtk((hu > level).astype(np.uint8).ravel()))

    def surface_nets():
        f = vtk.vtkSurfaceNets3D()
        f.SetInputData(labels)
        f.SetValue(0, 1)
        f.SmoothingOff()
        f.SetOutputMeshTypeToTriangles()
        f.Update()
        return f.GetOutput().GetNumberOfPolys()

    rows = [("split net, i16", own["split_s"], own["triangles"])]
    rows += [("  on one thread", own["split_1t_s"], own["triangles"])]
    rows += [("fast-surface-nets, plain, 1 thread", own["crate_s"], None)]
    rows += [("vtkFlyingEdges3D", *median(flying_edges))]
    rows += [("vtkSurfaceNets3D, mask made before", *median(surface_nets))]
    for name, seconds, triangles in rows:
        print(f"{name:38} {seconds:7.3f} s  {seconds / own['split_s']:5.2f}  {triangles or ''}")


if __name__ == "__main__":
    main()
