//! Files made to break a reader: whatever the bytes, an answer within a second and within bounded memory, no panic.
//!
//! `OSTEOMILL_MUTATIONS` says how many files (300 without it), `OSTEOMILL_MUTATIONS_FROM` the number of the first:
//! file n is the same every time.

use std::path::{Path, PathBuf};
use std::time::Instant;

/// xorshift64*; the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }
}

/// Explicit little endian CT of 64 × 64, native, so that there is always something to break.
fn made_up() -> Vec<u8> {
    let mut f = vec![0; 128];
    f.extend(b"DICM");
    let mut put = |group: u16, element: u16, vr: &[u8; 2], value: &[u8]| {
        f.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
        f.extend(vr);
        if vr == b"OW" {
            f.extend([0, 0]);
            f.extend((value.len() as u32).to_le_bytes());
        } else {
            f.extend((value.len() as u16).to_le_bytes());
        }
        f.extend(value);
    };
    put(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0");
    put(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0");
    put(8, 0x60, b"CS", b"CT");
    put(0x20, 0x32, b"DS", b"0\\0\\0 ");
    put(0x20, 0x37, b"DS", b"1\\0\\0\\0\\1\\0 ");
    put(0x28, 2, b"US", &[1, 0]);
    put(0x28, 4, b"CS", b"MONOCHROME2 ");
    put(0x28, 0x10, b"US", &[64, 0]);
    put(0x28, 0x11, b"US", &[64, 0]);
    put(0x28, 0x30, b"DS", b"1\\1 ");
    for (element, value) in [(0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)] {
        put(0x28, element, b"US", &[value, 0]);
    }
    put(0x28, 0x1052, b"DS", b"-1024 ");
    put(0x28, 0x1053, b"DS", b"1 ");
    let pixels: Vec<u8> = (0..64 * 64u32).flat_map(|n| ((n % 4096) as u16).to_le_bytes()).collect();
    put(0x7fe0, 0x10, b"OW", &pixels);
    f
}

/// The corpus of real files up to 1 MB, and the made-up one.
fn corpus() -> Vec<Vec<u8>> {
    let mut files = vec![made_up()];
    let root = std::env::var_os("OSTEOMILL_SCANS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/scans"), PathBuf::from);
    if !root.join("reader").is_dir() {
        println!(
            "skipped: no reader corpus; set OSTEOMILL_SCANS to the folder that holds it. The made-up file only."
        );
        return files;
    }
    for entry in walkdir::WalkDir::new(root.join("reader")).sort_by_file_name().into_iter().flatten() {
        if entry.file_type().is_file() && entry.metadata().is_ok_and(|m| m.len() <= 1 << 20) {
            files.extend(std::fs::read(entry.path()));
        }
    }
    files
}

/// One to four changes: bits, bytes at their extremes, lengths, cuts, insertions, repeats. Half of them fall into the
/// first kilobytes or into the compressed stream's own header, where they do most.
fn mutate(file: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut f = file.to_vec();
    let stream = f.windows(4).position(|w| {
        w == [0xff, 0xd8, 0xff, 0xe0] || w == [0xff, 0x4f, 0xff, 0x51] || w == [0xff, 0xd8, 0xff, 0xf7]
    });
    for _ in 0..=dice.below(4) {
        if f.is_empty() {
            break;
        }
        let at = match (dice.below(4), stream) {
            (0, _) => dice.below(f.len()),
            (1, Some(s)) if s < f.len() => s + dice.below(200.min(f.len() - s)),
            _ => dice.below(f.len().min(4096)),
        };
        match dice.below(8) {
            0 | 1 => f[at] ^= 1 << dice.below(8),
            2 => f[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][dice.below(6)],
            3 => {
                let lengths = [0u32, 1, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff, 0x00ff_ffff, 0x8000_0000];
                let value = lengths[dice.below(7)].to_le_bytes();
                for (to, from) in f[at..].iter_mut().zip(value) {
                    *to = from;
                }
            }
            4 => f.truncate(at),
            5 => {
                let bytes: Vec<u8> = (0..1 + dice.below(16)).map(|_| dice.roll() as u8).collect();
                f.splice(at..at, bytes);
            }
            6 => {
                let end = (at + 1 + dice.below(64)).min(f.len());
                f.drain(at..end);
            }
            _ => {
                let end = (at + 1 + dice.below(256)).min(f.len());
                let piece = f[at..end].to_vec();
                f.splice(at..at, piece);
            }
        }
    }
    f
}

/// The most memory this process has held, in bytes; `None` where the system does not say.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |v| v.parse().expect("a whole number"))
}

