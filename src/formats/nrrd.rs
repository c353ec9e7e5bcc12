//! NRRD: images with a text header, attached (`.nrrd`) or beside their data (`.nhdr`).
//!
//! Layout: teem.sourceforge.net/nrrd/format.html. Read are three-dimensional images with a place in the patient:
//! `space` with `space directions` and `space origin`; raw, gzip or ascii.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use nalgebra::Vector3;

use super::error::FormatError;
use super::voxels::{self, Number, Stored, Take};
use crate::model::{Grid, Mask, Volume};

const FORMAT: &str = "NRRD";
/// Segmentations carry long lists of key/value pairs; a header beyond this is something else.
const HEADER_MAX: usize = 1 << 20;
const CONVERT: &str = "write it again as a three-dimensional NRRD in the space left-posterior-superior";

/// Hands over the data file of a detached header by its name, which was checked to be a plain name.
pub type Beside<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, FormatError>;

/// True where the bytes begin like this format.
pub fn is_nrrd(head: &[u8]) -> bool {
    head.starts_with(b"NRRD000")
}

/// Reads a volume of HU, rounded to whole numbers.
///
/// # Errors
/// [`FormatError`] naming the field or voxel, its value and what can be read.
pub fn read_volume(bytes: &[u8], beside: Beside<'_>) -> Result<Volume, FormatError> {
    let (grid, hu) = read(bytes, beside, &voxels::hu())?;
    Ok(Volume { grid, hu })
}

/// Reads a mask: what is not 0 is inside.
///
/// # Errors
/// As [`read_volume`].
pub fn read_mask(bytes: &[u8], beside: Beside<'_>) -> Result<Mask, FormatError> {
    let (grid, voxels) = read(bytes, beside, &voxels::inside())?;
    Ok(Mask { grid, voxels })
}

/// Reads labels: whole numbers of 0 to 255, one per voxel.
///
/// # Errors
/// As [`read_volume`].
pub fn read_labels(bytes: &[u8], beside: Beside<'_>) -> Result<(Grid, Vec<u8>), FormatError> {
    read(bytes, beside, &voxels::labels())
}

/// Name of the data file of a detached header; `None` where the data are attached or the header does not read.
pub fn data_file(bytes: &[u8]) -> Option<String> {
    header(bytes).ok()?.data_file
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Raw,
    Gzip,
    Ascii,
}

struct Header {
    grid: Grid,
    number: Number,
    big: bool,
    encoding: Encoding,
    data_file: Option<String>,
    line_skip: usize,
    /// −1: the voxels are the last bytes of the file.
    byte_skip: i64,
    /// Where attached data begin.
    end: usize,
}

fn wrong(what: impl Into<String>, found: impl Into<String>, expected: &str) -> FormatError {
    let found: String = found.into().chars().filter(|c| !c.is_control()).take(80).collect();
    FormatError::Value {
        format: FORMAT,
        what: what.into(),
        found: if found.is_empty() { "missing".into() } else { found },
        expected: expected.into(),
        remedy: CONVERT,
    }
}

/// Fields of the header by name, and where it ends.
fn fields(bytes: &[u8]) -> Result<(Vec<(String, String)>, usize), FormatError> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    loop {
        let rest = &bytes[at..bytes.len().min(HEADER_MAX)];
        let Some(n) = rest.iter().position(|&b| b == b'\n') else {
            // A detached header may end with its last field.
            if rest.is_empty() && at > 0 {
                return Ok((found, at));
            }
            return Err(wrong(
                "the header",
                format!("{} bytes without an end", bytes.len()),
                "lines and a blank one",
            ));
        };
        let line = String::from_utf8_lossy(&rest[..n]);
        let line = line.trim_end_matches('\r');
        at += n + 1;
        if line.is_empty() {
            return Ok((found, at));
        }
        // The first colon decides: `key:=value` is the writer's own and says nothing to us.
        if line.starts_with('#') || line.starts_with("NRRD000") {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(wrong("a line of the header", "without a colon", "`field: value`"));
        };
        if value.starts_with('=') {
            continue;
        }
        let name: String = name.to_ascii_lowercase().chars().filter(|c| *c != ' ').collect();
        if found.iter().any(|(n, _)| *n == name) {
            return Err(wrong(format!("field `{name}`"), "there twice", "there once"));
        }
        found.push((name, value.trim().to_owned()));
    }
}

