//! Files made byte by byte, so that what is read is known.

use std::sync::Arc;

use super::header::{Header, read_headers};
use super::pixels::stored_values;
use super::stored::stored_frames;
use crate::scan::error::ScanError;
use crate::scan::source::Source;

/// An element as it will be written: tag, type, value.
type Line = (u16, u16, &'static [u8; 2], Vec<u8>);

const LITTLE: &str = "1.2.840.10008.1.2.1";

#[derive(Clone, Copy, PartialEq)]
enum As {
    Implicit,
    Little,
    Big,
}

/// A value of words, in the order of bytes of `how`.
fn words(how: As, values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| if how == As::Big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(b' ');
    }
    bytes
}

fn element(how: As, (group, element, vr, value): &Line) -> Vec<u8> {
    let mut f = words(how, &[*group, *element]);
    let four = |n: u32| if how == As::Big { n.to_be_bytes() } else { n.to_le_bytes() };
    if how == As::Implicit {
        f.extend(four(value.len() as u32));
    } else if matches!(*vr, b"OW" | b"OB" | b"SQ" | b"OV") {
        f.extend(*vr);
        f.extend([0, 0]);
        f.extend(four(value.len() as u32));
    } else {
        f.extend(*vr);
        f.extend(words(how, &[value.len() as u16]));
    }
    f.extend(value);
    f
}

/// A sequence of items, each of elements.
fn sequence(how: As, tag: (u16, u16), items: &[Vec<Line>]) -> Line {
    let mut value = Vec::new();
    for item in items {
        let body: Vec<u8> = item.iter().flat_map(|line| element(how, line)).collect();
        value.extend(words(how, &[0xfffe, 0xe000]));
        let n = body.len() as u32;
        value.extend(if how == As::Big { n.to_be_bytes() } else { n.to_le_bytes() });
        value.extend(body);
    }
    (tag.0, tag.1, b"SQ", value)
}

/// A CT slice of 3 columns and 2 rows.
fn slice(how: As, pixels: &[u16]) -> Vec<Line> {
    let us = |tag: u16, v: u16| (0x28, tag, b"US", words(how, &[v]));
    vec![
        (8, 0x16, b"UI", text("1.2.840.10008.5.1.4.1.1.2")),
        (8, 0x60, b"CS", text("CT")),
        (0x20, 0x0d, b"UI", text("1.2.3")),
        (0x20, 0x0e, b"UI", text("1.2.3.4")),
        (0x20, 0x12, b"IS", text("7")),
        (0x20, 0x32, b"DS", text("1\\2\\3")),
        (0x20, 0x37, b"DS", text("1\\0\\0\\0\\1\\0")),
        us(2, 1),
        (0x28, 4, b"CS", text("MONOCHROME2")),
        us(0x10, 2),
        us(0x11, 3),
        (0x28, 0x30, b"DS", text("0.6\\0.5")),
        us(0x100, 16),
        us(0x101, 12),
        us(0x102, 11),
        us(0x103, 0),
        (0x28, 0x1052, b"DS", text("-1000")),
        (0x28, 0x1053, b"DS", text("1")),
        (0x7fe0, 0x10, b"OW", words(how, pixels)),
    ]
}

fn set(lines: &mut Vec<Line>, line: Line) {
    lines.retain(|l| (l.0, l.1) != (line.0, line.1));
    lines.push(line);
    lines.sort_by_key(|l| (l.0, l.1));
}

fn body(how: As, lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|line| element(how, line)).collect()
}

/// Preamble, meta group of one element, and `body`.
fn file(syntax: &str, body: &[u8]) -> Vec<u8> {
    let mut f = vec![0; 128];
    f.extend(b"DICM");
    f.extend(element(As::Little, &(2, 0x10, b"UI", text(syntax))));
    f.extend(body);
    f
}

fn headers(bytes: &[u8]) -> Result<Vec<Header>, ScanError> {
    read_headers(&Source::Memory(Arc::from(bytes)), 1)
}

fn values(bytes: &[u8]) -> Result<Vec<Vec<i32>>, String> {
    match stored_frames(bytes.to_vec()) {
        Ok(Some(s)) => Ok(s.frames),
        Ok(None) => Err("not DICOM".into()),
        Err(e) => Err(e.to_string()),
    }
}

const PIXELS: [u16; 6] = [0, 1, 2, 4093, 4094, 4095];

