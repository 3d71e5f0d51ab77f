//! Services as their neighbours and operators meet them: over sockets and signals.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod descriptors;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod process;
#[cfg(test)]
mod support;
