//! Owns a program started in a running container (the engine's exec): its start, its end on request. Leaves out its bytes.
//!
//! An engine leaves such a program running when the connection to it falls. So each has a word of its own in its environment:
//! by that it is found again and hung up on, as a terminal's program is: by a signal from here where that is allowed, else
//! by a second exec beside it.

use super::engine::{Engine, refused};
use super::{named, raw};
use crate::proto::control::Fault;
use crate::proto::ids::Size;
use crate::text::short;
use bollard::models::ExecConfig;
use hyper::Method;
use rustix::process::{Pid, Signal};
use std::time::Duration;

/// What a program in a container is started as.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// None = a shell that is there.
    pub command: Option<Vec<String>>,
    pub user: Option<String>,
    pub dir: Option<String>,
    pub env: Vec<String>,
}

/// One that was started.
#[derive(Clone, Debug)]
pub struct Exec {
    pub id: String,
    /// In its environment, and nobody else's.
    word: String,
    container: String,
    user: Option<String>,
}

/// How it stands with one.
pub enum Way {
    Running,
    Ended(Option<i32>),
    /// The engine knows of none: it, or the container, was started anew since.
    Unknown,
}

/// The best of the shells there are. (The names are ours; `sh` alone is asked for by name.)
const SHELL: &str = r#"for s in bash ash; do if command -v "$s" >/dev/null 2>&1; then exec "$s"; fi; done; exec sh"#;
/// Signals the process whose environment has the word: the first of them, whose children the others are.
const SIGNAL: &str = r#"m=; for p in /proc/[0-9]*; do if grep -qs "THUB_EXEC=$1" "$p/environ"; then n=${p#/proc/}; if [ -z "$m" ] || [ "$n" -lt "$m" ]; then m=$n; fi; fi; done; [ -z "$m" ] || kill -"$2" "$m""#;
/// A key sequence that nobody types, against the engine's habit to let go on one that many do (Ctrl-P Ctrl-Q). It
/// begins with NUL, as the engine holds what may be its beginning back until the next key.
pub const NEVER: &str = "ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@,ctrl-^,ctrl-^,ctrl-_,ctrl-@,ctrl-_,ctrl-^,ctrl-@";

fn random_word() -> String {
    let mut bytes = [0u8; 12];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    crate::proto::ids::hex(&bytes)
}

impl Exec {
    /// Starts it on a terminal of its own.
    pub async fn start(
        engine: &Engine,
        container: &str,
        program: &Program,
        size: Size,
    ) -> Result<(Exec, raw::Stream), Fault> {
        let word = random_word();
        let mut env = program.env.clone();
        env.push(format!("THUB_EXEC={word}"));
        let shell = || ["sh", "-c", SHELL].map(String::from).to_vec();
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(true),
            detach_keys: Some(NEVER.into()),
            console_size: Some(vec![size.rows.into(), size.cols.into()]),
            env: Some(env),
            cmd: Some(program.command.clone().unwrap_or_else(shell)),
            user: program.user.clone(),
            working_dir: program.dir.clone(),
            ..ExecConfig::default()
        };
        let made = engine.api.create_exec(named::container(container)?, config).await;
        let id = made.map_err(|e| refused("starting a program in it", &e))?.id;
        let exec = Exec { id, word, container: container.to_string(), user: program.user.clone() };
        let ask = raw::Ask {
            doing: "starting a program in it",
            method: Method::POST,
            path: format!("/exec/{}/start", named::id(&exec.id)?),
            json: Some(r#"{"Detach":false,"Tty":true}"#.into()),
            hijack: true,
        };
        let stream = engine.stream(ask).await?;
        Ok((exec, stream))
    }

    pub async fn way(&self, engine: &Engine) -> Result<Way, Fault> {
        use bollard::errors::Error;
        match engine.api.inspect_exec(named::id(&self.id)?).await {
            Ok(said) if said.running == Some(true) => Ok(Way::Running),
            Ok(said) => Ok(Way::Ended(said.exit_code.and_then(|c| i32::try_from(c).ok()))),
            Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(Way::Unknown),
            Err(e) => Err(refused("looking at its program", &e)),
        }
    }

