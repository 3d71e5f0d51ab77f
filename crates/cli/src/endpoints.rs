//! Where the services of one machine listen: the file that `champion up` writes and every other command reads.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use champion_service::read_named_file;
use serde::{Deserialize, Serialize};

/// Most bytes of the file; a stack has some ten services.
const MOST_BYTES: u64 = 1 << 20;

/// Addresses of one service, as `host:port`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// gRPC port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
    /// HTTP port of the services that speak plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Admin port: `/metrics`, `/livez`, `/readyz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
}

/// Addresses of all services, by service name (`scraper`, `embedded-warehouse`, …).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoints(pub BTreeMap<String, Endpoint>);

impl Endpoints {
    /// Returns the file's place in a data folder.
    #[must_use]
    pub fn path(data: &Path) -> PathBuf {
        data.join("endpoints.json")
    }

    /// Reads the file of a data folder; `None` when no stack has written one.
    ///
    /// # Errors
    /// Fails when the file is there and cannot be read.
    pub fn load(data: &Path) -> io::Result<Option<Self>> {
        match read_named_file(&Self::path(data), MOST_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file; a reader never sees half of it.
    ///
    /// # Errors
    /// Fails when the folder cannot be written.
    pub fn save(&self, data: &Path) -> io::Result<()> {
        let temporary = data.join(format!("endpoints.{}.tmp", std::process::id()));
        std::fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&temporary, Self::path(data))
    }

    /// Removes the file, so that no command looks for a stack that has gone.
    pub fn remove(data: &Path) {
        let _ = std::fs::remove_file(Self::path(data));
    }

    /// Returns the URL of a service's gRPC port.
    #[must_use]
    pub fn grpc_url(&self, service: &str) -> Option<String> {
        self.0.get(service)?.grpc.as_ref().map(|address| format!("http://{address}"))
    }

    /// Returns the URL of a service's HTTP port.
    #[must_use]
    pub fn http_url(&self, service: &str) -> Option<String> {
        self.0.get(service)?.http.as_ref().map(|address| format!("http://{address}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_what_is_absent_is_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(Endpoints::load(folder.path()).expect("an answer"), None);
        let mut endpoints = Endpoints::default();
        let scraper = Endpoint { grpc: Some("127.0.0.1:1".to_owned()), pid: Some(7), ..Endpoint::default() };
        endpoints.0.insert("scraper".to_owned(), scraper);
        endpoints.save(folder.path()).expect("saved");
        let loaded = Endpoints::load(folder.path()).expect("readable").expect("there");
        assert_eq!(loaded, endpoints);
        assert_eq!(loaded.grpc_url("scraper").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(loaded.http_url("scraper"), None);
    }
}
