//! Push-in test: moved inward along its axis, where does the part first meet bone, and does that hold it?

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::geometry::Bvh;
use crate::model::Part;

use super::fit::Measured;
use super::params::InspectToml;
use super::rim::RimSample;

/// What the push came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seat {
    /// Contacts enough, spread wide enough.
    pub seated: bool,
    /// To the first contact, mm.
    pub first_mm: Option<f64>,
    /// Contact places.
    pub places: usize,
    /// Angle they span, degrees.
    pub span_deg: f64,
}

/// Contacts closer than this, seen from the middle, are one place; a longer contact counts once per this angle.
const PLACE_DEG: f64 = 30.0;

/// Pushes the part. Each place moves along −z until its line meets bone, so no step is too coarse.
pub fn push_in(measured: &[Measured], rim: &[RimSample], bone: &Bvh<Part>, t: &InspectToml) -> Seat {
    let travel: Vec<(f64, Vector3<f64>)> = measured
        .par_iter()
        .with_min_len(512)
        .filter_map(|m| {
            let d = m.bone_mm?;
            if d <= 0.0 {
                return Some((0.0, m.p));
            }
            let hit = bone.first_hit(m.p.into(), [0.0, 0.0, -1.0], 0.0, t.push_in_search_mm)?;
            Some((hit.t, m.p))
        })
        .collect();
    let first_mm = travel.iter().map(|h| h.0).min_by(f64::total_cmp);
    let n = rim.len().max(1) as f64;
    let middle = rim.iter().fold(Vector3::zeros(), |s, r| s + r.p) / n;
    let mut angles: Vec<f64> = travel
        .iter()
        .filter(|h| h.0 <= t.push_in_mm)
        .map(|h| (h.1.y - middle.y).atan2(h.1.x - middle.x).to_degrees())
        .collect();
    angles.sort_by(f64::total_cmp);
    let (places, span_deg) = spread(&angles);
    let seated = places >= t.push_in_contacts_min && span_deg > t.push_in_span_deg_min;
    Seat { seated, first_mm, places, span_deg }
}

/// Places and span of sorted angles in degrees.
fn spread(angles: &[f64]) -> (usize, f64) {
    let (Some(&first), Some(&last)) = (angles.first(), angles.last()) else { return (0, 0.0) };
    let across = first + 360.0 - last;
    let (mut widest, mut begin) = (across, 0);
    for i in 1..angles.len() {
        if angles[i] - angles[i - 1] > widest {
            (widest, begin) = (angles[i] - angles[i - 1], i);
        }
    }
    // From the far side of the widest gap, take places one after the other.
    let mut places = 0;
    let mut edge = f64::NEG_INFINITY;
    for i in 0..angles.len() {
        let at = (begin + i) % angles.len();
        let angle = angles[at] + if at < begin { 360.0 } else { 0.0 };
        if angle >= edge {
            places += 1;
            edge = angle + PLACE_DEG;
        }
    }
    (places, 360.0 - widest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_places_around_span_and_three_on_one_side_do_not() {
        assert_eq!(spread(&[-120.0, -119.0, 0.0, 120.0]), (3, 240.0));
        assert_eq!(spread(&[0.0, 40.0, 80.0]), (3, 80.0));
        assert_eq!(spread(&[170.0, 190.0, 199.0]), (1, 29.0));
        assert_eq!(spread(&[]), (0, 0.0));
    }

    #[test]
    fn contact_all_round_is_many_places() {
        let all: Vec<f64> = (-180..180).map(f64::from).collect();
        let (places, span_deg) = spread(&all);
        assert!(places >= 12 && span_deg > 350.0);
    }
}
