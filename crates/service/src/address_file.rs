//! The address file: where a process that took any free port says which.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Writes `{"grpc":"127.0.0.1:1234","admin":"127.0.0.1:2345"}` to the path; a reader never sees half of it.
///
/// # Errors
///
/// Fails when the folder cannot be created or the file cannot be written.
pub fn write_address_file(path: &Path, addresses: &[(&str, SocketAddr)]) -> io::Result<()> {
    let object: serde_json::Map<String, serde_json::Value> =
        addresses.iter().map(|(name, address)| ((*name).to_owned(), address.to_string().into())).collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    std::fs::write(&temporary, serde_json::Value::Object(object).to_string())?;
    std::fs::rename(&temporary, path)
}
