//! Symbols and names of made-up securities, shaped like the exchange's.

use std::collections::HashSet;

use super::hash::Dice;

const FIRST: [&str; 52] = [
    "AAR", "ADI", "AGN", "AKS", "ANV", "ARK", "ASH", "AVI", "BAL", "BHA", "BRI", "CHA", "DAK", "DEV", "DHA", "DRA",
    "EKA", "ESH", "GAN", "GIR", "GOK", "HAR", "HIM", "IND", "ISH", "JAY", "KAL", "KAV", "KIR", "KRI", "LAK", "LOK",
    "MAH", "MAN", "MEG", "NAV", "NIL", "OMK", "PAR", "PRA", "RAJ", "RAT", "SAM", "SHA", "SUR", "TAR", "TEJ", "UDA",
    "VAR", "VIK", "YAM", "ZEN",
];
const SECOND: [&str; 44] = [
    "ADA", "AJI", "AKA", "ALI", "AMU", "ANI", "ARO", "ASU", "ATI", "AVA", "BUX", "DEX", "DIL", "DRO", "ELU", "ENI",
    "ETO", "GAL", "GOR", "HOX", "IKA", "ILO", "INU", "IRA", "IVO", "KEL", "LEX", "LON", "MIX", "NEX", "NOR", "OLI",
    "ORA", "PEX", "QUA", "REX", "RON", "SOL", "TAN", "TIX", "UMA", "VEX", "WAL", "ZOR",
];
/// Abbreviation in the symbol and words in the name.
const TRADES: [(&str, &str); 20] = [
    ("", "Industries"),
    ("TEX", "Textile Mills"),
    ("FIN", "Finance"),
    ("CHEM", "Chemicals"),
    ("PHAR", "Pharmaceuticals"),
    ("INFR", "Infrastructure"),
    ("TECH", "Technologies"),
    ("STL", "Steel & Alloys"),
    ("CEM", "Cement"),
    ("SUG", "Sugar Mills"),
    ("AUTO", "Automotive Components"),
    ("POW", "Power Transmission"),
    ("FOOD", "Foods and Beverages"),
    ("LOG", "Logistics"),
    ("RET", "Retail Ventures"),
    ("BANK", "Small Finance Bank"),
    ("HOSP", "Hospitals"),
    ("AGRO", "Agro Products"),
    ("ENG", "Engineering Works"),
    ("", "Enterprises"),
];

/// The longest instrument name in the exchange's files.
const NAME_LENGTH: usize = 25;

/// A symbol with the company's name in both spellings.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    /// At most ten characters, unique.
    pub(crate) symbol: String,
    /// Upper case, cut to the exchange's width, as bhavcopies print it.
    pub(crate) short: String,
    /// As filings print it.
    pub(crate) company: String,
}

/// Gives out names that do not repeat.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: HashSet<String>,
}

impl Names {
    /// Names a company.
    pub(crate) fn company(&mut self, dice: &mut Dice) -> Name {
        let (first, second) = (dice.pick(&FIRST), dice.pick(&SECOND));
        let (abbreviation, trade) = TRADES[dice.below(TRADES.len() as u64) as usize];
        let joint = match dice.below(150) {
            0 => "&",
            1 => "-",
            _ => "",
        };
        let symbol = self.unique(&format!("{first}{joint}{second}{abbreviation}"));
        let proper = proper_case(&format!("{first}{second}"));
        // RFC 4180 allows a comma in a name, and the exchange quotes it then.
        let company = if dice.below(400) == 0 {
            format!("{proper}, {} {trade} Limited", proper_case(dice.pick(&SECOND)))
        } else {
            format!("{proper} {trade} Limited")
        };
        Name { short: shorten(&company), symbol, company }
    }

    /// Draws five letters that need not be unique, to build the symbol of a fund or a bond from.
    pub(crate) fn stem(dice: &mut Dice) -> String {
        format!("{}{}", dice.pick(&FIRST), dice.pick(&SECOND)).chars().take(5).collect()
    }

    /// Names a line whose symbol and name say what it is.
    pub(crate) fn line(&mut self, symbol: &str, name: &str) -> Name {
        Name { symbol: self.unique(symbol), short: shorten(name), company: name.to_owned() }
    }

    fn unique(&mut self, wanted: &str) -> String {
        let mut symbol: String = wanted.chars().take(10).collect();
        let mut number = 1;
        while !self.given.insert(symbol.clone()) {
            number += 1;
            let tail = number.to_string();
            symbol = wanted.chars().take(10 - tail.len()).chain(tail.chars()).collect();
        }
        symbol
    }
}

fn shorten(name: &str) -> String {
    let upper = name.to_uppercase();
    let fitting = if upper.len() > NAME_LENGTH { upper.replace("LIMITED", "LTD") } else { upper };
    fitting.chars().take(NAME_LENGTH).collect::<String>().trim_end().to_owned()
}

fn proper_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{first}{}", chars.as_str().to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_symbols_are_distinct_and_short() {
        let (mut names, mut dice) = (Names::default(), Dice::new(1, 1));
        for _ in 0..10_000 {
            let name = names.company(&mut dice);
            assert!(name.symbol.len() <= 10 && name.short.len() <= NAME_LENGTH, "{name:?}");
        }
        assert_eq!(names.given.len(), 10_000);
    }
}
