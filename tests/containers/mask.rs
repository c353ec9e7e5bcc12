//! Masks: what stands in for the bone, and on which scan.

use super::*;

/// A mask that says on which side it is.
fn mask() -> Mask {
    let grid = volume().grid;
    let voxels = (0..grid.len()).map(|at| u8::from(grid.ijk(at)[0] >= 3 && grid.ijk(at)[2] >= 1)).collect();
    Mask { grid, voxels }
}

fn with_mask(scan: &Path, mask: &Path) -> Result<Scan, String> {
    read_scan_with_mask(scan, mask, &params(), &Silent).map_err(|e| e.to_string())
}

#[test]
fn a_mask_stands_in_for_the_bone_and_is_never_accepted_unseen() {
    let dir = folder();
    series(&dir.path().join("ct"), |k| format!("{k}").into());
    let ct = dir.path().join("ct");
    let path = dir.path().join("mask.nii.gz");
    write(&path, &nifti::mask_nii_gz(&mask()).expect("small"));
    let scan = with_mask(&ct, &path).expect("one grid");
    let given = scan.given.as_ref().expect("a mask was given");
    assert_eq!(given.mask.voxels, mask().voxels);
    assert!(has(&scan, "mask-given"));
    let made_hu =
        given.made_hu.as_ref().expect("the HU of a CT stay as they are, beside those made of the mask");
    assert_ne!(*made_hu, scan.volume.hu);
    for (at, &v) in given.mask.voxels.iter().enumerate() {
        assert_eq!(v != 0, f32::from(made_hu[at]) >= given.level_hu, "the level lies at the mask's edge");
    }
    // The same mask from a turned grid; and half a voxel finer.
    let nrrd = dir.path().join("mask.nrrd");
    let m = turned([2, 1, 0], [true, false, true]);
    let inside = |p: Point<_>| p.mm[0] > -10.0 + 1.25 && p.mm[2] > 30.5;
    let labels = Volume {
        hu: (0..m.grid.len())
            .map(|at| i16::from(inside(m.grid.patient_from_index(m.grid.ijk(at).map(|n| n as f64)))))
            .collect(),
        grid: m.grid,
    };
    let (head, data) = nrrd_of(&labels, "RAS", [-1.0, -1.0, 1.0], false, "gzip");
    write(&nrrd, &[head.as_bytes(), b"\n", &data].concat());
    let scan = with_mask(&ct, &nrrd).expect("another grid");
    assert_eq!(scan.given.expect("given").mask.voxels, mask().voxels);
    assert!(scan.facts.findings.iter().any(|f| f.id == "mask-resampled"));
    // Elsewhere, empty, two labels: refused.
    let mut far = mask();
    far.grid.origin_lps_mm = Point::new([500.0, 0.0, 0.0]);
    write(&path, &nifti::mask_nii_gz(&far).expect("small"));
    let message = with_mask(&ct, &path).err().expect("it misses");
    assert!(message.contains("x 500 to 503") || message.contains("nothing within the scan"), "{message}");
    write(&path, &nifti::mask_nii_gz(&Mask::empty(mask().grid)).expect("small"));
    assert!(with_mask(&ct, &path).err().expect("empty").contains("no voxel"));
    let mut two = mask();
    two.voxels[0] = 2;
    write(&path, &nifti::mask_nii_gz(&two).expect("small"));
    assert!(with_mask(&ct, &path).err().expect("two labels").contains("labels is 2"));
    assert!(with_mask(&ct, &ct.join("0")).err().expect("a slice is no mask").contains("no NIfTI"));
}

