//! One small head in every container it may come in: the same volume in the same place; and what is made to break
//! readers.

mod common;
#[path = "containers/mask.rs"]
mod mask;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use osteomill::formats::nifti;
use osteomill::model::{Dir, Grid, Mask, Point, Scan, Severity, Silent, Volume};
use osteomill::scan::{ScanParams, list_series, read_scan, read_scan_with_mask};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn params() -> ScanParams {
    #[derive(serde::Deserialize)]
    struct File {
        scan: ScanParams,
    }
    let text = fs::read_to_string(common::root().join("pipelines/cranial-peek.toml")).expect("shipped");
    let file: File = toml::from_str(&text).expect("the shipped table is valid");
    file.scan
}

/// Anisotropic, every value another, air in it: 6 x 5 x 4.
fn volume() -> Volume {
    let grid = Grid {
        dims: [6, 5, 4],
        spacing_mm: [0.5, 0.75, 1.0],
        origin_lps_mm: Point::new([-10.0, -20.0, 30.0]),
        axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
    };
    let hu = (0..grid.len() as i16).map(|n| -1000 + 7 * n).collect();
    Volume { grid, hu }
}

fn slice(v: &Volume, k: usize) -> Vec<u8> {
    let mut o = InMemDicomObject::new_empty();
    let mut text = |tag, vr, value: &str| {
        o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    };
    text(tags::SOP_CLASS_UID, VR::UI, CT);
    text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{k}"));
    text(tags::MODALITY, VR::CS, "CT");
    text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL");
    text(tags::PATIENT_NAME, VR::PN, "Secret^Name");
    text(tags::PATIENT_ID, VR::LO, "secret-id");
    text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
    text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4");
    text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.3.5");
    text(tags::SLICE_THICKNESS, VR::DS, "1.0");
    text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{}", 30.0 + k as f64));
    text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0");
    text(tags::PIXEL_SPACING, VR::DS, "0.75\\0.5");
    text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    text(tags::RESCALE_SLOPE, VR::DS, "1");
    text(tags::RESCALE_INTERCEPT, VR::DS, "-1024");
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1u16),
        (tags::ROWS, 5),
        (tags::COLUMNS, 6),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 16),
        (tags::HIGH_BIT, 15),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        o.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    let pixels: Vec<u16> = v.hu[k * 30..(k + 1) * 30].iter().map(|&h| (h + 1024) as u16).collect();
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    bytes_of(o, CT)
}

fn bytes_of(o: InMemDicomObject, class: &str) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(EXPLICIT)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid("1.2.3.9");
    let mut bytes = Vec::new();
    o.with_meta(meta).expect("the meta group is complete").write_all(&mut bytes).expect("in memory");
    bytes
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("below a folder")).expect("writable");
    fs::write(path, bytes).expect("writable");
}

fn series(folder: &Path, names: impl Fn(usize) -> PathBuf) {
    let v = volume();
    for k in 0..4 {
        write(&folder.join(names(k)), &slice(&v, k));
    }
}

fn same(scan: &Scan) {
    let v = volume();
    assert_eq!(scan.volume.grid.dims, v.grid.dims);
    for n in 0..8usize {
        let ijk = [0, 1, 2].map(|a| if n >> a & 1 == 1 { (v.grid.dims[a] - 1) as f64 } else { 0.0 });
        let off = scan.volume.grid.patient_from_index(ijk).v() - v.grid.patient_from_index(ijk).v();
        // Matrices are written in 24 bits.
        assert!(off.norm() < 1e-4, "corner {n} off by {off:?}");
    }
    assert_eq!(scan.volume.hu, v.hu);
}

fn read(path: &Path) -> Scan {
    read_scan(path, &params(), &Silent).unwrap_or_else(|e| panic!("{e}"))
}

/// The message, which must name nobody and come at once.
fn refused(path: &Path) -> String {
    let start = Instant::now();
    let message = read_scan(path, &params(), &Silent).map(|_| ()).expect_err("must be refused").to_string();
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}: {message}", start.elapsed());
    assert!(!message.to_lowercase().contains("secret"), "names a person: {message}");
    assert!(!message.contains("/tmp"), "names a path: {message}");
    message
}

fn has(scan: &Scan, id: &str) -> bool {
    scan.facts.findings.iter().any(|f| f.id == id && f.severity == Severity::Review)
}

