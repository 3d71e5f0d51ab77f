//! The vocabulary of the market: datasets, dates, calendar, prices, artifacts, table schemas.
