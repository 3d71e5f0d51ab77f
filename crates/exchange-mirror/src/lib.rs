//! The exchanges' URLs on loopback: recorded files or a generated market, with faults on request.
