//! Owns a real Podman of a test's own: its service at a socket, its data under a directory of its own, the image that
//! `engine` makes. It goes with all its containers, their monitors among them, which Podman leaves for five minutes.

use super::engine::{Api, program};
use super::{PATIENCE, signal, until};
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub struct Podman {
    dir: PathBuf,
    api: Api,
    service: Option<Child>,
}

impl std::ops::Deref for Podman {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Podman {
    /// None where there is no Podman, or none that can run a container here.
    pub fn start() -> Option<Podman> {
        if !super::is_root() || !["podman", "busybox", "tar"].iter().all(|p| program(p).is_some()) {
            // (Docker's engine is the one that every run must have: a Podman that starts nothing is a common thing)
            println!("skipped: no podman and busybox, or not root");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("thub-p").tempdir_in("/tmp").unwrap().keep();
        let at = |name: &str| dir.join(name).display().to_string();
        let storage = format!("[storage]\ndriver=\"vfs\"\nrunroot=\"{}\"\ngraphroot=\"{}\"\n", at("run"), at("data"));
        std::fs::write(dir.join("storage.conf"), storage).unwrap();
        // (its locks are the machine's but for files; limits that are higher than ours are refused)
        let engine = format!(
            "[containers]\nnetns=\"none\"\ndefault_ulimits=[\"nofile=1024:1024\",\"nproc=1024:1024\"]\n\
             [engine]\ncgroup_manager=\"cgroupfs\"\nevents_logger=\"file\"\nlock_type=\"file\"\ntmp_dir=\"{}\"\n",
            at("tmp")
        );
        std::fs::write(dir.join("containers.conf"), engine).unwrap();
        let api = Api(dir.join("s"));
        let mut podman = Podman { dir, api, service: None };
        podman.up();
        podman.image(&podman.dir);
        podman.create("probe", super::engine::IMAGE, "true", false);
        let (code, said) = podman.ask("POST", "/containers/probe/start", &[]);
        if code != 204 {
            println!("skipped: no podman that can run a container here: {said}");
            return None;
        }
        podman.remove("probe");
        Some(podman)
    }

    pub fn up(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
        let mut command = Command::new(program("podman").unwrap());
        command.args(["system", "service", "--time=0", &format!("unix://{}", self.socket())]);
        command.env("CONTAINERS_STORAGE_CONF", self.dir.join("storage.conf"));
        command.env("CONTAINERS_CONF", self.dir.join("containers.conf"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.service = Some(command.spawn().unwrap());
        until("podman answers", || self.answers().then_some(()));
    }

    /// Ends the service at once; its containers have monitors of their own, and go on.
    pub fn crash(&mut self) {
        let mut service = self.service.take().unwrap();
        service.kill().unwrap();
        service.wait().unwrap();
    }

    /// Processes of its own that are there yet: what its words name its directory.
    fn left(&self) -> Vec<i32> {
        let dir = self.dir.display().to_string();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = all.filter_map(|e| e.file_name().to_string_lossy().parse::<i32>().ok());
        let ours = |pid: &i32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let program = words.split(|b| *b == 0).next().unwrap_or_default();
            let is_one = [&b"conmon"[..], b"podman"].iter().any(|name| program.ends_with(name));
            is_one && String::from_utf8_lossy(&words).contains(&format!("{dir}/"))
        };
        pids.filter(ours).collect()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if self.service.is_none() {
            self.up();
        }
        self.clear();
        let mut service = self.service.take().unwrap();
        signal(service.id() as i32, Signal::TERM);
        if super::home::wait_for(&mut service, PATIENCE).is_none() {
            let _ = service.kill();
            let _ = service.wait();
        }
        until("its monitors are gone", || {
            let left = self.left();
            left.iter().for_each(|pid| signal(*pid, Signal::KILL));
            left.is_empty().then_some(())
        });
        let inside = format!(" {}/", self.dir.display());
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        for line in mounts.lines().filter(|line| line.contains(&inside)) {
            let _ = Command::new("umount").arg(line.split(' ').nth(1).unwrap_or_default()).status();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
