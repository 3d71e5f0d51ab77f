//! The waterfall: a line a span, its bar where and as long as it was.

use std::fmt::Write as _;

use super::Span;
use super::tree::{Node, flatten};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether failed spans may be red.
    pub colour: bool,
}

/// Columns of the service's name.
const SERVICE_WIDTH: usize = 18;
/// Columns of the duration.
const DURATION_WIDTH: usize = 9;
/// Fewest columns of the span's name and of the bar, however narrow the terminal is.
const LEAST: usize = 12;
/// Eighths of a column, from one to eight: `▏` to `█`.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Draws spans as a waterfall; each line ends without trailing blanks.
#[must_use]
pub fn draw(spans: &[Span], max_lines: usize, style: Style) -> String {
    let Some(begin) = spans.iter().map(|span| span.start_ns).min() else { return String::new() };
    let end = spans.iter().map(end_of).max().unwrap_or(begin).max(begin + 1);
    let rest = style.width.saturating_sub(SERVICE_WIDTH + DURATION_WIDTH + 4);
    let name_width = (rest * 3 / 5).max(LEAST);
    let bar_width = rest.saturating_sub(name_width).max(LEAST);
    let services: std::collections::BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    let errors = spans.iter().filter(|span| span.status == "Error").count();
    let mut text = format!(
        "{} spans over {} services, {}{}\n",
        spans.len(),
        services.len(),
        duration(u64::try_from(end - begin).unwrap_or(0)).trim(),
        if errors == 0 { String::new() } else { format!(", {errors} with errors") }
    );
    for node in flatten(spans, max_lines) {
        let bar = bar(node.span, begin, end, bar_width);
        let line = format!(
            "{} {} {} {bar}",
            fit(short_service(&node.span.service), SERVICE_WIDTH),
            fit(&label(&node), name_width),
            duration(node.span.duration_ns),
        );
        let line = line.trim_end();
        if node.span.status == "Error" && style.colour {
            writeln!(text, "\u{1b}[31m{line}\u{1b}[0m").expect("a string takes every text");
        } else {
            writeln!(text, "{line}").expect("a string takes every text");
        }
        if node.span.status == "Error" && !node.span.message.is_empty() {
            let indent = SERVICE_WIDTH + 1 + node.depth * 2;
            writeln!(text, "{:indent$}✗ {}", "", one_line(&node.span.message)).expect("a string takes every text");
        }
    }
    text
}

fn end_of(span: &Span) -> i64 {
    span.start_ns.saturating_add(i64::try_from(span.duration_ns).unwrap_or(i64::MAX))
}

/// `champion-parser` is `parser`; the CLI is `champion`.
fn short_service(service: &str) -> &str {
    service.strip_prefix("champion-").unwrap_or(service)
}

/// Indentation, arrow of a call, name and what the span is about.
fn label(node: &Node<'_>) -> String {
    let span = node.span;
    let name = span.name.strip_prefix("champion.").unwrap_or(&span.name);
    let arrow = if span.kind == "Client" { "→ " } else { "" };
    let mut text = format!("{:indent$}{arrow}{}", "", one_line(name), indent = node.depth * 2);
    if node.count > 1 {
        write!(text, " ×{}", node.count).expect("a string takes every text");
    }
    let detail = span.detail.split_whitespace().collect::<Vec<_>>().join(" ");
    if !detail.is_empty() {
        write!(text, " · {}", one_line(&detail)).expect("a string takes every text");
    }
    text
}

