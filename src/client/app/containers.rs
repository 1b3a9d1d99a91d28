//! Owns what the client shows of a host's containers: a list that is asked for, what can be done with each. Leaves out the
//! engine, and sessions once they are started.

use super::hub::Wish;
use super::{App, Effect};
use crate::client::book::Change;
use crate::client::files::Whose;
use crate::client::host::{ContainersAsk, HostCommand, HostId};
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::tree::host_text;
use crate::proto::control::connections::{Config, Connection, Docker};
use crate::proto::control::{ContainerInfo, Containers, ContainersAct, ContainersList, FilePath, Place, SessionCreate};
use crate::text::short;

/// Something with a container of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Contained {
    pub host: HostId,
    /// Of the engine that has it.
    pub socket: String,
    /// What it is called there, and how it stands with it.
    pub info: ContainerInfo,
    pub deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Menu,
    Open,
    Attach,
    Logs,
    Browse,
    Save,
    Start,
    Stop,
    /// After the question.
    StopNow,
}

impl App {
    /// Asks for a host's containers; the list comes when it is there.
    pub(in crate::client) fn containers(&mut self, host: &HostId, out: &mut Vec<Effect>) {
        if self.hosts.get(host).is_some_and(|h| h.state.is_without_agent()) {
            let host = host_text(host);
            return self.say(format!("{host} has no agent, which its containers are asked of"));
        }
        self.ask_containers(host, ContainersAsk::List(ContainersList { socket: None, images: false }), out);
    }

    fn ask_containers(&mut self, host: &HostId, ask: ContainersAsk, out: &mut Vec<Effect>) {
        self.next_tag += 1;
        self.containers_asked = Some(self.next_tag);
        let command = HostCommand::Containers { tag: self.next_tag, ask: Box::new(ask) };
        self.request(host, command, out);
    }

    /// What a host has answered: a list, or that something was done.
    pub(super) fn containers_told(&mut self, host: &HostId, tag: u64, result: Result<Option<Box<Containers>>, String>) {
        if self.containers_asked != Some(tag) {
            return;
        }
        self.containers_asked = None;
        self.dirty = true;
        match result {
            Ok(Some(found)) => self.show_containers(host, &found),
            Ok(None) => self.say("done"),
            // (a line at the bottom would have no room for what is to be done)
            Err(why) => {
                let lines = why.splitn(2, "; ").map(|part| (String::new(), short(part, 300))).collect();
                self.layers.push(Layer::Facts { title: format!("containers of {}", host_text(host)), lines });
            }
        }
    }

    fn show_containers(&mut self, host: &HostId, found: &Containers) {
        let machine = if host.is_local() { "this machine".to_string() } else { host_text(host) };
        let owner = if found.owner.is_empty() { "root".into() } else { short(&found.owner, 40) };
        let mut told = vec![format!("whoever may use {} is {owner} on {machine}", short(&found.socket, 60))];
        if !found.engine.is_empty() {
            told.push(format!("the engine is {}", short(&found.engine, 40)));
        }
        if found.containers.is_empty() {
            told.push("there are no containers; an image's is made by a connection of type docker".into());
        }
        let items = found.containers.iter().map(|info| {
            let contained =
                Contained { host: host.clone(), socket: found.socket.clone(), info: info.clone(), deed: Deed::Menu };
            let mark = if info.is_running() { "●" } else { "○" };
            Item {
                text: format!("{mark} {}  {}", short(info.label(), 40), short(&info.image, 40)),
                aside: short(&info.status, 30),
                label: None,
                choice: Choice::Hub(Box::new(Wish::Contained(Box::new(contained)))),
            }
        });
        let picker = Picker::new(format!("containers of {machine}"), items.collect()).telling(told);
        self.layers.push(Layer::Picker(picker));
    }

