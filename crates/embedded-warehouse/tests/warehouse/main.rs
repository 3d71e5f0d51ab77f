//! The embedded warehouse as its clients see it: a real process with a real engine on real sockets.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod http;
#[cfg(test)]
mod life;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod support;
