//! Bytes by key: put-if-absent, verified get, atomic publish.