fn header(bytes: &[u8]) -> Result<Header, FormatError> {
    let version = bytes.get(7).copied().unwrap_or(0);
    if !is_nrrd(bytes) || !(b'1'..=b'5').contains(&version) {
        return Err(wrong(
            "the mark",
            String::from_utf8_lossy(&bytes[..bytes.len().min(8)]),
            "NRRD0001 to NRRD0005",
        ));
    }
    let (fields, end) = fields(bytes)?;
    let get = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let need = |name: &str| get(name).ok_or_else(|| wrong(format!("field `{name}`"), "", "given"));
    let dimension = need("dimension")?;
    if dimension != "3" {
        return Err(wrong("dimension", dimension, "3 (one image, one value per voxel)"));
    }
    let sizes = numbers("sizes", need("sizes")?)?;
    let whole = |v: &f64| v.fract() == 0.0 && (1.0..=1e9).contains(v);
    let &[a, b, c] = &sizes[..] else { return Err(wrong("sizes", need("sizes")?, "three whole numbers")) };
    if ![a, b, c].iter().all(whole) {
        return Err(wrong("sizes", need("sizes")?, "three whole numbers"));
    }
    let number = number(need("type")?)?;
    let encoding = match need("encoding")?.to_ascii_lowercase().as_str() {
        "raw" => Encoding::Raw,
        "gzip" | "gz" => Encoding::Gzip,
        "ascii" | "text" | "txt" => Encoding::Ascii,
        other => return Err(wrong("encoding", other, "raw, gzip or ascii")),
    };
    let big = match get("endian") {
        Some(e) if e.eq_ignore_ascii_case("big") => true,
        Some(e) if e.eq_ignore_ascii_case("little") => false,
        None if number.width() == 1 || encoding == Encoding::Ascii => false,
        other => return Err(wrong("endian", other.unwrap_or_default(), "little or big")),
    };
    let to_lps = space(get("space"))?;
    if let Some(units) = get("spaceunits")
        && units.split_whitespace().any(|u| u.trim_matches('"') != "mm")
    {
        return Err(wrong("space units", units, "mm along each axis"));
    }
    let directions = vectors("space directions", need("spacedirections")?, 3)?;
    let origin = vectors("space origin", need("spaceorigin")?, 1)?[0];
    let turned = |v: Vector3<f64>| v.component_mul(&to_lps);
    let columns = [0, 1, 2].map(|n| turned(directions[n]));
    let grid = voxels::grid_of_columns(FORMAT, [a as u64, b as u64, c as u64], columns, turned(origin))?;
    let skip = |name: &str, least: f64| match get(name) {
        None => Ok(0.0),
        Some(text) => match numbers(name, text)?[..] {
            [v] if v.fract() == 0.0 && (least..=1e9).contains(&v) => Ok(v),
            _ => Err(wrong(name, text, "one whole number")),
        },
    };
    let data_file = get("datafile").map(plain_name).transpose()?;
    Ok(Header {
        grid,
        number,
        big,
        encoding,
        data_file,
        line_skip: skip("lineskip", 0.0)? as usize,
        byte_skip: skip("byteskip", -1.0)? as i64,
        end,
    })
}

/// One file beside the header. Its name is not repeated in the message: it may be a patient's.
fn plain_name(name: &str) -> Result<String, FormatError> {
    let first = name.split_whitespace().next().unwrap_or_default();
    if first == "LIST" || name.contains('%') {
        return Err(wrong("data file", "a list of files", "one file beside the header"));
    }
    let name = name.strip_prefix("./").unwrap_or(name);
    let plain = !name.is_empty()
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', ':', '\0'])
        && name.len() <= 255;
    if plain {
        Ok(name.to_owned())
    } else {
        Err(wrong("data file", "a path", "the name of a file beside the header"))
    }
}

fn number(name: &str) -> Result<Number, FormatError> {
    let name = name.to_ascii_lowercase();
    Ok(match name.as_str() {
        "signed char" | "int8" | "int8_t" => Number::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Number::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Number::I16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Number::U16,
        "int" | "signed int" | "int32" | "int32_t" => Number::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Number::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => Number::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => Number::U64,
        "float" => Number::F32,
        "double" => Number::F64,
        other => return Err(wrong("type", other, "a whole or real number type (not block)")),
    })
}

/// Signs that turn the file's space into LPS.
fn space(name: Option<&str>) -> Result<Vector3<f64>, FormatError> {
    match name.unwrap_or_default().trim_matches('"').to_ascii_lowercase().as_str() {
        "lps" | "left-posterior-superior" => Ok(Vector3::new(1.0, 1.0, 1.0)),
        "ras" | "right-anterior-superior" => Ok(Vector3::new(-1.0, -1.0, 1.0)),
        "las" | "left-anterior-superior" => Ok(Vector3::new(1.0, -1.0, 1.0)),
        other => Err(wrong(
            "space",
            other,
            "left-posterior-superior, right-anterior-superior or left-anterior-superior, so that left is known",
        )),
    }
}

fn numbers(field: &str, text: &str) -> Result<Vec<f64>, FormatError> {
    text.split_whitespace()
        .map(|t| t.parse::<f64>().ok().filter(|v| v.is_finite()))
        .collect::<Option<Vec<_>>>()
        .filter(|v| !v.is_empty())
        .ok_or_else(|| wrong(field, text, "finite numbers"))
}

