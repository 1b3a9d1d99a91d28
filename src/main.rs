//! Owns the roof: parse, run the role, turn a failure into its message and exit code; and it wires this machine's
//! agent to the client. Leaves out everything else.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Arc;
use thub::agent;
use thub::cli::{self, Cli, Verb, call};
use thub::client::host::{Env, HostId};
use thub::config::{Config, SizePolicy};
use thub::failure::Failure;
use thub::paths::Paths;
use thub::proto::hello;
use thub::proto::ids::unhex;
use thub::transport::DeployPolicy;
use thub::{session, sys, target};
use tokio::io::AsyncReadExt;

/// Keys and passwords leave nothing behind in memory that was freed.
#[global_allocator]
static ALLOCATOR: sys::Allocator = sys::Allocator;

fn main() -> ExitCode {
    // a reader that went away is no reason to die with a signal half way
    sys::ignore(libc::SIGPIPE);
    // what thub starts of itself: these three words alone, so that a host may be named as the first of them. A session
    // forks before there is a runtime, is started often and lives long: it does without the command line's whole tree
    let args: Vec<_> = std::env::args_os().skip(1).take(4).collect();
    let result = match args.as_slice() {
        [verb, flag, id] if verb == "session" && flag == "--id" => session::main(&id.to_string_lossy()).map(|()| 0),
        [verb, flag, id] if verb == "target" && flag == "--id" => target::main(&id.to_string_lossy()).map(|()| 0),
        _ => {
            let cli = Cli::parse();
            let runs = matches!(cli.verb, Some(Verb::Run(_)));
            match run(cli) {
                // its other codes are the command's
                Err(e) if runs => {
                    cli::print::err(format_args!("thub: {e}\n"));
                    Ok(cli::run::OWN)
                }
                other => other,
            }
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) if is_broken_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::print::err(format_args!("thub: {failure}\n"));
            ExitCode::from(failure.code())
        }
    }
}

