//! Logs, traces and metrics, and the gRPC layers that carry them.
