//! What is fetched (`Dataset`), from whom (`Exchange`) and where it ends (`Table`).

use crate::closed_set::closed_set;

closed_set! {
    /// A report that an exchange publishes for each trading day.
    Dataset, "dataset" {
        /// The cash-market bhavcopy: prices, volume and turnover of every line that traded (domain §5.1, §5.2).
        Bhavcopy => "bhavcopy",
        /// `sec_bhavdata_full`: prices with VWAP and delivery (domain §5.3).
        FullBhavcopy => "full_bhavcopy",
        /// Corporate-action filings whose ex-date is the trade date (domain §5.6).
        CorporateActions => "corporate_actions",
    }
}

impl Dataset {
    /// Returns the tables that one file of this dataset fills.
    #[must_use]
    pub const fn tables(self) -> &'static [Table] {
        match self {
            Self::Bhavcopy => &[Table::RawEquityOhlc, Table::NormalizedEquityOhlc],
            Self::FullBhavcopy => &[Table::EquityDelivery],
            Self::CorporateActions => &[Table::CorporateActions],
        }
    }

    /// Returns the table whose rows are the dataset's rows in the books: one row a published row of the file.
    #[must_use]
    pub const fn principal_table(self) -> Table {
        match self {
            Self::Bhavcopy => Table::NormalizedEquityOhlc,
            Self::FullBhavcopy => Table::EquityDelivery,
            Self::CorporateActions => Table::CorporateActions,
        }
    }

    /// Returns the flow's name in metrics: `<dataset>_etl`.
    #[must_use]
    pub const fn flow_name(self) -> &'static str {
        match self {
            Self::Bhavcopy => "bhavcopy_etl",
            Self::FullBhavcopy => "full_bhavcopy_etl",
            Self::CorporateActions => "corporate_actions_etl",
        }
    }
}

closed_set! {
    /// A stock exchange.
    Exchange, "exchange" {
        /// National Stock Exchange of India.
        Nse => "nse",
        /// BSE (formerly Bombay Stock Exchange).
        Bse => "bse",
    }
}

impl Exchange {
    /// Returns the code that stands in the exchanges' own files and in the tables: `NSE`, `BSE`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nse => "NSE",
            Self::Bse => "BSE",
        }
    }
}

closed_set! {
    /// A table of the lake and of the warehouse.
    Table, "table" {
        /// Every column of the bhavcopy as published, typed, all eras mapped into the 34 UDiFF columns.
        RawEquityOhlc => "raw_equity_ohlc",
        /// Validated prices with exact decimals, one row an (exchange, date, symbol, series).
        NormalizedEquityOhlc => "normalized_equity_ohlc",
        /// VWAP and delivery a line and day.
        EquityDelivery => "equity_delivery",
        /// Legs of corporate-action filings.
        CorporateActions => "corporate_actions",
    }
}

impl Table {
    /// Returns the layer the table belongs to.
    #[must_use]
    pub const fn layer(self) -> Layer {
        match self {
            Self::RawEquityOhlc => Layer::Raw,
            Self::NormalizedEquityOhlc | Self::EquityDelivery | Self::CorporateActions => Layer::Normalized,
        }
    }

    /// Returns the dataset that fills the table.
    #[must_use]
    pub const fn dataset(self) -> Dataset {
        match self {
            Self::RawEquityOhlc | Self::NormalizedEquityOhlc => Dataset::Bhavcopy,
            Self::EquityDelivery => Dataset::FullBhavcopy,
            Self::CorporateActions => Dataset::CorporateActions,
        }
    }
}

closed_set! {
    /// A layer of the warehouse.
    Layer, "layer" {
        /// As published.
        Raw => "raw",
        /// Validated and exact.
        Normalized => "normalized",
        /// Derived.
        Features => "features",
    }
}
