//! What a person reads: the messages of Slack, PagerDuty and the mail, sent by a real Alertmanager.

use std::time::Duration;

use champion_e2e::Alertmanager;
use champion_e2e::wait::wait_until;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn alert(name: &str, severity: &str, labels: &Value) -> Value {
    let mut all = json!({"alertname": name, "severity": severity, "component": "warehouse"});
    all.as_object_mut().expect("an object").extend(labels.as_object().expect("labels").clone());
    json!({
        "labels": all,
        "annotations": {
            "summary": format!("summary of {name}"),
            "description": format!("description of {name}"),
            "runbook_url": format!("https://github.com/champion-data/champion/blob/main/docs/runbooks/{name}.md"),
            "dashboard": "/d/champion-overview",
        },
    })
}

/// Returns the first Slack message to a channel.
fn slack(alertmanager: &Alertmanager, channel: &str) -> Value {
    wait_until(&format!("a message to {channel}"), SOON, || {
        let messages = alertmanager.webhook().received("/slack");
        messages.into_iter().map(|posted| posted.body).find(|body| body["channel"] == channel)
    })
}

fn texts(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_critical_alert_wakes_a_person_and_its_end_is_told_too() {
    let alertmanager = Alertmanager::start();
    let labels = json!({"table": "raw_equity_ohlc"});
    let mut firing = alert("WarehouseLoadFailure", "critical", &labels);
    alertmanager.post(&json!([firing]));

    let message = slack(&alertmanager, "#champion-critical");
    let attachment = &message["attachments"][0];
    assert_eq!(attachment["title"], "FIRING 1 · WarehouseLoadFailure · warehouse · critical", "{message}");
    assert_eq!(attachment["color"], "danger", "{message}");
    let text = texts(&attachment["text"]);
    for part in [
        "*summary of WarehouseLoadFailure*",
        "description of WarehouseLoadFailure",
        "table=raw_equity_ohlc",
        "/docs/runbooks/WarehouseLoadFailure.md|Runbook>",
        "/d/champion-overview|Dashboard>",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }

    let events = || alertmanager.webhook().received("/pagerduty");
    let event = wait_until("an event for PagerDuty", SOON, || events().first().map(|posted| posted.body.clone()));
    assert_eq!(event["event_action"], "trigger", "{event}");
    assert_eq!(event["routing_key"], "pagerduty_routing_key of the tests", "the key comes from its file: {event}");
    assert_eq!(event["payload"]["summary"], "summary of WarehouseLoadFailure (warehouse)", "{event}");
    assert!(texts(&event["payload"]["custom_details"]["alerts"]).contains("table=raw_equity_ohlc"), "{event}");
    assert!(texts(&event["links"][0]["href"]).ends_with("/docs/runbooks/WarehouseLoadFailure.md"), "{event}");

    firing["endsAt"] = json!("2024-07-08T13:00:00Z");
    firing["startsAt"] = json!("2024-07-08T12:00:00Z");
    alertmanager.post(&json!([firing]));
    let end = wait_until("the end for PagerDuty", SOON, || {
        events().into_iter().map(|posted| posted.body).find(|event| event["event_action"] == "resolve")
    });
    assert_eq!(end["dedup_key"], event["dedup_key"], "the same incident is closed");
    wait_until("the end for Slack", SOON, || {
        let messages = alertmanager.webhook().received("/slack");
        messages.iter().find(|posted| posted.body["attachments"][0]["color"] == "good").map(drop)
    });
}

#[test]
fn what_is_only_to_be_known_comes_as_a_digest_and_a_mail_and_wakes_nobody() {
    let alertmanager = Alertmanager::start();
    let corrected = |dataset: &str| alert("FileCorrected", "info", &json!({"dataset": dataset}));
    alertmanager.post(&json!([corrected("bhavcopy"), corrected("full_bhavcopy")]));

    let message = slack(&alertmanager, "#champion-digest");
    assert_eq!(message["attachments"][0]["title"], "FIRING 2 · FileCorrected · warehouse · info", "one for both");
    let mail = wait_until("a mail", SOON, || alertmanager.mailbox().mails().into_iter().next());
    for part in ["To: champion-operators@example.com", "text/plain", "text/html", "dataset=3Dfull_bhavcopy", "Runbook"]
    {
        assert!(mail.contains(part), "no {part} in\n{mail}");
    }
    assert!(alertmanager.webhook().received("/pagerduty").is_empty(), "nobody is woken");
}

#[test]
fn the_dead_mans_switch_goes_to_the_heartbeat_alone_and_again_and_again() {
    let alertmanager = Alertmanager::start();
    alertmanager.post(&json!([alert("DeadMansSwitch", "critical", &json!({}))]));
    wait_until("three heartbeats", SOON, || (alertmanager.webhook().received("/heartbeat").len() >= 3).then_some(()));
    for path in ["/slack", "/pagerduty"] {
        assert!(alertmanager.webhook().received(path).is_empty(), "{path}");
    }
}

#[test]
fn an_alert_whose_severity_is_a_mistake_is_seen() {
    let alertmanager = Alertmanager::start();
    alertmanager.post(&json!([alert("WarehouseLoadFailure", "urgent", &json!({}))]));
    let message = slack(&alertmanager, "#champion-warnings");
    assert!(texts(&message["attachments"][0]["pretext"]).contains("no severity"), "{message}");
}