    pub(super) fn contained(&mut self, asked: Contained, out: &mut Vec<Effect>) {
        let name = short(asked.info.label(), 60);
        let host = asked.host.clone();
        let docker = |mode: &str| Docker {
            container: Some(asked.info.label().to_string()),
            mode: mode.into(),
            socket: Some(asked.socket.clone()),
            ..Docker::default()
        };
        match asked.deed {
            Deed::Menu => self.container_menu(&asked),
            Deed::Open => self.open_container(host, &name, &docker(""), out),
            Deed::Attach => self.open_container(host, &name, &docker("attach"), out),
            Deed::Logs => self.open_container(host, &name, &docker("logs"), out),
            Deed::Browse => {
                let place = Place { docker: Some(Box::new(docker(""))), ..Place::default() };
                let label = if host.is_local() { name } else { format!("{name} via {}", host_text(&host)) };
                self.browse_at(Whose { label, host, place }, FilePath::default(), out);
            }
            Deed::Save => {
                let config = Config::docker(&docker(""));
                let connection = Connection { name: asked.info.label().to_string(), config, ..Connection::default() };
                self.change(host, Change::Create(Box::new(connection)), out);
                self.say(format!("{name} is among the prepared connections"));
            }
            Deed::Stop => {
                let text = format!("Stop container {name}? Its program is told to end, and killed after 10 s.");
                let wish = Wish::Contained(Box::new(Contained { deed: Deed::StopNow, ..asked }));
                self.layers.push(Layer::confirm(text, Choice::Hub(Box::new(wish))));
            }
            Deed::Start | Deed::StopNow => {
                let act = if asked.deed == Deed::Start { "start" } else { "stop" };
                let call = ContainersAct { socket: Some(asked.socket), container: asked.info.id, act: act.into() };
                self.ask_containers(&host, ContainersAsk::Act(call), out);
                self.say(format!("{act}ing {name}").replace("stoping", "stopping"));
            }
        }
    }

    fn container_menu(&mut self, asked: &Contained) {
        let running = asked.info.is_running();
        let mut items = Vec::new();
        if running {
            items.push(("open a shell in it", "o", Deed::Open));
            items.push(("attach to its own terminal", "a", Deed::Attach));
        } else {
            items.push(("start it", "s", Deed::Start));
        }
        items.push(("look at its log", "l", Deed::Logs));
        items.push(("browse its files", "f", Deed::Browse));
        if self.book(&asked.host).is_some() {
            items.push(("keep it as a prepared connection", "k", Deed::Save));
        }
        if running {
            items.push(("stop it", "x", Deed::Stop));
        }
        let items = items.into_iter().map(|(text, key, deed)| Item {
            text: text.into(),
            aside: key.into(),
            label: None,
            choice: Choice::Hub(Box::new(Wish::Contained(Box::new(Contained { deed, ..asked.clone() })))),
        });
        let title = format!("container {}", short(asked.info.label(), 50));
        self.layers.push(Layer::Picker(Picker::new(title, items.collect()).by_key()));
    }

