//! How far round the mill's edge stands in stock along every move of roughing: a sampler for the tests.
//!
//! **Method** The blank's top on pixels of 0.1 mm, the disc moved a pixel at a time. *Engagement* is the share of the
//! edge's leading half that meets stock, the disc not having cut at its new place yet. Its pixels lie elsewhere than
//! those the moves were made on, and it shares no code with them.

use std::sync::LazyLock;

use crate::model::*;

use super::make::Maker;
use super::plate::{PEEK_FORM, params};
use super::rough::engagement_rad;
use super::scene::Scene;
use super::*;

const PIXEL_MM: f64 = 0.1;
/// Thinner than this is none, mm.
const FILM_MM: f64 = 0.05;

/// Heights of the stock on pixels.
struct Sampler {
    origin: [f64; 2],
    n: [usize; 2],
    top: Vec<f64>,
    /// Below it nothing stands.
    floor: Vec<f64>,
}

/// What a program of one mill did.
#[derive(Debug, Default)]
struct Seen {
    /// Level moves at the cutting feed, and of these what met nothing, mm.
    cut_mm: f64,
    air_mm: f64,
    /// More than four degrees above the bound, mm.
    above_mm: f64,
    /// Degrees.
    largest_deg: f64,
    /// Level moves at the feed of entries that are above the bound, mm.
    slow_mm: f64,
    /// Deepest rapid in stock, mm.
    rapid_mm: f64,
    /// Length by engagement, five degrees a bin, mm.
    bins: Vec<f64>,
}

impl Sampler {
    fn new(scene: &Scene) -> Self {
        // Off the lattice of the moves by a third of a pixel and a bit.
        let origin = [scene.stock_lo[0] - 0.037, scene.stock_lo[1] - 0.041];
        let n = [0, 1].map(|a| ((scene.stock_hi[a] - origin[a]) / PIXEL_MM) as usize + 1);
        let all = n[0] * n[1];
        Self { origin, n, top: vec![scene.stock_hi[2]; all], floor: vec![f64::NEG_INFINITY; all] }
    }

    fn at(&self, x: f64, y: f64) -> Option<usize> {
        let i = ((x - self.origin[0]) / PIXEL_MM).round();
        let j = ((y - self.origin[1]) / PIXEL_MM).round();
        (i >= 0.0 && j >= 0.0 && i < self.n[0] as f64 && j < self.n[1] as f64)
            .then(|| j as usize * self.n[0] + i as usize)
    }

    fn stands(&self, at: usize, z: f64) -> bool {
        self.top[at] > z.max(self.floor[at]) + FILM_MM
    }

    fn disc(&self, p: [f64; 3], r: f64) -> Vec<usize> {
        let (i, j) = ((p[0] - self.origin[0]) / PIXEL_MM, (p[1] - self.origin[1]) / PIXEL_MM);
        let r = r / PIXEL_MM;
        let mut out = Vec::new();
        for y in
            (j - r).ceil().max(0.0) as usize..((j + r).floor().max(-1.0) + 1.0).min(self.n[1] as f64) as usize
        {
            let half = (r * r - (y as f64 - j).powi(2)).max(0.0).sqrt();
            let (from, to) = ((i - half).ceil().max(0.0) as usize, (i + half).floor());
            if to >= 0.0 {
                out.extend((from..(to as usize + 1).min(self.n[0])).map(|x| y * self.n[0] + x));
            }
        }
        out
    }

    /// Degrees of the edge's leading half in stock.
    fn engaged(&self, p: [f64; 3], towards: [f64; 2], r: f64) -> f64 {
        static EDGE: LazyLock<Vec<(f64, f64)>> =
            LazyLock::new(|| (0..720).map(|k| (f64::from(k) * 0.5).to_radians().sin_cos()).collect());
        let leads = |c: f64, s: f64| c * towards[0] + s * towards[1] > 1e-9;
        let meets =
            |c: f64, s: f64| self.at(p[0] + r * c, p[1] + r * s).is_none_or(|at| self.stands(at, p[2]));
        0.5 * EDGE.iter().filter(|(s, c)| leads(*c, *s) && meets(*c, *s)).count() as f64
    }