#[test]
fn a_folder_is_read_whatever_its_depth_and_names_and_its_links_are_not_followed() {
    let dir = folder();
    series(dir.path(), |k| format!("a/b{k}/Secret {k}").into());
    write(&dir.path().join("notes.txt"), b"not DICOM");
    let scan = read(dir.path());
    same(&scan);
    assert!(!has(&scan, "links-not-followed") && !has(&scan, "not-dicom"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(dir.path(), dir.path().join("a/loop")).expect("links");
        let elsewhere = folder();
        series(elsewhere.path(), |k| format!("{k}").into());
        symlink(elsewhere.path().join("0"), dir.path().join("another")).expect("links");
        std::os::unix::net::UnixListener::bind(dir.path().join("socket")).expect("a socket");
        let scan = read(dir.path());
        same(&scan);
        assert!(has(&scan, "links-not-followed"));
    }
}

/// A DICOMDIR with one record per name, written as the standard says.
fn dicomdir(names: &[&str]) -> Vec<u8> {
    let records: Vec<InMemDicomObject> = names
        .iter()
        .map(|name| {
            let mut r = InMemDicomObject::new_empty();
            r.put(DataElement::new(Tag(4, 0x1400), VR::UL, PrimitiveValue::from(0u32)));
            r.put(DataElement::new(Tag(4, 0x1410), VR::US, PrimitiveValue::from(0xffffu16)));
            r.put(DataElement::new(Tag(4, 0x1430), VR::CS, PrimitiveValue::from("IMAGE")));
            r.put(DataElement::new(Tag(4, 0x1500), VR::CS, PrimitiveValue::from(*name)));
            r
        })
        .collect();
    let mut o = InMemDicomObject::new_empty();
    let class = "1.2.840.10008.1.3.10";
    o.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, PrimitiveValue::from(class)));
    o.put(DataElement::new(Tag(4, 0x1220), VR::SQ, dicom_core::value::DataSetSequence::from(records)));
    bytes_of(o, class)
}

#[test]
fn a_dicomdir_names_its_files_whatever_their_case_and_version() {
    let dir = folder();
    series(dir.path(), |k| format!("dicom/im0000{k};1").into());
    let listed: Vec<String> = (0..4).map(|k| format!("DICOM\\IM0000{k}")).collect();
    let names: Vec<&str> = listed.iter().map(String::as_str).collect();
    let path = dir.path().join("dicomdir");
    write(&path, &dicomdir(&names));
    same(&read(&path));
    same(&read(dir.path()));
    // A stale copy of a slice beside them is not of the directory: read as a folder it would be a slice twice.
    write(&dir.path().join("stale/x"), &slice(&volume(), 2));
    same(&read(dir.path()));
    let slashes: Vec<String> = (0..4).map(|k| format!("DICOM/IM0000{k}")).collect();
    write(&path, &dicomdir(&slashes.iter().map(String::as_str).collect::<Vec<_>>()));
    same(&read(&path));
}

#[test]
fn a_dicomdir_that_leaves_its_folder_or_names_what_is_not_there_is_refused() {
    let dir = folder();
    series(dir.path(), |k| format!("IM{k}").into());
    let path = dir.path().join("DICOMDIR");
    for (name, expected) in [
        ("..\\IM1", "above"),
        ("DICOM\\..\\..\\IM1", "above"),
        ("\\ETC\\PASSWD", "absolute"),
        ("/ETC/PASSWD", "absolute"),
        ("C:\\IM1", "absolute"),
    ] {
        write(&path, &dicomdir(&["IM0", name]));
        let message = refused(&path);
        assert!(message.contains("record 2") && message.contains(expected), "{name}: {message}");
        assert!(refused(dir.path()).contains("record 2"), "nor by its folder");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.path().join("IM0"), dir.path().join("IM9")).expect("links");
        write(&path, &dicomdir(&["IM9"]));
        assert!(refused(&path).contains("symbolic link"));
        fs::remove_file(dir.path().join("IM9")).expect("there");
    }
    write(&path, &dicomdir(&["IM0", "IM1", "IM2", "IM7"]));
    let message = refused(&path);
    assert!(message.contains("1 of the 4") && message.contains("record 4"), "{message}");
    // As a folder its files are read, and somebody must look.
    let scan = read(dir.path());
    same(&scan);
    assert!(has(&scan, "dicomdir"));
    // Every byte of the directory set high and low: an answer, never a panic.
    let good = dicomdir(&["IM0", "IM1", "IM2", "IM3"]);
    for at in 0..good.len() {
        for value in [0u8, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            write(&path, &bad);
            let _ = read_scan(&path, &params(), &Silent);
        }
    }
}