/// `thub ls | head`: whoever read has seen enough, and standard output is nobody's any more.
fn is_broken_pipe(failure: &Failure) -> bool {
    let stdout = rustix::stdio::stdout();
    let mut poll = [rustix::event::PollFd::new(&stdout, rustix::event::PollFlags::OUT)];
    failure.what.contains("Broken pipe")
        && rustix::event::poll(&mut poll, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
        && poll.iter().any(|p| p.revents().contains(rustix::event::PollFlags::ERR))
}

fn run(cli: Cli) -> Result<u8, Failure> {
    let Cli { mut common, open, verb } = cli;
    if let (Some(host), Some(_)) = (&open, &verb) {
        let host = thub::text::escape(host);
        return Err(Failure::usage(
            format!("'{host}' stands before a verb, which does not make it its host"),
            format!("write the verb first, then -H {host}; `thub {host}` alone opens it"),
        ));
    }
    if let Some(Verb::Doctor(d)) = &verb {
        common.host.extend(d.on.clone());
    }
    if let Some(Verb::Top(t)) = &verb {
        common.host.extend(t.on.clone());
    }
    let here = matches!(
        verb,
        Some(Verb::Config(_) | Verb::Keys | Verb::Themes | Verb::Reset | Verb::Completions(_) | Verb::Debug(_))
    );
    if here && common.host.iter().any(|h| !HostId::new(h).is_local()) {
        return Err(Failure::usage("this verb is about this machine alone", "leave out -H"));
    }
    let paths = Paths::from_env();
    if let Some(Verb::Doctor(_)) = &verb
        && call::host(&common)?.is_local()
    {
        cli::doctor::doctor(&common, &paths)?;
        return Ok(0);
    }
    let paths = paths?;
    let inherited = sys::take_care();
    let _log = thub::log::start(&paths);
    // as well before a runtime is there
    if let Some(Verb::Debug(d)) = &verb {
        return cli::debug::debug(&common, &d.verb, inherited);
    }
    match &verb {
        Some(Verb::Agent(a)) if a.stdio => return serve(paths, inherited),
        Some(Verb::Completions(c)) => {
            use std::io::Write;
            std::io::stdout().write_all(&cli::generate::completions(c.shell))?;
            return Ok(0);
        }
        _ => {}
    }
    call::block_on(verbs(common, open, verb, paths, inherited))
}

async fn verbs(
    common: cli::Common,
    open: Option<String>,
    verb: Option<Verb>,
    paths: Paths,
    inherited: sys::Inherited,
) -> Result<u8, Failure> {
    let tui = matches!(&verb, None | Some(Verb::Attach(_))) || matches!(&verb, Some(Verb::New(n)) if !n.detached);
    // (a host whose agent is looked at, ended or taken away needs none first)
    let asks = tui || (cli::ask::here() && !matches!(&verb, Some(Verb::Agent(_) | Verb::Doctor(_))));
    let policy = if asks { DeployPolicy::Ask } else { DeployPolicy::Never };
    let ctx = agent::Context {
        paths: paths.clone(),
        local: true,
        host: "local".into(),
        inherited,
        defaults: defaults(&paths),
        ssh_config: common.ssh_config.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone())),
        taken: false,
    };
    // what is copied keeps two processors busy: the network's and the disk's side
    let apart = matches!(&verb, Some(Verb::Cp(_)));
    let local = move || {
        let (ours, theirs) = tokio::io::duplex(256 << 10);
        let ctx = ctx.clone();
        let agent = async move {
            if let Err(e) = agent::run(theirs, ctx).await {
                tracing::error!(error = %e.what, "this machine's agent ended");
            }
        };
        match apart.then(call::thread).flatten() {
            Some(thread) => drop(thread.spawn(agent)),
            None => drop(tokio::spawn(agent)),
        }
        ours
    };
    // a run dir that can't be used is said as what it is, not as an agent that does not answer
    if common.host.is_empty()
        && !matches!(
            verb,
            Some(Verb::Config(_) | Verb::Keys | Verb::Themes | Verb::Reset | Verb::Deploy(_) | Verb::Forward(_))
        )
    {
        thub::store::rundir::RunDir::open(&paths)?;
    }
    let env: Arc<Env> = Env::new(paths.clone(), common.ssh_config.clone(), policy, Box::new(local));
    let host: HostId = match &verb {
        Some(Verb::Run(_) | Verb::Deploy(_)) => HostId::local(),
        _ => call::host(&common)?,
    };
    if let Some(Verb::New(n)) = &verb
        && n.no_agent
    {
        cli::sessions::without_agent(&env, &host, n)?;
    }
    match verb {
        Some(Verb::New(n)) if n.detached => cli::sessions::new_detached(&env, &common, &host, &n).await?,
        Some(Verb::Ls) => cli::sessions::ls(&env, &common, &host).await?,
        Some(Verb::Send(s)) => cli::send::send(&env, &host, &s).await?,
        Some(Verb::SendKeys(s)) => cli::send::send_keys(&env, &host, &s).await?,
        Some(Verb::Capture(c)) => cli::capture::capture(&env, &common, &host, &c).await?,
        Some(Verb::Containers(c)) => cli::containers::containers(&env, &common, &host, &c).await?,
        Some(Verb::Search(s)) => return cli::search::search(&env, &common, &host, &s).await,
        Some(Verb::Marks(m)) => cli::marks::marks(&env, &common, &host, &m).await?,
        Some(Verb::Do(d)) => cli::act::act(&env, &host, &d).await?,
        Some(Verb::Serial) => cli::serial::serial(&env, &common, &host).await?,
        Some(Verb::Wait(w)) => cli::wait::wait(&env, &common, &host, &w).await?,
        Some(Verb::Kill(k)) => cli::sessions::kill(&env, &host, &k).await?,
        Some(Verb::Restart(r)) => cli::sessions::restart(&env, &common, &host, &r).await?,
        Some(Verb::Rename(r)) => cli::sessions::rename(&env, &host, &r).await?,
        Some(Verb::Resize(r)) => cli::sessions::resize(&env, &host, &r).await?,
        Some(Verb::Run(r)) => return cli::run::run(&env, &common, &r).await,
        Some(Verb::Cp(c)) => return cli::cp::cp(&env, &common, &c).await,
        Some(Verb::Top(t)) => cli::top::top(&env, &common, &t).await?,
        Some(Verb::Conn(c)) => cli::conn::conn(&env, &common, &host, &c).await?,
        Some(Verb::Deploy(d)) => cli::agent::deploy(&env, &common, &d).await?,
        Some(Verb::Forward(f)) => return cli::forward::forward(&env, &common, &host, &f).await,
        Some(Verb::Agent(a)) => {
            let verb = a.verb.unwrap_or(cli::AgentVerb::Status);
            return cli::agent::verb(&env, &common, &host, &paths, verb).await;
        }
        Some(Verb::Doctor(_)) => cli::doctor::there(&env, &common, &host).await?,
        None => return cli::open::tui(&env, &common, open).await,
        Some(Verb::Attach(a)) => return cli::open::attach(&env, &host, &a).await,
        Some(Verb::New(n)) => return cli::open::new(&env, &host, &n).await,
        Some(Verb::Config(c)) => cli::show::config(&paths, c.verb)?,
        Some(Verb::Keys) => cli::show::keys(&common, &paths)?,
        Some(Verb::Themes) => cli::show::themes(&common, &paths),
        Some(Verb::Reset) => thub::client::terminal::reset()?,
        // done before a runtime was there
        Some(Verb::Debug(_) | Verb::Completions(_)) => {}
    }
    Ok(0)
}

/// What the settings say of new sessions, as far as they are right.
fn defaults(paths: &Paths) -> agent::Defaults {
    let Ok(Some(text)) = Config::read(paths) else { return agent::Defaults::default() };
    let (config, _) = Config::parse_what_can_be(&text);
    let size_policy = match config.size_policy {
        SizePolicy::Latest => "latest",
        SizePolicy::Smallest => "smallest",
        SizePolicy::Largest => "largest",
        SizePolicy::Fixed => "fixed",
    };
    agent::Defaults {
        history: config.history as usize,
        ring: config.ring,
        size_policy: size_policy.into(),
        shell: config.shell,
    }
}

/// `thub agent --stdio`: serves the link that sshd started it on.
fn serve(paths: Paths, inherited: sys::Inherited) -> Result<u8, Failure> {
    sys::set_process_name("thub");
    // (it is nothing for the sessions)
    let first = sys::take_variable(hello::FIRST);
    let first = first.and_then(|first| unhex(&first)).unwrap_or_default();
    let taken = !first.is_empty();
    call::block_on(async move {
        let (read, write) = tokio::io::split(sys::FdStream::stdio()?);
        let io = tokio::io::join(std::io::Cursor::new(first).chain(read), write);
        let defaults = defaults(&paths);
        let ctx =
            agent::Context { paths, local: false, host: sys::hostname(), inherited, defaults, ssh_config: None, taken };
        sys::as_task(agent::run(io, ctx)).await?;
        Ok(0)
    })
}
