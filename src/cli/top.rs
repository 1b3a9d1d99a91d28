//! Owns the verb `top`: the gauges of a host, of what one of its connections leads to, as text or JSON. Leaves out how they
//! are taken (`agent/monitor`).

use super::call::Client;
use super::conn::meant;
use super::{Common, Top};
use crate::client::gauges::rates;
use crate::client::host::{Env, HostId, answer_asked, list_connections};
use crate::client::view::gauge::{size, uptime};
use crate::failure::{Failure, Kind};
use crate::link::Incoming;
use crate::proto::control::connections::Listed;
use crate::proto::control::{Fault, MonitoringSubscribe, Place};
use crate::proto::gauges::{Gauges, Process, Watched};
use crate::proto::hello;
use crate::proto::notice::Notice;
use crate::text::{escape, short};
use crate::transport::ssh;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A host behind the agent may have to be connected, and somebody be asked.
const CONNECT: Duration = Duration::from_secs(7200);
/// The first figures come within this, whatever they are of.
const FIRST: Duration = Duration::from_secs(40);

/// What a word means: whose agent, and one of its connections.
struct Named {
    host: HostId,
    connection: Option<String>,
}

/// `HOST`, `HOST/CONNECTION`; a word without a slash that ssh does not know may be a connection of this machine.
fn named(common: &Common) -> Result<Named, Failure> {
    let word = match common.host.as_slice() {
        [] => return Ok(Named { host: HostId::local(), connection: None }),
        [one] => one.as_str(),
        _ => return Err(Failure::usage("this verb works on one host", "give -H once")),
    };
    match word.split_once('/') {
        Some((host, connection)) if connection.is_empty() || host.is_empty() => Err(Failure::usage(
            format!("'{}' names no host and connection", short(word, 100)),
            "write HOST/CONNECTION, as in -H hub/sensor; -H local/NAME is a connection of this machine",
        )),
        Some((host, connection)) => Ok(Named { host: HostId::new(host), connection: Some(connection.into()) }),
        None => Ok(Named { host: HostId::new(word), connection: None }),
    }
}

/// The connection of this machine that has this name, where no host has it.
async fn of_this_machine(env: &Arc<Env>, common: &Common, word: &str) -> Result<Option<String>, Failure> {
    if word.contains('@') || ssh::hosts(common.ssh_config.as_deref()).iter().any(|h| h == word) {
        return Ok(None);
    }
    let client = Client::connect(env, &HostId::local()).await?;
    let book: Listed = list_connections(client.link(), client.stream()).await.map_err(|f| client.fault(f))?;
    let kinds = ["ssh", "docker"];
    let mut same = book.connections.iter().filter(|c| c.name == word && kinds.contains(&c.config.kind.as_str()));
    Ok(same.next().filter(|_| same.next().is_none()).map(|c| c.id.clone()))
}

pub async fn top(env: &Arc<Env>, common: &Common, top: &Top) -> Result<(), Failure> {
    let every = match &top.watch {
        None => None,
        Some(None) => Some(0),
        Some(Some(word)) => Some(seconds(word)?),
    };
    let mut named = named(common)?;
    let mut id = None;
    if !named.host.is_local()
        && named.connection.is_none()
        && let Some(found) = of_this_machine(env, common, named.host.as_str()).await?
    {
        (named.host, id) = (HostId::local(), Some(found));
    }
    let mut client = Client::connect(env, &named.host).await?;
    if let Some(word) = &named.connection {
        let book = list_connections(client.link(), client.stream()).await.map_err(|f| client.fault(f))?;
        id = Some(meant(book.find_connection(word), word, &client.typed("conn ls"))?.id.clone());
    }
    let of = id.map_or_else(Watched::default, |id| Watched::at(Place::of_connection(id)));
    if !of.is_here() && !hello::can(&client.dialed.hello.capabilities, hello::PLACES) {
        return Err(client.fault(Fault::unknown_to_agent("gauges but its own")));
    }
    let wish = MonitoringSubscribe { of: of.clone(), detail: true, every_ms: every.unwrap_or(0) * 1000 };
    let call = client.link().call_within(&wish, CONNECT);
    let through = (!named.host.is_local()).then(|| named.host.as_str().to_string());
    let mut waiting = Vec::new();
    client.asked_while(call, true, through.clone(), &mut waiting).await.map_err(|f| failed(&client, f))?;
    waiting.reverse();
    let title = common.host.first().map_or("local", String::as_str).to_string();
    let mut told = 0u64;
    let mut deadline = tokio::time::Instant::now() + FIRST;
    loop {
        let message = match waiting.pop() {
            Some(message) => Some(message),
            None => tokio::select! {
                message = client.dialed.incoming.recv() => message,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(Failure::new(
                        Kind::TimedOut,
                        format!("nothing was told of {} within {} s", short(&title, 100), FIRST.as_secs()),
                        format!("try again; `{}` looks into it", client.typed("doctor")),
                    ));
                }
            },
        };
        let gauges = match message {
            None => {
                return Err(Failure::unreachable(format!("the link to {} fell", short(&title, 100)), "try again"));
            }
            Some(Incoming::Call { id, method, params }) => {
                let out = client.link().out.clone();
                answer_asked(out, id, method, params, super::ask::quietly(), through.clone());
                continue;
            }
            Some(Incoming::Notice { method, params }) => match Notice::from_wire(&method, params) {
                Some(Notice::MonitoringData(gauges)) if gauges.of == of => gauges.sound(),
                _ => continue,
            },
            Some(_) => continue,
        };
        deadline = tokio::time::Instant::now() + gauges.every() * 3 + FIRST;
        let none = gauges.cpu.is_none() && gauges.mem_total == 0;
        if none && every.is_none() {
            let why = gauges.faults.first().map_or_else(|| "it tells nothing".into(), |f| escape(f));
            return Err(Failure::failed(
                format!("no gauges of {}: {why}", short(&title, 100)),
                format!("see whether a shell there answers, then try again; `{}`", client.typed("doctor")),
            ));
        }
        match common.json {
            true => println!("{}", as_json(&title, &gauges)),
            false => {
                if told > 0 {
                    println!();
                }
                as_text(&title, &gauges, usize::from(top.processes));
            }
        }
        told += 1;
        if every.is_none() {
            return Ok(());
        }
    }
}

