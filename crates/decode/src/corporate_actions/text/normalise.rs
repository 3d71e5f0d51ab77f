//! One spelling for a filing's text: letter case, blanks, currency, `/-`, and words run together.

use unicode_normalization::UnicodeNormalization;

/// Words that filings run together with their neighbours: `10tors2`, `3persh`, `fvsplt`, `interimdividend`.
const GLUED_WORDS: &[&str] = &[
    "agm",
    "and",
    "back",
    "bon",
    "bonus",
    "buy",
    "consol",
    "consolidation",
    "distribution",
    "div",
    "divd",
    "dividend",
    "egm",
    "face",
    "fin",
    "final",
    "frm",
    "from",
    "fv",
    "int",
    "interim",
    "issue",
    "of",
    "part",
    "payment",
    "per",
    "pr",
    "premium",
    "prm",
    "purpose",
    "re",
    "redemp",
    "redemption",
    "revised",
    "rghts",
    "rights",
    "rs",
    "sh",
    "share",
    "shares",
    "special",
    "spl",
    "split",
    "splt",
    "to",
    "unit",
    "value",
];

/// Longer words than this are not taken apart: the longest word of the list, three times over.
const LONGEST_GLUED: usize = 40;

/// Returns the text in the one spelling that the rules are written for.
///
/// NFKC, lower case, single blanks; every currency mark becomes `rs`; the `/-` after an amount goes; a blank stands
/// between letters and digits and between words that were run together: `Fv Spl-Rs10tors2/Bon-1:1` becomes
/// `fv spl-rs 10 to rs 2/bon-1:1`.
pub(super) fn normalise(text: &str) -> String {
    spell_out(&drop_rupee_strokes(&fold(text).replace("a.g.m", "agm").replace("e.g.m", "egm")))
}

/// Folds letter case, compatibility forms, dashes and blanks.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars().map(without_hidden_number).nfkc().flat_map(char::to_lowercase) {
        match character {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => folded.push('-'),
            '\u{20b9}' => folded.push_str(" rs "),
            '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
            character if character.is_whitespace() || character.is_control() => push_blank(&mut folded),
            character => folded.push(character),
        }
    }
    folded
}

/// Superscripts, fractions and circled digits would become plain digits under NFKC and change a number (`5²` is not
/// 52): they become a mark that no rule reads, so that the leg goes to review.
fn without_hidden_number(character: char) -> char {
    match character {
        '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{bc}'..='\u{be}' | '\u{2070}'..='\u{209c}' | '\u{2150}'..='\u{218b}' => {
            char::REPLACEMENT_CHARACTER
        }
        '\u{2460}'..='\u{24ff}' | '\u{2776}'..='\u{2793}' => char::REPLACEMENT_CHARACTER,
        character => character,
    }
}

/// Drops the stroke of a written rupee amount, `10/-` and `10/=`, so that it is not taken for a separator.
fn drop_rupee_strokes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find('/') {
        kept.push_str(&rest[..position]);
        rest = &rest[position + 1..];
        let after_number = kept.trim_end().ends_with(|last: char| last.is_ascii_digit());
        match rest.trim_start().strip_prefix(['-', '=']) {
            Some(after) if after_number => {
                kept.push(' ');
                rest = after;
            }
            _ => kept.push('/'),
        }
    }
    kept.push_str(rest);
    kept
}