#[test]
fn every_coding_is_read_with_and_without_preamble_and_meta_group() {
    for (how, syntax) in
        [(As::Implicit, "1.2.840.10008.1.2"), (As::Little, LITTLE), (As::Big, "1.2.840.10008.1.2.2")]
    {
        let body = body(how, &slice(how, &PIXELS));
        let whole = file(syntax, &body);
        for bytes in [&whole[..], &whole[132..], &body[..]] {
            let found = headers(bytes).expect("sound");
            assert_eq!((found.len(), found[0].acquisition.as_str()), (1, "7"));
            let s = found[0].slice.as_ref().expect("a slice");
            assert_eq!((s.position_mm, s.spacing_ij_mm), ([1.0, 2.0, 3.0], [0.5, 0.6]));
            assert_eq!(values(bytes), Ok(vec![PIXELS.map(i32::from).to_vec()]));
        }
    }
    assert!(headers(b"%PDF-1.4 and so on, and so on").expect("another file").is_empty());
}

#[test]
fn a_deflated_slice_is_read() {
    use std::io::Write;
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&body(As::Little, &slice(As::Little, &PIXELS))).expect("in memory");
    let bytes = file("1.2.840.10008.1.2.1.99", &packer.finish().expect("in memory"));
    assert_eq!(values(&bytes), Ok(vec![PIXELS.map(i32::from).to_vec()]));
}

/// An Enhanced CT of three frames; what is shared is in the shared groups.
fn enhanced(how: As) -> Vec<Line> {
    let pixels: Vec<u16> = (0..18).collect();
    let mut lines = slice(how, &pixels);
    lines.retain(|l| !matches!((l.0, l.1), (0x20, 0x32 | 0x37) | (0x28, 0x30 | 0x1052 | 0x1053)));
    set(&mut lines, (8, 0x16, b"UI", text("1.2.840.10008.5.1.4.1.1.2.1")));
    set(&mut lines, (0x28, 8, b"IS", text("3")));
    let shared = vec![
        sequence(how, (0x20, 0x9116), &[vec![(0x20, 0x37, b"DS", text("1\\0\\0\\0\\1\\0"))]]),
        sequence(how, (0x28, 0x9110), &[vec![(0x28, 0x30, b"DS", text("0.6\\0.5"))]]),
    ];
    let own = |n: u16| {
        let content: Vec<Line> = vec![
            (0x20, 0x9056, b"SH", text(if n < 2 { "1" } else { "2" })),
            (0x20, 0x9156, b"US", words(how, &[n + 1])),
        ];
        let rescale: Vec<Line> =
            vec![(0x28, 0x1052, b"DS", text(&format!("{}", n * 10))), (0x28, 0x1053, b"DS", text("2"))];
        vec![
            sequence(how, (0x18, 0x9329), &[vec![(8, 0x9007, b"CS", text("ORIGINAL\\PRIMARY\\AXIAL"))]]),
            sequence(how, (0x20, 0x9111), &[content]),
            sequence(how, (0x20, 0x9113), &[vec![(0x20, 0x32, b"DS", text(&format!("0\\0\\{n}")))]]),
            sequence(how, (0x28, 0x9145), &[rescale]),
        ]
    };
    set(&mut lines, sequence(how, (0x5200, 0x9229), &[shared]));
    set(&mut lines, sequence(how, (0x5200, 0x9230), &[own(0), own(1), own(2)]));
    lines
}

#[test]
fn an_enhanced_ct_is_one_header_a_frame_with_its_own_place_and_rescale() {
    for (how, syntax) in
        [(As::Little, LITTLE), (As::Implicit, "1.2.840.10008.1.2"), (As::Big, "1.2.840.10008.1.2.2")]
    {
        let found = headers(&file(syntax, &body(how, &enhanced(how)))).expect("sound");
        assert_eq!(found.len(), 3);
        for (n, h) in found.iter().enumerate() {
            let s = h.slice.as_ref().expect("a slice");
            assert_eq!((s.position_mm[2], s.slope, s.intercept), (n as f64, 2.0, 10.0 * n as f64));
            assert_eq!(h.acquisition, format!("{}/{}", n + 1, if n < 2 { "1" } else { "2" }));
            assert_eq!(h.image_type[2], "AXIAL");
            let expected: Vec<i32> = (6 * n as i32..6 * n as i32 + 6).collect();
            assert_eq!(stored_values(h, n + 1).expect("sound"), expected);
        }
    }
}

#[test]
fn an_enhanced_ct_whose_groups_are_not_its_frames_is_refused() {
    let how = As::Little;
    let mut lines = enhanced(how);
    set(&mut lines, (0x28, 8, b"IS", text("2")));
    let found = headers(&file(LITTLE, &body(how, &lines))).expect("DICOM");
    let why = found[0].slice.as_ref().expect_err("3 items for 2 frames").to_string();
    assert!(found.len() == 1 && why.contains("3 items for 2 frames"), "{why}");
    let mut lines = slice(how, &[0; 12]);
    set(&mut lines, (0x28, 8, b"IS", text("2")));
    let found = headers(&file(LITTLE, &body(how, &lines))).expect("DICOM");
    assert!(found[0].slice.as_ref().expect_err("classic").to_string().contains("Number of Frames 2"));
}

