//! The look at every call.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::warn;

use super::{Allow, Caller, REFLECTION, rule_of};
use crate::connections::Throttle;

/// Whoever has a certificate may ask whether the server is well.
const HEALTH: &str = "grpc.health.v1.Health";
/// Reading the contract is for those whom the rule [`REFLECTION`] names.
const REFLECTION_SERVICES: &str = "grpc.reflection.";

/// Refuses calls of those whom the method's rule does not name.
#[derive(Debug, Clone)]
pub(crate) struct AccessLayer {
    /// None where callers are not known: the port is plain.
    rules: Option<Arc<Rules>>,
}

#[derive(Debug)]
struct Rules {
    allow: Allow,
    methods: BTreeSet<String>,
    told: Throttle,
}

impl AccessLayer {
    /// Lets every call pass.
    pub(crate) const fn open() -> Self {
        Self { rules: None }
    }

    /// Looks at every call of the methods (`package.Service/Method`); any other is refused.
    pub(crate) fn new(allow: Allow, methods: impl IntoIterator<Item = String>) -> Self {
        let methods = methods.into_iter().collect();
        Self { rules: Some(Arc::new(Rules { allow, methods, told: Throttle::default() })) }
    }
}

/// Returns the rules that belong to none of the methods: what they were to permit or to refuse is not what they do.
pub(crate) fn without_method<'a>(allow: &'a Allow, methods: &[String]) -> Vec<&'a str> {
    let keys: BTreeSet<String> = methods.iter().map(|method| rule_of(method)).collect();
    allow.rules().map(|(key, _)| key).filter(|key| *key != REFLECTION && !keys.contains(*key)).collect()
}

/// Why a call is refused.
enum Refusal {
    NoRule,
    NotNamed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRule => "no rule",
            Self::NotNamed => "the rule does not name it",
        })
    }
}

impl Rules {
    fn check(&self, method: &str, caller: Option<&Caller>) -> Result<(), (String, Refusal)> {
        let service = method.rsplit_once('/').map_or("", |(service, _)| service);
        if service == HEALTH {
            return Ok(());
        }
        let key = if service.starts_with(REFLECTION_SERVICES) { REFLECTION.to_owned() } else { rule_of(method) };
        let is_known = key == REFLECTION || self.methods.contains(method);
        match self.allow.get(&key).filter(|_| is_known) {
            None => Err((key, Refusal::NoRule)),
            Some(names) if caller.is_some_and(|caller| caller.is_one_of(names)) => Ok(()),
            Some(_) => Err((key, Refusal::NotNamed)),
        }
    }

    /// Tells of a refusal, in the log and to the caller.
    fn refuse(&self, method: &str, caller: Option<&Caller>, key: &str, refusal: &Refusal) -> Status {
        let caller = caller.map_or_else(|| "a caller without a certificate".to_owned(), ToString::to_string);
        // The method is the caller's word: only one of the server's own is repeated.
        let method = if self.methods.contains(method) || key == REFLECTION { method } else { "a method of no service" };
        if let Some(left_out) = self.told.due() {
            warn!(method, caller, reason = %refusal, left_out, "call refused");
        }
        Status::permission_denied(format!(
            "{caller} may not call {method}: {refusal} ([server.tls.allow] of the service)"
        ))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessService { inner, rules: self.rules.clone() }
    }
}

/// A service whose calls are looked at.
#[derive(Debug, Clone)]
pub(crate) struct AccessService<S> {
    inner: S,
    rules: Option<Arc<Rules>>,
}

impl<S> Service<Request<Body>> for AccessService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(rules) = &self.rules {
            let path = request.uri().path();
            let (method, caller) = (path.strip_prefix('/').unwrap_or(path), request.extensions().get::<Caller>());
            if let Err((key, refusal)) = rules.check(method, caller) {
                let status = rules.refuse(method, caller, &key, &refusal);
                return Box::pin(std::future::ready(Ok(status.into_http())));
            }
        }
        Box::pin(self.inner.call(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_a_method_that_is_not_there_is_found() {
        let allow: Allow = toml::from_str("load = []\nlaod = []\nreflection = []").unwrap();
        let methods = ["champion.loader.v1.LoaderService/Load".to_owned()];
        assert_eq!(without_method(&allow, &methods), ["laod"]);
    }

    #[test]
    fn a_method_of_another_service_with_a_known_name_is_refused() {
        let allow: Allow = toml::from_str("load = ['spiffe://champion/operator']").unwrap();
        let rules = Rules {
            allow,
            methods: ["champion.loader.v1.LoaderService/Load".to_owned()].into(),
            told: Throttle::default(),
        };
        for method in
            ["other.Service/Load", "Load", "", "champion.loader.v1.LoaderService/", "grpc.health.v1.Healthy/Load"]
        {
            assert!(rules.check(method, None).is_err(), "{method}");
        }
        assert!(rules.check("grpc.health.v1.Health/Check", None).is_ok());
    }
}
