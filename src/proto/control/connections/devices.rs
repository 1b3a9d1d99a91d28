//! Owns what a prepared connection says of a serial port, a container and a telnet host. Pure. Leaves out what is right in
//! it (`check`), other names of its fields (`names`), and opening one (`backend`).

use super::super::is_no;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

fn unless_said<T: PartialEq + Default>(value: &T) -> bool {
    *value == T::default()
}

/// A serial port of the machine where the connection is kept, or of a host that it reaches over SSH.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Serial {
    /// A device: `/dev/ttyUSB0`, `/dev/serial/by-id/…`.
    pub port: String,
    /// Bits per second, 50 to 4,000,000.
    pub baud_rate: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// 1 or 2.
    pub stop_bits: u8,
    /// none, odd, even
    pub parity: String,
    /// none, software (XON and XOFF), hardware (RTS and CTS)
    pub flow_control: String,
    /// How the lines are set once it is open; left out = as the driver leaves them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtr: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rts: Option<bool>,
    /// What is typed is shown here: for who does not echo.
    #[serde(skip_serializing_if = "is_no")]
    pub local_echo: bool,
    /// What Enter sends: cr, lf, crlf.
    #[serde(skip_serializing_if = "unless_said")]
    pub line_ending: String,
    /// What comes as a line feed alone is shown at the line's start: for who sends no carriage return.
    #[serde(skip_serializing_if = "is_no")]
    pub crlf: bool,
    /// Each line with the time when it began to come.
    #[serde(skip_serializing_if = "is_no")]
    pub timestamps: bool,
    /// Bytes are shown as a hex dump.
    #[serde(skip_serializing_if = "is_no")]
    pub hex: bool,
    /// What comes is appended to this file as it comes, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// One that is not there yet is waited for, rather than refused.
    #[serde(skip_serializing_if = "is_no")]
    pub wait: bool,
    /// The connection over SSH, kept on the same machine, by its id or name, behind which the port is; left out = the machine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

impl Default for Serial {
    fn default() -> Serial {
        Serial {
            port: String::new(),
            baud_rate: 115_200,
            data_bits: 8,
            stop_bits: 1,
            parity: "none".into(),
            flow_control: "none".into(),
            dtr: None,
            rts: None,
            local_echo: false,
            line_ending: String::new(),
            crlf: false,
            timestamps: false,
            hex: false,
            log: None,
            wait: false,
            via: None,
        }
    }
}

impl Serial {
    /// Bits per second.
    pub const SPEEDS: std::ops::RangeInclusive<u32> = 50..=4_000_000;
    pub const PARITIES: [&str; 3] = ["none", "odd", "even"];
    pub const FLOWS: [&str; 3] = ["none", "software", "hardware"];
    pub const ENDINGS: [&str; 3] = ["cr", "lf", "crlf"];

    /// `115200`, and `9600 7E1` where it is not 8N1.
    pub fn speed(&self) -> String {
        let parity = self.parity.chars().next().unwrap_or('n').to_ascii_uppercase();
        match (self.data_bits, parity, self.stop_bits) {
            (8, 'N', 1) => self.baud_rate.to_string(),
            (data, parity, stop) => format!("{} {data}{parity}{stop}", self.baud_rate),
        }
    }
}

/// A container of the engine (Docker's or Podman's) on the machine where the connection is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[serde(default, rename_all = "camelCase")]
pub struct Docker {
    /// One that is there, by name or id; either this or an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// A new one of this image, which must be there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What is looked at of a container that is there: exec (a program started in it, which is meant by nothing), attach (its
    /// own program's terminal), logs.
    #[serde(skip_serializing_if = "unless_said")]
    pub mode: String,
    /// What the container made of an image is called; left out = as the engine likes.
    /// (Older builds called it `name` on the wire.)
    #[serde(rename = "containerName", alias = "name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Words as a shell parts them; left out = a shell of its own (exec), the image's own (a new one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Left out = the container's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_directory: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// A new one goes when its program ends.
    #[serde(skip_serializing_if = "is_no")]
    pub remove: bool,
    /// The engine's socket, a path; left out = `$DOCKER_HOST`, else Docker's own place, else Podman's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
}

/// A host that is reached by telnet (RFC 854) from the machine where the connection is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Telnet {
    pub host: String,
    /// 0 = 23.
    #[serde(deserialize_with = "super::number", skip_serializing_if = "unless_said")]
    pub port: u16,
    /// Whole lines are edited here and sent with Enter, unless the host echoes (RFC 857, 858): auto, which is meant by nothing,
    /// line, character.
    #[serde(skip_serializing_if = "unless_said")]
    pub mode: String,
}

impl Telnet {
    pub const PORT: u16 = 23;

    /// `host:port`; the port where it is not telnet's own.
    pub fn dest(&self) -> String {
        match self.port {
            0 | Telnet::PORT => self.host.clone(),
            port if self.host.contains(':') => format!("[{}]:{port}", self.host),
            port => format!("{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_as_people_write_them() {
        let mut serial = Serial::default();
        assert_eq!(serial.speed(), "115200");
        serial = Serial { baud_rate: 9600, data_bits: 7, parity: "even".into(), ..serial };
        assert_eq!(serial.speed(), "9600 7E1");
    }

    #[test]
    fn where_telnet_leads() {
        let to = |host: &str, port| Telnet { host: host.into(), port, ..Telnet::default() }.dest();
        assert_eq!((to("h", 0), to("h", 23), to("h", 2323)), ("h".into(), "h".into(), "h:2323".into()));
        assert_eq!(to("fe80::1", 2323), "[fe80::1]:2323");
    }
}
