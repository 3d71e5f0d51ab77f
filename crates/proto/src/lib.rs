//! The contract between the services and its conversions.