    /// Runs moves. Entries (moves that go down while they go on, and the level turn or stroke after them at the same
    /// feed) are cut and not counted.
    fn run(&mut self, moves: &[Move], r: f64, bound_deg: f64) -> Seen {
        let mut seen = Seen { bins: vec![0.0; 37], ..Seen::default() };
        let mut at: Option<[f64; 3]> = None;
        let mut entry = false;
        for m in moves {
            let (to, fast, cut) = match *m {
                Move::Rapid(p) => (p, true, false),
                Move::Cut(p) => (p, false, true),
                Move::Plunge(p) => (p, false, false),
                _ => panic!("roughing has straight moves"),
            };
            let Some(from) = at.replace(to) else { continue };
            let along = (to[0] - from[0]).hypot(to[1] - from[1]);
            let length = along.hypot(to[2] - from[2]);
            entry = !cut && !fast && (entry || (along > 1e-9 && to[2] < from[2] - 1e-9));
            let n = (length / PIXEL_MM).ceil().max(1.0);
            for k in 1..=n as usize {
                let t = k as f64 / n;
                let p: [f64; 3] = std::array::from_fn(|a| from[a] + (to[a] - from[a]) * t);
                let under = self.disc(p, r);
                if fast {
                    for &q in &under {
                        if self.stands(q, p[2]) {
                            seen.rapid_mm = seen.rapid_mm.max(self.top[q] - p[2]);
                        }
                    }
                    continue;
                }
                if along > 1e-9 && !entry {
                    let towards = [(to[0] - from[0]) / along, (to[1] - from[1]) / along];
                    let e = self.engaged(p, towards, r);
                    let ds = length / n;
                    if cut {
                        seen.cut_mm += ds;
                        seen.air_mm += if e == 0.0 { ds } else { 0.0 };
                        seen.above_mm += if e > bound_deg + 4.0 { ds } else { 0.0 };
                        seen.largest_deg = seen.largest_deg.max(e);
                        seen.bins[(e / 5.0) as usize] += ds;
                    } else if e > bound_deg {
                        seen.slow_mm += ds;
                    }
                }
                for q in under {
                    self.top[q] = self.top[q].min(p[2]);
                }
            }
        }
        seen
    }

    /// Runs moves of a mill with flutes of `flute_mm`; how far what its edge takes stands above them at most, mm.
    fn over_flutes(&mut self, moves: &[Move], r: f64, flute_mm: f64) -> f64 {
        let mut over = f64::NEG_INFINITY;
        let mut at: Option<[f64; 3]> = None;
        for m in moves {
            let (Move::Rapid(to) | Move::Cut(to) | Move::Plunge(to)) = *m else {
                panic!("roughing has straight moves")
            };
            let from = at.replace(to).unwrap_or(to);
            if matches!(m, Move::Rapid(_)) {
                continue;
            }
            let length = (to[0] - from[0]).hypot(to[1] - from[1]).hypot(to[2] - from[2]);
            // Two pixels a step leave a micrometre between discs.
            let n = (length / (2.0 * PIXEL_MM)).ceil().max(1.0);
            for k in 1..=n as usize {
                let p: [f64; 3] = std::array::from_fn(|a| from[a] + (to[a] - from[a]) * k as f64 / n);
                let c = [0, 1].map(|a| (p[a] - self.origin[a]) / PIXEL_MM);
                let r = r / PIXEL_MM;
                for j in (c[1] - r).ceil() as usize..=(c[1] + r) as usize {
                    let half = (r * r - (j as f64 - c[1]).powi(2)).max(0.0).sqrt();
                    for i in (c[0] - half).ceil() as usize..=(c[0] + half) as usize {
                        let top = &mut self.top[j * self.n[0] + i];
                        if *top > p[2] {
                            over = over.max(*top - p[2] - flute_mm);
                            *top = p[2];
                        }
                    }
                }
            }
        }
        over
    }
}

/// Share of the cutting length by engagement, as a line to read.
fn line(s: &Seen) -> String {
    let bins: Vec<String> = s.bins.iter().map(|b| format!("{:.1}", 100.0 * b / s.cut_mm)).collect();
    format!(
        "cut {:.0} mm, air {:.0} mm, above {:.1} mm, largest {:.1} deg, slow {:.1} mm; per 5 deg in %: {}",
        s.cut_mm,
        s.air_mm,
        s.above_mm,
        s.largest_deg,
        s.slow_mm,
        bins.join(" ")
    )
}

fn moves_of<'m>(maker: &'m Maker<'_>, name: &str, setup: u32) -> &'m [Move] {
    maker.out.iter().find(|o| o.name == name && o.setup == setup).map_or(&[], |o| &o.moves)
}

