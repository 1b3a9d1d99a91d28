//! Owns asking a host what it has for a field of a form: serial ports, containers, images. Leaves out showing it.

use super::{Live, Task};
use crate::client::host::HostEvent;
use crate::client::layer::form::Listing;
use crate::link::Link;
use crate::proto::control::{ContainersList, Fault, SerialList, SerialPort};

impl Task {
    pub(super) fn offer(&mut self, live: &Live, tag: u64, what: Listing, socket: Option<String>) {
        if live.without.is_some() {
            let why = "a host without an agent is not asked what it has: type it".to_string();
            return self.tell(HostEvent::Offered { tag, result: Err(why) });
        }
        let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
        tokio::spawn(async move {
            let result = found(&link, what, socket).await.map_err(|f| match f.older() {
                Some(_) => "the agent there is older and can't list that: type it, or update-agent".to_string(),
                None => f.message,
            });
            let _ = events.send((host, HostEvent::Offered { tag, result }));
        });
    }
}

async fn found(link: &Link, what: Listing, socket: Option<String>) -> Result<Vec<(String, String)>, Fault> {
    Ok(match what {
        Listing::Ports => {
            let ports = link.call(&SerialList::default()).await?.ports;
            let about = |p: &SerialPort| {
                let held = p.holder.as_ref().map(|h| format!("{} has it", h.session.as_ref().unwrap_or(&h.program)));
                let words = [p.product.clone().or(p.vendor.clone()), p.serial.clone(), held];
                words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
            };
            // (the name that stays with the device is offered as well)
            let named = |p: &SerialPort| p.by_id.clone().map(|id| (id, p.path.clone()));
            ports.iter().flat_map(|p| [Some((p.path.clone(), about(p))), named(p)]).flatten().collect()
        }
        Listing::Containers => {
            let all = link.call(&ContainersList { socket, images: false }).await?.containers;
            all.iter().map(|c| (c.label().to_string(), format!("{} · {}", c.image, c.status))).collect()
        }
        Listing::Images => {
            let all = link.call(&ContainersList { socket, images: true }).await?.images;
            let size = |bytes: i64| format!("{} MB", bytes / 1_000_000);
            all.iter().flat_map(|i| i.names.iter().map(move |n| (n.clone(), size(i.size)))).collect()
        }
    })
}
