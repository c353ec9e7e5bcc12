//! Memory for a whole volume, asked for in huge pages.
//!
//! The first touch of fresh 4 kB pages runs at 2 GB/s, a seventeenth of refilling a used buffer (measured on two cores;
//! what it gains is in `docs/loading.md`). A volume of 400 slices of 512 x 512 has 51 200 of them, and 100 of 2 MB.

/// Smaller vectors are left as the allocator gives them: two huge pages, so that one is whole wherever they begin.
const WORTH_BYTES: usize = 4 << 20;

/// `len` zeros. Where the system has huge pages, they are asked for; the values are the same either way.
pub fn zeroed<T: Copy + Default>(len: usize) -> Vec<T> {
    // Of plain numbers this takes pages nobody has touched yet.
    let mut values = vec![T::default(); len];
    if std::mem::size_of_val(&values[..]) >= WORTH_BYTES {
        ask_for_huge_pages(&mut values);
    }
    values
}

#[cfg(target_os = "linux")]
fn ask_for_huge_pages<T>(values: &mut [T]) {
    const PAGE: usize = 4096;
    let bytes = std::mem::size_of_val(values);
    let start = values.as_mut_ptr() as usize;
    let skipped = start.next_multiple_of(PAGE) - start;
    let length = bytes.saturating_sub(skipped) / PAGE * PAGE;
    // A wish: where it is not granted the pages are small.
    // SAFETY: the range lies within `values`, which is borrowed; this advice changes neither content nor protection.
    let _ = unsafe {
        let first = values.as_mut_ptr().byte_add(skipped).cast();
        rustix::mm::madvise(first, length, rustix::mm::Advice::LinuxHugepage)
    };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages<T>(_: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_zeros_are_zeros() {
        let mut values: Vec<i16> = zeroed((WORTH_BYTES / 2) + 12_345);
        assert!(values.iter().all(|&v| v == 0));
        values.fill(7);
        assert_eq!((values.len(), values[values.len() - 1]), (WORTH_BYTES / 2 + 12_345, 7));
        assert!(zeroed::<f32>(0).is_empty());
    }
}
