//! Owns `thub serial`: the serial ports of a host, as a table or JSON. Leaves out how they are found.

use super::call::Client;
use super::{Common, sessions};
use crate::client::host::{Env, HostId};
use crate::failure::Failure;
use crate::proto::control::{SerialList, SerialPort};
use crate::text::short;
use std::sync::Arc;

pub async fn serial(env: &Arc<Env>, common: &Common, host: &HostId) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let ports = client.call(&SerialList {}).await?.ports;
    if common.json {
        println!("{}", serde_json::to_string(&ports).map_err(anyhow::Error::from)?);
        return Ok(());
    }
    let mut rows = vec![["PORT", "WHAT", "OPEN IN", "ALSO"].map(String::from)];
    rows.extend(ports.iter().map(row));
    print!("{}", sessions::table(&rows));
    Ok(())
}

fn row(port: &SerialPort) -> [String; 4] {
    let whole = |parts: &[&Option<String>]| parts.iter().filter_map(|p| p.as_deref()).collect::<Vec<_>>().join(" ");
    let what = match whole(&[&port.vendor, &port.product, &port.serial]) {
        empty if empty.is_empty() => port.driver.clone(),
        what => what,
    };
    let open = port.holder.as_ref().map(|h| match &h.session {
        Some(session) => format!("session {session}"),
        None => format!("{} ({})", h.program, h.pid),
    });
    let also = port.by_id.clone().unwrap_or_default();
    [short(&port.path, 60), short(&what, 60), short(&open.unwrap_or_default(), 60), short(&also, 200)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::SerialHolder;

    #[test]
    fn a_row_says_what_it_is_and_who_has_it() {
        let plain = SerialPort { path: "/dev/ttyS0".into(), driver: "serial8250".into(), ..SerialPort::default() };
        assert_eq!(row(&plain), ["/dev/ttyS0", "serial8250", "", ""]);
        let usb = SerialPort {
            vendor: Some("FTDI".into()),
            product: Some("FT232R\x1b[2J".into()),
            holder: Some(SerialHolder { pid: 7, program: "picocom".into(), session: None }),
            ..plain
        };
        assert_eq!(row(&usb), ["/dev/ttyS0", "FTDI FT232R\\u{1b}[2J", "picocom (7)", ""]);
    }
}