fn zip_of(entries: &[(&str, &[u8])], path: &Path) {
    let mut z = zip::ZipWriter::new(fs::File::create(path).expect("writable"));
    for (name, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default();
        z.start_file(*name, options).expect("an entry");
        z.write_all(bytes).expect("writable");
    }
    z.finish().expect("writable");
}

#[test]
fn a_zip_is_read_in_memory_and_its_names_go_nowhere() {
    let dir = folder();
    let v = volume();
    let slices: Vec<Vec<u8>> = (0..4).map(|k| slice(&v, k)).collect();
    let path = dir.path().join("Secret.zip");
    let up = "../../osteomill-escaped";
    let entries: Vec<(&str, &[u8])> = vec![
        (up, &slices[0]),
        ("/osteomill-absolute", &slices[1]),
        ("Secret/a/b", &slices[2]),
        ("Secret/c", &slices[3]),
        ("README", b"no DICOM"),
    ];
    zip_of(&entries, &path);
    same(&read(&path));
    let here = std::env::current_dir().expect("a folder");
    let above = dir.path().ancestors().chain(here.ancestors());
    for name in ["osteomill-escaped", "osteomill-absolute"] {
        assert!(above.clone().all(|a| !a.join(name).exists()), "{name}");
    }
    let study = list_series(&path, &params()).expect("a zip");
    assert_eq!((study.files, study.other_files, study.series.len()), (5, 1, 1));
    assert!(study.series[0].usable, "{}", study.series[0].why_not);
}

#[test]
fn a_zip_that_is_a_bomb_encrypted_or_damaged_is_refused_at_once() {
    let dir = folder();
    let path = dir.path().join("x.zip");
    let air = vec![0u8; 64 << 20];
    let entries: Vec<(String, &[u8])> = (0..8).map(|n| (format!("{n}"), &air[..])).collect();
    zip_of(&entries.iter().map(|(n, b)| (n.as_str(), *b)).collect::<Vec<_>>(), &path);
    assert!(fs::metadata(&path).expect("written").len() < 1 << 20);
    let message = refused(&path);
    assert!(message.contains("unpacks to more than") && message.contains("entry 2"), "{message}");
    // The same, its sizes in the directory and in the entries belittled: what comes out is counted, not believed.
    let mut bytes = fs::read(&path).expect("written");
    let size = (64u32 << 20).to_le_bytes();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == size {
            bytes[at..at + 4].copy_from_slice(&30u32.to_le_bytes());
        }
    }
    write(&path, &bytes);
    println!("{}", refused(&path));
    zip_of(&[("a", &slice(&volume(), 0))], &path);
    let good = fs::read(&path).expect("written");
    let mut locked = good.clone();
    // General purpose bit 0 of the entry and of the directory.
    locked[6] |= 1;
    let directory = good.windows(4).position(|w| w == b"PK\x01\x02").expect("a directory");
    locked[directory + 8] |= 1;
    write(&path, &locked);
    assert!(refused(&path).contains("entry 1 of the zip is encrypted"));
    write(&path, &good[..good.len() / 2]);
    println!("{}", refused(&path));
}

/// Turns the volume by a signed order of its axes and hands out the columns as well, LPS.
fn turned(order: [usize; 3], flip: [bool; 3]) -> Volume {
    let v = volume();
    let g = &v.grid;
    let dims = order.map(|a| g.dims[a]);
    let mut hu = vec![0; v.hu.len()];
    let grid = Grid {
        dims,
        spacing_mm: order.map(|a| g.spacing_mm[a]),
        origin_lps_mm: {
            let mut ijk = [0.0; 3];
            for a in 0..3 {
                ijk[order[a]] = if flip[a] { (dims[a] - 1) as f64 } else { 0.0 };
            }
            g.patient_from_index(ijk)
        },
        axes_lps: std::array::from_fn(|a| {
            Dir::new(g.axes_lps[order[a]].unit.map(|u| if flip[a] { -u } else { u }))
        }),
    };
    for (at, out) in hu.iter_mut().enumerate() {
        let n = grid.ijk(at);
        let mut ijk = [0; 3];
        for a in 0..3 {
            ijk[order[a]] = if flip[a] { dims[a] - 1 - n[a] } else { n[a] };
        }
        *out = v.hu[g.at(ijk[0], ijk[1], ijk[2])];
    }
    Volume { grid, hu }
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]];

