//! What a configuration does, in the way its users meet it.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::*;
use crate::ServerConfig;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    pace: Pace,
    hosts: Vec<String>,
    password: Secret,
    server: ServerConfig,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    requests_per_second: f64,
    burst: u32,
    enabled: bool,
}

const SPEC: Spec = Spec {
    service: "sample",
    env_prefix: "CHAMPION_SAMPLE",
    defaults: r#"
        hosts = ["a.example"]
        password = ""
        [pace]
        requests_per_second = 0.5
        burst = 1
        enabled = true
        [server]
        grpc_listen = "127.0.0.1:50099"
        address_file = ""
        [server.admin]
        listen = "127.0.0.1:9199"
    "#,
};

fn load_sample(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Sample, ConfigError> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.unwrap_or_default().as_bytes()).unwrap();
    let path = file.map(|_| written.path());
    load_with(&SPEC, path, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_file_wins_over_the_defaults_and_the_environment_over_both() {
    let file = "[pace]\nburst = 2\nrequests_per_second = 0.25";
    let sample = load_sample(Some(file), &[("CHAMPION_SAMPLE__PACE__BURST", "3")]).unwrap();
    assert_eq!(sample.pace.burst, 3);
    assert!((sample.pace.requests_per_second - 0.25).abs() < f64::EPSILON);
    assert!(sample.pace.enabled);
    assert_eq!(sample.server.grpc_listen, "127.0.0.1:50099");
    assert_eq!(sample.server.address_file, None);
}

#[test]
fn every_type_of_value_can_come_from_the_environment() {
    let sample = load_sample(
        None,
        &[
            ("CHAMPION_SAMPLE__PACE__REQUESTS_PER_SECOND", "2"),
            ("CHAMPION_SAMPLE__PACE__ENABLED", "false"),
            ("CHAMPION_SAMPLE__HOSTS", "b.example, c.example"),
            ("CHAMPION_SAMPLE__SERVER__ADMIN__REQUIRED", "true"),
            ("CHAMPION_SAMPLE__SERVER__ADDRESS_FILE", "/tmp/addresses.json"),
            ("CHAMPION_SAMPLE__PASSWORD", "007"),
        ],
    )
    .unwrap();
    assert!((sample.pace.requests_per_second - 2.0).abs() < f64::EPSILON);
    assert!(!sample.pace.enabled);
    assert_eq!(sample.hosts, ["b.example", "c.example"]);
    assert!(sample.server.admin.required);
    assert_eq!(sample.server.address_file, Some(PathBuf::from("/tmp/addresses.json")));
    assert_eq!(sample.password.expose(), "007");
}

#[test]
fn an_unknown_key_is_refused_by_its_name_wherever_it_stands() {
    for (file, variables, key) in [
        (Some("[pace]\nbrust = 2"), None, "brust"),
        (Some("colour = 1"), None, "colour"),
        (Some("[server.admin]\nprot = 1"), None, "prot"),
        (None, Some(("CHAMPION_SAMPLE__PACE__BRUST", "2")), "brust"),
    ] {
        let error = load_sample(file, variables.as_slice()).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_key() {
    let error = load_sample(None, &[("CHAMPION_SAMPLE__PACE__BURST", "many")]).unwrap_err().to_string();
    assert!(error.contains("pace.burst") && error.contains("CHAMPION_SAMPLE__PACE__BURST"), "{error}");
    let error = load_sample(Some("[pace]\nburst = \"many\""), &[]).unwrap_err().to_string();
    assert!(error.contains("pace.burst"), "{error}");
}

#[test]
fn variables_of_other_programs_do_not_matter() {
    load_sample(None, &[("CHAMPION_SAMPLER__X", "1"), ("CHAMPION_OTHER__Y", "1"), ("PATH", "/bin")]).unwrap();
}

#[test]
fn a_secret_is_masked_wherever_it_is_shown() {
    let sample = load_sample(None, &[("CHAMPION_SAMPLE__PASSWORD", "hunter2")]).unwrap();
    let (shown, debugged) = (toml::to_string_pretty(&sample).unwrap(), format!("{sample:?}"));
    assert!(shown.contains("password = \"********\""), "{shown}");
    assert!(!shown.contains("hunter2") && !debugged.contains("hunter2"), "{shown}{debugged}");
    assert_eq!(sample.password.expose(), "hunter2");
}

#[test]
fn a_file_that_does_not_exist_is_refused_by_its_name() {
    let error = load_with::<Sample>(&SPEC, Some(Path::new("/no/such.toml")), []).unwrap_err();
    assert!(error.to_string().contains("/no/such.toml"), "{error}");
}