fn titanium() -> (Plan, ToolpathParams) {
    let mut plan = PEEK_FORM.plan(6);
    plan.material.rough = Cutting {
        surface_speed_m_per_min: 50.0,
        feed_per_tooth_mm_d6: 0.03,
        depth_over_diameter: 1.0,
        width_over_diameter: 0.1,
    };
    (plan, params::shipped(include_str!("params-titanium.toml")))
}

/// Pixels of 0.1 mm, half a diagonal each of the sampler's and of the moves' own, hide 0.14 mm: 3.3 degrees at 0.8 mm of a
/// radius of 4. Films of 0.1 mm are left beside the tool by intent; with the pixels 0.24 mm, met over 20 degrees at once.
const SLACK_DEG: f64 = 20.0;

#[test]
fn the_sampler_reads_a_slot_as_a_half_turn_and_a_strip_as_its_width() {
    let plan = PEEK_FORM.plan(0);
    let implant = PEEK_FORM.implant(0);
    let scene = Scene::new(&implant, &plan, &plan.setups[0]).unwrap();
    let z = scene.stock_hi[2] - 1.0;
    for (width, bound) in [(0.8, 36.87), (3.2, 78.46)] {
        let mut sampler = Sampler::new(&scene);
        let slot = [Move::Plunge([-20.0, 0.0, z]), Move::Cut([20.0, 0.0, z])];
        let seen = sampler.run(&slot, 4.0, 180.0);
        // Every degree of the half that leads, but for the two that graze.
        assert!(seen.largest_deg > 176.0 && seen.largest_deg <= 180.0, "{}", line(&seen));
        let strip = [Move::Plunge([-19.0, width, z]), Move::Cut([19.0, width, z])];
        let seen = sampler.run(&strip, 4.0, 180.0);
        let middle = seen.bins.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        // What pixels hide, 3.3 degrees, may move it into the next bin.
        assert!(middle.abs_diff((bound / 5.0) as usize) <= 1, "{}", line(&seen));
        assert!((engagement_rad(width, 4.0).to_degrees() - bound).abs() < 0.01);
    }
}

#[test]
fn no_cut_of_roughing_engages_more_than_the_width_of_the_material_does_in_a_straight_cut() {
    let implant = PEEK_FORM.implant(0);
    let peek = (PEEK_FORM.plan(6), params());
    for (what, (plan, params)) in [("PEEK", peek), ("titanium", titanium())] {
        let tools = Roles::of(&plan).unwrap();
        let mut maker = Maker {
            implant: &implant,
            plan: &plan,
            params: &params,
            tools: &tools,
            watch: &Silent,
            out: vec![],
        };
        let radius_mm = tools.rough.radius_mm();
        let width_mm = plan.material.rough.width_over_diameter * tools.rough.diameter_mm;
        let bound_deg = engagement_rad(width_mm, radius_mm).to_degrees();
        let scenes: Vec<Scene> =
            plan.setups.iter().map(|s| Scene::new(&implant, &plan, s).unwrap()).collect();
        for scene in &scenes {
            // Each side as if it were the first: the sampler does not know what the other has opened, and would take ways
            // through open air for slots.
            maker.rough(scene, (0, 2), &[]).unwrap();
            let mut sampler = Sampler::new(scene);
            let seen = sampler.run(moves_of(&maker, "rough", scene.setup), radius_mm, bound_deg);
            eprintln!("{what} op{}: bound {bound_deg:.1} deg; {}", scene.setup, line(&seen));
            assert!(seen.cut_mm > 500.0, "op{}: {}", scene.setup, line(&seen));
            // Open: in titanium 1 % of the path lies above the bound, up to 156 degrees over short stretches (measured on this
            // plate; 0.43 % and 92 degrees in PEEK). What is held here is that it grows no worse.
            let (share, most_deg) =
                if what == "PEEK" { (0.01, bound_deg + SLACK_DEG) } else { (0.02, 165.0) };
            assert!(seen.largest_deg <= most_deg, "op{}: {}", scene.setup, line(&seen));
            // Four degrees: what the two lattices hide on a whole cut.
            assert!(seen.above_mm <= share * seen.cut_mm, "op{}: {}", scene.setup, line(&seen));
            // Places that no bounded stroke opens are rare.
            assert!(seen.slow_mm <= 0.02 * seen.cut_mm, "op{}: {}", scene.setup, line(&seen));
            assert!(seen.rapid_mm <= 0.0, "op{}: rapid {} mm in stock", scene.setup, seen.rapid_mm);
        }
    }
}

