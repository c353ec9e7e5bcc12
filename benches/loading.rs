//! Loading a CT series: 400 uncompressed slices of 512 × 512, written to a temporary folder, and any folder named in
//! `OSTEOMILL_LOADING` (several with a colon between). Prints the best and the median of nine, cache warm.
//!
//!     cargo bench --bench loading

#[path = "series/mod.rs"]
mod series;

use std::path::{Path, PathBuf};
use std::time::Instant;

use osteomill::model::Silent;
use osteomill::scan::{ScanParams, read_scan};

fn time(name: &str, folder: &Path, params: &ScanParams) {
    let mut seconds: Vec<f64> = (0..9)
        .filter_map(|_| {
            let start = Instant::now();
            match read_scan(folder, params, &Silent) {
                Ok(_) => Some(start.elapsed().as_secs_f64()),
                Err(e) => {
                    println!("{name}: {e}");
                    None
                }
            }
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    if let (Some(best), Some(median)) = (seconds.first(), seconds.get(seconds.len() / 2)) {
        println!("{name}: best {best:.3} s, median {median:.3} s");
    }
}

fn main() {
    #[derive(serde::Deserialize)]
    struct File {
        scan: ScanParams,
    }
    let file: File =
        toml::from_str(include_str!("../pipelines/cranial-peek.toml")).expect("the shipped table");
    // `OSTEOMILL_LOADING_KEEP` names a folder to write the series to and keep, for other readers.
    let kept = std::env::var_os("OSTEOMILL_LOADING_KEEP").map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = kept.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).expect("writable");
    series::write(folder);
    time("512 x 512 x 400, uncompressed", folder, &file.scan);
    for (n, path) in
        std::env::split_paths(&std::env::var_os("OSTEOMILL_LOADING").unwrap_or_default()).enumerate()
    {
        time(&format!("folder {}", n + 1), &path, &file.scan);
    }
}
