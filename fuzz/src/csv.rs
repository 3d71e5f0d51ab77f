//! The CSV layer: lines and fields.

use champion_decode::fuzzing::{fields, lines};

/// A text comes apart into its lines and these into their fields, and no byte of a value is lost.
pub(crate) fn csv(data: &[u8]) {
    let expected: Vec<&[u8]> = data
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii().is_empty())
        .collect();
    let mut last = 0;
    let mut found = Vec::new();
    for (number, line, terminated) in lines(data) {
        assert!(number > last && !line.contains(&b'\n'));
        assert_eq!(
            terminated,
            line.as_ptr_range().end != data.as_ptr_range().end && data.contains(&b'\n') && {
                let end = line.as_ptr() as usize - data.as_ptr() as usize + line.len();
                data[end..].contains(&b'\n')
            }
        );
        last = number;
        found.push(line);
        if let Ok(text) = str::from_utf8(line) {
            fields_of(text);
        }
    }
    assert_eq!(found, expected);
}

fn fields_of(line: &str) {
    let Some(values) = fields(line) else {
        assert!(line.contains('"'), "only a quote makes a line unreadable");
        return;
    };
    assert!(values.iter().all(|value| value.trim_ascii() == value));
    if !line.contains('"') {
        let plain: Vec<&str> = line.split(',').map(str::trim_ascii).collect();
        assert_eq!(values, plain);
    }
    // What was read, quoted anew, is read the same.
    let quote = |value: &String| format!("\"{}\"", value.replace('"', "\"\""));
    let quoted: Vec<String> = values.iter().map(quote).collect();
    assert_eq!(fields(&quoted.join(",")).as_ref(), Some(&values));
    assert_eq!(fields(&quoted.join(" , ")).as_ref(), Some(&values));
}
