//! Text from outside as a person may read it: what would steer a terminal or turn the reading direction is spelled out.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns the text with every character that has no glyph of its own written as an escape: `\u{1b}`, `\n`, `\u{202e}`.
///
/// These are the control characters and those that change how the text around them is shown: direction marks and
/// overrides, invisible joints and spaces, line separators, tags. Everything else stays, also beyond ASCII.
///
/// ```
/// use champion_market_data::plain::escaped;
///
/// assert_eq!(escaped("M&M\u{1b}[2J"), r"M&M\u{1b}[2J");
/// assert_eq!(escaped("Société ₹ 5"), "Société ₹ 5");
/// ```
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            unseen if is_unseen(unseen) => {
                write!(shown, "\\u{{{:x}}}", u32::from(unseen)).expect("memory takes a text");
            }
            seen => shown.push(seen),
        }
    }
    Cow::Owned(shown)
}

/// Tells whether a character is a control character or one that only changes how others are shown.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_turns_the_text_is_spelled_out() {
        assert_eq!(escaped("a\u{1b}]0;x\u{7}b\0\n\t\r"), r"a\u{1b}]0;x\u{7}b\u{0}\n\t\r");
        assert_eq!(escaped("\u{9b}31m\u{202e}gnp.exe\u{2066}\u{feff}"), r"\u{9b}31m\u{202e}gnp.exe\u{2066}\u{feff}");
    }

    #[test]
    fn plain_text_is_borrowed_as_it_is() {
        for text in ["", "M&M", "बैंक", "Crédit – ½ ₹", "back\\slash \"quoted\""] {
            assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