    /// A session that no connection is kept for.
    fn open_container(&mut self, host: HostId, name: &str, docker: &Docker, out: &mut Vec<Effect>) {
        let definition = Connection { name: name.into(), config: Config::docker(docker), ..Connection::default() };
        let create = SessionCreate { definition: Some(Box::new(definition)), ..SessionCreate::default() };
        self.start_in_tab(host, create, false, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::tests::Bench;
    use crate::client::host::HostEvent;

    fn found() -> Containers {
        let one = |name: &str, state: &str| ContainerInfo {
            id: "0123456789abcdef".into(),
            names: vec![name.into()],
            image: "nginx\u{1b}[2J:1".into(),
            state: state.into(),
            status: format!("{state} 3 hours"),
            ..ContainerInfo::default()
        };
        let containers = vec![one("web", "running"), one("db", "exited")];
        Containers { socket: "/var/run/docker.sock".into(), containers, ..Containers::default() }
    }

    fn asked(s: &mut Bench) -> Vec<(u64, ContainersAsk)> {
        let of = |e| match e {
            Effect::Host(_, HostCommand::Containers { tag, ask }) => Some((tag, *ask)),
            _ => None,
        };
        s.take().into_iter().filter_map(of).collect()
    }

    /// The list, as it comes.
    fn listed() -> Bench {
        let mut s = Bench::full(100, 24);
        s.take();
        let mut out = Vec::new();
        s.app.containers(&HostId::local(), &mut out);
        let Some(Effect::Host(_, HostCommand::Containers { tag, .. })) = out.pop() else { panic!("nothing is asked") };
        s.host("local", HostEvent::Containers { tag, result: Ok(Some(Box::new(found()))) });
        s
    }

    #[test]
    fn it_says_whose_right_the_socket_is() {
        let s = listed();
        let screen = s.screen();
        assert!(screen.contains("whoever may use /var/run/docker.sock is root on this machine"), "{screen}");
        assert!(screen.contains("● web") && screen.contains("○ db") && screen.contains("running 3 hours"), "{screen}");
        assert!(!screen.contains('\u{1b}'));
        let mut s = Bench::full(100, 24);
        let mut out = Vec::new();
        s.app.containers(&HostId::local(), &mut out);
        let Some(Effect::Host(_, HostCommand::Containers { tag, .. })) = out.pop() else { panic!("nothing is asked") };
        let own = Containers { engine: "Podman 4.3.1".into(), owner: "alice".into(), ..found() };
        s.host("local", HostEvent::Containers { tag, result: Ok(Some(Box::new(own))) });
        let screen = s.screen();
        assert!(screen.contains("/var/run/docker.sock is alice on this machine"), "{screen}");
        assert!(screen.contains("the engine is Podman 4.3.1"), "{screen}");
    }

    #[test]
    fn whose_right_the_socket_is_is_said_in_a_narrow_window_too() {
        let mut s = listed();
        s.event(crate::client::app::Event::Resize(crate::proto::ids::Size::new(40, 14)));
        let said: Vec<String> = s.screen().split_whitespace().map(str::to_string).collect();
        assert!(said.iter().any(|w| w == "root"), "{}", s.screen());
        s.keys("Down");
        assert!(s.has("● web") && s.has("○ db"), "{}", s.screen());
    }

    #[test]
    fn why_there_is_no_list_is_said_in_full() {
        for (cols, rows) in [(100, 24), (40, 12)] {
            let mut s = Bench::full(cols, rows);
            s.keys("C-b : 'containers Enter");
            let tag = asked(&mut s)[0].0;
            let why = "there is no container engine here: neither /var/run/docker.sock nor /run/podman/podman.sock is there; start Docker";
            s.host("local", HostEvent::Containers { tag, result: Err(why.into()) });
            let words: Vec<String> = s.screen().split_whitespace().map(str::to_string).collect();
            for word in why.split_whitespace().map(|w| w.trim_end_matches(';')) {
                assert!(words.iter().any(|w| w == word), "no {word:?} at {cols}x{rows}\n{}", s.screen());
            }
            s.keys("x");
            assert!(!s.has("container engine"), "{}", s.screen());
        }
    }

    #[test]
    fn one_is_opened_stopped_and_started() {
        let mut s = listed();
        s.keys("Enter");
        assert!(s.screen().contains("attach to its own terminal"), "{}", s.screen());
        s.keys("x");
        assert!(s.screen().contains("Stop container web?"), "{}", s.screen());
        assert!(asked(&mut s).is_empty(), "asked first");
        s.keys("y");
        let all = asked(&mut s);
        assert!(matches!(&all[..], [(_, ContainersAsk::Act(act))] if act.act == "stop"), "{all:?}");
        s.host("local", HostEvent::Containers { tag: all[0].0, result: Err("no \u{1b}[2J".into()) });
        assert!(s.screen().contains("no "), "{}", s.screen());

        let mut s = listed();
        s.keys("Enter o");
        let made = s.take().into_iter().find_map(|e| match e {
            Effect::Host(_, HostCommand::Create { create, .. }) => Some(*create),
            _ => None,
        });
        let definition = made.unwrap().definition.unwrap();
        assert_eq!((definition.name.as_str(), definition.config.kind.as_str()), ("web", "docker"));

        // where that failed the same is tried again, never a shell of the machine in its place
        let mut s = listed();
        s.keys("Enter o");
        let created = |s: &mut Bench| {
            s.take().into_iter().find_map(|e| match e {
                Effect::Host(_, HostCommand::Create { tag, create, .. }) => Some((tag, *create)),
                _ => None,
            })
        };
        let (tag, first) = created(&mut s).unwrap();
        s.host("local", HostEvent::Created { tag, result: Err("web has no shell".into()) });
        assert!(s.screen().contains("web has no shell"), "{}", s.screen());
        s.keys("Enter");
        let (_, again) = created(&mut s).unwrap();
        assert_eq!(again.definition, first.definition);

        let mut s = listed();
        s.keys("Down Enter");
        assert!(!s.screen().contains("open a shell in it"), "{}", s.screen());
        s.keys("s");
        assert!(matches!(&asked(&mut s)[..], [(_, ContainersAsk::Act(act))] if act.act == "start"));
    }
}
