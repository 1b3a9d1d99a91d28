//! Owns `thub conn export`: which connections, and the file they go into. Leaves out how they are written
//! (`store::connections::import`, where each format is read and written).

use super::Book;
use crate::cli::{ConnExport, ExportFormat};
use crate::client::export;
use crate::failure::Failure;
use crate::store::connections::import::thub;
use std::io::{self, Write};
use std::path::Path;

impl ExportFormat {
    fn format(self) -> export::To {
        match self {
            ExportFormat::Thub => export::To::Thub,
            ExportFormat::Csv => export::To::Csv,
            ExportFormat::SshConfig => export::To::SshConfig,
        }
    }
}

impl Book {
    pub fn export(&self, export: &ConnExport) -> Result<(), Failure> {
        let all = match &export.folder {
            None => self.listed.clone(),
            Some(path) => thub::within(&self.listed, &self.meant(|all| all.find_folder(path), path)?.id),
        };
        let written = export::written(&all, export.to.format())?;
        match export.file.as_deref().filter(|file| *file != Path::new("-")) {
            None => {
                let mut out = io::stdout().lock();
                out.write_all(&written.bytes).and_then(|()| out.flush())?;
            }
            Some(file) => export::put(file, &written.bytes, export.force)?,
        }
        written.left_out.iter().for_each(|why| eprintln!("thub: {why}"));
        Ok(())
    }
}
