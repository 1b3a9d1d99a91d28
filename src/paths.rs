//! Owns where every file and socket of thub lies: [`Paths`].
//! Leaves out opening them (`safedir`, `store`) and what is in them.

use crate::failure::Failure;
use crate::proto::ids::{SessionId, hex};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The directories of this user on this machine, all absolute. Nothing here has been created or checked yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paths {
    config: PathBuf,
    state: PathBuf,
    data: PathBuf,
    run: PathBuf,
    home: PathBuf,
    /// Hashes, 16 hexadecimal digits each: the machine's own id is not for showing around.
    machine_id: String,
    boot_id: String,
    boot_folder: String,
}

impl Paths {
    /// The pure part of [`Paths::from_env`]: `passwd_home` is used where $HOME is unset, empty or relative;
    /// `machine` and `boot` are the ids in clear.
    pub fn from_vars(
        var: impl Fn(&str) -> Option<OsString>,
        passwd_home: Option<PathBuf>,
        cwd: Option<PathBuf>,
        machine: &str,
        boot: &str,
    ) -> Result<Paths, Failure> {
        let absolute = |name: &str| var(name).filter(|v| !v.is_empty()).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = absolute("HOME").or(passwd_home).filter(|p| p.is_absolute()).ok_or_else(|| {
            Failure::failed(
                "thub finds no home directory: HOME is not set, and the system knows none for this user",
                "set HOME to an absolute path, such as HOME=/home/me",
            )
        })?;
        let ours = |name: &str, otherwise: PathBuf| -> Result<PathBuf, Failure> {
            let Some(value) = var(name).filter(|v| !v.is_empty()) else { return Ok(otherwise) };
            let path = PathBuf::from(value);
            if path.is_absolute() {
                return Ok(clean(&path));
            }
            match &cwd {
                Some(cwd) => Ok(clean(&cwd.join(path))),
                None => Err(Failure::usage(
                    format!("{name} is a relative path, and the current directory is gone"),
                    format!("set {name} to an absolute path, or change to a directory that exists"),
                )),
            }
        };
        let xdg = |name: &str, fallback: &str| absolute(name).unwrap_or_else(|| home.join(fallback)).join("thub");
        Ok(Paths {
            config: ours("THUB_CONFIG_DIR", xdg("XDG_CONFIG_HOME", ".config"))?,
            state: ours("THUB_STATE_DIR", xdg("XDG_STATE_HOME", ".local/state"))?,
            // the same for every login of the user, also where XDG_STATE_HOME differs between them, and it outlives
            // the logout that takes XDG_RUNTIME_DIR away
            run: ours("THUB_RUN_DIR", home.join(".local/state/thub/run"))?,
            data: xdg("XDG_DATA_HOME", ".local/share"),
            machine_id: digest("machine", &[machine]),
            boot_id: digest("boot", &[boot]),
            boot_folder: digest("run", &[machine, boot]),
            home,
        })
    }

    /// The user's home.
    pub fn home(&self) -> &Path {
        &self.home
    }
    /// The user's settings; may be shared between machines, readable by others, a symlink.
    pub fn config_dir(&self) -> &Path {
        &self.config
    }
    /// What thub keeps: layouts, connections, logs. Ours alone: through `SafeDir`.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }
    /// What can be had again: uploaded agents.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }
    /// The parent of [`Paths::run_root`]; where homes are shared it holds a folder for each machine and boot.
    pub fn run_dir(&self) -> &Path {
        &self.run
    }
    /// Sockets and records of the sessions of this machine since it booted. Ours alone: through `SafeDir`.
    pub fn run_root(&self) -> PathBuf {
        self.run.join(&self.boot_folder)
    }
    /// The last component of [`Paths::run_root`]: 16 hexadecimal digits.
    pub fn boot_folder_name(&self) -> &str {
        &self.boot_folder
    }
    /// A hash of this boot's id: two records with the same one were written in the same boot.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }
    /// A hash of this machine's id.
    pub fn machine_id(&self) -> &str {
        &self.machine_id
    }

    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }
    pub fn themes_dir(&self) -> PathBuf {
        self.config.join("themes")
    }
    pub fn log_dir(&self) -> PathBuf {
        self.state.join("log")
    }
    /// Where an uploaded agent of this build is: `DATA/agents/BUILD/thub`. `build` must be one checked component.
    pub fn agent_binary(&self, build: &str) -> PathBuf {
        self.data.join("agents").join(build).join("thub")
    }

    /// Name in the run root of the session's socket.
    pub fn session_socket_name(id: &SessionId) -> String {
        format!("{id}.sock")
    }
    /// Name in the run root of the session's record, locked while it lives.
    pub fn session_record_name(id: &SessionId) -> String {
        format!("{id}.json")
    }
    /// Name in the run root of what is left of a session that ended.
    pub fn session_end_name(id: &SessionId) -> String {
        format!("{id}.end")
    }
}