/// A segmentation as the standard writes it: bit-packed frames, the empty one left out.
fn seg(reference: &str, labels: &[&str]) -> Vec<u8> {
    use dicom_core::value::DataSetSequence;
    let m = mask();
    let item = |elements: Vec<DataElement<InMemDicomObject>>| {
        let mut o = InMemDicomObject::new_empty();
        elements.into_iter().for_each(|e| {
            o.put(e);
        });
        o
    };
    let text = |tag, vr, v: &str| DataElement::new(tag, vr, PrimitiveValue::from(v));
    let us = |tag, v: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(v));
    let sequence =
        |tag, items: Vec<InMemDicomObject>| DataElement::new(tag, VR::SQ, DataSetSequence::from(items));
    let class = "1.2.840.10008.5.1.4.1.1.66.4";
    let mut bits: Vec<u8> = Vec::new();
    let mut frames = Vec::new();
    let mut count = 0;
    for k in (1..4).rev() {
        for &v in &m.voxels[k * 30..(k + 1) * 30] {
            if count % 8 == 0 {
                bits.push(0);
            }
            *bits.last_mut().expect("just pushed") |= v << (count % 8);
            count += 1;
        }
        let position = format!("-10\\-20\\{}", 30 + k);
        frames.push(item(vec![
            sequence(Tag(0x20, 0x9113), vec![item(vec![text(Tag(0x20, 0x32), VR::DS, &position)])]),
            sequence(Tag(0x62, 0xa), vec![item(vec![us(Tag(0x62, 0xb), labels.len() as u16)])]),
        ]));
    }
    if bits.len() % 2 == 1 {
        bits.push(0);
    }
    let segments = labels
        .iter()
        .enumerate()
        .map(|(n, l)| item(vec![us(Tag(0x62, 4), n as u16 + 1), text(Tag(0x62, 5), VR::LO, l)]));
    let shared = item(vec![
        sequence(Tag(0x20, 0x9116), vec![item(vec![text(Tag(0x20, 0x37), VR::DS, "1\\0\\0\\0\\1\\0")])]),
        sequence(
            Tag(0x28, 0x9110),
            vec![item(vec![
                text(Tag(0x18, 0x88), VR::DS, "1.0"),
                text(Tag(0x28, 0x30), VR::DS, "0.75\\0.5"),
            ])],
        ),
    ]);
    let o = item(vec![
        text(tags::SOP_CLASS_UID, VR::UI, class),
        text(tags::MODALITY, VR::CS, "SEG"),
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, reference),
        us(tags::ROWS, 5),
        us(tags::COLUMNS, 6),
        us(tags::BITS_ALLOCATED, 1),
        text(Tag(0x62, 1), VR::CS, "BINARY"),
        sequence(Tag(0x62, 2), segments.collect()),
        sequence(Tag(0x5200, 0x9229), vec![shared]),
        sequence(Tag(0x5200, 0x9230), frames),
        DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bits.into())),
    ]);
    bytes_of(o, class)
}

#[test]
fn a_dicom_segmentation_is_read_where_it_lies_and_only_on_its_own_scan() {
    let dir = folder();
    let ct = dir.path().join("ct");
    series(&ct, |k| format!("{k}").into());
    let path = dir.path().join("seg.dcm");
    for labels in [&["anything"][..], &["Brain", "Skull"][..]] {
        write(&path, &seg("1.2.3.5", labels));
        let scan = with_mask(&ct, &path).expect("a segmentation of this scan");
        assert_eq!(scan.given.expect("given").mask.voxels, mask().voxels);
    }
    write(&path, &seg("1.2.3.6", &["bone"]));
    assert!(with_mask(&ct, &path).err().expect("another frame").contains("frame of reference"));
    write(&path, &seg("1.2.3.5", &["brain", "skin"]));
    assert!(with_mask(&ct, &path).err().expect("which?").contains("2, 0 of them called bone"));
    let good = seg("1.2.3.5", &["bone"]);
    for at in 132..good.len() {
        let mut bad = good.clone();
        bad[at] = 0xff;
        write(&path, &bad);
        let _ = with_mask(&ct, &path);
    }
}

#[test]
fn an_image_of_another_modality_is_planned_on_only_with_a_mask() {
    let dir = folder();
    let (mr, path) = (dir.path().join("mr.inv3"), dir.path().join("m.nii"));
    write(&mr, &inv3_of(&volume(), "MRI"));
    assert!(refused(&mr).contains("MRI"));
    let mut m = mask();
    m.grid = read_scan_grid(&mr, &m);
    write(&path, &nifti::mask_nii_gz(&m).expect("small"));
    let scan = with_mask(&mr, &path).expect("with a mask");
    assert!(has(&scan, "mask-given"));
    assert!(scan.volume.hu.iter().all(|&h| h >= 0), "what is no CT has no air");
}

/// A project is centred about the origin.
fn read_scan_grid(_: &Path, m: &Mask) -> Grid {
    Grid { origin_lps_mm: Point::new([-1.25, -1.5, 0.0]), ..m.grid.clone() }
}