#[test]
fn mutated_files_get_an_answer_in_time_and_memory() {
    let files = corpus();
    let (from, count) = (number("OSTEOMILL_MUTATIONS_FROM", 0), number("OSTEOMILL_MUTATIONS", 300));
    let before = peak_bytes();
    // The reader turns a decoder's panic into an error; here it is a fault all the same.
    static PANICS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        usual(info);
    }));
    let (mut read, mut refused, mut other) = (0, 0, 0);
    let mut slowest = (0.0, 0);
    for n in from..from + count {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (n + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
        dice.roll();
        let seed = &files[dice.below(files.len())];
        let file = mutate(seed, &mut dice);
        let timed = || {
            let start = Instant::now();
            let outcome = std::panic::catch_unwind(|| osteomill::scan::stored_frames(file.clone()));
            (outcome, start.elapsed().as_secs_f64())
        };
        let (outcome, mut seconds) = timed();
        // Other work on the machine may have taken the time: the least of four counts.
        for _ in 0..3 {
            if seconds > 0.5 {
                seconds = seconds.min(timed().1);
            }
        }
        if seconds > slowest.0 {
            slowest = (seconds, n);
        }
        match outcome.unwrap_or_else(|_| panic!("file {n} makes the reader panic")) {
            Ok(Some(_)) => read += 1,
            Ok(None) => other += 1,
            Err(e) => {
                refused += 1;
                let message = e.to_string();
                assert!(message.len() < 1200 && !message.contains('\n'), "file {n}: {message}");
            }
        }
    }
    let panics = PANICS.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(panics, 0, "decoders panicked");
    println!("{count} from {from}: {read} read, {refused} refused, {other} no DICOM; slowest {slowest:?}");
    // 1 s is for the optimised program on a machine of its own; this one may be neither.
    assert!(
        slowest.0 < if cfg!(debug_assertions) { 3.0 } else { 1.0 },
        "file {} takes {} s",
        slowest.1,
        slowest.0
    );
    if let (Some(before), Some(after)) = (before, peak_bytes()) {
        let largest = files.iter().map(Vec::len).max().unwrap_or(0) as u64;
        println!("peak {} MB above the corpus", (after - before) >> 20);
        assert!(after - before <= (200 << 20) + 4 * largest, "peak memory {} bytes", after - before);
    }
}

#[test]
fn a_deflate_bomb_is_refused_with_its_ratio() {
    use std::io::Write;
    let whole = made_up();
    let mut file = whole[..132].to_vec();
    file.extend([2, 0, 0x10, 0, b'U', b'I', 22, 0]);
    file.extend(b"1.2.840.10008.1.2.1.99");
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&whole[132 + 28..]).expect("in memory");
    for _ in 0..200 {
        packer.write_all(&vec![0; 1 << 20]).expect("in memory");
    }
    file.extend(packer.finish().expect("in memory"));
    assert!(file.len() < 1 << 20, "the bomb is small: {}", file.len());
    let start = Instant::now();
    let message = osteomill::scan::stored_frames(file).expect_err("a bomb").to_string();
    assert!(message.contains("to 1") && message.contains("exhaust memory"), "{message}");
    assert!(start.elapsed().as_secs_f64() < 2.0, "{:?}", start.elapsed());
}