#[test]
fn a_nifti_comes_out_upright_from_all_48_ways_to_write_it() {
    let dir = folder();
    let path = dir.path().join("Secret.nii.gz");
    for order in ORDERS {
        for signs in 0..8usize {
            let v = turned(order, [0, 1, 2].map(|a| signs >> a & 1 == 1));
            write(&path, &nifti::volume_nii_gz(&v).expect("small"));
            let scan = read(&path);
            same(&scan);
            assert!(has(&scan, "not-dicom"), "nobody vouches for it");
        }
    }
    let study = list_series(&path, &params()).expect("an image");
    assert!(study.series[0].usable && study.series[0].modality == "unknown");
}

fn nrrd_of(v: &Volume, space: &str, sign: [f64; 3], big: bool, encoding: &str) -> (String, Vec<u8>) {
    let g = &v.grid;
    let vector = |x: [f64; 3]| format!("({},{},{})", x[0] * sign[0], x[1] * sign[1], x[2] * sign[2]);
    let columns: Vec<String> =
        (0..3).map(|a| vector(g.axes_lps[a].unit.map(|u| u * g.spacing_mm[a]))).collect();
    let head = format!(
        "NRRD0004\n# Secret comment\ntype: short\ndimension: 3\nspace: {space}\nsizes: {} {} {}\nspace directions: {}\nkinds: domain domain domain\nendian: {}\nencoding: {encoding}\nspace origin: {}\nSecret:=Name\n",
        g.dims[0],
        g.dims[1],
        g.dims[2],
        columns.join(" "),
        if big { "big" } else { "little" },
        vector(g.origin_lps_mm.mm),
    );
    let raw: Vec<u8> =
        v.hu.iter().flat_map(|h| if big { h.to_be_bytes() } else { h.to_le_bytes() }).collect();
    let data = match encoding {
        "gzip" => gz(&raw),
        "ascii" => v.hu.iter().map(|h| format!("{h} ")).collect::<String>().into_bytes(),
        _ => raw,
    };
    (head, data)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).expect("in memory");
    gz.finish().expect("in memory")
}

#[test]
fn a_nrrd_is_read_attached_and_detached_in_each_space_order_and_encoding() {
    let dir = folder();
    let path = dir.path().join("x.bin");
    let spaces = [
        ("left-posterior-superior", [1.0, 1.0, 1.0]),
        ("RAS", [-1.0, -1.0, 1.0]),
        ("left-anterior-superior", [1.0, -1.0, 1.0]),
    ];
    for (space, sign) in spaces {
        for encoding in ["raw", "gzip", "ascii"] {
            for (order, signs) in [([0, 1, 2], 0usize), ([2, 0, 1], 5), ([1, 0, 2], 3)] {
                let v = turned(order, [0, 1, 2].map(|a| signs >> a & 1 == 1));
                let (head, data) = nrrd_of(&v, space, sign, signs == 5, encoding);
                write(&path, &[head.as_bytes(), b"\n", &data].concat());
                same(&read(&path));
                let detached = dir.path().join("y.nhdr");
                write(&detached, format!("{head}data file: Secret.raw\n").as_bytes());
                write(&dir.path().join("Secret.raw"), &data);
                same(&read(&detached));
            }
        }
    }
    let detached = dir.path().join("y.nhdr");
    let (head, data) = nrrd_of(&volume(), "LPS", [1.0; 3], false, "raw");
    for name in ["../Secret.raw", "/etc/passwd", "a/b", "LIST", "%03d.raw 1 4 1", "..", "a\\b"] {
        write(&detached, format!("{head}data file: {name}\n").as_bytes());
        assert!(refused(&detached).contains("data file"), "{name}");
    }
    let wrong = |from: &str, to: &str, expected: &str| {
        write(&path, &[head.replace(from, to).as_bytes(), b"\n", &data].concat());
        let message = refused(&path);
        assert!(message.contains(expected), "{to}: {message}");
    };
    wrong("space: LPS", "space: scanner-xyz", "space");
    wrong("space: LPS\n", "", "space");
    wrong("sizes: 6 5 4", "sizes: 6 5 5", "240 bytes, but 300");
    wrong("sizes: 6 5 4", "sizes: 6000 5000 4000", "at most 1073741824");
    wrong("(0.5,0,0)", "(0.5,0.1,0)", "right angles");
    wrong("(0.5,0,0)", "(nan,0,0)", "space directions");
    wrong("(0.5,0,0)", "none", "space directions");
    wrong("encoding: raw", "encoding: bzip2", "encoding");
    wrong("endian: little\n", "", "endian");
    wrong("type: short", "type: block", "type");
    wrong("dimension: 3", "dimension: 4", "dimension");
}

