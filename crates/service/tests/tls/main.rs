//! TLS between services: who is refused, and what a change of certificates does to calls.

#[cfg(test)]
mod identities;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod support;
