//! `scan`: what is in a study.

use crate::catalog::{PipelineFile, ShopTexts};
use crate::scan::list_series;

use super::args::Scan;
use super::demo::PEEK;
use super::result::{Ended, exit};

/// The command.
pub fn scan(a: &Scan) -> Result<i32, Ended> {
    let params = PipelineFile::parse(PEEK, &[], &ShopTexts::embedded())?.scan()?;
    let study = list_series(&a.scan, &params).map_err(|e| Ended::new(exit::SCAN, e))?;
    if a.json {
        println!("{}", serde_json::to_string_pretty(&study).expect("a study is plain data"));
        return Ok(exit::ACCEPT);
    }
    println!("{} files, {} of them no DICOM", study.files, study.other_files);
    for sentence in &study.damaged {
        println!("damaged: {sentence}");
    }
    for s in &study.series {
        let [x, y, z] = s.spacing_mm;
        println!(
            "series {}: {} {}, {} slices of {} x {} at {x:.3} x {y:.3} x {z:.3} mm, kernel {}: {}",
            s.series,
            s.modality,
            s.image_type,
            s.slices,
            s.matrix[0],
            s.matrix[1],
            if s.kernel.is_empty() { "not given" } else { &s.kernel },
            if s.usable { "usable" } else { &s.why_not }
        );
    }
    Ok(exit::ACCEPT)
}
