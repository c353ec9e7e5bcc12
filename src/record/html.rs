//! The report as one HTML file.

use base64::Engine;
use minijinja::Environment;
use minijinja::value::Serde;
use rayon::prelude::*;
use serde::Serialize;

use crate::formats::png;
use crate::model::{Finding, Implant, Mesh, Milled, Patient, Plan, Point, Program};

use super::canvas::Canvas;
use super::marks::finding_marks;
use super::operations::operation_pictures;
use super::quotation::{Quotation, quotation};
use super::raster::Picture;
use super::sensitivity::{Off, off};
use super::{CaseVerdict, Evidence, deviation, pictures, slices};

/// A picture as the template reads it.
#[derive(Serialize)]
pub(super) struct Figure {
    caption: String,
    left: String,
    right: String,
    data: String,
}

pub(super) fn figure(caption: impl Into<String>, sides: Option<(char, char)>, picture: &Picture) -> Figure {
    let bytes = png::png_bytes(&picture.rgb, picture.width as u32, picture.height as u32)
        .expect("a picture has three bytes a pixel");
    let (left, right) = sides.map_or((String::new(), String::new()), |(l, r)| (l.to_string(), r.to_string()));
    Figure {
        caption: caption.into(),
        left,
        right,
        data: base64::engine::general_purpose::STANDARD.encode(bytes),
    }
}

/// A picture of few colours.
pub(super) fn plain_figure(caption: impl Into<String>, canvas: &Canvas) -> Figure {
    Figure {
        caption: caption.into(),
        left: String::new(),
        right: String::new(),
        data: base64::engine::general_purpose::STANDARD.encode(canvas.png()),
    }
}

/// A finding with its number on the picture.
#[derive(Serialize)]
pub(super) struct Marked {
    number: Option<usize>,
    #[serde(flatten)]
    finding: Finding,
}

/// Findings, and the picture they are marked on.
pub(super) fn marked(implant: &Implant, findings: &[Finding]) -> (Option<Figure>, Vec<Marked>) {
    let (canvas, numbers) = finding_marks(implant, findings);
    let caption = "findings by number: left from outside (part +z), right from the other side (part -z); red stops, orange \
                   asks for a look, black is a note";
    let marked =
        findings.iter().zip(numbers).map(|(f, number)| Marked { number, finding: f.clone() }).collect();
    (canvas.map(|c| plain_figure(caption, &c)), marked)
}

/// Pictures of the operations.
pub(super) fn operations(plan: &Plan, programs: &[Program], milled: Option<&Milled>) -> Vec<Figure> {
    milled.map_or_else(Vec::new, |m| {
        operation_pictures(plan, programs, m)
            .into_par_iter()
            .map(|o| plain_figure(o.caption, &o.canvas))
            .collect()
    })
}

/// One part as the template reads it.
#[derive(Serialize)]
struct PartPage {
    number: usize,
    implant: serde_json::Value,
    plan: serde_json::Value,
    findings: Vec<Marked>,
    marks: Option<Figure>,
    operations: Vec<Figure>,
    quotation: Option<Quotation>,
    milling: serde_json::Value,
    inspection: serde_json::Value,
    off: Option<Off>,
    place: Vec<Figure>,
    slices: Vec<Figure>,
    maps: Vec<Figure>,
    sections: Vec<Figure>,
    rim_sections: Vec<Figure>,
    programs: Vec<(String, usize)>,
}

fn json<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("facts are plain data")
}

/// The pages and the style they share.
pub(super) fn pages() -> Environment<'static> {
    let mut env = Environment::new();
    for (name, text) in [
        ("report.html", include_str!("report.html")),
        ("part.html", include_str!("part.html")),
        ("quotation.html", include_str!("quotation.html")),
        ("sensitivity.html", include_str!("sensitivity.html")),
        ("report.css", include_str!("report.css")),
    ] {
        env.add_template(name, text).expect("the templates are part of the program");
    }
    env
}

