//! The orchestrator service: plans, drives and journals runs.
