//! A small phantom head as DICOM, and ways to spoil it.
#![allow(dead_code)] // each test file uses its own part of this

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::{DefaultDicomObject, open_file};
use osteomill::model::{Silent, Volume};
use osteomill::phantom::{Phantom, PhantomSpec};
use osteomill::scan::{ScanParams, ScanToml};

/// The demo's head at 1.2 mm: below the 1.25 mm that ask for a finer scan, and quick.
pub fn phantom() -> &'static Phantom {
    static HEAD: OnceLock<Phantom> = OnceLock::new();
    HEAD.get_or_init(|| {
        let spec = PhantomSpec { voxel_mm: [1.2; 3], psf_fwhm_mm: [1.0; 3], ..PhantomSpec::demo() };
        Phantom::new(spec).expect("a head")
    })
}

/// Its CT.
pub fn volume() -> &'static Volume {
    static VOLUME: OnceLock<Volume> = OnceLock::new();
    VOLUME.get_or_init(|| phantom().volume(&Silent).expect("nobody stops it"))
}

/// Writes a CT with the phantom's headers.
pub fn write(volume: &Volume, dir: &Path) {
    phantom().write_dicom_of(volume, dir, &Silent).expect("the folder is writable");
}

/// The files of a folder in order of name, which is from the feet up.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("listed").path()).collect();
    files.sort();
    files
}

/// Rewrites every file, by number from 0.
pub fn edit(dir: &Path, change: impl Fn(usize, &mut DefaultDicomObject)) {
    for (n, path) in files(dir).into_iter().enumerate() {
        let mut object = open_file(&path).expect("just written");
        change(n, &mut object);
        object.write_to_file(&path).expect("writable");
    }
}

/// Puts a text.
pub fn put(o: &mut DefaultDicomObject, tag: Tag, vr: VR, value: &str) {
    o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

/// The shipped table.
pub fn params() -> ScanParams {
    #[derive(serde::Deserialize)]
    struct File {
        scan: ScanParams,
    }
    let text = include_str!("../../pipelines/cranial-peek.toml");
    toml::from_str::<File>(text).expect("the shipped table is valid").scan
}

/// The shipped table, changed.
pub fn params_with(change: impl Fn(&mut ScanToml)) -> ScanParams {
    let mut table: ScanToml = params().into();
    change(&mut table);
    table.try_into().expect("within its ranges")
}