fn seconds(word: &str) -> Result<u32, Failure> {
    word.parse().ok().filter(|s| (1..=60).contains(s)).ok_or_else(|| {
        Failure::usage(format!("'{}' is no number of seconds", short(word, 40)), "write 1 to 60, as in --watch 5")
    })
}

fn failed(client: &Client, fault: Fault) -> Failure {
    // (a connection of a kind without gauges)
    if fault.code == Fault::BAD_PARAMS || fault.code == Fault::UNKNOWN {
        return Failure::usage(escape(&fault.message), format!("`{}` lists what is there", client.typed("conn ls")));
    }
    client.fault(fault)
}

fn as_text(title: &str, g: &Gauges, processes: usize) {
    let mut head = vec![short(title, 100)];
    if g.uptime > 0 {
        head.push(format!("up {}", uptime(g.uptime)));
    }
    if let (Some(a), Some(b), Some(c)) = (g.load, g.load5, g.load15) {
        head.push(format!("load {a:.2} {b:.2} {c:.2}"));
    }
    if let Some(n) = g.processes {
        head.push(format!("{n} processes"));
    }
    println!("{}", head.join("   "));
    for fault in &g.faults {
        println!("limited   {}", escape(fault));
    }
    if let Some(cpu) = g.cpu {
        let cores: Vec<String> = g.cores.iter().map(|c| format!("{c:.0}%")).collect();
        let cores = if cores.len() > 1 { format!("   cores {}", cores.join(" ")) } else { String::new() };
        println!("CPU       {cpu:>3.0}%{cores}");
    }
    let part = |name: &str, percent: Option<f32>, used: u64, total: u64, more: &str| {
        if let Some(percent) = percent {
            println!(
                "{}",
                format!("{name:<9} {percent:>3.0}%   {} of {}   {more}", size(used), size(total)).trim_end()
            );
        }
    };
    part("memory", g.mem(), g.mem_used, g.mem_total, "");
    part("swap", g.swap(), g.swap_used, g.swap_total, "");
    for disk in &g.disks {
        part("disk", Some(disk.percent()), disk.used, disk.usable(), &escape(&disk.mount));
    }
    let per = |n: Option<u64>| n.map_or("?".into(), |n| format!("{}/s", size(n)));
    if g.disk_read.is_some() || g.disk_written.is_some() {
        println!("disk I/O  read {}   written {}", per(g.disk_read), per(g.disk_written));
    }
    for net in &g.nets {
        println!("network   in {}   out {}   {}", per(net.rx), per(net.tx), escape(&net.name));
    }
    for temp in &g.temps {
        println!("heat      {:.0} °C   {}", temp.celsius, escape(&temp.name));
    }
    if let Some(p) = &g.pressure {
        println!(
            "waits     CPU {:.1}%   memory {:.1}% (all {:.1}%)   disk {:.1}% (all {:.1}%)",
            p.cpu_some, p.mem_some, p.mem_full, p.io_some, p.io_full
        );
    }
    if g.top.is_empty() || processes == 0 {
        return;
    }
    println!();
    println!("{:>8} {:<12} {:>6} {:>10}  COMMAND", "PID", "USER", "CPU%", "MEMORY");
    for Process { pid, user, cpu, rss, command } in g.top.iter().take(processes) {
        println!("{pid:>8} {:<12} {cpu:>6.1} {:>10}  {}", short(user, 12), size(*rss), short(command, 100));
    }
}