/// The report; self-contained, no network, no script.
pub fn report_html(e: &Evidence, verdict: &CaseVerdict) -> String {
    let in_patient: Vec<Mesh<Patient>> =
        e.implants.iter().map(|i| i.mesh.moved(&i.part_from_patient.inverse())).collect();
    let views = || -> Vec<Figure> {
        pictures::six_views(&e.surface.mesh, &in_patient, 420)
            .par_iter()
            .map(|v| figure(v.name, Some((v.left, v.right)), &v.picture))
            .collect()
    };
    let parts = || -> Vec<PartPage> { (0..e.implants.len()).map(|n| part_page(e, n, &in_patient)).collect() };
    let (views, parts) = rayon::join(views, parts);
    let parameters: Vec<(String, String)> = e
        .parameters
        .as_object()
        .map(|o| {
            o.iter()
                .map(|(k, v)| {
                    (k.clone(), serde_json::to_string_pretty(v).expect("parameters are plain data"))
                })
                .collect()
        })
        .unwrap_or_default();
    let numbers: Vec<(String, String)> = verdict.numbers.iter().map(|n| (n.name.clone(), n.text())).collect();
    let env = pages();
    env.get_template("report.html")
        .and_then(|t| {
            t.render(Serde(serde_json::json!({
                "version": env!("CARGO_PKG_VERSION"),
                "pseudonym": e.scan.facts.pseudonym,
                "verdict": verdict.verdict,
                "reasons": verdict.reasons,
                "numbers": numbers,
                "scan": e.scan.facts,
                "bone": e.bone.facts,
                "surface": e.surface.facts,
                "missing": e.missing.facts,
                "views": views,
                "parts": parts,
                "parameters": parameters,
            })))
        })
        .expect("the template fits its data")
}

/// Red in the map of confidence: what the shipped pipelines leave to a person.
const SIGMA_FULL_MM: f64 = 1.5;

fn part_page(e: &Evidence, n: usize, in_patient: &[Mesh<Patient>]) -> PartPage {
    let implant = &e.implants[n];
    let milled = e.milled.get(n).and_then(Option::as_ref);
    let inspection = e.inspections.get(n).and_then(Option::as_ref);
    let middle = Point::new(in_patient[n].centroid_mm());
    let slices = slices::three_slices(&e.scan.volume, &e.surface.mesh, &e.missing.mask, in_patient, middle)
        .iter()
        .map(|s| figure(s.name.clone(), Some((s.left, s.right)), &s.picture))
        .collect();
    let maps = inspection.map_or_else(Vec::new, |i| {
        let tolerance = i.facts.surface.tolerance_mm;
        let [out, bone] = deviation::maps(implant, &i.vertex_deviation_mm, tolerance, 460);
        vec![figure("outer side", None, &out), figure("bone side", None, &bone)]
    });
    let sections = deviation::sections(e.surface, implant, milled.map(|m| &m.mesh))
        .iter()
        .map(|(deg, p)| figure(format!("section at {deg:.0}° from part +x"), None, p))
        .collect();
    let rim_sections = deviation::rim_sections(e.surface, implant, milled.map(|m| &m.mesh))
        .iter()
        .map(|(along_mm, p)| figure(format!("{along_mm:.0} mm along the rim, bone to the right"), None, p))
        .collect();
    let programs = e.posted.get(n).map_or(&[][..], |p| &p.programs);
    let nest = e.nests.get(n).and_then(Option::as_ref);
    let (marks, findings) = marked(implant, e.reviews.get(n).map_or(&[][..], |r| r.findings.as_slice()));
    PartPage {
        number: implant.number,
        implant: json(&implant.facts),
        plan: e.plans.get(n).map_or(serde_json::Value::Null, json),
        findings,
        marks,
        operations: e.plans.get(n).map_or_else(Vec::new, |plan| operations(plan, programs, milled)),
        quotation: e.plans.get(n).map(|plan| quotation(plan, milled.map(|m| &m.facts), nest, e.prices)),
        milling: milled.map_or(serde_json::Value::Null, |m| json(&m.facts)),
        inspection: inspection.map_or(serde_json::Value::Null, |i| json(&i.facts)),
        off: inspection.and_then(|i| off(&i.facts)),
        place: vec![
            figure(
                "in place, seen from outside along the insertion axis",
                None,
                &deviation::in_place(e.surface, implant, 460),
            ),
            figure(
                "from inside the skull, against the insertion axis",
                None,
                &deviation::from_inside(e.surface, implant, 460),
            ),
            figure(
                format!(
                    "how sure the contour is: standard deviation, green 0, red {SIGMA_FULL_MM} mm; learnt by leaving out \
                     pieces of the surviving bone"
                ),
                None,
                &deviation::confidence(implant, e.missing, SIGMA_FULL_MM, 460),
            ),
        ],
        slices,
        maps,
        sections,
        rim_sections,
        programs: programs.iter().map(|p| (p.file.clone(), p.text.lines().count())).collect(),
    }
}