#[test]
fn in_a_blank_deeper_than_its_flutes_the_mill_goes_deep_and_meets_nothing_above_them() {
    let implant = PEEK_FORM.implant(0);
    let (mut plan, params) = titanium();
    // Half of 6 mm go down at once, three layers.
    let flute_mm = 6.0;
    plan.tools.get_mut("rough").unwrap().flute_length_mm = flute_mm;
    // As deep a cut by a mill whose flutes are as long as the blank is deep.
    let mut long = plan.clone();
    long.tools.get_mut("rough").unwrap().flute_length_mm = 40.0;
    long.material.rough.depth_over_diameter = 0.5 * flute_mm / 8.0;
    let scene = Scene::new(&implant, &plan, &plan.setups[0]).unwrap();
    let run = |plan: &Plan| {
        let tools = Roles::of(plan).unwrap();
        let mut maker =
            Maker { implant: &implant, plan, params: &params, tools: &tools, watch: &Silent, out: vec![] };
        maker.rough(&scene, (0, 1), &[]).unwrap();
        let moves = moves_of(&maker, "rough", scene.setup);
        let ends: Vec<[f64; 3]> = moves
            .iter()
            .filter_map(|m| match *m {
                Move::Cut(p) => Some(p),
                _ => None,
            })
            .collect();
        let cut_mm: f64 = ends.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum();
        let deepest_mm = ends.iter().map(|p| scene.stock_hi[2] - p[2]).fold(0.0, f64::max);
        let over_mm = Sampler::new(&scene).over_flutes(moves, 4.0, flute_mm);
        eprintln!("{cut_mm:.0} mm, down to {deepest_mm:.1} mm, {over_mm:.2} mm above the flutes");
        (cut_mm, deepest_mm, over_mm)
    };
    let ((cut_mm, deepest_mm, over_mm), long) = (run(&plan), run(&long));
    assert!(over_mm <= 0.0, "{over_mm} mm above the flutes");
    assert!(deepest_mm > flute_mm + 2.0, "{deepest_mm}");
    // Where nothing forbids them there are fins, and this sampler sees them.
    assert!(long.2 > 0.1, "{} mm", long.2);
    // Layers alone are twice as long.
    assert!(cut_mm < 1.3 * long.0, "{cut_mm} {}", long.0);
}

#[test]
fn where_the_first_setup_has_milled_through_the_second_cuts_no_air() {
    let implant = PEEK_FORM.implant(0);
    let (plan, params) = (PEEK_FORM.plan(6), params());
    let tools = Roles::of(&plan).unwrap();
    let maker = || Maker {
        implant: &implant,
        plan: &plan,
        params: &params,
        tools: &tools,
        watch: &Silent,
        out: vec![],
    };
    let scenes: Vec<Scene> = plan.setups.iter().map(|s| Scene::new(&implant, &plan, s).unwrap()).collect();
    let mut first = maker();
    let opened = first.rough(&scenes[0], (0, 2), &[]).unwrap();
    let mut knowing = maker();
    let before = [(&scenes[0], opened)];
    knowing.rough(&scenes[1], (1, 2), &before).unwrap();
    let mut blind = maker();
    let untouched = [(&scenes[0], Cleared::blank_of(&scenes[0], &plan, &params, &tools))];
    blind.rough(&scenes[1], (1, 2), &untouched).unwrap();
    // What of op20 stands where op10 has not been, seen through op10's own moves.
    let mut below = Sampler::new(&scenes[0]);
    below.run(moves_of(&first, "rough", 10), 4.0, 180.0);
    let there = scenes[0].work_from_part.after(scenes[1].work_from_part.inverse());
    let run = |maker: &Maker| {
        let mut sampler = Sampler::new(&scenes[1]);
        for at in 0..sampler.top.len() {
            let x = sampler.origin[0] + (at % sampler.n[0]) as f64 * PIXEL_MM;
            let y = sampler.origin[1] + (at / sampler.n[0]) as f64 * PIXEL_MM;
            let p = there.apply_raw([x, y, 0.0]);
            if let Some(q) = below.at(p[0], p[1]) {
                sampler.floor[at] = p[2] - below.top[q];
            }
        }
        sampler.run(moves_of(maker, "rough", 20), 4.0, 180.0)
    };
    let (knowing, blind) = (run(&knowing), run(&blind));
    eprintln!("op20 knowing op10: {}\nnot knowing: {}", line(&knowing), line(&blind));
    assert!(knowing.cut_mm < blind.cut_mm, "{} {}", knowing.cut_mm, blind.cut_mm);
    assert!(knowing.air_mm < blind.air_mm, "{} {}", knowing.air_mm, blind.air_mm);
}

