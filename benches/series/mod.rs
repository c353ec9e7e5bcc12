//! A CT series of 400 uncompressed slices of 512 x 512, for benchmarks.

use std::path::Path;

/// Writes the series: names in another order than the slices.
pub fn write(folder: &Path) {
    for k in 0..400 {
        std::fs::write(folder.join(format!("{:03}", k * 149 % 400)), slice(k)).expect("writable");
    }
}

fn element(f: &mut Vec<u8>, group: u16, element: u16, vr: &[u8; 2], value: &[u8]) {
    f.extend([group.to_le_bytes(), element.to_le_bytes()].concat());
    f.extend(vr);
    let odd = value.len() % 2;
    if vr == b"OW" {
        f.extend([0, 0]);
        f.extend((value.len() as u32).to_le_bytes());
    } else {
        f.extend(((value.len() + odd) as u16).to_le_bytes());
    }
    f.extend(value);
    f.extend(std::iter::repeat_n(b' ', odd));
}

/// Slice `k` of a ball of bone in air.
fn slice(k: usize) -> Vec<u8> {
    let mut f = vec![0; 128];
    f.extend(b"DICM");
    let us = |v: u16| v.to_le_bytes();
    element(&mut f, 2, 0x10, b"UI", b"1.2.840.10008.1.2.1");
    element(&mut f, 8, 8, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL");
    element(&mut f, 8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.2");
    element(&mut f, 8, 0x18, b"UI", format!("1.2.3.5.{k}").as_bytes());
    element(&mut f, 8, 0x60, b"CS", b"CT");
    element(&mut f, 0x10, 0x20, b"LO", b"phantom");
    element(&mut f, 0x18, 0x50, b"DS", b"0.5");
    element(&mut f, 0x20, 0x0d, b"UI", b"1.2.3");
    element(&mut f, 0x20, 0x0e, b"UI", b"1.2.3.4");
    element(&mut f, 0x20, 0x13, b"IS", format!("{}", k + 1).as_bytes());
    element(&mut f, 0x20, 0x32, b"DS", format!("-128\\-128\\{}", 0.5 * k as f64).as_bytes());
    element(&mut f, 0x20, 0x37, b"DS", b"1\\0\\0\\0\\1\\0");
    element(&mut f, 0x20, 0x52, b"UI", b"1.2.3.6");
    element(&mut f, 0x28, 2, b"US", &us(1));
    element(&mut f, 0x28, 4, b"CS", b"MONOCHROME2");
    element(&mut f, 0x28, 0x10, b"US", &us(512));
    element(&mut f, 0x28, 0x11, b"US", &us(512));
    element(&mut f, 0x28, 0x30, b"DS", b"0.5\\0.5");
    for (tag, value) in [(0x100, 16), (0x101, 16), (0x102, 15), (0x103, 1)] {
        element(&mut f, 0x28, tag, b"US", &us(value));
    }
    element(&mut f, 0x28, 0x1052, b"DS", b"-1024");
    element(&mut f, 0x28, 0x1053, b"DS", b"1");
    let pixels: Vec<u8> = (0..512 * 512)
        .flat_map(|at| {
            let [x, y, z] = [at % 512, at / 512, k].map(|v| v as f64);
            let r = ((x - 256.0).powi(2) + (y - 256.0).powi(2) + (z - 200.0).powi(2)).sqrt();
            let grain = (at * 7919 + k * 104_729) % 61;
            (if r < 180.0 { 1900 + grain as i16 } else { grain as i16 }).to_le_bytes()
        })
        .collect();
    element(&mut f, 0x7fe0, 0x10, b"OW", &pixels);
    f
}
