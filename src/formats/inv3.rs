//! InVesalius projects (`.inv3`): a tar, mostly gzipped, of `main.plist` and `matrix.dat`.
//!
//! `matrix.dat` holds `int16` values as they came from the scanner's rescale, `k` slowest. Its rows run from the back
//! of the patient to the front (the reader it was made with puts the first row at the bottom), where DICOM's run from
//! front to back: they are turned here. Checked against the DICOM files of the same head (`scans/cranium`).
//!
//! A project does not say where in the scanner the head lay: the grid is centred about x = y = 0 and begins at z = 0.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::error::FormatError;
use super::voxels::{self, Number, Stored};
use crate::model::{Dir, Grid, Mask, Point, Volume};

const FORMAT: &str = "InVesalius";
const REMEDY: &str = "export the series as DICOM, or the image as NIfTI, from InVesalius";
const PLIST_MAX: u64 = 1 << 20;
const ENTRIES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 16;

/// A project's image.
pub struct Project {
    /// Values as stored, on a right-handed grid.
    pub volume: Volume,
    /// As the project says, letters only: `CT`, `MRI`.
    pub modality: String,
}

/// True where the bytes (unpacked) begin with a tar header.
pub fn is_tar(head: &[u8]) -> bool {
    head.len() >= 263 && &head[257..262] == b"ustar"
}

fn wrong(what: &str, found: impl Into<String>, expected: &str) -> FormatError {
    let found = found.into();
    FormatError::Value {
        format: FORMAT,
        what: what.into(),
        found: if found.is_empty() { "missing".into() } else { found },
        expected: expected.into(),
        remedy: REMEDY,
    }
}

/// Reads the image of a project.
///
/// # Errors
/// [`FormatError`] naming what is missing or wrong. Nothing is written to disk, links are not followed, and a
/// project that unpacks to more than 64 MiB and 64 bytes for each of its own is refused.
pub fn read_project(bytes: &[u8]) -> Result<Project, FormatError> {
    // Two passes, since the list of properties may follow the voxels it describes.
    project_of(bytes, &properties(bytes, "main.plist")?)
}

/// Reads the only mask of a project, and the image it was drawn on. What is 127 or more is inside, as InVesalius's own
/// surface has it.
///
/// InVesalius works a slice of a mask out when it is looked at: what no slice through it was marked as done must be
/// what the threshold gives, else the mask on file is not the one on the screen.
///
/// # Errors
/// [`FormatError`] as [`read_project`], and where there is no mask, or more than one, or one left undone.
pub fn read_mask(bytes: &[u8]) -> Result<(Mask, Vec<i16>), FormatError> {
    let plist = properties(bytes, "main.plist")?;
    let masks = match plist.get("masks") {
        Some(Plist::Dict(masks)) => &masks[..],
        _ => &[],
    };
    let [(_, of_mask)] = masks else {
        return Err(FormatError::Value {
            format: FORMAT,
            what: "the number of masks".into(),
            found: masks.len().to_string(),
            expected: "one (which of them is bone is not guessed)".into(),
            remedy: "delete all masks but that of the bone in InVesalius and save the project, or export the mask as NIfTI",
        });
    };
    let of_mask = properties(bytes, &of_mask.text())?;
    let Project { volume: Volume { grid, hu }, .. } = project_of(bytes, &plist)?;
    let [ni, nj, nk] = grid.dims;
    // One more of each: the first of each axis says which slices are done.
    let dims = [ni + 1, nj + 1, nk + 1];
    let needed = dims.iter().product::<usize>();
    let stored = with_file(bytes, &shown(of_mask.get("mask_file")), |file, size| {
        if size != needed as u64 {
            return Err(FormatError::Length {
                format: FORMAT,
                what: "the mask, one slice, row and column more than matrix.shape".into(),
                found: size,
                expected: needed as u64,
            });
        }
        let mut stored = Vec::new();
        file.read_to_end(&mut stored).map_err(unreadable)?;
        Ok(stored)
    })?;
    if stored.len() != needed {
        return Err(wrong("the archive", "cut off or damaged", "a whole tar"));
    }
    let range = match of_mask.get("threshold_range") {
        Some(Plist::Array(a)) if a.len() == 2 => a.iter().filter_map(Plist::number).collect(),
        _ => Vec::new(),
    };
    let of = |i: usize, j: usize, k: usize| stored[(k * dims[1] + j) * dims[0] + i];
    let mut voxels = vec![0u8; grid.len()];
    for k in 0..nk {
        for j in 0..nj {
            // Rows run from the back to the front, as those of the image.
            let row = nj - j;
            let done = of(0, 0, k + 1) != 0 || of(0, row, 0) != 0;
            for i in 0..ni {
                let at = grid.at(i, j, k);
                let inside = of(i + 1, row, k + 1) >= 127;
                let level = f64::from(hu[at]);
                if !done
                    && of(i + 1, 0, 0) == 0
                    && (range.len() != 2 || inside != (range[0]..=range[1]).contains(&level))
                {
                    return Err(FormatError::Value {
                        format: FORMAT,
                        what: format!("slice {} of the mask", k + 1),
                        found: "not worked out".into(),
                        expected: "what its threshold_range gives where no one has edited it".into(),
                        remedy: "make a surface of the mask in InVesalius, which works all slices out, and save the project",
                    });
                }
                voxels[at] = u8::from(inside);
            }
        }
    }
    Ok((Mask { grid, voxels }, hu))
}

