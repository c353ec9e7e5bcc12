//! Lines along which a value over a lattice is the same.

use std::collections::BTreeMap;

use super::plane::Plane;

/// Level lines of `value` (finite on the region) at `level`, over cells whose four nodes satisfy `on`. The side below
/// the level is on the left. Closed lines repeat their first point.
pub fn level_lines(
    plane: &Plane,
    value: &[f64],
    level: f64,
    on: impl Fn(usize) -> bool,
) -> Vec<Vec<[f64; 2]>> {
    let nx = plane.nx;
    let above = |at: usize| value[at] > level;
    let mut place: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
    let mut next: BTreeMap<usize, usize> = BTreeMap::new();
    let mut has_before: BTreeMap<usize, bool> = BTreeMap::new();
    for j in 0..plane.ny.saturating_sub(1) {
        for i in 0..nx - 1 {
            let at = j * nx + i;
            let corner = [at, at + 1, at + 1 + nx, at + nx];
            let mask = corner.map(above);
            if mask == [true; 4] || mask == [false; 4] || !corner.iter().all(|&c| on(c)) {
                continue;
            }
            let edge = [2 * at, 2 * (at + 1) + 1, 2 * (at + nx), 2 * at + 1];
            let ends = [(at, at + 1), (at + 1, at + 1 + nx), (at + nx, at + nx + 1), (at, at + nx)];
            for from in (0..4).filter(|&k| !mask[k] && mask[(k + 1) % 4]) {
                let to = (1..4)
                    .map(|s| (from + s) % 4)
                    .find(|&k| mask[k] && !mask[(k + 1) % 4])
                    .expect("as many stop as start");
                for k in [from, to] {
                    let (a, b) = ends[k];
                    place.entry(edge[k]).or_insert_with(|| {
                        let (pa, pb) = (plane.xy(a), plane.xy(b));
                        let d = value[b] - value[a];
                        // Beside a cliff the place says nothing: stay by the lower node.
                        let t = if d.is_finite() && d.abs() < 2.0 {
                            ((level - value[a]) / d).clamp(0.0, 1.0)
                        } else if value[a] <= level {
                            0.0
                        } else {
                            1.0
                        };
                        [pa[0] + (pb[0] - pa[0]) * t, pa[1] + (pb[1] - pa[1]) * t]
                    });
                }
                next.insert(edge[from], edge[to]);
                has_before.insert(edge[to], true);
            }
        }
    }
    let mut used: BTreeMap<usize, bool> = BTreeMap::new();
    let mut out = Vec::new();
    for &start in next.keys().filter(|e| !has_before.contains_key(e)).chain(next.keys()) {
        if used.insert(start, true).is_some() {
            continue;
        }
        let mut line = vec![place[&start]];
        let mut at = start;
        while let Some(&to) = next.get(&at) {
            line.push(place[&to]);
            if used.insert(to, true).is_some() {
                break;
            }
            at = to;
        }
        out.push(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_line_of_a_cone_is_a_circle_with_the_low_side_on_its_left() {
        let plane = Plane::over([-6.0, -6.0], [6.0, 6.0], 0.25);
        let cone: Vec<f64> = (0..plane.len()).map(|at| plane.xy(at)[0].hypot(plane.xy(at)[1])).collect();
        let lines = level_lines(&plane, &cone, 4.0, |_| true);
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line.first(), line.last());
        let mut area = 0.0;
        for w in line.windows(2) {
            area += 0.5 * (w[0][0] * w[1][1] - w[1][0] * w[0][1]);
            // Linear interpolation of a cone over 0.25 mm errs by 0.25²/(8·4) = 2 µm.
            assert!((w[0][0].hypot(w[0][1]) - 4.0).abs() < 0.004);
        }
        // Counter-clockwise: the inside, which is low, is on the left. An inscribed polygon loses a little.
        assert!((area - 16.0 * std::f64::consts::PI).abs() < 0.1, "{area}");
    }
}
