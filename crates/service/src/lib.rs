//! How a process lives: configuration, listeners, server, admin, shutdown.
