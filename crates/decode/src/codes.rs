//! The closed sets of codes: why a row or a whole file is refused, and what a kept row is warned about.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident => $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$member_doc])* $member,)+
        }

        impl $name {
            /// Every member, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// Returns the one spelling that reports, label values and the wire use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

codes! {
    /// A rule about a row. Whether breaking it costs the row or only flags it depends on the rule and the row's date.
    RuleCode {
        /// The row has more or fewer fields than the header. Costs the row.
        WrongFieldCount => "wrong_field_count",
        /// A quoted field does not end on its line, or something follows its closing quote. Costs the row.
        BadQuoting => "bad_quoting",
        /// The row holds bytes that are not UTF-8. Costs the row.
        NotUtf8 => "not_utf8",
        /// A value that every row must have is empty or `-`. Costs the row.
        MissingValue => "missing_value",
        /// A text does not have the shape of its column: too long, or characters that no such value has. Costs the row.
        BadText => "bad_text",
        /// A field is not a plain decimal number. Costs the row.
        BadNumber => "bad_number",
        /// A number is negative where none can be. Costs the row.
        NegativeNumber => "negative_number",
        /// A date is not in the form of the file's era. Costs the row.
        BadDate => "bad_date",
        /// The row is of another date than the file. Costs the row.
        DateMismatch => "date_mismatch",
        /// The row is of another exchange or segment than asked for. Costs the row.
        WrongSegment => "wrong_segment",
        /// High is below low. Costs the row; before 2005 it flags.
        HighBelowLow => "high_below_low",
        /// Open is outside low..high. Costs the row; before 2005 it flags.
        OpenOutsideRange => "open_outside_range",
        /// More trades than shares. Costs the row.
        TradesExceedQuantity => "trades_exceed_quantity",
        /// A turnover is in rupees where the column is of lakh rupees, as in some redistributed files. Costs the row.
        WrongUnit => "wrong_unit",
        /// The natural key has been seen in an earlier row of the file. Costs the row.
        DuplicateKey => "duplicate_key",
        /// A filing is not an object or row of the expected form. Costs the filing.
        MalformedFiling => "malformed_filing",
        /// Close is outside low..high, as in real T0 rows. Flags.
        CloseOutsideRange => "close_outside_range",
        /// Last is outside low..high. Flags.
        LastOutsideRange => "last_outside_range",
        /// Turnover is outside low·quantity..high·quantity. Flags.
        ValueOutsideRange => "value_outside_range",
        /// A price is 0 though shares were traded. Flags.
        PriceZero => "price_zero",
        /// The series is not in the list. Flags: an unknown series is data.
        UnknownSeries => "unknown_series",
        /// The era has ISINs and the row has none. Flags.
        IsinMissing => "isin_missing",
        /// The ISIN does not have the form of one; the normalised table holds null. Flags.
        IsinMalformed => "isin_malformed",
        /// The check digit of the ISIN is wrong. Flags.
        IsinCheckDigit => "isin_check_digit",
        /// The average price is outside low..high. Flags.
        VwapOutsideRange => "vwap_outside_range",
        /// More shares delivered than traded. Flags.
        DeliveryExceedsQuantity => "delivery_exceeds_quantity",
    }
}

codes! {
    /// Why a whole file is refused.
    RefusalCode {
        /// There is nothing in it.
        Empty => "empty",
        /// An HTML page in place of a file: a block or a soft "not found".
        Html => "html",
        /// Neither a zip archive nor text.
        NotAZip => "not_a_zip",
        /// The beginning of a file: no end of the archive, wrong checksum, last line cut off.
        Truncated => "truncated",
        /// A zip archive that is not one plain CSV file.
        BadArchive => "bad_archive",
        /// A zip archive beyond the caps on members, bytes or ratio.
        ArchiveLimits => "archive_limits",
        /// More bytes or rows than any day has.
        TooLarge => "too_large",
        /// Text in another encoding than UTF-8.
        NotUtf8 => "not_utf8",
        /// A required column is not in the header.
        MissingColumn => "missing_column",
        /// Well formed, but another report than asked for.
        WrongFormat => "wrong_format",
        /// Well formed, but of another day than asked for.
        StaleContent => "stale_content",
        /// More refused rows than a good file can have.
        TooManyBadRows => "too_many_bad_rows",
        /// A header without rows.
        NoRows => "no_rows",
    }
}