fn shown(v: Option<&Plist>) -> String {
    v.map(Plist::text).unwrap_or_default()
}

/// A property list of the project.
fn properties(bytes: &[u8], name: &str) -> Result<Plist, FormatError> {
    with_file(bytes, name, |file, size| {
        if size > PLIST_MAX {
            return Err(wrong("a property list", format!("{size} bytes"), "at most 1048576 bytes"));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(unreadable)?;
        parse(&text)
    })
}

fn project_of(bytes: &[u8], plist: &Plist) -> Result<Project, FormatError> {
    let orientation = plist.get("orientation").and_then(Plist::number);
    if orientation.is_some_and(|o| o != 1.0) {
        return Err(wrong("orientation", shown(plist.get("orientation")), "1 (axial slices)"));
    }
    let matrix = plist.get("matrix").ok_or_else(|| wrong("matrix", "", "given"))?;
    let dtype = shown(matrix.get("dtype"));
    if dtype != "int16" {
        return Err(wrong("matrix.dtype", dtype, "int16"));
    }
    let three = |v: Option<&Plist>, what: &str| -> Result<[f64; 3], FormatError> {
        match v {
            Some(Plist::Array(a)) if a.len() == 3 => {
                let n: Vec<f64> = a.iter().filter_map(Plist::number).collect();
                n.try_into().map_err(|_| wrong(what, "", "three numbers"))
            }
            _ => Err(wrong(what, "", "three numbers")),
        }
    };
    let shape = three(matrix.get("shape"), "matrix.shape")?;
    if shape.iter().any(|n| n.fract() != 0.0 || !(1.0..=1e6).contains(n)) {
        return Err(wrong("matrix.shape", format!("{shape:?}"), "three whole numbers"));
    }
    let spacing = three(plist.get("spacing"), "spacing")?;
    let [nk, nj, ni] = shape.map(|n| n as u64);
    let columns = [0, 1, 2].map(|a| nalgebra::Vector3::ith(a, spacing[a]));
    if spacing.iter().any(|s| !(*s > 0.0)) {
        return Err(wrong("spacing", format!("{spacing:?}"), "three positive numbers"));
    }
    let grid = voxels::grid_of_columns(FORMAT, [ni, nj, nk], columns, nalgebra::Vector3::zeros())?;
    let half = |n: u64, s: f64| -((n - 1) as f64) * s / 2.0;
    let grid = Grid {
        origin_lps_mm: Point::new([half(ni, spacing[0]), half(nj, spacing[1]), 0.0]),
        axes_lps: [Dir::new([1.0, 0.0, 0.0]), Dir::new([0.0, 1.0, 0.0]), Dir::new([0.0, 0.0, 1.0])],
        ..grid
    };
    let name = shown(matrix.get("filename"));
    let needed = (grid.len() * 2) as u64;
    let stored = Stored { format: FORMAT, number: Number::I16, big: false, slope: 1.0, intercept: 0.0 };
    let mut hu = with_file(bytes, &name, |file, size| {
        if size != needed {
            return Err(FormatError::Length {
                format: FORMAT,
                what: "the voxels of matrix.shape".into(),
                found: size,
                expected: needed,
            });
        }
        voxels::decode(file, &stored, &grid, voxels::hu().value)
    })?;
    let (row, slice) = (grid.dims[0], grid.dims[0] * grid.dims[1]);
    for slice in hu.chunks_mut(slice) {
        for j in 0..grid.dims[1] / 2 {
            let (front, back) = slice.split_at_mut((grid.dims[1] - 1 - j) * row);
            front[j * row..(j + 1) * row].swap_with_slice(&mut back[..row]);
        }
    }
    let modality = shown(plist.get("modality"));
    let modality = modality.chars().filter(char::is_ascii_alphabetic).take(8).collect();
    Ok(Project { volume: Volume { grid, hu }, modality })
}

fn unreadable(e: std::io::Error) -> FormatError {
    FormatError::Unreadable { format: FORMAT, why: e.kind().to_string() }
}

/// Hands the first plain file of this name, whatever folder it says it is in, to `use_it` with its size.
fn with_file<T>(
    bytes: &[u8],
    name: &str,
    use_it: impl FnOnce(&mut dyn Read, u64) -> Result<T, FormatError>,
) -> Result<T, FormatError> {
    let most = voxels::unpacked_max(bytes.len() as u64, 64);
    let source: Box<dyn Read + '_> = if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(bytes).take(most))
    } else {
        Box::new(bytes)
    };
    let mut archive = tar::Archive::new(source);
    for (n, entry) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(|e| match e.kind() {
            std::io::ErrorKind::Other | std::io::ErrorKind::UnexpectedEof => {
                wrong("the archive", "cut off or damaged", &format!("a whole tar of at most {most} bytes"))
            }
            _ => unreadable(e),
        })?;
        if n >= ENTRIES_MAX {
            return Err(wrong("the archive", "many entries", "at most 10000"));
        }
        let path = entry.path_bytes();
        let last = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        if entry.header().entry_type() == tar::EntryType::Regular
            && !name.is_empty()
            && last == name.as_bytes()
        {
            let size = entry.size();
            return use_it(&mut entry, size);
        }
    }
    // A file's name may be a patient's.
    let what = if name == "main.plist" { "main.plist" } else { "a file that main.plist names" };
    Err(wrong(what, "", "a file of the project's archive"))
}