/// Bytes, seconds, percent, bytes a second; null = unknown.
fn as_json(title: &str, g: &Gauges) -> Value {
    let (rx, tx) = rates(g);
    let part = |used: u64, total: u64, percent: Option<f32>| {
        (total > 0).then(|| json!({"used": used, "total": total, "percent": percent.map(tenth)}))
    };
    let disks = g.disks.iter();
    let disks = disks.map(|d| {
        let free = d.available.unwrap_or(d.total.saturating_sub(d.used));
        json!({"mount": d.mount, "used": d.used, "total": d.total, "available": free, "percent": tenth(d.percent())})
    });
    let nets = g.nets.iter().map(|n| {
        json!({"name": n.name, "received_per_s": n.rx, "sent_per_s": n.tx, "received": n.rx_total, "sent": n.tx_total})
    });
    let load = g.load.zip(g.load5).zip(g.load15).map(|((a, b), c)| [a, b, c].map(hundredth));
    json!({
        "host": title,
        "uptime_s": (g.uptime > 0).then_some(g.uptime),
        "cpu_percent": g.cpu.map(tenth),
        "cores_percent": g.cores.iter().map(|c| tenth(*c)).collect::<Vec<_>>(),
        "load": load,
        "memory": part(g.mem_used, g.mem_total, g.mem()),
        "swap": part(g.swap_used, g.swap_total, g.swap()),
        "disks": disks.collect::<Vec<_>>(),
        "disk_io": {"read_per_s": g.disk_read, "written_per_s": g.disk_written},
        "network": {"received_per_s": rx, "sent_per_s": tx},
        "networks": nets.collect::<Vec<_>>(),
        "temperatures": g.temps.iter().map(|t| json!({"name": t.name, "celsius": tenth(t.celsius)})).collect::<Vec<_>>(),
        "pressure": g.pressure.map(|p| json!({
            "cpu_some": hundredth(p.cpu_some), "memory_some": hundredth(p.mem_some), "memory_full": hundredth(p.mem_full),
            "io_some": hundredth(p.io_some), "io_full": hundredth(p.io_full),
        })),
        "process_count": g.processes,
        "processes": g.top.iter().map(|p| json!({
            "pid": p.pid, "user": p.user, "cpu_percent": tenth(p.cpu), "rss": p.rss, "command": p.command,
        })).collect::<Vec<_>>(),
        "faults": g.faults,
    })
}

/// A float's own digits would say more than is known.
fn tenth(n: f32) -> f64 {
    (f64::from(n) * 10.0).round() / 10.0
}

fn hundredth(n: f32) -> f64 {
    (f64::from(n) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_machines() {
        let of = |hosts: &[&str]| {
            let common = Common { host: hosts.iter().map(|h| h.to_string()).collect(), ..Common::default() };
            named(&common).map(|n| (n.host.as_str().to_string(), n.connection))
        };
        assert_eq!(of(&[]).unwrap(), ("local".into(), None));
        assert_eq!(of(&["pi@nas:2222"]).unwrap(), ("pi@nas:2222".into(), None));
        assert_eq!(of(&["hub/Lab/sensor"]).unwrap(), ("hub".into(), Some("Lab/sensor".into())));
        for bad in [&["hub/"][..], &["/x"], &["a", "b"]] {
            assert_eq!(of(bad).unwrap_err().code(), 2, "{bad:?}");
        }
        assert_eq!((seconds("5").unwrap(), seconds("61").is_err(), seconds("x").is_err()), (5, true, true));
    }

    #[test]
    fn what_is_unknown_is_null() {
        let json = as_json("nas", &Gauges { cpu: Some(12.345), mem_used: 1, mem_total: 4, ..Gauges::default() });
        assert_eq!((&json["cpu_percent"], &json["memory"]["percent"]), (&json!(12.3), &json!(25.0)));
        for null in ["swap", "load", "uptime_s", "pressure", "process_count"] {
            assert!(json[null].is_null(), "{null}");
        }
        assert!(json["disk_io"]["read_per_s"].is_null());
    }
}
