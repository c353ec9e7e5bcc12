//! Decodes DICOM files and writes their stored values, for comparison with other readers.
//!
//!     dump_values OUT FILE...
//!
//! File n gives `OUT/n.i32`: every frame, row by row, little endian; and a line on standard output: n, a tab, and
//! frames, rows, columns, syntax and why the file is no slice (empty where it is one), or `refused` and the message,
//! or `other` where it is not DICOM.

use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: dump_values OUT FILE...")?;
    fs::create_dir_all(&out)?;
    for (n, file) in arguments.enumerate() {
        match osteomill::scan::stored_frames(fs::read(file)?) {
            Ok(None) => println!("{n}\tother"),
            Err(e) => println!("{n}\trefused\t{e}"),
            Ok(Some(s)) => {
                let bytes: Vec<u8> = s.frames.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
                fs::write(Path::new(&out).join(format!("{n}.i32")), bytes)?;
                let ([rows, columns], why) = (s.matrix, s.no_slice.unwrap_or_default());
                println!("{n}\t{}\t{rows}\t{columns}\t{}\t{why}", s.frames.len(), s.syntax);
            }
        }
    }
    Ok(())
}
