//! Who may call what: the names in a caller's certificate against the list of the method.

mod allow;
mod caller;
mod layer;

pub use allow::{Allow, REFLECTION, rule_of};
pub(crate) use caller::Caller;
pub(crate) use layer::{AccessLayer, without_method};
