//! Provenance as an in-toto Statement v1, <https://in-toto.io/Statement/v1>, unsigned until somebody signs it.

use serde_json::json;

/// A statement over `files` (name inside the case, sha256), made from `materials` (kind, sha256) by this version
/// of osteomill with the stages `stages` (name, revision, key).
pub fn provenance_statement(
    files: &[(String, String)],
    materials: &[(String, String)],
    stages: &[(String, u32, String)],
) -> Vec<u8> {
    let subject: Vec<_> =
        files.iter().map(|(n, d)| json!({ "name": n, "digest": { "sha256": d } })).collect();
    let materials: Vec<_> =
        materials.iter().map(|(n, d)| json!({ "name": n, "digest": { "sha256": d } })).collect();
    let stages: Vec<_> =
        stages.iter().map(|(n, r, k)| json!({ "stage": n, "revision": r, "key": k })).collect();
    let statement = json!({
        "schema": "osteomill.provenance/1",
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "osteomill/case/1",
                "externalParameters": { "stages": stages },
                "resolvedDependencies": materials,
            },
            "runDetails": { "builder": { "id": "osteomill", "version": { "osteomill": env!("CARGO_PKG_VERSION") } } },
        },
    });
    let mut bytes = serde_json::to_vec_pretty(&statement).expect("a statement is plain data");
    bytes.push(b'\n');
    bytes
}
