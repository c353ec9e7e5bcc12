//! Tools: their roles, and which is taken.

use super::*;

#[test]
fn tools_have_their_roles_and_the_job_lists_each_once() {
    let (_, plan) = peek_plan();
    assert_eq!(plan.tools["rough"].kind, ToolKind::Flat);
    assert_eq!(plan.tools["finish"].kind, ToolKind::Ball);
    assert_eq!(plan.tools["rim"].diameter_mm, 3.0);
    assert_eq!(plan.tools["drill"].diameter_mm, 2.0);
    let program = |n: u32| Program {
        file: format!("op{n}.ngc"),
        dialect: Dialect::Haas,
        setup: n,
        text: String::new(),
    };
    let job = job_of(&plan, &[program(10), program(20)], &[]);
    assert_eq!(job.program.len(), 2);
    assert!(job.tool.windows(2).all(|w| w[0].number < w[1].number));
    // The job's file is TOML: it must survive it.
    let back: Job = toml::from_str(&toml::to_string(&job).unwrap()).unwrap();
    assert_eq!(back.stock, job.stock);
    assert_eq!(back.tool, job.tool);
}

#[test]
fn a_second_mill_for_roughing_is_there_where_it_is_listed_and_must_be_thinner() {
    #[derive(serde::Deserialize)]
    struct File {
        plan: PlanParams,
    }
    let with = |rest: &str| {
        let text = include_str!("../params-peek.toml");
        let text = text.replace("rest_tools = []", &format!("rest_tools = {rest}"));
        toml::from_str::<File>(&text).expect("a valid table").plan
    };
    let (part, shop) = (dome_plate(32.0, 26.0, 80.0, 4.0, "peek"), shipped_shop().unwrap());
    assert!(!peek_plan().1.tools.contains_key("rest"));
    let plan = plan_part(&part, &shop, &with("[4, 5]")).unwrap();
    assert_eq!((plan.tools["rest"].kind, plan.tools["rest"].diameter_mm), (ToolKind::Flat, 6.0));
    let message = plan_part(&part, &shop, &with("[2]")).unwrap_err().to_string();
    assert!(message.contains("plan.rest_tools") && message.contains("8 mm"), "{message}");
    let message = plan_part(&part, &shop, &with("[11]")).unwrap_err().to_string();
    assert!(message.contains("plan.rest_tools"), "{message}");
}

#[test]
fn a_ball_for_corners_is_planned_only_where_listed_and_smaller_than_the_rims() {
    let (part, plan) = peek_plan();
    assert!(!plan.tools.contains_key("pencil"));
    let planned = |tools: &[u32]| {
        let params = with(&peek_params(), |p| p.pencil_tools = tools.to_vec());
        plan_part(&part, &shipped_shop().unwrap(), &params).unwrap()
    };
    // T11 is D6, T41 D2 by 10 mm, T42 D2 by 16 mm: neither reaches down the lane, so the longer one is taken.
    let plan = planned(&[11, 41, 42]);
    assert_eq!((plan.tools["pencil"].number, plan.tools["pencil"].diameter_mm), (42, 2.0));
    assert!(!planned(&[11]).tools.contains_key("pencil"));
}

#[test]
fn a_ball_that_bends_too_far_gives_way_to_a_thicker_one_that_fits() {
    let shop = shipped_shop().unwrap();
    let finish =
        |part: &Implant, params: &PlanParams| plan_part(part, &shop, params).unwrap().tools["finish"].clone();
    let shallow = dome_plate(32.0, 26.0, 80.0, 4.0, "peek");
    assert_eq!(finish(&shallow, &peek_params()).number, 11, "the first listed bends little enough");
    let stiffer = finish(&shallow, &with(&peek_params(), |p| p.tool_bend_um_max = 0.8));
    assert!(stiffer.diameter_mm >= 8.0, "{stiffer:?}");
    // 23 mm of sagitta: D6 must stick out 45 mm and bends 2.9 um, D8 at 50 mm 1.6.
    let deep = dome_plate(45.0, 40.0, 55.0, 4.0, "peek");
    let chosen = finish(&deep, &with(&peek_params(), |p| p.tool_bend_um_max = 2.0));
    assert!(chosen.diameter_mm >= 8.0 && chosen.stick_out_mm >= 40.0, "{chosen:?}");
    // A bowl of 4.5 mm radius lets in no ball of 5, and D6 stays.
    let only = with(&peek_params(), |p| {
        p.tool_bend_um_max = 0.1;
        p.finish_tools = vec![11, 17];
    });
    assert_eq!(finish(&dimpled_plate(4.5), &only).number, 11);
    assert_eq!(finish(&dimpled_plate(7.0), &only).number, 17);
}

#[test]
fn a_hole_without_a_drill_and_a_material_without_an_entry_are_refused() {
    let shop = shipped_shop().unwrap();
    let mut part = dome_plate(20.0, 15.0, 60.0, 4.0, "peek");
    part.holes[0].diameter_mm = 2.3;
    assert!(matches!(plan_part(&part, &shop, &peek_params()), Err(PlanError::NoDrill { number: 1, .. })));
    part.holes.clear();
    part.facts.material = "wood".into();
    assert!(matches!(plan_part(&part, &shop, &peek_params()), Err(PlanError::Unknown { .. })));
}

#[test]
fn a_deep_dome_without_a_long_tool_is_stopped_not_shortened() {
    let mut shop = shipped_shop().unwrap();
    for t in &mut shop.tools {
        t.stick_out_mm = t.stick_out_mm.min(12.0);
        t.flute_length_mm = t.flute_length_mm.min(10.0);
    }
    let plan = plan_part(&dome_plate(32.0, 26.0, 80.0, 4.0, "peek"), &shop, &peek_params()).unwrap();
    let reach: Vec<_> = plan.findings.iter().filter(|f| f.id == "tool-reach").collect();
    assert!(!reach.is_empty() && reach.iter().all(|f| f.severity == Severity::Stop && f.measured > f.limit));
}
