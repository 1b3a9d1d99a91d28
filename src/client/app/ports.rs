//! Owns what the client knows of forwards: a host's list, and its panel while it is open.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId, forward};
use crate::client::layer::Layer;
use crate::transport::ssh::forward::{State, Status};

impl App {
    pub(super) fn forwards(&mut self, id: &HostId, list: Vec<Status>) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        let failed = |f: &Status| matches!(f.state, State::Failed(_));
        let known = |f: &Status| host.forwards.iter().any(|o| o.id == f.id && failed(o));
        // one that fails is said once, wherever one looks
        let news = list.iter().find(|f| failed(f) && !known(f)).and_then(|f| match &f.state {
            State::Failed(why) => Some(format!("forward {}: {}", f.spec, why.what)),
            _ => None,
        });
        host.forwards = list;
        if let Some(news) = news {
            self.say_trouble(id, &news);
        }
        self.refresh_ports(id);
    }

    /// The panel shows what there is.
    pub fn refresh_ports(&mut self, id: &HostId) {
        let away = !self.answers(id);
        let Some(host) = self.hosts.get(id) else { return };
        let refused = if host.state.is_without_agent() {
            forward::without_agent(id, self.ssh_config.as_deref()).hints
        } else {
            Vec::new()
        };
        for layer in &mut self.layers {
            if let Layer::Ports(panel) = layer
                && panel.host == *id
            {
                panel.refresh(&host.forwards, host.ports.as_deref(), away);
                panel.refuse(refused.clone());
            }
        }
        self.dirty = true;
    }

    /// What listens there is asked for only while somebody looks.
    pub(super) fn follow_ports(&mut self, out: &mut Vec<Effect>) {
        let want = self.layers.iter().find_map(|l| match l {
            Layer::Ports(p) => Some(p.host.clone()),
            _ => None,
        });
        if want == self.ports_of {
            return;
        }
        if let Some(old) = self.ports_of.take() {
            out.push(Effect::Host(old, HostCommand::Ports(false)));
        }
        if let Some(new) = &want {
            // what was told when somebody looked before is of use only where nothing newer comes
            let answers = self.answers(new);
            if let Some(host) = self.hosts.get_mut(new).filter(|_| answers) {
                host.ports = None;
            }
            self.refresh_ports(new);
            out.push(Effect::Host(new.clone(), HostCommand::Ports(true)));
        }
        self.ports_of = want;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::tests::{Bench, setup};
    use crate::client::host::{HostEvent, HostState};
    use crate::failure::Kind;
    use crate::proto::control::PortInfo;
    use crate::transport::ssh::forward::Why;
    use crate::transport::ssh::forward::spec::Spec;

    fn status(id: u64, spec: &str, port: u16, state: State) -> Status {
        Status {
            id,
            spec: Spec::parse(spec).unwrap(),
            port: Some(port),
            state,
            configured: false,
            connections: 2,
            total: 3,
            refused: 1,
            up: 2048,
            down: 10,
            trouble: Some("web can't connect to localhost:80: nothing answers there".into()),
        }
    }
    fn port(port: u16, command: &str) -> PortInfo {
        PortInfo { port, address: "127.0.0.1".into(), pid: 7, command: command.into() }
    }
    fn commands(s: &mut Bench) -> Vec<HostCommand> {
        let of = |e| match e {
            Effect::Host(_, c) => Some(c),
            _ => None,
        };
        s.take().into_iter().filter_map(of).collect()
    }
    /// On a host, its panel open.
    fn open() -> Bench {
        let mut s = Bench::new(crate::client::app::Setup { open_host: Some(HostId::new("web")), ..setup(100, 24) });
        for host in ["local", "web"] {
            let online = HostState::Online { build: "1".into(), hostname: "box".into() };
            s.host(host, HostEvent::State(online));
            s.host(host, HostEvent::Sessions(Vec::new()));
        }
        s.answer();
        s.take();
        assert_eq!(s.app.current_host(), HostId::new("web"));
        s.keys("C-b P");
        s
    }

    #[test]
    fn it_is_looked_at_only_while_it_is_open() {
        let mut s = open();
        assert_eq!(commands(&mut s), [HostCommand::Ports(true)]);
        assert!(s.screen().contains("none; what listens there is not known yet"), "{}", s.screen());
        s.host("web", HostEvent::Ports(Vec::new()));
        assert!(s.screen().contains("nothing of yours listens there"), "{}", s.screen());
        s.keys("Escape");
        assert_eq!(commands(&mut s), [HostCommand::Ports(false)]);
        // this machine has none
        let mut s = Bench::full(100, 24);
        s.keys("C-b P");
        assert!(s.screen().contains("lead to another machine"), "{}", s.screen());
    }

    #[test]
    fn without_an_agent_it_says_what_does_it() {
        let mut s = open();
        s.keys("a");
        s.host("web", HostEvent::State(HostState::Online { build: String::new(), hostname: "box".into() }));
        let screen = s.screen();
        assert!(screen.contains("without an agent") && screen.contains("`thub forward -H web SPEC`"), "{screen}");
        assert!(screen.contains("`thub deploy web`") && !screen.contains("listens there"), "{screen}");
        assert!(!screen.contains("add"), "{screen}");
        s.take();
        s.keys("a 'D:1080 Enter");
        assert!(!commands(&mut s).iter().any(|c| matches!(c, HostCommand::Forward(_))));
        // its agent is there after all
        s.host("web", HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
        s.keys("q C-b P");
        assert!(s.screen().contains("none; what listens there is not known yet"), "{}", s.screen());
    }

    #[test]
    fn what_is_there_and_what_could_be() {
        let mut s = open();
        s.take();
        s.host("web", HostEvent::Ports(vec![port(3000, "node\u{1b}[2J"), port(8080, "x"), port(9000, "sshd")]));
        let list = vec![
            status(1, "8080:localhost:8080", 8080, State::Open),
            status(2, "R:9000:localhost:1", 9000, State::Waiting),
        ];
        s.host("web", HostEvent::Forwards(list.clone()));
        let screen = s.screen();
        assert!(screen.contains("L  8080 → localhost:8080  2 open  ↑2.0K ↓10  1 refused"), "{screen}");
        assert!(screen.contains("nothing answers there"), "{screen}");
        assert!(screen.contains("R  9000 → localhost:1  waits for the link"), "{screen}");
        assert!(screen.contains("listens there: 127.0.0.1 port 3000 (node\\u{1b}[2J)"), "escaped: {screen}");
        assert!(!screen.contains("port 8080") && !screen.contains("port 9000"), "forwarded already: {screen}");
        assert!(screen.lines().last().unwrap().contains("⇄2"), "{screen}");
        assert!(!screen.contains("lends"), "{screen}");
        s.host(
            "web",
            HostEvent::Reached {
                lends: crate::transport::ssh::Lends { agent: true, display: true },
                address: String::new(),
            },
        );
        assert!(s.screen().lines().last().unwrap().contains("lends agent, X11"), "{}", s.screen());
        // what was chosen stays so when others come
        s.keys("j j Enter");
        assert_eq!(commands(&mut s), [HostCommand::ForwardPort(port(3000, "node\u{1b}[2J"))]);
        s.host("web", HostEvent::Ports(vec![port(22, "sshd"), port(3000, "node")]));
        s.keys("Enter");
        assert_eq!(commands(&mut s), [HostCommand::ForwardPort(port(3000, "node"))]);
        s.keys("x k k k Delete");
        assert_eq!(commands(&mut s), [HostCommand::Unforward(1)]);
        // typed
        s.keys("a 'nonsense Enter");
        assert!(s.screen().contains("is no forward"), "{}", s.screen());
        assert_eq!(commands(&mut s), []);
        s.keys("C-u 'D:1080 Enter");
        assert_eq!(commands(&mut s), [HostCommand::Forward(Spec::parse("D:1080").unwrap())]);
        assert!(!s.screen().contains("add:"), "{}", s.screen());
    }

    #[test]
    fn one_that_fails_is_said_once() {
        let mut s = open();
        s.keys("Escape");
        let why = Why { kind: Kind::Failed, what: "8080 is taken here".into(), hints: vec!["choose another".into()] };
        let list = vec![status(1, "8080:localhost:80", 0, State::Failed(why))];
        s.host("web", HostEvent::Forwards(list.clone()));
        assert!(s.screen().contains("web: forward L:8080:localhost:80: 8080 is taken here"), "{}", s.screen());
        assert!(!s.screen().contains('⇄'), "{}", s.screen());
        s.at(10.0);
        s.event(crate::client::app::Event::Tick);
        s.host("web", HostEvent::Forwards(list));
        assert!(!s.screen().contains("is taken here"), "{}", s.screen());
    }

    #[test]
    fn what_is_known_of_a_host_that_is_away_is_of_then() {
        let mut s = open();
        let silent = |s: &mut Bench, seconds| s.host("web", HostEvent::Silent(std::time::Duration::from_secs(seconds)));
        silent(&mut s, 4);
        assert!(s.screen().contains("what listens there is not known while the link is away"), "{}", s.screen());
        silent(&mut s, 0);
        s.host("web", HostEvent::Ports(vec![port(3000, "node")]));
        s.host("web", HostEvent::Forwards(vec![status(1, "8080:localhost:8080", 8080, State::Open)]));
        let there = "listens there: 127.0.0.1 port 3000 (node)";
        assert!(s.screen().contains(there) && !s.screen().contains("listened"), "{}", s.screen());
        // closed and opened again while it is silent: as it was
        s.keys("q");
        silent(&mut s, 4);
        s.keys("C-b P");
        let screen = s.screen();
        assert!(screen.contains("when last heard, listened there: 127.0.0.1 port 3000 (node)"), "{screen}");
        assert!(screen.contains("localhost:8080  the link is silent  2 open"), "{screen}");
        s.host("web", HostEvent::State(HostState::Connecting));
        assert!(s.screen().contains("when last heard, listened"), "{}", s.screen());
        s.host("web", HostEvent::State(HostState::Online { build: "1".into(), hostname: "box".into() }));
        assert!(s.screen().contains(there) && !s.screen().contains("silent"), "{}", s.screen());
        // there was nothing then
        s.host("web", HostEvent::Ports(Vec::new()));
        s.host("web", HostEvent::Forwards(Vec::new()));
        silent(&mut s, 4);
        assert!(s.screen().contains("none; when last heard, nothing of yours listened there"), "{}", s.screen());
        // where it answers, an old answer is not shown
        silent(&mut s, 0);
        s.host("web", HostEvent::Ports(vec![port(3000, "node")]));
        s.keys("q C-b P");
        assert!(!s.screen().contains("3000"), "{}", s.screen());
    }
}
