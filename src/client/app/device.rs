//! Owns the menu of what can be done with a pane's serial port, container or telnet host, and doing it. Leaves out which acts
//! there are (`proto::control::ACTS`), and drawing.

use super::{App, Effect};
use crate::client::host::{HostCommand, HostId};
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::client::pane::Pane;
use crate::client::tree::age;
use crate::proto::control::{Act, Deed, Device};
use crate::proto::ids::SessionId;
use crate::text::short;

impl App {
    /// What the focused pane is connected to can be acted on from here.
    pub fn act_menu(&mut self) {
        let Some((host, session, kind, device)) = self.acted_on() else {
            return self.say("not applicable: this pane shows a program, and no serial port, container or telnet host");
        };
        let item = |deed: &'static Deed| Item {
            text: match deed.now(&device) {
                now if now.is_empty() => format!("{:<13} {}", deed.name, deed.doc),
                now => format!("{:<13} {}: {}", deed.name, deed.doc, short(&now, 40)),
            },
            aside: deed.key.to_string(),
            label: None,
            choice: Choice::Deed(host.clone(), session.clone(), deed),
        };
        let items: Vec<Item> = Deed::of(&kind).map(item).collect();
        let title = short(&device.what, 60);
        self.layers.push(Layer::Picker(Picker::new(title, items).by_key().telling(told(&device))));
    }

    fn acted_on(&self) -> Option<(HostId, SessionId, String, Device)> {
        let pane = self.focused().filter(|p| p.is_live())?;
        let info = pane.info.as_deref()?;
        Some((pane.host.clone(), pane.session.clone()?, info.kind.clone(), info.device.as_deref()?.clone()))
    }

    /// One of the menu: done, or asked for what it takes.
    pub(super) fn deed(&mut self, host: HostId, session: SessionId, deed: &'static Deed, out: &mut Vec<Effect>) {
        let device = self.device_of(&host, &session).unwrap_or_default();
        let now = deed.now(&device);
        let follows = match deed.takes {
            "" | "[MS]" => None,
            // (a line that was never set is as the driver raised it)
            _ if deed.is_switch() => Some(if now == "on" || now.is_empty() { "off" } else { "on" }.to_string()),
            "PATH|off" if now != "off" => Some("off".into()),
            takes if takes.contains('|') && !takes.contains("PATH") => {
                let items = takes.split('|').map(|one| Item {
                    text: one.to_string(),
                    aside: String::new(),
                    label: None,
                    choice: Choice::Typed(host.clone(), session.clone(), deed, one.to_string()),
                });
                let title = format!("{}: {}", deed.name, deed.doc);
                self.layers.push(Layer::Picker(Picker::new(title, items.collect())));
                return;
            }
            _ => {
                let what = match deed.takes {
                    "RATE" => "bits per second",
                    _ => "path on the session's host (~/ is the home there)",
                };
                self.layers.push(Layer::act(format!("{}: {what}", deed.name), host, session, deed));
                return;
            }
        };
        self.act_on(host, session, deed, follows, out);
    }

    pub(super) fn act_on(
        &mut self,
        host: HostId,
        session: SessionId,
        deed: &'static Deed,
        follows: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        match Act::typed(deed.name, follows.as_deref()) {
            Ok(act) => self.request(&host, HostCommand::Act { session, act }, out),
            Err(why) => self.say(why),
        }
    }

    fn device_of(&self, host: &HostId, session: &SessionId) -> Option<Device> {
        let shown = self.pane_with(host, session).and_then(|p| self.panes.get(&p)).and_then(|p| p.info.as_deref());
        let info = shown.or_else(|| self.hosts.get(host)?.session(session))?;
        info.device.as_deref().cloned()
    }

    /// A pane's port or container is away: since when and why, in a few words.
    pub fn waits(&self, pane: &Pane) -> Option<String> {
        let info = pane.info.as_deref()?;
        let device = info.device.as_deref().filter(|d| d.state == Device::WAITING)?;
        let since = self.stands_for(&pane.host, info, device);
        let why = device.why.as_deref().map(|w| format!(": {}", short(w, 80))).unwrap_or_default();
        Some(format!("waiting {}{why}", age(since.max(0))))
    }
}

/// How it stands, for the lines over a menu; escaped.
fn told(device: &Device) -> Vec<String> {
    let mut lines = Vec::new();
    if device.state == Device::WAITING {
        lines.push(short(&format!("waiting: {}", device.why.as_deref().unwrap_or("it is away")), 200));
    }
    if !device.marks.is_empty() {
        lines.push(short(&device.marks.join(" · "), 200));
    }
    lines
}
