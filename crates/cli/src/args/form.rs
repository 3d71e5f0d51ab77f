//! In which form a command answers.

use clap::Args;

use crate::query;

/// Whether an answer goes into a spreadsheet.
#[derive(Debug, Clone, Copy, Args)]
pub struct Export {
    /// Answer in CSV, for spreadsheets; no cell is a formula
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// In which form the warehouse answers.
#[derive(Debug, Clone, Args)]
pub struct Form {
    /// A format of ClickHouse in place of the table, such as CSVWithNames or JSONEachRow
    #[arg(long, conflicts_with = "csv")]
    pub format: Option<String>,
    /// For spreadsheets, or as a table
    #[command(flatten)]
    pub export: Export,
}

impl Form {
    /// Returns the form asked for; `json` is the option of all commands.
    #[must_use]
    pub fn chosen(self, json: bool) -> query::Form {
        match self.format {
            Some(format) => query::Form::Format(format),
            None if self.export.csv => query::Form::Csv,
            None if json => query::Form::Format("JSON".to_owned()),
            None => query::Form::Table,
        }
    }
}
