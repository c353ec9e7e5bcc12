//! A batch: the good ones are done, the broken one is named and stops nothing.

#[path = "common/ball.rs"]
mod ball;
mod common;

use std::path::Path;
use std::time::Instant;

use common::{json, osteomill, root, run};
use osteomill::model::Silent;
use osteomill::phantom::{Phantom, PhantomSpec};

fn write_phantom(folder: &Path, seed: u64, mirrored: bool) {
    let mut spec = PhantomSpec::demo();
    spec.seed = seed;
    spec.mirrored = mirrored;
    // Coarser and with a smaller hole than the demo's: what becomes of the parts is asked elsewhere.
    spec.voxel_mm = [0.9; 3];
    spec.defect.as_mut().expect("the demo has a defect").area_cm2 = 6.0;
    Phantom::new(spec).unwrap().write_dicom(folder, &Silent).unwrap();
}

#[test]
fn a_broken_case_is_named_and_the_others_are_done() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    write_phantom(&input.join("b-phantom"), PhantomSpec::demo().seed, false);
    write_phantom(&input.join("c-phantom"), PhantomSpec::demo().seed + 1, true);
    let garbage = input.join("d-garbage");
    std::fs::create_dir_all(&garbage).unwrap();
    std::fs::write(garbage.join("scan.dcm"), b"this is no scan").unwrap();
    std::fs::write(garbage.join("other"), [0u8; 4096]).unwrap();
    let out = dir.path().join("out");
    let mut command = osteomill();
    command.arg("batch").arg(&input).arg("--out").arg(&out);
    command.arg("--pipeline").arg(root().join("pipelines/cranial-peek.toml"));

    let start = Instant::now();
    let (code, output) = run(&mut command);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("first batch: {:?}", start.elapsed());
    assert_eq!(code, 3, "{said}");
    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["done"], 2, "{summary}");
    assert_eq!(summary["failed"], 1);
    let cases = summary["cases"].as_array().unwrap();
    let broken: Vec<_> = cases.iter().filter(|c| c["done"] == false).collect();
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0]["entry"], cases.len(), "the garbage is the last entry");
    assert_eq!(broken[0]["exit_code"], 2);
    let index = std::fs::read_to_string(out.join("index.html")).unwrap();
    for case in cases {
        assert!(index.contains(case["case"].as_str().unwrap()));
    }
    assert!(index.contains("class=\"failed\""));
    // Folder names may be patients' names: none of them is repeated.
    for text in [summary.to_string(), index, said] {
        assert!(!text.contains("phantom\"") && !text.contains("d-garbage"), "{text}");
    }

    let start = Instant::now();
    let (code, _) = run(&mut command);
    assert_eq!(code, 3);
    // Two kept cases of under 2 s each, and the broken one.
    assert!(start.elapsed().as_secs_f64() < 8.0, "the second batch took {:?}", start.elapsed());
}

#[test]
fn a_batch_of_garbage_alone_fails_whole_and_an_empty_one_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    std::fs::create_dir_all(input.join("x")).unwrap();
    std::fs::write(input.join("x/file"), b"nothing").unwrap();
    let pipeline = root().join("pipelines/cranial-peek.toml");
    let batch = |cases: &Path| {
        let mut command = osteomill();
        command
            .arg("batch")
            .arg(cases)
            .arg("--out")
            .arg(dir.path().join("out"))
            .arg("--pipeline")
            .arg(&pipeline);
        run(&mut command).0
    };
    assert_eq!(batch(&input), 4);
    std::fs::create_dir_all(dir.path().join("empty")).unwrap();
    assert_eq!(batch(&dir.path().join("empty")), 1);
}

#[test]
fn a_list_names_a_mask_for_each_case_that_has_one() {
    let dir = tempfile::tempdir().unwrap();
    ball::write_mr(&dir.path().join("scans/mr"), &|_, _| {});
    std::fs::create_dir_all(dir.path().join("masks")).unwrap();
    ball::write_mask(&dir.path().join("masks/m.nii.gz"));
    // Paths are relative to the list.
    let list = dir.path().join("cases.csv");
    std::fs::write(
        &list,
        "case,scan,mask\nwith,scans/mr,masks/m.nii.gz\nwithout,scans/mr,\ngone,scans/mr,masks/x.nii.gz\n",
    )
    .unwrap();
    let out = dir.path().join("out");
    let mut command = osteomill();
    command.arg("batch").arg(&list).arg("--out").arg(&out);
    command.arg("--pipeline").arg(root().join("pipelines/cranial-peek.toml"));
    let (_, output) = run(&mut command);
    let summary = json(&out.join("summary.json"));
    let cases = summary["cases"].as_array().unwrap_or_else(|| panic!("{output:?}"));
    let error = |n: usize| cases[n]["error"].as_str().unwrap_or_default();
    // What becomes of a ball as a skull is not asked; its bone is the mask's.
    assert_eq!(json(&out.join("with/bone/bone.json"))["selection"]["select"], "mask", "{summary}");
    assert!(error(1).contains("none is a CT slice") && cases[1]["exit_code"] == 2, "{summary}");
    assert!(error(2).contains("the mask given is no file") && cases[2]["exit_code"] == 2, "{summary}");
}
