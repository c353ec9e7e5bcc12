//! Slices that lie aslant or at uneven steps, and what moves them back.

use super::*;

#[test]
fn slices_that_drift_evenly_are_moved_back_by_their_positions() {
    // Half a column per slice, with the picture moved against it: upright columns again.
    let dir = series(|k, o| {
        put(
            o,
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("{}\\-20\\{}", -10.0 - 0.5 * k as f64, 30.0 + k as f64),
        );
        let pixels: Vec<u16> = (0..20).map(|at| (1024 + 100 * (at % 5) - 100 * k) as u16).collect();
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    });
    let scan = read_scan(dir.path(), &params(), &Silent).expect("an even drift");
    let g = &scan.volume.grid;
    assert_eq!(g.dims, [10, 4, 6], "five columns of drift are added");
    assert_eq!(g.origin_lps_mm.mm, [-12.5, -20.0, 30.0]);
    for k in 0..6 {
        for i in 0..5 {
            // Whole columns: no pixel is interpolated.
            let expected = 100 * i as i16 - 100 * k as i16;
            assert_eq!(scan.volume.hu[g.at(5 + i - k, 2, k)], expected);
        }
        assert_eq!(scan.volume.hu[g.at(if k == 5 { 9 } else { 0 }, 2, k)], -1024, "nothing was seen there");
    }
    let tilt = scan.facts.findings.iter().find(|f| f.id == "tilt").expect("it leans");
    assert_eq!(tilt.severity, Severity::Review);
    assert!(tilt.message.contains("sheared by 26.57 degrees"), "{}", tilt.message);
    assert!(scan.facts.resampled.is_some());
}

#[test]
fn slices_on_a_bent_line_are_refused() {
    let message = refused(|k, o| {
        let bend = -20.0 + 0.05 * (k * k) as f64;
        put(o, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\{bend}\\{}", 30.0 + k as f64));
    });
    assert!(message.contains("beside the straight line"), "{message}");
}

fn resampling() -> ScanParams {
    let mut toml: ScanToml = params().into();
    toml.resample = true;
    toml.try_into().expect("valid")
}

#[test]
fn uneven_steps_are_interpolated_when_asked_and_reviewed() {
    let dir = series(|k, o| {
        if k > 2 {
            put(o, tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{}", 31.0 + k as f64));
            let pixels: Vec<u16> = (0..20).map(|at| (1124 + 100 * k + at % 5) as u16).collect();
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        }
    });
    let scan = read_scan(dir.path(), &resampling(), &Silent).expect("asked to interpolate");
    let g = &scan.volume.grid;
    assert_eq!((g.dims, g.spacing_mm[2]), ([5, 4, 7], 1.0));
    for k in 0..7 {
        // HU rise by 100 per mm: a cubic through a line is the line.
        assert_eq!(scan.volume.hu[g.at(2, 1, k)], 100 * k as i16 + 2);
    }
    let found = scan.facts.findings.iter().find(|f| f.id == "uneven-steps").expect("uneven");
    assert_eq!((found.severity, found.measured), (Severity::Review, Some(2.0)));
}

#[test]
fn a_cubic_through_uneven_places_keeps_parabolas() {
    let places = [0.0, 1.0, 1.8, 4.0, 5.0, 6.1];
    let value = |t: f64| 3.0 - 2.0 * t + 0.5 * t * t;
    for n in 10..50 {
        let t = n as f64 * 0.1;
        let sum: f64 = resample::through(&places, t).iter().map(|&(k, w)| w * value(places[k])).sum();
        assert!((sum - value(t)).abs() < 1e-9, "{t}: {sum} for {}", value(t));
    }
}

/// Rows of a plate of 2 mm, blurred by 0.9 mm, whose middle lies at `middle_mm` along j.
fn plate(middle_mm: impl Fn(usize) -> f64) -> Volume {
    let dims = [4, 200, 9];
    let sigma = 0.9 / 2.355;
    // Abramowitz and Stegun 7.1.26: 1.5e-7.
    let erf = |x: f64| {
        let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
        let p = ((((1.061_405_429 * t - 1.453_152_027) * t) + 1.421_413_741) * t - 0.284_496_736) * t;
        (1.0 - (p + 0.254_829_592) * t * (-x * x).exp()) * x.signum()
    };
    let edge = |d: f64| 0.5 * (1.0 + erf(d / (sigma * std::f64::consts::SQRT_2)));
    let mut hu = Vec::new();
    for k in 0..dims[2] {
        for j in 0..dims[1] {
            let y = j as f64 * 0.45 - middle_mm(k);
            let v = 40.0 + 1260.0 * (edge(y + 1.0) - edge(y - 1.0));
            hu.extend([v.round() as i16; 4]);
        }
    }
    let unit = |a: usize| crate::model::Dir::new(std::array::from_fn(|b| f64::from(u8::from(a == b))));
    let grid = crate::model::Grid {
        dims,
        spacing_mm: [0.45, 0.45, 1.0],
        origin_lps_mm: crate::model::Point::new([0.0; 3]),
        axes_lps: [unit(0), unit(1), unit(2)],
    };
    Volume { grid, hu }
}

#[test]
fn a_moved_plate_is_the_plate_scanned_straight_and_the_sinc_is_nearest() {
    let beside = |k: usize| 0.2964 * k as f64;
    // In the slice's own frame the plate lies further back by as much as the slice lies ahead.
    let sheared = plate(|k| 45.0 - beside(k));
    let straight = plate(|_| 45.0);
    let moves: Vec<[f64; 2]> = (0..9).map(|k| [0.0, beside(k)]).collect();
    let error = |kernel| {
        let moved = resample::unshear(&sheared, &moves, kernel);
        // Some 4 mm either side of the plate, where both are covered.
        let near = (0..9).flat_map(|k| (90..111).map(move |j| (j, k)));
        let d: Vec<f64> = near
            .map(|(j, k)| {
                f64::from(moved.hu[moved.grid.at(1, j, k)])
                    - f64::from(straight.hu[straight.grid.at(1, j, k)])
            })
            .collect();
        (d.iter().map(|x| x * x).sum::<f64>() / d.len() as f64).sqrt()
    };
    let [linear, cubic, sinc] =
        [resample::Kernel::Linear, resample::Kernel::Cubic, resample::Kernel::Sinc].map(error);
    println!("RMS over a plate of 2 mm: linear {linear:.2} HU, cubic {cubic:.2}, sinc {sinc:.2}");
    // 5 HU move the half-maximum edge of a plate of 1260 HU by 5 / (1260 / 0.96 mm) = 0.004 mm.
    assert!(sinc < 5.0 && sinc < cubic && cubic < linear);
}