fn inv3_of(v: &Volume, modality: &str) -> Vec<u8> {
    let [ni, nj, nk] = v.grid.dims;
    let plist = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \"http://x\"><plist version=\"1.0\"><dict><key>name</key><string>Secret</string><key>visible</key><true/><key>modality</key><string>{modality}</string><key>orientation</key><integer>1</integer><key>matrix</key><dict><key>dtype</key><string>int16</string><key>filename</key><string>matrix.dat</string><key>shape</key><array><integer>{nk}</integer><integer>{nj}</integer><integer>{ni}</integer></array></dict><key>spacing</key><array><real>{}</real><real>{}</real><real>{}</real></array></dict></plist>",
        v.grid.spacing_mm[0], v.grid.spacing_mm[1], v.grid.spacing_mm[2]
    );
    // The last row first: bottom-up.
    let mut raw = Vec::new();
    for k in 0..nk {
        for j in (0..nj).rev() {
            raw.extend((0..ni).flat_map(|i| v.hu[v.grid.at(i, j, k)].to_le_bytes()));
        }
    }
    tar_of(&[("x/matrix.dat", &raw), ("x/main.plist", plist.as_bytes())])
}

fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut t = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut h = tar::Header::new_ustar();
        h.set_size(bytes.len() as u64);
        h.set_entry_type(tar::EntryType::Regular);
        h.set_cksum();
        t.append_data(&mut h, name, *bytes).expect("in memory");
    }
    t.into_inner().expect("in memory")
}

#[test]
fn an_invesalius_project_is_read_with_its_rows_turned() {
    let dir = folder();
    let path = dir.path().join("Secret.inv3");
    let v = volume();
    for bytes in [inv3_of(&v, "CT"), gz(&inv3_of(&v, "CT"))] {
        write(&path, &bytes);
        let scan = read(&path);
        assert_eq!((scan.volume.hu, scan.volume.grid.dims), (v.hu.clone(), v.grid.dims));
        assert_eq!(scan.volume.grid.spacing_mm, v.grid.spacing_mm);
        assert_eq!(scan.facts.modality, "CT");
        assert!(scan.facts.findings.iter().any(|f| f.id == "not-dicom"));
    }
    write(&path, &gz(&inv3_of(&v, "MRI")));
    assert!(refused(&path).contains("MRI, not CT"));
    let bomb = "<!DOCTYPE plist [<!ENTITY a \"aaaaaaaaaa\">]><plist><dict></dict></plist>";
    write(&path, &tar_of(&[("main.plist", bomb.as_bytes())]));
    assert!(refused(&path).contains("document type"));
    let deep = format!("<plist>{}", "<array>".repeat(100_000));
    write(&path, &tar_of(&[("main.plist", deep.as_bytes())]));
    assert!(refused(&path).contains("16 levels"));
    write(&path, &tar_of(&[("notes", b"x")]));
    assert!(refused(&path).contains("main.plist"));
    // A link instead of the file is not followed.
    let mut t = tar::Builder::new(Vec::new());
    let mut h = tar::Header::new_ustar();
    h.set_size(0);
    h.set_entry_type(tar::EntryType::Symlink);
    t.append_link(&mut h, "main.plist", "/etc/passwd").expect("in memory");
    write(&path, &t.into_inner().expect("in memory"));
    assert!(refused(&path).contains("main.plist"));
}

#[test]
fn the_project_of_the_real_head_is_the_volume_of_its_dicom() {
    let Some(dicom) = common::scans("cranium/dicom") else { return };
    let Some(project) = std::env::var_os("OSTEOMILL_INV3") else {
        eprintln!(
            "skipped: set OSTEOMILL_INV3 to Cranium.inv3 of Debian's invesalius-examples to run this test"
        );
        return;
    };
    let (a, b) = (read(&dicom), read(Path::new(&project)));
    assert_eq!(a.volume.grid.dims, b.volume.grid.dims);
    assert_eq!(a.volume.hu, b.volume.hu);
    for n in 0..8usize {
        let ijk = [0, 1, 2].map(|x| if n >> x & 1 == 1 { (a.volume.grid.dims[x] - 1) as f64 } else { 0.0 });
        let off = a.volume.grid.patient_from_index(ijk).v() - b.volume.grid.patient_from_index(ijk).v();
        assert!(off.norm() < 1e-3, "{off:?}");
    }
}

