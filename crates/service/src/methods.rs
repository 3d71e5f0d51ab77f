//! The methods in an encoded file descriptor set.

use prost::Message;
use prost_types::FileDescriptorSet;

/// Returns every method of the named services, as `package.Service/Method`; of all services when none is named.
///
/// # Errors
///
/// Fails when the bytes are no file descriptor set.
pub fn methods(descriptors: &[u8], services: &[&str]) -> Result<Vec<String>, prost::DecodeError> {
    let set = FileDescriptorSet::decode(descriptors)?;
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            let name = match file.package() {
                "" => service.name().to_owned(),
                package => format!("{package}.{}", service.name()),
            };
            if services.is_empty() || services.contains(&name.as_str()) {
                methods.extend(service.method.iter().map(|method| format!("{name}/{}", method.name())));
            }
        }
    }
    Ok(methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_are_those_of_the_named_services() {
        let descriptors = tonic_health::pb::FILE_DESCRIPTOR_SET;
        let health = ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"];
        let found = methods(descriptors, &["grpc.health.v1.Health"]).unwrap();
        assert!(health.iter().all(|method| found.contains(&(*method).to_owned())), "{found:?}");
        assert_eq!(methods(descriptors, &["other.Service"]).unwrap(), Vec::<String>::new());
        assert!(methods(b"not a descriptor set", &[]).is_err());
    }
}
