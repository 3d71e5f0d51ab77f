//! How much room is left where a process keeps something.

use std::path::{Path, PathBuf};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Error, GaugeVec, Opts, Registry};

/// Registers `champion_disk_free_bytes` and `champion_disk_size_bytes` of the file system that holds a path, asked anew at
/// every scrape. Free is what a process without privileges may still write.
///
/// `volume` says what is kept there. While the file system does not answer, both are NaN: no alert takes that for full.
///
/// # Errors
///
/// Fails when the registry already has them.
pub fn register_disk(registry: &Registry, volume: &'static str, path: &Path) -> Result<(), Error> {
    registry.register(Box::new(Disk { path: path.to_owned(), gauges: DiskGauges::new(volume)? }))
}

/// `champion_disk_free_bytes` and `champion_disk_size_bytes` of a volume whose room somebody else tells. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct DiskGauges {
    volume: &'static str,
    free: GaugeVec,
    size: GaugeVec,
}

impl DiskGauges {
    /// Registers the gauges, NaN until they are set.
    ///
    /// # Errors
    ///
    /// Fails when the registry already has them.
    pub fn register(registry: &Registry, volume: &'static str) -> Result<Self, Error> {
        let gauges = Self::new(volume)?;
        registry.register(Box::new(gauges.free.clone()))?;
        registry.register(Box::new(gauges.size.clone()))?;
        Ok(gauges)
    }

    fn new(volume: &'static str) -> Result<Self, Error> {
        let gauge = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), &["volume"]);
        let gauges = Self {
            volume,
            free: gauge("champion_disk_free_bytes", "Bytes that may still be written to the volume's file system.")?,
            size: gauge("champion_disk_size_bytes", "Size of the volume's file system in bytes.")?,
        };
        gauges.set(None);
        Ok(gauges)
    }

    /// Shows free bytes and size; NaN where nobody knows.
    pub fn set(&self, room: Option<(f64, f64)>) {
        let (free, size) = room.unwrap_or((f64::NAN, f64::NAN));
        self.free.with_label_values(&[self.volume]).set(free);
        self.size.with_label_values(&[self.volume]).set(size);
    }
}

struct Disk {
    path: PathBuf,
    gauges: DiskGauges,
}

impl Collector for Disk {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.free.desc().into_iter().chain(self.gauges.size.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauges.set(room(&self.path));
        self.gauges.free.collect().into_iter().chain(self.gauges.size.collect()).collect()
    }
}

/// Returns free bytes and size of the file system of a path, or of the nearest folder above it that is there.
fn room(path: &Path) -> Option<(f64, f64)> {
    let absolute = std::path::absolute(path).ok()?;
    let there = absolute.ancestors().find(|folder| folder.exists())?;
    let answer = rustix::fs::statvfs(there).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; volumes stay below 2^53 blocks")]
    let bytes = |blocks: u64| blocks as f64 * answer.f_frsize as f64;
    Some((bytes(answer.f_bavail), bytes(answer.f_blocks)))
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn a_folder_that_is_still_to_come_is_measured_where_it_will_be() {
        let registry = Registry::new();
        let path = std::env::temp_dir().join("champion-disk-test/not/there");
        register_disk(&registry, "lake", &path).expect("the names are free");
        let text = TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{volume=\"lake\"}} ")));
            line.expect("the series is there").parse().expect("a number")
        };
        let (free, size) = (value("champion_disk_free_bytes"), value("champion_disk_size_bytes"));
        assert!(free > 0.0 && free <= size, "{free} of {size}");
    }
}
