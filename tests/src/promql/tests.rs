use super::*;

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for (source, job) in [("nse_archive", "scraper"), ("nse_api", "scraper")] {
        inventory.add("circuit_breaker_state", &[("source", source), ("job", job), ("instance", "h:1")]);
    }
    for status in ["success", "failed"] {
        inventory
            .add("rows_total", &[("scraper", "bhavcopy"), ("status", status), ("job", "parser"), ("instance", "h:2")]);
    }
    inventory.add("latency_seconds_bucket", &[("le", "1"), ("table", "t"), ("job", "loader"), ("instance", "h:3")]);
    inventory.add("up", &[("job", "parser"), ("instance", "h:2")]);
    inventory
}

#[test]
fn an_expression_over_what_exists_has_no_fault() {
    let good = [
        "max by (source) (max_over_time(circuit_breaker_state[5m])) == 2 and max by (source) (circuit_breaker_state) > 0",
        r#"sum by (scraper) (increase(rows_total{status="failed",job=~"(scraper|parser)"}[1h])) / 2 > 0.1"#,
        r#"label_replace(rows_total, "dataset", "$1", "scraper", "(.+)") and on (dataset) label_replace(rows_total, "dataset", "$1", "scraper", "(.+)")"#,
        "histogram_quantile(0.95, sum by (le, table) (rate(latency_seconds_bucket[5m]))) > 60",
        r#"topk(3, sum by (status) (rows_total)) or absent(up{job="parser"})"#,
        r#"rows_total{scraper=~"bhav.*",status!~"failed|success"}"#,
        "rows_total and ignoring (status) sum without (status) (rows_total)",
        "vector(1)",
    ];
    for expression in good {
        assert_eq!(faults(expression, &inventory()), Vec::<String>::new(), "{expression}");
    }
}

#[test]
fn a_renamed_metric_a_wrong_label_and_a_wrong_value_are_each_named() {
    let wrong = [
        ("rows_parsed_total", "nobody exposes rows_parsed_total"),
        ("sum(rate(circuit_breaker_states[5m])) > 0", "nobody exposes circuit_breaker_states"),
        (r#"rows_total{state="failed"}"#, "rows_total has no label state"),
        (r#"rows_total{status="failure"}"#, "rows_total has no status=\"failure\""),
        (r#"rows_total{status!="failure"}"#, "rows_total has no status=\"failure\""),
        (r#"rows_total{status=~"failed|broken"}"#, "rows_total has no status=\"broken\""),
        (r#"up{job="praser"}"#, "up has no job=\"praser\""),
        (r#"absent(up{job="praser"})"#, "up has no job=\"praser\""),
        ("sum by (table) (rows_total)", "there is no label table"),
        ("sum without (table) (rows_total)", "there is no label table"),
        ("sum by (scraper) (rows_total) and on (source) circuit_breaker_state", "there is no label source"),
        ("rows_total and ignoring (table) rows_total", "there is no label table"),
        ("sum by (scraper) (sum by (status) (rows_total))", "there is no label scraper"),
        ("histogram_quantile(0.9, sum by (table) (rate(latency_seconds_bucket[5m])))", "there is no label le"),
        (r#"label_replace(rows_total, "a", "$1", "dataset", "(.+)")"#, "there is no label dataset"),
        ("rows_total >", "no expression"),
    ];
    for (expression, said) in wrong {
        let found = faults(expression, &inventory());
        assert!(found.iter().any(|fault| fault.starts_with(said)), "{expression}: {found:?}");
    }
}

#[test]
fn an_alert_is_opened_so_that_only_a_broken_one_is_empty() {
    let cases = [
        ("a > 2", vec!["a > bool 2"]),
        ("a > 2 and on () (b == 1)", vec!["a > bool 2 and on () (b == bool 1)"]),
        ("a > 0.05 unless a > 0.2", vec!["a > bool 0.05 and a > bool 0.2"]),
        (r#"up == 0 or absent(up{job="x"}) or (a or b)"#, vec!["up == bool 0", r#"up{job="x"}"#, "a", "b"]),
        ("time() - min by (f) (a > 0) > 7", vec!["time() - min by (f) (a > bool 0) > bool 7"]),
        ("vector(time() % 9) >= 3 < 5", vec!["vector(time() % 9) >= bool 3 < bool 5"]),
    ];
    for (expression, expected) in cases {
        assert_eq!(opened(expression), expected, "{expression}");
    }
}

#[test]
fn the_tree_keeps_what_binds_and_prints_what_was_read() {
    let same = [
        "a or b and c unless d == e + f * g ^ -h",
        "sum by (a, b) (rate(x{c=\"d\",e!~\"f|g\"}[5m] offset 1h)) / on (a) group_left (z) y",
        "max_over_time((a - b)[1h:1m]) > bool 2",
        "(a > 1) * 19800 % 86400",
        "vector(1e9) + 0.05",
    ];
    for expression in same {
        assert_eq!(parse(expression).expect("an expression").to_string(), expression);
    }
    let Ok(Expr::Binary(sum)) = parse("a - b - c * d") else { panic!("a difference") };
    assert_eq!((sum.left.to_string().as_str(), sum.right.to_string().as_str()), ("a - b", "c * d"));
    assert_eq!(parse("sum(a) by (b)").map(|tree| tree.to_string()).as_deref(), Ok("sum by (b) (a)"));
    for wrong in ["a >", "a{b}", "(a", "a b", "sum by (1) (a)", "a[5m", "\"a", "a ! b", ""] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn selectors_are_listed_without_their_ranges() {
    let found = selectors("sum(increase(a_total{x=~\"y.*\"}[5m] offset 1h)) > 2 and b");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [r#"a_total{x=~"y.*"}"#, "b"]);
}

#[test]
fn the_metrics_of_an_expression_are_listed() {
    let found = metrics(r#"rate(a_total[5m]) / on () group_left b and c{x="1"} > 0"#);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a_total", "b", "c"]);
}