/// Without `.` and doubled slashes; `..` stays, since a symlink may be before it.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|c| !matches!(c, Component::CurDir)).collect()
}

/// 16 hexadecimal digits of SHA-256; each part ends with a NUL so that no two lists of parts are one text.
fn digest(purpose: &str, parts: &[&str]) -> String {
    let mut sha = Sha256::new();
    for part in [&["thub", purpose], parts].concat() {
        sha.update(part.trim().as_bytes());
        sha.update([0]);
    }
    hex(sha.finalize().as_slice().get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> Result<Paths, Failure> {
        let vars: Vec<(String, OsString)> = vars.iter().map(|(k, v)| (k.to_string(), v.into())).collect();
        let var = move |name: &str| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
        Paths::from_vars(var, Some("/passwd".into()), Some("/cwd".into()), "m", "b")
    }

    #[test]
    fn the_usual_places() {
        let p = with(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/1")]).unwrap();
        assert_eq!(p.config_file(), Path::new("/h/.config/thub/config.toml"));
        assert_eq!(p.state_dir(), Path::new("/h/.local/state/thub"));
        assert_eq!(p.data_dir(), Path::new("/h/.local/share/thub"));
        assert_eq!(p.run_root(), Path::new("/h/.local/state/thub/run").join(p.boot_folder_name()));
        assert_eq!(p.boot_folder_name().len(), 16);
    }

    #[test]
    fn the_environment_goes_first() {
        let p = with(&[
            ("HOME", "/h"),
            ("XDG_CONFIG_HOME", "/x"),
            ("XDG_STATE_HOME", "relative"),
            ("THUB_RUN_DIR", "./r"),
            ("THUB_STATE_DIR", ""),
        ])
        .unwrap();
        assert_eq!(p.config_dir(), Path::new("/x/thub"));
        assert_eq!(p.state_dir(), Path::new("/h/.local/state/thub"));
        assert_eq!(p.run_dir(), Path::new("/cwd/r"));
    }

    #[test]
    fn home_from_passwd_or_a_clear_error() {
        assert_eq!(with(&[]).unwrap().home(), Path::new("/passwd"));
        assert_eq!(with(&[("HOME", "relative")]).unwrap().home(), Path::new("/passwd"));
        let none = Paths::from_vars(|_| None, None, None, "m", "b").unwrap_err();
        assert!(none.to_string().contains("set HOME"));
        let gone = |n: &str| (n == "THUB_RUN_DIR").then(|| OsString::from("r"));
        assert!(Paths::from_vars(gone, Some("/h".into()), None, "m", "b").unwrap_err().what.contains("THUB_RUN_DIR"));
    }

    #[test]
    fn another_machine_or_boot_is_another_folder() {
        let folder = |m: &str, b: &str| {
            let p = Paths::from_vars(|_| None, Some("/h".into()), None, m, b).unwrap();
            p.boot_folder_name().to_string()
        };
        assert_eq!(folder("m", "b"), folder("m\n", "b"));
        assert_ne!(folder("m", "b"), folder("m", "c"));
        assert_ne!(folder("ab", "c"), folder("a", "bc"));
    }

    #[test]
    fn here() {
        let p = Paths::from_env().unwrap();
        assert_eq!(p, Paths::from_env().unwrap());
    }
}