/// A valley across the outer face, 8.2 mm wide between steep flanks: an 8 mm mill with its allowance on both sides does
/// not enter it, one of 6 mm does.
fn with_valley() -> Implant {
    let mut implant = PEEK_FORM.implant(0);
    for v in &mut implant.body.vertices {
        let rho = v[0].hypot(v[1]);
        let outer = v[2] > PEEK_FORM.outer_z(rho) - 0.01;
        if outer && rho < 22.0 {
            let flank = ((4.1 - v[0].abs()) / 1.0).clamp(0.0, 1.0);
            v[2] -= 1.8 * flank;
        }
    }
    implant
}

/// Depth of stock above the semi-finishing ball at rest on its allowance, mm, per place over the part, sorted.
fn met_by_the_ball(scene: &Scene, plan: &Plan, params: &ToolpathParams, sampler: &Sampler) -> Vec<f64> {
    let ball = plan.tools["finish"].radius_mm();
    let cl = plane::Lowered::new(&scene.ground, cutter::Cutter::ball(ball), params.semi_allowance_mm);
    let mut out = Vec::new();
    let plane = scene.outline.plane;
    for at in (0..plane.len()).filter(|&at| scene.outline.inside[at]) {
        let (i, j) = plane.ij(at);
        let [x, y] = plane.xy(at);
        // Every half millimetre, away from the rim's own fillets.
        if i % 2 != 0 || j % 2 != 0 || x.hypot(y) > 20.0 {
            continue;
        }
        let tip = cl.z(x, y);
        let met = sampler.disc([x, y, tip], ball).into_iter().map(|q| {
            let (a, b) = ((q % sampler.n[0]) as f64 * PIXEL_MM, (q / sampler.n[0]) as f64 * PIXEL_MM);
            let rho = (a + sampler.origin[0] - x).hypot(b + sampler.origin[1] - y);
            sampler.top[q] - (tip + ball - (ball * ball - rho * rho).max(0.0).sqrt())
        });
        out.push(met.fold(0.0, f64::max));
    }
    out.sort_by(f64::total_cmp);
    out
}

#[test]
fn a_thinner_mill_clears_the_valley_that_the_first_does_not_enter() {
    let params = params();
    let implant = with_valley();
    let mut plan = PEEK_FORM.plan(6);
    let mut deepest = Vec::new();
    for rest in [false, true] {
        if rest {
            let thin =
                Tool { number: 4, diameter_mm: 6.0, shank_diameter_mm: 5.8, ..plan.tools["rough"].clone() };
            plan.tools.insert("rest".into(), thin);
        }
        let tools = Roles::of(&plan).unwrap();
        let mut maker = Maker {
            implant: &implant,
            plan: &plan,
            params: &params,
            tools: &tools,
            watch: &Silent,
            out: vec![],
        };
        let scene = Scene::new(&implant, &plan, &plan.setups[1]).unwrap();
        maker.rough(&scene, (0, 1), &[]).unwrap();
        let mut sampler = Sampler::new(&scene);
        sampler.run(moves_of(&maker, "rough", 20), 4.0, 180.0);
        if rest {
            let bound_deg = engagement_rad(0.4 * 6.0, 3.0).to_degrees();
            let seen = sampler.run(moves_of(&maker, "rest rough", 20), 3.0, bound_deg);
            eprintln!("rest: {}", line(&seen));
            assert!(seen.cut_mm > 20.0 && seen.rapid_mm <= 0.0, "{}", line(&seen));
            // It leaves films of 0.3 mm: with the pixels 0.44 mm, met over 31 degrees at once on a radius of 3, and with those on
            // the way to a pass, which are taken with it, 41.5 over a tenth of a millimetre.
            assert!(seen.largest_deg <= bound_deg + 45.0, "{}", line(&seen));
        } else {
            assert!(moves_of(&maker, "rest rough", 20).is_empty());
        }
        let met = met_by_the_ball(&scene, &plan, &params, &sampler);
        let p99 = met[met.len() * 99 / 100];
        eprintln!("rest {rest}: the ball meets {p99:.2} mm at p99, {:.2} mm at most", met[met.len() - 1]);
        deepest.push(p99);
    }
    // The valley is 1.8 mm deep; a layer and the allowance are 2.0 mm.
    assert!(deepest[1] < deepest[0] - 0.5, "{deepest:?}");
}