/// What came over the network may hold control characters; a terminal must not obey them.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Cuts or fills a text to a number of columns.
fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return format!("{text}{:fill$}", "", fill = width - length);
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A duration in nine columns: `12.3 ms`.
fn duration(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    let text = match UNITS.iter().find(|(unit, _)| nanoseconds >= *unit) {
        None => format!("{nanoseconds} ns"),
        Some((unit, name)) => {
            let tenths = nanoseconds / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    };
    format!("{text:>DURATION_WIDTH$}")
}

fn bar(span: &Span, begin: i64, end: i64, width: usize) -> String {
    let columns = width as i128 * 8;
    let total = i128::from(end - begin);
    let eighths = |at: i64| i128::from(at.clamp(begin, end) - begin) * columns / total;
    let first = eighths(span.start_ns).min(columns - 1);
    let last = eighths(end_of(span)).max(first + 1);
    let blank = usize::try_from(first / 8).unwrap_or(0);
    let length = usize::try_from(last - i128::try_from(blank).unwrap_or(0) * 8).unwrap_or(1);
    let mut text = " ".repeat(blank);
    text.extend(std::iter::repeat_n('█', length / 8));
    if !length.is_multiple_of(8) {
        text.push(EIGHTHS[length % 8 - 1]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: &str, service: &str, name: &str, start_ms: i64, duration_ms: u64) -> Span {
        Span {
            span_id: id.to_owned(),
            parent_span_id: parent.to_owned(),
            service: service.to_owned(),
            name: name.to_owned(),
            kind: "Internal".to_owned(),
            start_ns: start_ms * 1_000_000,
            duration_ns: duration_ms * 1_000_000,
            status: "Unset".to_owned(),
            message: String::new(),
            detail: String::new(),
        }
    }

    fn a_run() -> Vec<Span> {
        vec![
            span("1", "", "champion", "run", 0, 100),
            span("3", "2", "champion-scraper", "fetch", 20, 40),
            span("2", "1", "champion-orchestrator", "day", 10, 80),
        ]
    }

    const PLAIN: Style = Style { width: 80, colour: false };

    #[test]
    fn a_run_is_drawn_as_a_tree_with_bars_where_the_spans_were() {
        let expected = "\
3 spans over 3 services, 100.0 ms
champion           run                            100.0 ms ████████████████████
orchestrator         day                           80.0 ms   ████████████████
scraper                fetch                       40.0 ms     ████████
";
        assert_eq!(draw(&a_run(), 0, PLAIN), expected);
    }

    #[test]
    fn a_failed_span_says_why_and_is_red_where_colour_is_wanted() {
        let mut spans = a_run();
        spans[1].status = "Error".to_owned();
        spans[1].message = "the exchange\u{1b}[2J answers 403".to_owned();
        let text = draw(&spans, 0, Style { colour: true, ..PLAIN });
        assert!(text.contains("1 with errors"));
        assert!(text.contains("\u{1b}[31mscraper"));
        assert!(text.contains("✗ the exchange [2J answers 403"), "control characters are not obeyed: {text}");
    }

    #[test]
    fn like_siblings_are_folded_into_the_slowest_when_lines_are_few() {
        let mut spans = a_run();
        for number in 0..50 {
            spans.push(span(&format!("d{number}"), "2", "champion-parser", "parse", 30 + number, 5));
        }
        let text = draw(&spans, 10, PLAIN);
        assert!(text.contains("parse ×50"), "{text}");
        assert_eq!(text.lines().count(), 5);
        assert_eq!(draw(&spans, 0, PLAIN).lines().count(), 54);
    }

    #[test]
    fn spans_that_are_each_others_parents_end_nothing() {
        let spans =
            vec![span("1", "2", "a", "x", 0, 1), span("2", "1", "a", "y", 0, 1), span("3", "3", "a", "z", 0, 1)];
        assert!(draw(&spans, 0, PLAIN).contains('z'));
    }

    #[test]
    fn a_narrow_terminal_cuts_names_and_not_the_program() {
        let text = draw(&a_run(), 0, Style { width: 10, colour: false });
        assert_eq!(text.lines().count(), 4);
    }

    #[test]
    fn nothing_draws_nothing() {
        assert_eq!(draw(&[], 0, PLAIN), "");
    }
}
