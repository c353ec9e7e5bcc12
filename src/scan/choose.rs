//! Which series, and which stack of it, to plan on, and why.

use std::collections::BTreeSet;

use nalgebra::Vector3;

use super::error::ScanError;
use super::groups::{Group, groups};
use super::header::{Header, short_sha256};
use super::params::ScanParams;
use super::stack::axes_of;
use super::study::{Folder, pseudonym};

/// Why a series is not one to plan on by its headers alone; `None` where it is. `named` is true for a series the
/// user asked for: what only the choice among series forbids is then let through. `any_modality` is true where a mask
/// stands in for the bone: MR is then let through, lying as it may.
pub fn unfit(headers: &[&Header], named: bool, any_modality: bool) -> Option<String> {
    let h = headers[0];
    let has = |what: &str| headers.iter().any(|h| h.image_type.iter().any(|t| t.eq_ignore_ascii_case(what)));
    let kind = match h.modality.as_str() {
        "CT" => None,
        "MR" if any_modality => None,
        "" => Some("its modality is missing, not CT".to_owned()),
        "MR" => Some("its modality is MR, not CT: magnetic resonance has no HU and shows no bone; with --mask it can be planned on"
            .to_owned()),
        "SR" => Some("its modality is SR, not CT: a report, such as of the dose".to_owned()),
        "SC" | "OT" => Some(format!("its modality is {}, not CT: a secondary capture", h.modality)),
        other => Some(format!("its modality is {other}, not CT")),
    };
    if kind.is_some() {
        return kind;
    }
    if has("LOCALIZER") {
        return Some("it is a scout (LOCALIZER)".into());
    }
    if !named {
        if has("SECONDARY") {
            return Some("its image type is SECONDARY: made after the examination".into());
        }
        // Values 3 and 4 of Image Type as the makers write them; none of these is what the scanner measured.
        let made = [
            "MPR",
            "REFORMATTED",
            "MIP",
            "MINIP",
            "PROJECTION IMAGE",
            "VOLREN",
            "VOLUME 3D",
            "CSA 3D",
            "SSD",
        ];
        if let Some(what) = made.iter().find(|m| has(m)) {
            return Some(format!("it was made from other images ({what})"));
        }
        if let Ok(s) = &h.slice
            && h.modality == "CT"
        {
            // 45 degrees: nearer to another plane than to the axial one.
            if axes_of(s)[2].z.abs() < std::f64::consts::FRAC_1_SQRT_2 {
                return Some("it is not axial".into());
            }
        }
    }
    None
}

/// The chosen stack and why.
pub struct Choice<'a> {
    /// Series Instance UID.
    pub uid: String,
    pub group: Group<'a>,
    pub because: String,
}

impl Choice<'_> {
    /// The name by which it may be asked for.
    pub fn name(&self) -> String {
        stack_name(&self.uid, &self.group)
    }
}

/// Hash of the series, and the number of the stack where there are several.
pub fn stack_name(uid: &str, group: &Group<'_>) -> String {
    let hash = short_sha256(uid.as_bytes());
    if group.of > 1 { format!("{hash}/{}", group.number) } else { hash }
}

/// Chooses the stack to plan on, or takes the series that was named.
///
/// # Errors
/// When none can be used, or several patients lie in one folder, or what was named is not there.
pub fn choose<'a>(
    folder: &'a Folder,
    params: &ScanParams,
    any_modality: bool,
) -> Result<Choice<'a>, ScanError> {
    match &params.series_uid {
        Some(asked) => named(folder, asked.trim(), params, any_modality),
        None => best(folder, params, any_modality),
    }
}

fn named<'a>(
    folder: &'a Folder,
    wanted: &str,
    params: &ScanParams,
    any_modality: bool,
) -> Result<Choice<'a>, ScanError> {
    let all = folder.by_series();
    let hash = |uid: &str| short_sha256(uid.as_bytes());
    let (series, number) = match wanted.split_once('/') {
        Some((series, number)) => (series, number.parse::<usize>().ok()),
        None => (wanted, None),
    };
    let found: Vec<_> = all
        .iter()
        // Six digits tell the series of a study apart; fewer is a slip of the hand.
        .filter(|(uid, _)| **uid == series || (series.len() >= 6 && hash(uid).starts_with(series)))
        .collect();
    let missing = |present: Vec<String>| {
        // A UID could name an institution: only its hash is repeated.
        let asked =
            if wanted.len() <= 14 { wanted.to_owned() } else { format!("with hash {}", hash(wanted)) };
        ScanError::NoSuchSeries { asked, present: present.join(", ") }
    };
    let &[(uid, headers)] = &found[..] else {
        return Err(missing(all.keys().map(|uid| hash(uid)).collect()));
    };
    if let Some(reason) = unfit(headers, true, any_modality) {
        return Err(ScanError::UnusableSeries { series: hash(uid), reason });
    }
    let mut stacks = groups(headers, params.slice_position_mm_tolerance);
    let of = stacks.len();
    let at = match number {
        _ if of == 1 && number.is_none_or(|n| n == 1) => 0,
        Some(n) if (1..=of).contains(&n) => n - 1,
        Some(_) => return Err(missing(stacks.iter().map(|g| stack_name(uid, g)).collect())),
        None => {
            let extents: Vec<Extent> = stacks.iter().map(|g| Extent::of(&g.headers)).collect();
            first_of(&extents, |n| stacks[n].headers.len())
        }
    };
    let group = stacks.swap_remove(at);
    let because = format!("named in scan.series_uid{}", of_which(&group));
    Ok(Choice { uid: (*uid).to_owned(), group, because })
}