#[test]
fn packed_images_that_are_bombs_or_lie_about_their_size_are_refused_at_once() {
    let dir = folder();
    let path = dir.path().join("x.nii.gz");
    // 512 MB of nothing in 0.5 MB: refused by what the header states, before any of it is unpacked.
    let mut big = volume();
    big.grid.dims = [512, 512, 1];
    big.hu = vec![0; 512 * 512];
    let mut plain = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::MultiGzDecoder::new(&nifti::volume_nii_gz(&big).expect("small")[..]),
        &mut plain,
    )
    .expect("just written");
    plain[46..48].copy_from_slice(&1000i16.to_le_bytes());
    plain.resize(352 + (64 << 20), 0);
    write(&path, &gz(&plain));
    let message = refused(&path);
    assert!(message.contains("unpacked size"), "{message}");
    let (head, _) = nrrd_of(&big, "LPS", [1.0; 3], false, "gzip");
    let head = head.replace("sizes: 512 512 1", "sizes: 512 512 1000");
    write(&path, &[head.as_bytes(), b"\n", &gz(&vec![0u8; 64 << 20])].concat());
    let message = refused(&path);
    assert!(message.contains("unpacked size"), "{message}");
    // A project whose plist is behind gigabytes.
    let mut t = tar::Header::new_ustar();
    t.set_path("matrix.dat").expect("short");
    t.set_size(1 << 40);
    t.set_entry_type(tar::EntryType::Regular);
    t.set_cksum();
    write(&path, &gz(&[t.as_bytes(), &vec![0u8; 200 << 20][..]].concat()));
    println!("{}", refused(&path));
}

#[test]
fn kinds_that_are_not_read_are_refused_by_name() {
    let dir = folder();
    let path = dir.path().join("x");
    let gz_nifti = nifti::volume_nii_gz(&volume()).expect("small");
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&gz_nifti[..]), &mut plain)
        .expect("whole");
    let with = |at: usize, bytes: &[u8], expected: &str| {
        let mut b = plain.clone();
        b[at..at + bytes.len()].copy_from_slice(bytes);
        write(&path, &b);
        let message = refused(&path);
        assert!(message.contains(expected), "{expected}: {message}");
    };
    with(344, b"ni1\0", "a pair of .hdr and .img");
    with(344, b"\0\0\0\0", "Analyze");
    with(0, &540i32.to_le_bytes(), "");
    with(252, &[0, 0, 0, 0], "sform_code and qform_code");
    with(70, &128i16.to_le_bytes(), "datatype");
    let mut real = plain.clone();
    real[70..72].copy_from_slice(&16i16.to_le_bytes());
    real.truncate(352);
    real.extend((0..120).flat_map(|n| if n == 17 { f32::NAN } else { n as f32 }.to_le_bytes()));
    write(&path, &real);
    let message = refused(&path);
    assert!(message.contains("voxel [5, 2, 0]") && message.contains("NaN"), "{message}");
    write(&path, b"hello");
    println!("{}", refused(&path));
    #[cfg(unix)]
    {
        let socket = dir.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        assert!(refused(&socket).contains("socket"));
    }
}

#[test]
fn bytes_changed_anywhere_are_an_answer_and_never_a_panic() {
    let dir = folder();
    let path = dir.path().join("x");
    let v = volume();
    let (head, data) = nrrd_of(&v, "LPS", [1.0; 3], false, "gzip");
    let zip_path = dir.path().join("z");
    let slices: Vec<Vec<u8>> = (0..4).map(|k| slice(&v, k)).collect();
    zip_of(&[("a", &slices[0]), ("b", &slices[1]), ("c", &slices[2]), ("d", &slices[3])], &zip_path);
    let wholes = [
        nifti::volume_nii_gz(&v).expect("small"),
        [head.as_bytes(), b"\n", &data].concat(),
        gz(&inv3_of(&v, "CT")),
        inv3_of(&v, "CT"),
        fs::read(&zip_path).expect("written"),
    ];
    let mut state = 1u64;
    let mut random = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    let start = Instant::now();
    for round in 0..400 {
        let mut b = wholes[round % wholes.len()].clone();
        for _ in 0..1 + random(4) {
            let at = random(b.len());
            b[at] = random(256) as u8;
        }
        if random(8) == 0 {
            b.truncate(random(b.len()));
        }
        write(&path, &b);
        let one = Instant::now();
        let _ = read_scan(&path, &params(), &Silent);
        assert!(one.elapsed().as_secs_f64() < 1.0, "round {round} took {:?}", one.elapsed());
    }
    println!("400 in {:?}", start.elapsed());
}
