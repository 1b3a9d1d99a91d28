//! Owns which serial ports this machine has: read in sysfs, without opening one. Leaves out who may open them.

use super::holder;
use crate::proto::control::{SerialHolder, SerialPort};
use std::path::{Path, PathBuf};

/// Where it is read; others in tests.
pub struct Roots {
    pub sys: PathBuf,
    pub dev: PathBuf,
    pub proc: PathBuf,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots { sys: "/sys".into(), dev: "/dev".into(), proc: "/proc".into() }
    }
}

/// Most ports listed: a machine with more has them from something that makes them up.
const MOST: usize = 512;

/// The first line of a small file.
fn word(path: PathBuf) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    let line = text.lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then(|| line.chars().take(200).collect())
}

/// All of them, in the order of their names; names of sessions are left out.
pub fn list(roots: &Roots) -> Vec<SerialPort> {
    let by_id = by_id(&roots.dev.join("serial/by-id"));
    let mut all =
        if cfg!(target_os = "macos") { called_up(&roots.dev) } else { of_class(&roots.sys.join("class/tty")) };
    all.sort_by_key(|port| natural(&port.path));
    all.truncate(MOST);
    for port in &mut all {
        let name = port.path.trim_start_matches("/dev/").to_string();
        port.by_id = by_id.iter().find(|(_, to)| *to == name).map(|(id, _)| format!("/dev/serial/by-id/{id}"));
        let device = std::fs::metadata(roots.dev.join(&name)).ok();
        port.holder = device.and_then(|meta| holder::find(&roots.proc, &meta)).map(|held| SerialHolder {
            pid: held.pid,
            program: held.program,
            session: held.session,
        });
    }
    all
}

/// `ttyUSB10` after `ttyUSB9`.
fn natural(name: &str) -> (String, u64) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.to_string(), name.get(letters.len()..).and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// Those of Linux: what has a device behind it, and of the PC's own four to thirty-two those with a chip.
fn of_class(class: &Path) -> Vec<SerialPort> {
    let Ok(entries) = std::fs::read_dir(class) else { return Vec::new() };
    let port = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_str()?.to_string();
        let dir = std::fs::canonicalize(entry.path()).unwrap_or_else(|_| entry.path());
        let device = std::fs::canonicalize(dir.join("device")).ok()?;
        // (uart_type 0 is a place without a chip)
        if word(dir.join("type")).as_deref() == Some("0") {
            return None;
        }
        let driver = std::fs::read_link(device.join("driver")).ok();
        let driver = driver.and_then(|d| Some(d.file_name()?.to_str()?.to_string())).unwrap_or_default();
        // what belongs to the machine's screens and printers has no speed
        let usb = device.ancestors().take(6).find(|up| up.join("idVendor").is_file());
        let of_usb = |file: &str| usb.and_then(|usb| word(usb.join(file)));
        Some(SerialPort {
            path: format!("/dev/{name}"),
            driver,
            vendor: of_usb("manufacturer"),
            product: of_usb("product"),
            serial: of_usb("serial"),
            usb: of_usb("idVendor").zip(of_usb("idProduct")).map(|(v, p)| format!("{v}:{p}")),
            ..SerialPort::default()
        })
    };
    entries.flatten().filter_map(port).collect()
}

/// Those of macOS.
fn called_up(dev: &Path) -> Vec<SerialPort> {
    let Ok(entries) = std::fs::read_dir(dev) else { return Vec::new() };
    let names = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).filter(|n| n.starts_with("cu."));
    names.map(|name| SerialPort { path: format!("/dev/{name}"), ..SerialPort::default() }).collect()
}

/// Names that stay with a device, and the device's own.
fn by_id(dir: &Path) -> Vec<(String, String)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let pair = |entry: std::fs::DirEntry| {
        let to = std::fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().to_str()?.to_string(), to.file_name()?.to_str()?.to_string()))
    };
    entries.flatten().filter_map(pair).take(MOST).collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    #[test]
    fn ports_are_what_has_a_device_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots { sys: dir.path().join("sys"), dev: dir.path().join("dev"), proc: dir.path().join("proc") };
        let usb = roots.sys.join("devices/usb1/1-2");
        create_dir_all(roots.sys.join("class/tty")).unwrap();
        create_dir_all(usb.join("1-2:1.0")).unwrap();
        for (file, text) in
            [("idVendor", "0403"), ("idProduct", "6001"), ("product", "FT232R\x1b[2J\nx"), ("serial", "A50285BI")]
        {
            write(usb.join(file), text).unwrap();
        }
        let add = |name: &str, device: Option<&Path>, kind: Option<&str>| {
            let at = roots.sys.join("class/tty").join(name);
            create_dir_all(&at).unwrap();
            if let Some(device) = device {
                create_dir_all(device).unwrap();
                symlink(device, at.join("device")).unwrap();
            }
            if let Some(kind) = kind {
                write(at.join("type"), kind).unwrap();
            }
        };
        let pnp = roots.sys.join("devices/pnp0");
        add("ttyUSB10", Some(&usb.join("1-2:1.0/ttyUSB10")), None);
        add("ttyUSB9", Some(&usb.join("1-2:1.0/ttyUSB9")), None);
        add("ttyS0", Some(&pnp), Some("4\n"));
        add("ttyS1", Some(&pnp), Some("0\n"));
        add("tty1", None, None);
        add("ptmx", None, None);
        create_dir_all(roots.dev.join("serial/by-id")).unwrap();
        symlink("../../ttyUSB9", roots.dev.join("serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0")).unwrap();
        let all = list(&roots);
        let paths: Vec<&str> = all.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["/dev/ttyS0", "/dev/ttyUSB9", "/dev/ttyUSB10"]);
        let ftdi = &all[1];
        assert_eq!(ftdi.by_id.as_deref(), Some("/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0"));
        assert_eq!((ftdi.product.as_deref(), ftdi.usb.as_deref()), (Some("FT232R\x1b[2J"), Some("0403:6001")));
        assert_eq!((ftdi.serial.as_deref(), all[0].product.as_deref()), (Some("A50285BI"), None));
        assert!(list(&Roots { sys: "/nowhere".into(), dev: "/nowhere".into(), proc: "/nowhere".into() }).is_empty());
    }
}