fn of_which(group: &Group<'_>) -> String {
    let twins = match group.twins {
        0 => String::new(),
        n => format!("; {n} slices given twice with equal pixels left out"),
    };
    let stack = match group.of {
        1 => String::new(),
        of => format!(
            "; stack {} of {of} in its series, by acquisition number {}",
            group.number, group.acquisition
        ),
    };
    format!("{stack}{twins}")
}

fn best<'a>(folder: &'a Folder, params: &ScanParams, any_modality: bool) -> Result<Choice<'a>, ScanError> {
    let all = folder.by_series();
    let hash = |uid: &str| short_sha256(uid.as_bytes());
    if !folder.headers.iter().any(|h| h.modality == "CT" || any_modality && h.modality == "MR") {
        return Err(ScanError::NoCt { files: folder.files, dicom: folder.headers.len() });
    }
    let mut fit: Vec<(&str, Group<'a>)> = Vec::new();
    for (uid, headers) in all.iter().filter(|(_, h)| unfit(h, false, any_modality).is_none()) {
        fit.extend(groups(headers, params.slice_position_mm_tolerance).into_iter().map(|g| (*uid, g)));
    }
    if fit.is_empty() {
        let reasons = all
            .iter()
            .map(|(uid, h)| format!("{}: {}", hash(uid), unfit(h, false, any_modality).unwrap_or_default()))
            .collect::<Vec<_>>()
            .join("; ");
        return Err(ScanError::NoUsableSeries { reasons });
    }
    let people: BTreeSet<String> = fit.iter().map(|(_, g)| pseudonym(g.headers[0])).collect();
    if people.len() > 1 {
        let pseudonyms = people.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(ScanError::SeveralPatients { count: people.len(), pseudonyms });
    }
    // A mask says not on which image it was drawn, and MR series of one study differ in all that matters.
    if fit.len() > 1 && fit.iter().any(|(_, g)| g.headers[0].modality == "MR") {
        let present = fit.iter().map(|(uid, g)| stack_name(uid, g)).collect::<Vec<_>>().join(", ");
        return Err(ScanError::MaskOfWhich { count: fit.len(), present });
    }
    // Equal ones: by hash, so that the order of files decides nothing.
    fit.sort_by_key(|(uid, g)| (hash(uid), g.number));
    let extents: Vec<Extent> = fit.iter().map(|(_, g)| Extent::of(&g.headers)).collect();
    let at = first_of(&extents, |n| fit[n].1.headers.len());
    let stacks = fit.len();
    let (uid, group) = fit.swap_remove(at);
    let because = format!(
        "the {} with the thinnest slices ({:.3} mm, {} slices) among {stacks} of the folder that can be \
         planned on, {:.0} mm long; {} other series left out{}",
        if group.headers[0].modality == "MR" { "MR" } else { "axial CT" },
        extents[at].step_mm,
        group.headers.len(),
        extents[at].length_mm,
        all.len() - 1,
        of_which(&group)
    );
    Ok(Choice { uid: uid.to_owned(), group, because })
}

/// The thinnest of those that reach over the head; the one of more slices, the first.
fn first_of(extents: &[Extent], slices: impl Fn(usize) -> usize) -> usize {
    let widest_mm = extents.iter().map(|e| e.length_mm).fold(0.0, f64::max);
    (0..extents.len())
        // A thin series of a part of the head is no match for the whole head. 0.8: arbitrary.
        .filter(|&n| extents[n].length_mm >= 0.8 * widest_mm)
        .min_by(|&a, &b| {
            // A step read from positions carries their rounding.
            let step = |n: usize| (extents[n].step_mm * 1e4).round();
            step(a).total_cmp(&step(b)).then(slices(b).cmp(&slices(a)))
        })
        .expect("the widest is among them")
}

/// Length and middle step of a stack along its normal, before it is checked.
struct Extent {
    length_mm: f64,
    step_mm: f64,
}

impl Extent {
    fn of(headers: &[&Header]) -> Self {
        let mut along: Vec<f64> = headers
            .iter()
            .filter_map(|h| h.slice.as_ref().ok())
            .map(|s| axes_of(s)[2].dot(&Vector3::from(s.position_mm)))
            .collect();
        along.sort_by(f64::total_cmp);
        let mut gaps: Vec<f64> = along.windows(2).map(|w| w[1] - w[0]).collect();
        gaps.sort_by(f64::total_cmp);
        match (along.first(), along.last()) {
            (Some(a), Some(b)) if !gaps.is_empty() => {
                Self { length_mm: b - a, step_mm: gaps[gaps.len() / 2] }
            }
            _ => Self { length_mm: 0.0, step_mm: f64::INFINITY },
        }
    }
}
