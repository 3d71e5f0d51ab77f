//! Where a lake is: a folder, or a bucket of an S3-compatible store.

use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use crate::{Lake, LakeError};

/// Tells whether a place is a bucket, `s3://bucket/prefix`, and no folder.
#[must_use]
pub fn is_bucket(place: &FilePath) -> bool {
    bucket(place).is_some()
}

fn bucket(place: &FilePath) -> Option<&str> {
    place.to_str().and_then(|place| place.strip_prefix("s3://"))
}

impl Lake {
    /// Opens the lake at a place: `s3://bucket/prefix`, or a folder, which is created if need be.
    ///
    /// A bucket is reached as the variables `AWS_*` say (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
    /// `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`, …); keys stand in no configuration file and no error. The store must honour
    /// `If-None-Match` and `If-Match` on writes: create-once keys, turns and registers rest on them.
    ///
    /// # Errors
    /// [`LakeError::Open`] when the place cannot be used. That a bucket answers shows at the first use.
    pub fn open(place: &FilePath) -> Result<Self, LakeError> {
        Self::open_with(place, AmazonS3Builder::from_env)
    }

    /// Opens the lake as [`Lake::open`] does, with these variables `AWS_*` instead of those of the process.
    ///
    /// # Errors
    /// As [`Lake::open`], and when a name is unknown.
    pub fn open_given(place: &FilePath, variables: &[(&str, String)]) -> Result<Self, LakeError> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in variables {
            let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse().map_err(|_| LakeError::Open {
                place: place.display().to_string(),
                reason: format!("unknown variable {name}"),
            })?;
            builder = builder.with_config(key, value);
        }
        Self::open_with(place, || builder)
    }

    fn open_with(place: &FilePath, builder: impl FnOnce() -> AmazonS3Builder) -> Result<Self, LakeError> {
        let Some(rest) = bucket(place) else {
            return Self::open_folder(place);
        };
        let failed = |reason: String| LakeError::Open { place: place.display().to_string(), reason };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(failed("expected s3://bucket/prefix".to_owned()));
        }
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| failed(error.to_string()))?;
        let builder = builder().with_bucket_name(bucket).with_conditional_put(S3ConditionalPut::ETagMatch);
        let store = builder.build().map_err(|error| failed(error.to_string()))?;
        if prefix.as_ref().is_empty() {
            return Ok(Self::over(Arc::new(store)));
        }
        Ok(Self::over(Arc::new(PrefixStore::new(store, prefix))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_a_bucket_is_refused_and_a_path_is_a_folder() {
        let error = Lake::open(FilePath::new("s3:///prefix")).expect_err("no bucket");
        assert_eq!(error.to_string(), "cannot open the lake at s3:///prefix: expected s3://bucket/prefix");
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("lake");
        Lake::open(&inside).expect("a lake");
        assert!(inside.is_dir());
    }
}
