//! Large images packed into files of at most 1 MB, and bombs: an answer within a second and 200 MB + 4 × the file.

use std::path::Path;
use std::time::Instant;

const MB: usize = 1 << 20;
const SIDE: usize = 4096;

/// A CT of `rows` × `columns` whose pixels are the compressed frames, one item each.
fn packed(syntax: &str, [rows, columns]: [usize; 2], bits: u16, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut f = vec![0; 128];
    f.extend(b"DICM");
    let enhanced = frames.len() > 1;
    let number = format!("{} ", frames.len());
    let mut put = |group: u16, element: u16, vr: &[u8; 2], value: &[u8]| {
        let pad = value.len() % 2;
        f.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
        f.extend(vr);
        f.extend(((value.len() + pad) as u16).to_le_bytes());
        f.extend(value);
        f.extend(&[0u8; 1][..pad]);
    };
    put(2, 0x10, b"UI", syntax.as_bytes());
    put(
        8,
        0x16,
        b"UI",
        if enhanced { &b"1.2.840.10008.5.1.4.1.1.2.1"[..] } else { &b"1.2.840.10008.5.1.4.1.1.2"[..] },
    );
    put(8, 0x60, b"CS", b"CT");
    put(0x20, 0xd, b"UI", b"1.2");
    put(0x20, 0xe, b"UI", b"1.2.3");
    put(0x20, 0x32, b"DS", b"0\\0\\0 ");
    put(0x20, 0x37, b"DS", b"1\\0\\0\\0\\1\\0 ");
    put(0x28, 2, b"US", &[1, 0]);
    put(0x28, 4, b"CS", b"MONOCHROME2 ");
    if enhanced {
        put(0x28, 8, b"IS", number.trim().as_bytes());
    }
    put(0x28, 0x10, b"US", &(rows as u16).to_le_bytes());
    put(0x28, 0x11, b"US", &(columns as u16).to_le_bytes());
    put(0x28, 0x30, b"DS", b"0.1\\0.1 ");
    let allocated = bits.next_multiple_of(8);
    for (element, value) in [(0x100, allocated), (0x101, bits), (0x102, bits - 1), (0x103, 0)] {
        put(0x28, element, b"US", &value.to_le_bytes());
    }
    put(0x28, 0x1052, b"DS", b"-1024 ");
    put(0x28, 0x1053, b"DS", b"1 ");
    f.extend([0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    f.extend([0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]);
    for frame in frames {
        f.extend([0xfe, 0xff, 0, 0xe0]);
        f.extend((frame.len().next_multiple_of(2) as u32).to_le_bytes());
        f.extend(frame);
        f.extend(&[0u8; 1][..frame.len() % 2]);
    }
    f.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    f
}

fn frame_head(marker: u8, bits: u8, [rows, columns]: [usize; 2]) -> Vec<u8> {
    let [r, c] = [rows, columns].map(|n| (n as u16).to_be_bytes());
    vec![0xff, marker, 0, 11, bits, r[0], r[1], c[0], c[1], 1, 1, 0x11, 0]
}

/// Every difference 0, one bit each: as many pixels as bits.
fn jpeg_lossless(size: [usize; 2]) -> Vec<u8> {
    let mut f = vec![0xff, 0xd8, 0xff, 0xc4, 0, 20, 0, 1];
    f.extend([0; 15]);
    f.push(0);
    f.extend(frame_head(0xc3, 16, size));
    f.extend([0xff, 0xda, 0, 8, 1, 1, 0, 7, 0, 0]);
    f.extend(vec![0u8; size[0] * size[1] / 8 + 8]);
    f.extend([0xff, 0xd9]);
    f
}

/// All runs, as long as they may be; or `noise`, every pixel coded.
fn jpeg_ls(size: [usize; 2], bytes: usize, noise: bool) -> Vec<u8> {
    let mut f = vec![0xff, 0xd8];
    f.extend(frame_head(0xf7, 12, size));
    f.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0]);
    let mut state = 1u64;
    f.extend((0..bytes).map(|n| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        if noise { (state >> 40) as u8 & 0xfe } else { [0xff, 0x7f][n % 2] }
    }));
    f.extend([0xff, 0xd9]);
    f
}

/// No block coded at all.
fn jpeg_2000([rows, columns]: [usize; 2], bytes: usize) -> Vec<u8> {
    let [r, c] = [rows, columns].map(|n| (n as u32).to_be_bytes());
    let mut f = vec![0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0];
    for word in [c, r, [0; 4], [0; 4], c, r, [0; 4], [0; 4]] {
        f.extend(word);
    }
    f.extend([0, 1, 15, 1, 1]);
    f.extend([0xff, 0x52, 0, 12, 0, 0, 0, 1, 0, 5, 4, 4, 0, 1]);
    f.extend([0xff, 0x5c, 0, 19, 0x40]);
    f.extend([0x88; 16]);
    f.extend([0xff, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x93]);
    f.extend(vec![0u8; 6.max(bytes)]);
    f.extend([0xff, 0xd9]);
    f
}

/// The longest runs there are.
fn rle(size: [usize; 2]) -> Vec<u8> {
    let segment = (size[0] * size[1]).div_ceil(128) * 2;
    let mut f = vec![0; 64];
    f[0] = 2;
    f[4] = 64;
    f[8..12].copy_from_slice(&(64 + segment as u32).to_le_bytes());
    for value in [1u8, 2] {
        f.extend([0x81, value].repeat(segment / 2));
    }
    f
}