    /// Waits until it runs or has ended; whether the engine could start it at all is known then.
    pub async fn begun(&self, engine: &Engine) -> Result<Way, Fault> {
        for _ in 0..100 {
            let found = engine.api.inspect_exec(named::id(&self.id)?).await;
            let found = found.map_err(|e| refused("looking at its program", &e))?;
            // (one that is still being started runs already, as the engine has it, but is no process)
            match (found.running == Some(true), found.pid.is_some_and(|pid| pid > 0), found.exit_code) {
                (true, true, _) => return Ok(Way::Running),
                (false, _, Some(code)) => return Ok(Way::Ended(i32::try_from(code).ok())),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Ok(Way::Running)
    }

    pub async fn resize(&self, engine: &Engine, size: Size) {
        use bollard::query_parameters::ResizeExecOptionsBuilder;
        // (asked before its terminal is there it is refused)
        for _ in 0..10 {
            let to = ResizeExecOptionsBuilder::default().h(size.rows.into()).w(size.cols.into()).build();
            if engine.api.resize_exec(&self.id, to).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its process here, where the engine tells it, it is to be seen, and is still the one that was started.
    async fn pid(&self, engine: &Engine) -> Option<Pid> {
        let said = engine.api.inspect_exec(named::id(&self.id).ok()?).await.ok()?;
        let pid = i32::try_from(said.pid.filter(|_| said.running == Some(true))?).ok().filter(|pid| *pid > 1)?;
        let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let word = format!("THUB_EXEC={}", self.word);
        environ.split(|b| *b == 0).any(|v| v == word.as_bytes()).then_some(())?;
        Pid::from_raw(pid)
    }

    /// Hangs up on it, or kills it. What it has detached from itself goes on, as on any terminal.
    pub async fn signal(&self, engine: &Engine, signal: Signal) {
        if let Some(pid) = self.pid(engine).await
            && rustix::process::kill_process(pid, signal).is_ok()
        {
            return;
        }
        let name = if signal == Signal::KILL { "KILL" } else { "HUP" };
        let config = ExecConfig {
            cmd: Some(["sh", "-c", SIGNAL, "thub", &self.word, name].map(String::from).to_vec()),
            user: self.user.clone(),
            ..ExecConfig::default()
        };
        let made = engine.api.create_exec(&self.container, config).await;
        if let Ok(made) = made {
            let options = bollard::exec::StartExecOptions { detach: true, ..Default::default() };
            let _ = engine.api.start_exec(&made.id, Some(options)).await;
        }
    }
}

/// Whether words are an engine's (runc's, crun's) about a program that it could not start, rather than that program's own.
pub fn is_refusal(said: &str) -> bool {
    said.contains("exec failed") || said.contains("unable to ") || said.contains("crun: ")
}

/// What is said of a program that never began, in words that help. Engines say it in its stream, or as their answer.
pub fn not_begun(said: &str, container: &str, program: &Program) -> Fault {
    let container = short(container, 60);
    let command = program.command.as_ref().map(|c| short(c.first().map_or("", |c| c), 80));
    let lower = said.to_lowercase();
    let missing =
        ["executable file", "no such file or directory", "command not found"].iter().any(|words| lower.contains(words));
    let what = if lower.contains("unable to find user") || lower.contains("no matching entries in passwd") {
        format!("there is no user '{}' in {container}", short(program.user.as_deref().unwrap_or_default(), 60))
    } else if program.dir.is_some() && (lower.contains("chdir") || lower.contains("mkdir ")) {
        format!("there is no directory '{}' in {container}", short(program.dir.as_deref().unwrap_or_default(), 80))
    } else {
        match command {
            None if missing => {
                format!(
                    "{container} has no shell: say a command that it has; its logs and files are there all the same"
                )
            }
            Some(command) if missing => format!("there is no program '{command}' in {container}"),
            command => {
                let command = command.unwrap_or_else(|| "sh".into());
                format!("{container} could not start '{command}': {}", short(said.trim(), 300))
            }
        }
    };
    Fault::new(Fault::SPAWN, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_began() {
        let says = |said: &str, program: &Program| not_begun(said, "web", program).message;
        let shell = Program::default();
        let psql = Program { command: Some(vec!["psql".into()]), user: Some("pg".into()), ..Program::default() };
        let absent = r#"OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown"#;
        assert!(says(absent, &shell).starts_with("web has no shell"));
        assert_eq!(says(absent, &psql), "there is no program 'psql' in web");
        assert_eq!(
            says("unable to find user pg: no matching entries in passwd file", &psql),
            "there is no user 'pg' in web"
        );
        // Podman's answers, with either of its runtimes
        let podman = "runc: exec failed: unable to start container process: exec: \"psql\": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found";
        assert_eq!(says(podman, &psql), "there is no program 'psql' in web");
        let crun = "crun: executable file `sh` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found";
        assert!(says(crun, &shell).starts_with("web has no shell"));
        let nowhere = Program { dir: Some("/nope".into()), ..Program::default() };
        let chdir = "runc: exec failed: unable to start container process: chdir to cwd (\"/nope\") set in config.json failed: no such file or directory: OCI runtime attempted to invoke a command that was not found";
        assert_eq!(says(chdir, &nowhere), "there is no directory '/nope' in web");
        assert!([absent, podman, crun, chdir].iter().all(|said| is_refusal(said)) && !is_refusal("psql: no such host"));
        assert!(says("\u{1b}[2Jodd", &psql).starts_with("web could not start 'psql'"));
        assert!(!says("\u{1b}[2Jodd", &psql).contains('\u{1b}'));
    }
}