/// Writes each run of letters and digits as words with blanks between them.
fn spell_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_alphabetic() {
            let (word, after) = split_run(rest, char::is_alphabetic);
            let written = push_words(&mut out, word, after);
            // The dot of `rs.` belongs to the abbreviation, never to the number behind it.
            rest = if written { after.strip_prefix('.').unwrap_or(after) } else { after };
        } else if first.is_ascii_digit() {
            blank_between(&mut out, char::is_alphabetic);
            let (number, after) = split_run(rest, |character| character.is_ascii_digit());
            out.push_str(number);
            rest = after;
        } else {
            if first == ' ' {
                push_blank(&mut out)
            } else {
                out.push(first)
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Writes one run of letters; tells whether its last word is a currency mark.
fn push_words(out: &mut String, run: &str, after: &str) -> bool {
    blank_between(out, |last| last.is_ascii_digit());
    let words = take_apart(run);
    let last = words.len() - 1;
    let mut is_currency = false;
    for (position, word) in words.iter().enumerate() {
        if position > 0 {
            out.push(' ');
        }
        is_currency = position == last && is_currency_mark(word, after);
        out.push_str(if is_currency { "rs" } else { word });
    }
    is_currency
}

/// `re` is a currency mark only before a number; elsewhere it is a word of the language.
fn is_currency_mark(word: &str, after: &str) -> bool {
    match word {
        "rs" | "inr" | "rupee" | "rupees" => true,
        "re" => {
            let number = after.trim_start_matches([' ', '.', '-', ':']);
            number.starts_with(|first: char| first.is_ascii_digit())
        }
        _ => false,
    }
}

/// Takes a run of letters apart into the fewest words of [`GLUED_WORDS`]; leaves it whole where that cannot be done.
fn take_apart(run: &str) -> Vec<&str> {
    if run.len() > LONGEST_GLUED || !run.is_ascii() || GLUED_WORDS.contains(&run) {
        return vec![run];
    }
    // best[end]: fewest words that spell run[..end], and where the last of them begins.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; run.len() + 1];
    best[0] = Some((0, 0));
    for end in 1..=run.len() {
        for word in GLUED_WORDS.iter().filter(|word| run[..end].ends_with(*word)) {
            let start = end - word.len();
            if let Some((words, _)) = best[start]
                && best[end].is_none_or(|(fewest, _)| words + 1 < fewest)
            {
                best[end] = Some((words + 1, start));
            }
        }
    }
    let mut words = Vec::new();
    let mut end = run.len();
    while end > 0 {
        let Some((_, start)) = best[end] else { return vec![run] };
        words.push(&run[start..end]);
        end = start;
    }
    words.reverse();
    words
}

fn split_run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !belongs(character)).unwrap_or(text.len()))
}

fn push_blank(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

fn blank_between(out: &mut String, is_neighbour: impl Fn(char) -> bool) {
    if out.ends_with(is_neighbour) {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn words_and_numbers_run_together_come_apart() {
        assert_eq!(normalise("Fv Spl-Rs10tors2/Bon-1:1"), "fv spl-rs 10 to rs 2/bon-1:1");
        assert_eq!(normalise("Intdiv-Rs 3persh/Bonus1:1"), "int div-rs 3 per sh/bonus 1:1");
        assert_eq!(normalise("Split-Rs.10tors.2/Div-60%Purpose Revised"), "split-rs 10 to rs 2/div-60%purpose revised");
        assert_eq!(normalise("FVSPLT FRM RS100 TO RS 1"), "fv splt frm rs 100 to rs 1");
        assert_eq!(normalise("PARTREDEMP-RS 12.5 TO 10"), "part redemp-rs 12.5 to 10");
    }

    #[test]
    fn every_currency_mark_is_written_rs_and_words_that_look_like_one_stay() {
        assert_eq!(normalise("₹ 5, Rs.10, Re 1, INR 3, Re. 0.40"), "rs 5, rs 10, rs 1, rs 3, rs 0.40");
        assert_eq!(normalise("Re-issue Of Preference Shares"), "re-issue of preference shares");
        assert_eq!(normalise("Rs. .75"), "rs .75");
    }

    #[test]
    fn the_stroke_of_an_amount_goes_and_a_separator_stays() {
        assert_eq!(normalise("Fv Split Rs.10/- To Re.1/"), "fv split rs 10 to rs 1/");
        assert_eq!(normalise("Rights 161:250 @ Premium Re 0.45 /-"), "rights 161:250 @ premium rs 0.45");
        assert_eq!(normalise("AGM/DIV- RS 12.5 PR SH"), "agm/div- rs 12.5 pr sh");
    }

    #[test]
    fn a_superscript_never_becomes_part_of_a_number() {
        assert_eq!(normalise("Rs 5²"), "rs 5\u{fffd}");
        assert_eq!(normalise("Ｒｓ　５"), "rs 5");
    }
}
