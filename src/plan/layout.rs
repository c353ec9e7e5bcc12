//! One plan in one order of work; and, where the order is left open, which of the two it is.
//!
//! In two setups the outer side is finished while the plate hangs on its tabs. What it bends there under either ball is
//! computed (`geometry::bending`); above `plate_bend_um_max` both sides are roughed first and the outer side is finished on a
//! nest. The review judges the plan that comes out by its own limit.

use crate::geometry::bending::{Hanging, finishing_force_n};
use crate::model::{Finding, Implant, MachineTool, Material, Plan, Severity, Shop};

use super::params::{Order, PlanToml};
use super::{PlanError, Shape, coupon, index, nest, setup, sites, tabs, tools};

/// What a plan is made from.
pub(super) struct Layout<'a> {
    pub implant: &'a Implant,
    pub shop: &'a Shop,
    pub machine: &'a MachineTool,
    pub material: &'a Material,
    pub shape: &'a Shape,
    /// With the order decided and the allowance that belongs to it.
    params: PlanToml,
}

/// A plan and how deep its tools go below the blank's faces.
pub(super) struct Laid {
    pub plan: Plan,
    pub reach_mm: f64,
}

impl<'a> Layout<'a> {
    pub(super) fn new(
        implant: &'a Implant,
        shop: &'a Shop,
        machine: &'a MachineTool,
        material: &'a Material,
        shape: &'a Shape,
        p: &PlanToml,
    ) -> Self {
        Self { implant, shop, machine, material, shape, params: p.clone() }
    }

    /// The plan in the order asked for.
    pub(super) fn plan(&self) -> Result<Laid, PlanError> {
        match self.params.order {
            Order::Auto => self.decided(),
            order => self.of(order),
        }
    }

    fn decided(&self) -> Result<Laid, PlanError> {
        let limit = self.params.plate_bend_um_max;
        let mut two = self.of(Order::TwoSetups)?;
        let um = self.plate_bend_um(&two.plan);
        let note = |plan: &mut Plan, message: String| {
            plan.findings.push(Finding::new("order", Severity::Note, message).measured(um, limit, "um"));
        };
        if um <= limit {
            note(
                &mut two.plan,
                format!(
                    "two setups: on its tabs the plate gives way {um:.1} um under a finishing pass, {limit} um at most"
                ),
            );
            return Ok(two);
        }
        match self.of(Order::RoughFirst) {
            Ok(mut laid) => {
                note(
                    &mut laid.plan,
                    format!(
                        "both sides are roughed first and the outer side is finished on a nest: in two setups the plate on its tabs \
                         would give way {um:.1} um under a finishing pass, {limit} um at most"
                    ),
                );
                Ok(laid)
            }
            Err(why) => {
                let message = format!(
                    "two setups, although the plate on its tabs gives way {um:.1} um under a finishing pass ({limit} um at most): \
                     no nest can be planned, {why}"
                );
                note(&mut two.plan, message);
                Ok(two)
            }
        }
    }

    /// The plate on its tabs alone, under the ball that pushes harder, µm.
    fn plate_bend_um(&self, plan: &Plan) -> f64 {
        let hanging = Hanging::new(
            self.shape.shadow_mm2,
            self.implant.facts.plate_mm(self.shape.shadow_mm2),
            plan.lane_mm,
            plan.tabs.iter().map(|t| (t.width_mm, t.z_max_mm - t.z_min_mm)),
            self.material.youngs_modulus_gpa,
        );
        let force = |role: &str| {
            let p = &self.params;
            finishing_force_n(self.material, &plan.tools[role], p.finish_skin_mm, p.scallop_mm)
        };
        force("finish").max(force("rim")) * hanging.um_per_n()
    }

    fn of(&self, order: Order) -> Result<Laid, PlanError> {
        let mut p = self.params.clone();
        p.order = order;
        if order == Order::RoughFirst {
            p.rough_allowance_mm = p.rough_first_allowance_mm;
        }
        let p = &p;
        let (implant, shape) = (self.implant, self.shape);
        let mut findings = Vec::new();
        let balls = tools::balls(self.shop, implant, shape, self.material, p, &mut findings)?;
        let mut tools = tools::choose(self.shop, implant, &balls, p, &mut findings)?;
        let tools::Balls { blank, stock, depths, .. } = balls;
        let force =
            |role: &str| finishing_force_n(self.material, &tools[role], p.finish_skin_mm, p.scallop_mm);
        let load = tabs::Load {
            force_n: force("finish").max(force("rim")),
            youngs_modulus_gpa: self.material.youngs_modulus_gpa,
            yield_n_per_mm2: self.material.yield_n_per_mm2,
        };
        let aslant = if self.machine.rotary.is_empty() { Vec::new() } else { sites::aslant(shape) };
        let forbidden = sites::forbidden(implant, shape, &aslant, tools["rim"].diameter_mm, p);
        let tabs = tabs::place(shape, &forbidden, &load, tools["rim"].radius_mm(), p, &mut findings);
        let pins = setup::pins(&stock, p);
        let mut fixtures = setup::fixtures(&stock, &pins, p);
        let mut setups = setup::setups(&stock, &pins, self.machine, &tools, p)?;
        let indexing = index::Indexing {
            implant,
            shape,
            stock: &stock,
            fixtures: &fixtures,
            machine: self.machine,
            longest_mm: index::longest_mm(tools.values()),
            params: p,
        };
        let outer = setups.last().expect("two setups are planned");
        let turned = indexing.setups(outer, &mut findings);
        for f in fixtures.iter_mut().filter(|f| f.setups.contains(&outer.number)) {
            f.setups.extend(turned.iter().map(|s| s.number));
        }
        let flip = coupon::place(&implant.body, &stock, &pins, (&setups, &mut tools), p, &mut findings);
        setups.extend(turned);
        findings.push(Finding::new(
            "held-on-tabs",
            Severity::Note,
            match order {
                Order::RoughFirst => format!(
                    "the part hangs on {} tabs in its frame, and lies on its nest in op40; look that the blank was turned over \
                     before op20, op30 and op40",
                    tabs.len()
                ),
                _ => format!(
                    "both sides are milled with the part on {} tabs in its frame; look that the blank was turned over before op20",
                    tabs.len()
                ),
            },
        ));
        let mut plan = Plan {
            schema: "osteomill.plan/1".into(),
            material_key: implant.facts.material.clone(),
            material: self.material.clone(),
            blank,
            stock,
            machine: self.machine.clone(),
            setups,
            fixtures,
            pins,
            tabs,
            lane_mm: p.lane_mm,
            tools,
            rough_allowance_mm: p.rough_allowance_mm,
            scallop_mm: p.scallop_mm,
            finish_skin_mm: p.finish_skin_mm,
            visibility: None,
            flip,
            nest: None,
            findings,
        };
        if order == Order::RoughFirst {
            let nesting = nest::Nesting {
                implant,
                shape,
                shop: self.shop,
                machine: self.machine,
                tools: &plan.tools,
                params: p,
            };
            let (nest, bodies) = nesting.nest(&plan)?;
            plan.nest = Some(Box::new(nest));
            plan.fixtures.extend(bodies);
        }
        Ok(Laid { plan, reach_mm: depths.most_mm() })
    }
}
