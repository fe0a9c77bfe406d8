//! Files that appear when they are whole.

use super::DecontaminateError;
use flate2::write::GzEncoder;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip does.
    Gzip,
    /// As Zstandard does.
    Zstd,
}

impl Compression {
    /// What the name of a JSONL file says: `.jsonl`, `.jsonl.gz` or `.jsonl.zst`; none for any other
    /// name.
    pub fn of_jsonl(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        [
            (".jsonl", Self::None),
            (".jsonl.gz", Self::Gzip),
            (".jsonl.zst", Self::Zstd),
        ]
        .into_iter()
        .find(|(end, _)| name.ends_with(end))
        .map(|(_, compression)| compression)
    }
}

/// A file under a temporary name beside its own, which it takes when finished; dropped before, it
/// leaves nothing.
pub(super) struct NewFile {
    path: PathBuf,
    encoder: Encoder,
}

type Plain = BufWriter<NamedTempFile>;

enum Encoder {
    None(Plain),
    Gzip(GzEncoder<Plain>),
    Zstd(zstd::Encoder<'static, Plain>),
}

impl NewFile {
    /// Opens it; missing folders are made.
    pub(super) fn create(
        path: &Path,
        compression: Compression,
    ) -> Result<Self, DecontaminateError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let open = || {
            std::fs::create_dir_all(folder)?;
            let mut builder = tempfile::Builder::new();
            builder.prefix(".vpt-").suffix(".tmp");
            // Temporary files are born private; this one stays, so the umask decides.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let file = BufWriter::new(builder.tempfile_in(folder)?);
            Ok(match compression {
                Compression::None => Encoder::None(file),
                Compression::Gzip => {
                    Encoder::Gzip(GzEncoder::new(file, flate2::Compression::new(6)))
                }
                Compression::Zstd => Encoder::Zstd(zstd::Encoder::new(file, 0)?),
            })
        };
        Ok(Self {
            encoder: open().map_err(DecontaminateError::write(path))?,
            path: path.into(),
        })
    }

    /// Adds `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), DecontaminateError> {
        let written = match &mut self.encoder {
            Encoder::None(file) => file.write_all(bytes),
            Encoder::Gzip(file) => file.write_all(bytes),
            Encoder::Zstd(file) => file.write_all(bytes),
        };
        written.map_err(DecontaminateError::write(&self.path))
    }

    /// Gives it its name.
    pub(super) fn finish(self) -> Result<(), DecontaminateError> {
        let Self { path, encoder } = self;
        let finish = || -> io::Result<()> {
            let file = match encoder {
                Encoder::None(file) => file,
                Encoder::Gzip(file) => file.finish()?,
                Encoder::Zstd(file) => file.finish()?,
            };
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        finish().map_err(DecontaminateError::write(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how() {
        let of = |name: &str| Compression::of_jsonl(Path::new(name));
        assert_eq!(of("a/b.jsonl"), Some(Compression::None));
        assert_eq!(of("b.JSONL.gz"), Some(Compression::Gzip));
        assert_eq!(of("b.jsonl.zst"), Some(Compression::Zstd));
        assert_eq!(of("b.parquet"), None);
        assert_eq!(of("b.gz"), None);
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/clean.jsonl");
        let mut file = NewFile::create(&path, Compression::Gzip).unwrap();
        file.write(b"half").unwrap();
        drop(file);
        let left = std::fs::read_dir(folder.path().join("new"))
            .unwrap()
            .count();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_place_that_is_no_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let path = file.join("clean.jsonl");
        let error = NewFile::create(&path, Compression::None).err().unwrap();
        assert!(
            error.to_string().starts_with(path.to_str().unwrap()),
            "{error}"
        );
    }
}
