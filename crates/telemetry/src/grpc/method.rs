//! Which method a request calls, and how much is made of it.

/// A method from the path of a request: `/package.Service/Method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method<'a> {
    /// `package.Service/Method`
    pub(super) full: &'a str,
    pub(super) service: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Method<'a> {
    pub(super) fn of_path(path: &'a str) -> Self {
        let full = path.strip_prefix('/').unwrap_or(path);
        let (service, name) = full.rsplit_once('/').unwrap_or((full, ""));
        Self { full, service, name }
    }

    /// Probes and tools: neither span nor metric.
    pub(super) fn is_ignored(self) -> bool {
        self.service == "grpc.health.v1.Health" || self.service.starts_with("grpc.reflection.")
    }

    /// The export of spans: a span for it would be exported by the same way, for ever.
    pub(super) fn is_untraced(self) -> bool {
        self.service.starts_with("opentelemetry.proto.collector.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_splits_at_its_last_slash() {
        let method = Method::of_path("/champion.parser.v1.Parser/Parse");
        assert_eq!((method.service, method.name), ("champion.parser.v1.Parser", "Parse"));
        assert_eq!(Method::of_path("nonsense").service, "nonsense");
    }

    #[test]
    fn probes_are_ignored_and_work_is_not() {
        assert!(Method::of_path("/grpc.health.v1.Health/Check").is_ignored());
        assert!(Method::of_path("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo").is_ignored());
        assert!(!Method::of_path("/champion.parser.v1.Parser/Parse").is_ignored());
        assert!(Method::of_path("/opentelemetry.proto.collector.trace.v1.TraceService/Export").is_untraced());
    }
}