/// The part of a property list that a project needs.
#[derive(Debug)]
enum Plist {
    Text(String),
    Array(Vec<Plist>),
    Dict(Vec<(String, Plist)>),
}

impl Plist {
    fn get(&self, key: &str) -> Option<&Plist> {
        match self {
            Self::Dict(d) => d.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
    fn text(&self) -> String {
        match self {
            Self::Text(t) => t.chars().filter(|c| !c.is_control()).take(80).collect(),
            _ => String::new(),
        }
    }
    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(t) => t.trim().parse::<f64>().ok().filter(|v| v.is_finite()),
            _ => None,
        }
    }
}

/// Tags and text of an XML property list. Entities are left as they stand, so that none can grow.
fn parse(bytes: &[u8]) -> Result<Plist, FormatError> {
    if bytes.starts_with(b"bplist") {
        return Err(wrong("main.plist", "a binary property list", "one in XML"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("main.plist", "not UTF-8", "XML in UTF-8"))?;
    let mut p = Parser { rest: text };
    loop {
        let (tag, _) = p.tag()?;
        match tag {
            "plist" => {}
            _ => return p.value(tag, 0),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// The next tag (with `/` where it closes) and the text before it.
    fn tag(&mut self) -> Result<(&'a str, &'a str), FormatError> {
        let bad = || wrong("main.plist", "cut off or damaged", "a whole property list");
        let start = self.rest;
        loop {
            let open = self.rest.find('<').ok_or_else(bad)?;
            let before = &start[..start.len() - self.rest.len() + open];
            let after = &self.rest[open + 1..];
            let special = after.starts_with('?') || after.starts_with('!');
            let end =
                if after.starts_with("!--") { after.find("-->").map(|n| n + 2) } else { after.find('>') };
            let end = end.ok_or_else(bad)?;
            let tag = &after[..end];
            self.rest = &after[end + 1..];
            if !special {
                let name = tag.split_whitespace().next().unwrap_or_default();
                // An element without content keeps its slash at the end.
                return Ok((if tag.ends_with('/') && name.len() < tag.len() { tag } else { name }, before));
            }
            if tag.starts_with("!DOCTYPE") && tag.contains('[') {
                return Err(wrong("main.plist", "a document type of its own", "none"));
            }
        }
    }

    fn value(&mut self, tag: &str, depth: usize) -> Result<Plist, FormatError> {
        if depth > DEPTH_MAX {
            return Err(wrong("main.plist", "nested deeper", "at most 16 levels"));
        }
        match tag.trim_end_matches('/').trim() {
            _ if tag.ends_with('/') => Ok(Plist::Text(String::new())),
            "dict" => {
                let mut found = Vec::new();
                loop {
                    match self.tag()?.0 {
                        "/dict" => return Ok(Plist::Dict(found)),
                        "key" => {
                            let (close, key) = self.tag()?;
                            if close != "/key" {
                                return Err(wrong("main.plist", "a key with elements", "a key of text"));
                            }
                            let next = self.tag()?.0;
                            found.push((key.trim().to_owned(), self.value(next, depth + 1)?));
                        }
                        _ => {
                            return Err(wrong(
                                "main.plist",
                                "a value without a key",
                                "keys and values in turn",
                            ));
                        }
                    }
                }
            }
            "array" => {
                let mut found = Vec::new();
                loop {
                    match self.tag()?.0 {
                        "/array" => return Ok(Plist::Array(found)),
                        next => found.push(self.value(next, depth + 1)?),
                    }
                }
            }
            "string" | "integer" | "real" | "date" | "data" => {
                let (close, text) = self.tag()?;
                if !close.starts_with('/') {
                    return Err(wrong("main.plist", "elements inside a plain value", "text"));
                }
                Ok(Plist::Text(text.to_owned()))
            }
            _ => Err(wrong("main.plist", "an unknown element", "a property list")),
        }
    }
}
