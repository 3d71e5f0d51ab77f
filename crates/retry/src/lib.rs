//! Retry, budget and circuit breaker as pure policy with an injected clock.