#[test]
fn stored_bits_may_be_shifted_signed_or_share_their_word_with_an_overlay() {
    let how = As::Little;
    let with = |lines: &[(u16, u16)], pixels: &[u16], overlay: Option<u16>| {
        let mut f = slice(how, pixels);
        for &(tag, value) in lines {
            set(&mut f, (0x28, tag, b"US", words(how, &[value])));
        }
        if let Some(bit) = overlay {
            set(&mut f, (0x6000, 0x100, b"US", words(how, &[16])));
            set(&mut f, (0x6000, 0x102, b"US", words(how, &[bit])));
        }
        values(&file(LITTLE, &body(how, &f))).expect("sound")[0].clone()
    };
    // 12 bits at the top of 16.
    let shifted: Vec<u16> = PIXELS.iter().map(|v| v << 4).collect();
    assert_eq!(with(&[(0x102, 15)], &shifted, None), PIXELS.map(i32::from));
    assert_eq!(with(&[(0x102, 15), (0x103, 1)], &shifted, None), [0, 1, 2, -3, -2, -1]);
    // Sign spread over the spare bits.
    let negative = [0u16, 1, 2, 0xfffd, 0xfffe, 0xffff];
    assert_eq!(with(&[(0x103, 1)], &negative, None), [0, 1, 2, -3, -2, -1]);
    // Bit 15 is an overlay's.
    let drawn: Vec<u16> = PIXELS.iter().map(|v| v | 0x8000).collect();
    assert_eq!(with(&[], &drawn, Some(15)), PIXELS.map(i32::from));
}

#[test]
fn eight_and_thirty_two_bits_are_read() {
    let how = As::Little;
    let with = |allocated: u16, stored: u16, signed: u16, pixels: Vec<u8>| {
        let mut f = slice(how, &[]);
        for (tag, v) in [(0x100, allocated), (0x101, stored), (0x102, stored - 1), (0x103, signed)] {
            set(&mut f, (0x28, tag, b"US", words(how, &[v])));
        }
        set(&mut f, (0x7fe0, 0x10, b"OW", pixels));
        values(&file(LITTLE, &body(how, &f))).expect("sound")[0].clone()
    };
    assert_eq!(with(8, 8, 0, vec![0, 1, 127, 128, 254, 255]), [0, 1, 127, 128, 254, 255]);
    assert_eq!(with(8, 8, 1, vec![0, 1, 127, 128, 254, 255]), [0, 1, 127, -128, -2, -1]);
    let wide: Vec<u8> = [0i32, -1, 70_000, -70_000, 5, 6].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(with(32, 32, 1, wide), [0, -1, 70_000, -70_000, 5, 6]);
}

