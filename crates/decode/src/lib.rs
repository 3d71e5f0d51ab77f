//! Exchange files to typed columns: containers, eras, rules, corporate-action texts.
