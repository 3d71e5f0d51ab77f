//! Who may call what: asked of real processes with real certificates, and of every method there is.

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod service;
