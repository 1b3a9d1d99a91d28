//! Owns the call that lists a machine's serial ports. Pure. Leaves out opening one (a connection's matter).

use super::Method;
use serde::{Deserialize, Serialize};

/// The serial ports of that machine. None is opened for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SerialList {}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SerialListed {
    pub ports: Vec<SerialPort>,
}
method!(SerialList = "serial.list" -> SerialListed);

/// A port, as sysfs has it. All of it untrusted: a device says what it likes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SerialPort {
    pub path: String,
    /// A path that stays with the device, whichever port it is plugged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_id: Option<String>,
    /// The kernel's, as `ftdi_sio`; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// `0403:6001`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<SerialHolder>,
}

/// Who has it open, as far as the user there may see.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SerialHolder {
    pub pid: u32,
    pub program: String,
    /// Of a session of thub: its name, or its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}