/// Every block grey: DC difference 0, end of block, a bit each.
fn jpeg_baseline(size: [usize; 2]) -> Vec<u8> {
    let mut f = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    f.extend([1; 64]);
    for class in [0u8, 0x10] {
        f.extend([0xff, 0xc4, 0, 20, class, 1]);
        f.extend([0; 15]);
        f.push(0);
    }
    f.extend(frame_head(0xc0, 8, size));
    f.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    f.extend(vec![0u8; size[0] * size[1] / 64 / 4 + 64]);
    f.extend([0xff, 0xd9]);
    f
}

/// Memory above what is held now, MB, and what `work` gives.
fn peak<T>(work: impl FnOnce() -> T) -> (T, Option<u64>) {
    let status = |key: &str| {
        let all = std::fs::read_to_string("/proc/self/status").ok()?;
        all.lines().find(|l| l.starts_with(key))?.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    // Sets the peak to what is held now.
    let can = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = status("VmRSS");
    let made = work();
    let after = status("VmHWM").filter(|_| can);
    (made, after.zip(before).map(|(a, b)| a.saturating_sub(b) >> 10))
}

fn params() -> osteomill::scan::ScanParams {
    #[derive(serde::Deserialize)]
    struct File {
        scan: osteomill::scan::ScanParams,
    }
    toml::from_str::<File>(include_str!("../pipelines/cranial-peek.toml")).expect("shipped").scan
}

/// One at a time in one test: the peak is the process's.
#[test]
fn packed_images_and_bombs_of_a_megabyte_get_an_answer_in_time_and_memory() {
    let square = [SIDE, SIDE];
    let million = [2880, 2896];
    let small = [512, 512];
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("JPEG lossless", packed("1.2.840.10008.1.2.4.70", million, 16, &[jpeg_lossless(million)])),
        ("JPEG-LS, runs", packed("1.2.840.10008.1.2.4.80", square, 12, &[jpeg_ls(square, 8192, false)])),
        (
            "JPEG-LS, runs, padded",
            packed("1.2.840.10008.1.2.4.80", square, 12, &[jpeg_ls(square, MB - 900, false)]),
        ),
        (
            "JPEG-LS, noise",
            packed("1.2.840.10008.1.2.4.80", [900, 900], 12, &[jpeg_ls([900, 900], MB - 900, true)]),
        ),
        ("JPEG 2000, empty", packed("1.2.840.10008.1.2.4.90", square, 16, &[jpeg_2000(square, 0)])),
        ("JPEG 2000, padded", packed("1.2.840.10008.1.2.4.90", square, 16, &[jpeg_2000(square, MB - 900)])),
        ("RLE", packed("1.2.840.10008.1.2.5", square, 16, &[rle(square)])),
        ("JPEG baseline", packed("1.2.840.10008.1.2.4.50", square, 8, &[jpeg_baseline(square)])),
        ("RLE, 100 frames", packed("1.2.840.10008.1.2.5", small, 16, &vec![rle(small); 100])),
        (
            "JPEG-LS, 1000 frames",
            packed("1.2.840.10008.1.2.4.80", small, 12, &vec![jpeg_ls(small, 200, false); 1000]),
        ),
        (
            "JPEG 2000, 3000 frames",
            packed("1.2.840.10008.1.2.4.90", small, 16, &vec![jpeg_2000(small, 0); 3000]),
        ),
    ];
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        assert!(bytes.len() <= MB, "{name} has {} bytes", bytes.len());
        let (length, path) = (bytes.len(), dir.path().join("x"));
        std::fs::write(&path, &bytes).expect("writable");
        judge(&format!("{name}, values"), length, || {
            osteomill::scan::stored_frames(bytes)
                .map(|f| f.map(|f| f.frames.len()))
                .map_err(|e| e.to_string())
        });
        judge(&format!("{name}, scan"), length, || read(&path));
    }
    let zeros = vec![0u8; 8 * MB];
    for (name, method) in
        [("zip, deflated", zip::CompressionMethod::Deflated), ("zip, stored", zip::CompressionMethod::Stored)]
    {
        let path = dir.path().join("z.zip");
        let mut z = zip::ZipWriter::new(std::fs::File::create(&path).expect("writable"));
        let count = if method == zip::CompressionMethod::Stored { 0 } else { 100 };
        for n in 0..count {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            z.start_file(format!("{n}"), options).expect("an entry");
            std::io::Write::write_all(&mut z, &zeros).expect("writable");
        }
        z.finish().expect("writable");
        let length = std::fs::metadata(&path).expect("written").len() as usize;
        assert!(length <= MB, "{name}: {length}");
        judge(name, length, || read(&path));
    }
}

fn read(path: &Path) -> Result<Option<usize>, String> {
    let scan = osteomill::scan::read_scan(path, &params(), &osteomill::model::Silent);
    scan.map(|s| Some(s.volume.hu.len())).map_err(|e| e.to_string())
}

fn judge(name: &str, length: usize, work: impl FnOnce() -> Result<Option<usize>, String>) {
    let start = Instant::now();
    let (made, peak_mb) = peak(work);
    let seconds = start.elapsed().as_secs_f64();
    let said = match made {
        Ok(n) => format!("read: {n:?}"),
        Err(e) => e.chars().take(150).collect(),
    };
    println!("{name}: {length} bytes, {seconds:.3} s, {peak_mb:?} MB; {said}");
    // 1 s is for the optimised program on a machine of its own.
    let limit = if cfg!(debug_assertions) { 6.0 } else { 1.0 };
    assert!(seconds < limit, "{name} takes {seconds} s");
    if let Some(mb) = peak_mb {
        assert!(mb as usize <= 200 + 4 * length / MB, "{name} takes {mb} MB");
    }
}