fn vectors(field: &str, text: &str, n: usize) -> Result<Vec<Vector3<f64>>, FormatError> {
    let bad = || wrong(field, text, "vectors of three finite numbers, as (1,0,0)");
    let mut found = Vec::new();
    for part in text.split(')').map(str::trim).filter(|p| !p.is_empty()) {
        let inner = part.strip_prefix('(').ok_or_else(bad)?;
        let v: Vec<f64> = inner
            .split(',')
            .map(|t| t.trim().parse::<f64>().ok().filter(|v| v.is_finite()))
            .collect::<Option<_>>()
            .ok_or_else(bad)?;
        let &[x, y, z] = &v[..] else { return Err(bad()) };
        found.push(Vector3::new(x, y, z));
    }
    if found.len() == n { Ok(found) } else { Err(bad()) }
}

fn read<T: Copy + Default + Send + Sync>(
    bytes: &[u8],
    beside: Beside<'_>,
    take: &Take<T, impl Fn(f64) -> Option<T> + Sync>,
) -> Result<(Grid, Vec<T>), FormatError> {
    let h = header(bytes)?;
    let detached = h.data_file.as_deref().map(beside).transpose()?;
    let mut data: &[u8] = detached.as_deref().unwrap_or(&bytes[h.end..]);
    for _ in 0..h.line_skip {
        let n = data
            .iter()
            .position(|&b| b == b'\n')
            .ok_or_else(|| wrong("line skip", h.line_skip.to_string(), "no more lines than there are"))?;
        data = &data[n + 1..];
    }
    let needed = (h.grid.len() * h.number.width()) as u64;
    let stored = Stored { format: FORMAT, number: h.number, big: h.big, slope: 1.0, intercept: 0.0 };
    let short = |found: u64| FormatError::Length {
        format: FORMAT,
        what: "the voxels that `sizes` and `type` state".into(),
        found,
        expected: needed,
    };
    let values = match h.encoding {
        Encoding::Raw => {
            let skip = match h.byte_skip {
                -1 => {
                    (data.len() as u64).checked_sub(needed).ok_or_else(|| short(data.len() as u64))? as usize
                }
                n => n as usize,
            };
            let mut data = data.get(skip..).ok_or_else(|| short(0))?;
            if data.len() as u64 != needed {
                return Err(short(data.len() as u64));
            }
            voxels::decode(&mut data, &stored, &h.grid, &take.value)?
        }
        Encoding::Gzip => {
            if h.byte_skip < 0 {
                return Err(wrong("byte skip", "-1", "0 or more with gzip"));
            }
            let (cost, most) = (take.cost(h.grid.len(), h.number.width()), take.cost_max(data.len()));
            if cost + h.byte_skip as u64 > most {
                return Err(wrong(
                    "the unpacked size",
                    format!("{cost} bytes from {}", data.len()),
                    &format!("at most {most} bytes, unless written with encoding raw"),
                ));
            }
            let mut source = MultiGzDecoder::new(data);
            std::io::copy(&mut source.by_ref().take(h.byte_skip as u64), &mut std::io::sink())
                .map_err(|e| FormatError::Unreadable { format: FORMAT, why: e.kind().to_string() })?;
            voxels::decode(&mut source, &stored, &h.grid, &take.value)?
        }
        Encoding::Ascii => ascii(data, &h, &take.value)?,
    };
    Ok((h.grid, values))
}

fn ascii<T: Copy + Default>(
    data: &[u8],
    h: &Header,
    take: impl Fn(f64) -> Option<T>,
) -> Result<Vec<T>, FormatError> {
    // A digit and a space each, at least.
    if (data.len() as u64).div_ceil(2) < h.grid.len() as u64 {
        let (found, expected) = (data.len() as u64, 2 * h.grid.len() as u64 - 1);
        return Err(FormatError::Length {
            format: FORMAT,
            what: "the voxels in ascii".into(),
            found,
            expected,
        });
    }
    let mut out = Vec::new();
    for line in data.split(|b| *b == b'\n') {
        let line =
            std::str::from_utf8(line).map_err(|_| wrong("the voxels", "no text", "numbers in ascii"))?;
        for word in line.split_whitespace() {
            if out.len() == h.grid.len() {
                return Err(wrong("the voxels", "more than `sizes` states", &h.grid.len().to_string()));
            }
            let value: f64 = word
                .parse()
                .map_err(|_| wrong(format!("voxel {:?}", h.grid.ijk(out.len())), word, "a number"))?;
            out.push(take(value).ok_or_else(|| voxels::voxel_refused(FORMAT, h.grid.ijk(out.len()), value))?);
        }
    }
    if out.len() != h.grid.len() {
        let (found, expected) = (out.len() as u64, h.grid.len() as u64);
        return Err(FormatError::Length {
            format: FORMAT,
            what: "the voxels in ascii (numbers)".into(),
            found,
            expected,
        });
    }
    Ok(out)
}
