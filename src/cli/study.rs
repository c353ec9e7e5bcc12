//! `scan`: what is in a study.

use std::path::Path;

use anyhow::anyhow;

use crate::catalog::{PipelineFile, ShopTexts};
use crate::formats::{nifti, png};
use crate::scan::{ScanParams, Study, list_series, preview_series, read_scan};
use crate::store::write_whole;

use super::args::Scan;
use super::demo::PEEK;
use super::progress::watch;
use super::result::{Ended, exit};

/// Bone window, HU: black to white.
const WINDOW_HU: [f64; 2] = [-500.0, 1500.0];

/// The command.
pub fn scan(a: &Scan) -> Result<i32, Ended> {
    let mut params = PipelineFile::parse(PEEK, &[], &ShopTexts::embedded())?.scan()?;
    if let Some(series) = &a.series {
        params = params.with_series(series);
    }
    let study = list_series(&a.scan, &params).map_err(|e| Ended::new(exit::SCAN, e))?;
    if let Some(folder) = &a.preview {
        preview(&a.scan, &params, folder)?;
    }
    if let Some(file) = &a.nifti {
        let read =
            read_scan(&a.scan, &params, watch("scan").as_ref()).map_err(|e| Ended::new(exit::SCAN, e))?;
        let bytes = nifti::volume_nii_gz(&read.volume).map_err(|e| Ended::new(exit::SCAN, e))?;
        write_whole(file, &bytes)?;
    }
    if a.json {
        println!("{}", serde_json::to_string_pretty(&study).expect("a study is plain data"));
    } else {
        print(&study);
    }
    Ok(exit::ACCEPT)
}

fn print(study: &Study) {
    println!("{} files, {} of them no DICOM", study.files, study.other_files);
    for sentence in &study.damaged {
        println!("damaged: {sentence}");
    }
    for s in &study.series {
        let [x, y, z] = s.spacing_mm;
        let stack = if s.stacks > 1 { format!("/{}", s.stack) } else { String::new() };
        let name = format!("{}{stack}", s.series);
        println!(
            "{} series {name}: {} {}, {} slices of {} x {} at {x:.3} x {y:.3} x {z:.3} mm, kernel {}: {}",
            if study.chosen.as_ref() == Some(&name) { "*" } else { " " },
            s.modality,
            s.image_type,
            s.slices,
            s.matrix[0],
            s.matrix[1],
            if s.kernel.is_empty() { "not given" } else { &s.kernel },
            if s.usable { "usable" } else { &s.why_not }
        );
    }
    match &study.chosen {
        Some(name) => println!("chosen: {name}, {}", study.because),
        None => println!("none chosen: {}", study.because),
    }
}

/// One picture per usable series.
fn preview(scan: &Path, params: &ScanParams, folder: &Path) -> Result<(), Ended> {
    let folder_failed = |e: std::io::Error| {
        Ended::new(
            exit::IO,
            anyhow!("the folder of --preview cannot be made ({}): choose another place", e.kind()),
        )
    };
    std::fs::create_dir_all(folder).map_err(folder_failed)?;
    for p in preview_series(scan, params).map_err(|e| Ended::new(exit::SCAN, e))? {
        let [low, high] = WINDOW_HU;
        let grey = |&hu: &i16| ((f64::from(hu) - low) / (high - low) * 255.0).round().clamp(0.0, 255.0) as u8;
        let rgb: Vec<u8> = p.hu.iter().map(grey).flat_map(|g| [g, g, g]).collect();
        let picture = png::png_bytes(&rgb, p.size[0] as u32, p.size[1] as u32)
            .map_err(|e| Ended::new(exit::SCAN, e))?;
        write_whole(&folder.join(format!("{}.png", p.name)), &picture)?;
    }
    Ok(())
}
