//! The report's first page as PDF: verdict, reasons, numbers, one picture from the front and one from the side.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::{Content, Filter, Name, Pdf, Rect, Ref, Str};

use crate::model::{Mesh, Patient};

use super::raster::Picture;
use super::sensitivity::short;
use super::{CaseVerdict, Evidence, pictures};

const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 50.0;

/// Latin-1 as the standard fonts encode it; what they lack becomes a plain stand-in.
fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .flat_map(|c| match c {
            'µ' | 'μ' => vec![0xB5],
            '≤' => b"<=".to_vec(),
            '≥' => b">=".to_vec(),
            '−' | '–' | '—' => b"-".to_vec(),
            'σ' => b"sigma".to_vec(),
            '→' => b"->".to_vec(),
            c if (c as u32) < 0x100 => vec![c as u8],
            _ => b"?".to_vec(),
        })
        .collect()
}

/// Words set into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

struct Pen {
    content: Content,
    y: f32,
}

impl Pen {
    fn line(&mut self, x: f32, size: f32, font: &[u8], text: &str) {
        self.y -= size * 1.35;
        self.content.begin_text();
        self.content.set_font(Name(font), size);
        self.content.next_line(x, self.y);
        self.content.show(Str(&latin(text)));
        self.content.end_text();
    }
}

/// One A4 page; no dates, so the same bytes for the same case.
pub fn report_pdf(e: &Evidence, verdict: &CaseVerdict) -> Vec<u8> {
    let implants: Vec<Mesh<Patient>> =
        e.implants.iter().map(|i| i.mesh.moved(&i.part_from_patient.inverse())).collect();
    let views = pictures::six_views(&e.surface.mesh, &implants, 360);
    let site = e.missing.facts.defects.first().map_or("", |d| d.site.as_str());
    // The side that the first defect is on, else the patient's right.
    let side = if site.starts_with("left") { 3 } else { 2 };
    let shown = [&views[0], &views[side]];

    let mut ids = 1..;
    let mut id = || Ref::new(ids.next().expect("endless"));
    let (catalog, pages, page, body, plain, bold) = (id(), id(), id(), id(), id(), id());
    let images: Vec<Ref> = shown.iter().map(|_| id()).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    {
        let mut p = pdf.page(page);
        p.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(pages).contents(body);
        let mut resources = p.resources();
        resources.fonts().pair(Name(b"F"), plain).pair(Name(b"B"), bold);
        let mut objects = resources.x_objects();
        for (n, image) in images.iter().enumerate() {
            objects.pair(Name(format!("I{n}").as_bytes()), *image);
        }
    }
    for (font, name) in [(plain, &b"Helvetica"[..]), (bold, &b"Helvetica-Bold"[..])] {
        pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (view, image) in shown.iter().zip(&images) {
        write_image(&mut pdf, *image, &view.picture);
    }

    let mut pen = Pen { content: Content::new(), y: PAGE.1 - MARGIN };
    let word = serde_json::to_value(verdict.verdict).expect("a verdict is plain data");
    pen.line(MARGIN, 18.0, b"B", &format!("Case {}", e.scan.facts.pseudonym));
    pen.line(MARGIN, 15.0, b"B", &format!("Verdict: {}", word.as_str().unwrap_or_default()));
    for defect in &e.missing.facts.defects {
        pen.line(
            MARGIN,
            10.0,
            b"F",
            &format!("Missing bone: {}, {:.1} cm2", defect.site, defect.area_mm2 / 100.0),
        );
    }
    pen.y -= 6.0;
    for n in &verdict.numbers {
        pen.line(MARGIN, 10.0, b"F", &format!("{}: {}", n.name, n.text()));
    }
    for c in e.inspections.iter().flatten().filter_map(|i| i.facts.capability.as_ref()) {
        for line in wrap(&short(c), 95) {
            pen.line(MARGIN, 10.0, b"F", &line);
        }
    }
    pen.y -= 6.0;
    // As many reasons as leave room for the pictures; the rest stand in the HTML report.
    let mut left_out = 0;
    for reason in &verdict.reasons {
        let lines = wrap(reason, 105);
        if pen.y - lines.len() as f32 * 12.0 < 330.0 {
            left_out += 1;
            continue;
        }
        for (n, line) in lines.iter().enumerate() {
            pen.line(MARGIN, 9.0, b"F", &format!("{} {line}", if n == 0 { "-" } else { " " }));
        }
    }
    if left_out > 0 {
        pen.line(MARGIN, 9.0, b"B", &format!("{left_out} more reasons stand in report.html"));
    }
    for (n, view) in shown.iter().enumerate() {
        let (x, y, size) = (MARGIN + n as f32 * 250.0, 70.0, 240.0);
        pen.content.save_state();
        pen.content.transform([size, 0.0, 0.0, size, x, y]);
        pen.content.x_object(Name(format!("I{n}").as_bytes()));
        pen.content.restore_state();
        pen.y = y + size + 2.0;
        pen.line(x, 11.0, b"B", &view.left.to_string());
        pen.y = y + size + 2.0;
        pen.line(x + size - 10.0, 11.0, b"B", &view.right.to_string());
        pen.y = y;
        pen.line(x, 9.0, b"F", view.name);
    }
    pen.y = 48.0;
    pen.line(
        MARGIN,
        8.0,
        b"F",
        "Measured by simulation of the program's text; it checks the program, not the metal. R is the patient's right.",
    );
    pdf.stream(body, &pen.content.finish());
    pdf.finish()
}

fn write_image(pdf: &mut Pdf, id: Ref, picture: &Picture) {
    let data = deflate(&picture.rgb);
    let mut image = pdf.image_xobject(id, &data);
    image.filter(Filter::FlateDecode);
    image.width(picture.width as i32).height(picture.height as i32);
    image.color_space().device_rgb();
    image.bits_per_component(8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reasons_are_broken_between_words_and_signs_have_a_latin_stand_in() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(latin("≤ 5 µm"), b"<= 5 \xB5m");
    }
}
