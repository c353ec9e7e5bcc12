//! `scan`: what is in a study.

use crate::scan::list_series;

use super::args::Scan;
use super::result::{Ended, exit};

/// The command.
pub fn scan(a: &Scan) -> Result<i32, Ended> {
    let study = list_series(&a.scan).map_err(|e| Ended::new(exit::SCAN, e))?;
    if a.json {
        println!("{}", serde_json::to_string_pretty(&study).expect("a study is plain data"));
    } else {
        print!("{study}");
    }
    Ok(exit::ACCEPT)
}
