#!/usr/bin/env python3
"""Load, threshold, largest piece and surface: osteomill beside SimpleITK (GDCM) with cc3d or its own components, and
VTK's vtkFlyingEdges3D and vtkSurfaceNets3D, on one folder of one CT series, in one run, warm cache.

    pip install SimpleITK connected-components-3d vtk numpy
    OSTEOMILL_LOADING_KEEP=SERIES cargo bench --bench loading      # writes 512 x 512 x 400
    python3 benches/peers/chain.py SERIES [FOLDER ...]

Prints medians in seconds and ratios to osteomill's. Gate on the ratios: seconds drift with the machine. Ends with 1
when the whole takes osteomill longer than 0.36 of what SimpleITK and FlyingEdges take (0.45 s of 1.26 s).
"""
import os
import pathlib
import re
import subprocess
import sys

import cc3d
import numpy as np
import SimpleITK as sitk
import vtk
from vtk.util.numpy_support import numpy_to_vtk

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from loading import median, simpleitk  # noqa: E402

LEVEL_HU = 300.5
SHARE_MAX = 0.45 / 1.26


def ours(folder):
    out = subprocess.run(["cargo", "bench", "--bench", "stages", "--", "chain", "--output-format", "bencher"],
                         env={**os.environ, "OSTEOMILL_SERIES": folder}, check=True, capture_output=True, text=True)
    return {name: float(ns.replace(",", "")) * 1e-9
            for name, ns in re.findall(r"test chain/(\w+) \.\.\. bench:\s+([\d,.]+) ns/iter", out.stdout)}


def largest_by_cc3d(array):
    return cc3d.largest_k(array >= LEVEL_HU, k=1, connectivity=26)


def largest_by_itk(image):
    return sitk.RelabelComponent(sitk.ConnectedComponent(image >= LEVEL_HU, True)) == 1


def surface(filter_class, array, spacing):
    image = vtk.vtkImageData()
    image.SetDimensions(array.shape[::-1])
    image.SetSpacing(spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(array.ravel()))
    net = filter_class()
    net.SetInputData(image)
    if filter_class is vtk.vtkFlyingEdges3D:
        net.SetValue(0, LEVEL_HU)
        net.ComputeNormalsOff()
    else:
        net.SetValue(0, 1)
        net.SmoothingOff()
    net.Update()
    return net.GetOutput().GetNumberOfPolys()


def main():
    bad = False
    for n, folder in enumerate(sys.argv[1:], 1):
        own = ours(folder)
        image = simpleitk(folder)
        array = sitk.GetArrayFromImage(image).astype(np.int16)
        spacing = image.GetSpacing()
        selected = (array >= LEVEL_HU).astype(np.uint8)

        def whole():
            loaded = simpleitk(folder)
            view = sitk.GetArrayViewFromImage(loaded)
            largest_by_cc3d(view)
            surface(vtk.vtkFlyingEdges3D, np.ascontiguousarray(view, np.int16), spacing)

        rows = [
            ("load", "SimpleITK", median(lambda: simpleitk(folder))),
            ("largest", "cc3d", median(lambda: largest_by_cc3d(array))),
            ("largest", "SimpleITK", median(lambda: largest_by_itk(image))),
            ("net", "vtkFlyingEdges3D", median(lambda: surface(vtk.vtkFlyingEdges3D, array, spacing))),
            ("net", "vtkSurfaceNets3D", median(lambda: surface(vtk.vtkSurfaceNets3D, selected, spacing))),
            ("whole", "SimpleITK + cc3d + FlyingEdges", median(whole)),
        ]
        print(f"folder {n}: {array.shape[::-1]}")
        for name, peer, seconds in rows:
            print(f"  {name:8} osteomill {own[name]:.3f} s, {peer} {seconds:.3f} s, {seconds / own[name]:.1f} times ours")
        bad |= own["whole"] > SHARE_MAX * rows[-1][2]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