/// Pixel data in pieces, the first the offset table.
fn in_pieces(lines: &[Line], syntax: &str, pieces: &[&[u8]]) -> Vec<u8> {
    let mut f = lines.to_vec();
    f.retain(|l| l.0 != 0x7fe0);
    let mut f = body(As::Little, &f);
    f.extend([0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    for piece in pieces {
        f.extend([0xfe, 0xff, 0, 0xe0]);
        f.extend((piece.len() as u32).to_le_bytes());
        f.extend(*piece);
    }
    f.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    file(syntax, &f)
}

/// RLE of six 16 bit pixels: the high bytes as one run, the low ones as they are.
fn rle(high: u8, low: [u8; 6]) -> Vec<u8> {
    let mut f = [2u32, 64, 66].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    f.resize(64, 0);
    f.extend([251, high, 5]);
    f.extend(low);
    f.push(0);
    f
}

#[test]
fn frames_are_found_by_table_or_one_a_piece_and_a_false_table_is_named() {
    let how = As::Little;
    let mut lines = slice(how, &[]);
    set(&mut lines, (0x28, 8, b"IS", text("2")));
    let (a, b) = (rle(1, [1, 2, 3, 4, 5, 6]), rle(2, [6, 5, 4, 3, 2, 1]));
    let expected = vec![vec![257, 258, 259, 260, 261, 262], vec![518, 517, 516, 515, 514, 513]];
    let syntax = "1.2.840.10008.1.2.5";
    let table = |second: u32| [0u32, second].iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let sound = table(a.len() as u32 + 8);
    for basic in [&sound[..], &[]] {
        assert_eq!(values(&in_pieces(&lines, syntax, &[basic, &a, &b])), Ok(expected.clone()));
    }
    // Two pieces a frame, which only a table tells; the extended one serves as well.
    let halves: Vec<&[u8]> = vec![&a[..66], &a[66..], &b[..66], &b[66..]];
    let second = a.len() as u64 + 16;
    let basic = table(second as u32);
    assert_eq!(
        values(&in_pieces(&lines, syntax, &[&[&basic[..]], &halves[..]].concat())),
        Ok(expected.clone())
    );
    let mut with_extended = lines.clone();
    with_extended.retain(|l| l.0 != 0x7fe0);
    let extended = [0, second].iter().flat_map(|v| v.to_le_bytes()).collect();
    set(&mut with_extended, (0x7fe0, 1, b"OV", extended));
    let mut bytes = body(how, &with_extended);
    let tail = in_pieces(&[], syntax, &[&[&[][..]], &halves[..]].concat());
    bytes.extend(&tail[file(syntax, &[]).len()..]);
    assert_eq!(values(&file(syntax, &bytes)), Ok(expected));
    let message = values(&in_pieces(&lines, syntax, &[&table(7), &a, &b])).expect_err("a false table");
    assert!(message.contains("points frame 2 at no piece"), "{message}");
    let message =
        values(&in_pieces(&lines, syntax, &[&[&[][..]], &halves[..3]].concat())).expect_err("no table");
    assert!(message.contains("2 frames in 3 pieces without an offset table"), "{message}");
}

#[test]
fn a_stream_of_another_family_or_matrix_is_named_before_it_is_decoded() {
    let lines = slice(As::Little, &[]);
    let refused =
        |syntax: &str, stream: &[u8]| values(&in_pieces(&lines, syntax, &[&[], stream])).expect_err("a lie");
    // Start of frame: precision 12, 2 rows, 3 columns, one component.
    let frame = |marker: u8, rows: u8, precision: u8| {
        let mut f = vec![0xff, 0xd8, 0xff, marker, 0, 11, precision, 0, rows, 0, 3, 1, 1, 0x11, 0];
        f.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xff, 0xd9]);
        f
    };
    let lossless = "1.2.840.10008.1.2.4.70";
    let message = refused(lossless, &frame(0xc0, 2, 12));
    assert!(message.contains("declares lossless JPEG, but its stream is JPEG baseline (lossy)"), "{message}");
    let message = refused("1.2.840.10008.1.2.4.51", &frame(0xc2, 2, 12));
    assert!(message.contains("progressive JPEG"), "{message}");
    let message = refused(lossless, &frame(0xc3, 9, 12));
    assert!(message.contains("9 rows and 3 columns, its header 2 and 3"), "{message}");
    let message = refused("1.2.840.10008.1.2.4.51", &frame(0xc1, 2, 8));
    assert!(message.contains("8 bits, its header 12 stored in 16"), "{message}");
    let message = refused("1.2.840.10008.1.2.4.80", &frame(0xc3, 2, 12));
    assert!(message.contains("declares JPEG-LS, but its stream is JPEG"), "{message}");
    let message = refused("1.2.840.10008.1.2.4.90", &frame(0xc3, 2, 12));
    assert!(message.contains("begins with FF D8 FF C3 instead of FF 4F FF 51"), "{message}");
    let message = refused("1.2.840.10008.1.2.4.201", &frame(0xc3, 2, 12));
    assert!(message.contains("High-Throughput JPEG 2000"), "{message}");
    let near =
        [0xff, 0xd8, 0xff, 0xf7, 0, 11, 12, 0, 2, 0, 3, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 2, 0, 0];
    let message = refused("1.2.840.10008.1.2.4.80", &near);
    assert!(message.contains("declares lossless JPEG-LS, but its stream may be off by 2"), "{message}");
}

#[test]
fn nested_doubled_and_overlong_elements_are_refused() {
    let how = As::Little;
    let refused =
        |lines: &[Line]| headers(&file(LITTLE, &body(how, lines))).expect_err("damaged").to_string();
    let mut lines = slice(how, &PIXELS);
    lines.insert(16, lines[16].clone());
    assert!(refused(&lines).contains("(0028,1052) is there twice"), "{}", refused(&lines));
    let mut deep = sequence(how, (0x20, 0x9116), &[]);
    for _ in 0..40 {
        deep = sequence(how, (0x20, 0x9116), &[vec![deep]]);
    }
    let mut lines = slice(how, &PIXELS);
    set(&mut lines, deep);
    assert!(refused(&lines).contains("nested deeper than 16"), "{}", refused(&lines));
    let mut bytes = file(LITTLE, &body(how, &slice(how, &PIXELS)));
    let at = bytes.windows(4).position(|w| w == [0x28, 0, 0x30, 0]).expect("pixel spacing");
    bytes[at + 6..at + 8].copy_from_slice(&[0xff, 0xff]);
    let message = headers(&bytes).expect_err("overlong").to_string();
    assert!(message.contains("(0028,0030) declares 65535 bytes"), "{message}");
}
