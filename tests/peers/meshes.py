#!/usr/bin/env python3
"""Other programs read the mesh files that the tests write: counts, bounds, volume's sign, the marker's side.

    OSTEOMILL_FORMATS_OUT=DIR cargo test --lib formats::
    pip install trimesh lib3mf pygltflib numpy
    python tests/peers/meshes.py DIR

The marker is a tetrahedron on the patient's right (x = -60 .. -50 mm in LPS), 20 mm deep, 30 mm high.
"""
import sys
from pathlib import Path

import numpy as np
import trimesh

LOW, HIGH = np.array([-60.0, 0.0, 10.0]), np.array([-50.0, 20.0, 40.0])
VOLUME_MM3 = 10 * 20 * 30 / 6


def judge(what, vertices, faces, tolerance_mm):
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    mesh.merge_vertices()
    found = []
    if (len(mesh.vertices), len(mesh.faces)) != (4, 4):
        found.append(f"{len(mesh.vertices)} vertices and {len(mesh.faces)} triangles instead of 4 and 4")
    for name, is_, wanted in (("low", mesh.bounds[0], LOW), ("high", mesh.bounds[1], HIGH)):
        if not np.allclose(is_, wanted, atol=tolerance_mm, rtol=0):
            found.append(f"{name} corner {is_} instead of {wanted}")
    if not mesh.is_watertight or not mesh.is_winding_consistent:
        found.append("not closed or not oriented")
    if abs(mesh.volume - VOLUME_MM3) > 1e-3:
        found.append(f"volume {mesh.volume} instead of {VOLUME_MM3} mm3")
    print(f"{what:20} {'; '.join(found) or 'agrees'}")
    return not found


def with_trimesh(path):
    mesh = trimesh.load(path, process=False, force="mesh")
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def main(folder):
    sound = True
    for name in ("marker.stl", "marker.ply", "marker-shape.ply", "marker.obj"):
        sound &= judge(name, *with_trimesh(folder / name), 1e-5)
    vertices, faces = with_trimesh(folder / "marker.glb")
    # Back from metres, Y up: x = left, y = up, z = front.
    back = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1) * 1000
    sound &= judge("marker.glb", back, faces, 1e-5)
    try:
        import pygltflib

        head = pygltflib.GLTF2().load(str(folder / "marker.glb"))
        assert head.accessors[0].count == 4 and "SPACE=LPS" in head.asset.extras["frame"]
        print("marker.glb           read by pygltflib, frame stated")
    except ImportError:
        print("skipped: pygltflib is not installed")
    try:
        import lib3mf

        model = lib3mf.get_wrapper().CreateModel()
        reader = model.QueryReader("3mf")
        reader.SetStrictModeActive(True)
        reader.ReadFromFile(str(folder / "marker.3mf"))
        assert reader.GetWarningCount() == 0, "lib3mf warns"
        assert model.GetUnit() == int(lib3mf.ModelUnit.MilliMeter), model.GetUnit()
        items = model.GetMeshObjects()
        items.MoveNext()
        mesh = items.GetCurrentMeshObject()
        sound &= judge(
            "marker.3mf (lib3mf)",
            np.array([list(v.Coordinates) for v in mesh.GetVertices()]),
            np.array([list(t.Indices) for t in mesh.GetTriangleIndices()]),
            1e-5,
        )
    except ImportError:
        print("skipped: lib3mf is not installed")
    return 0 if sound else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
