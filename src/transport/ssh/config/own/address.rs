//! Owns host names that are numbers: which are, and the one way to write each. Leaves out names. RFC 5952, inet_aton(3).

use super::world::World;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Looks it like an address, whether or not it is one?
pub(super) fn looks(name: &str) -> bool {
    name.contains(['%', ':']) || name.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The usual form of an address of that family; `None` = it is none.
pub(super) fn usual(name: &str, family: Option<u8>, world: &dyn World) -> Option<String> {
    if let Some(v4) = v4(name).filter(|_| family != Some(6)) {
        return Some(v4.to_string());
    }
    if family == Some(4) {
        return None;
    }
    let (address, scope) = match name.split_once('%') {
        Some((address, scope)) => (address, Some(scope)),
        None => (name, None),
    };
    let v6: Ipv6Addr = address.parse().ok()?;
    let shown = shown(v6);
    let Some(scope) = scope else { return Some(shown) };
    let link_local = v6.segments().first().is_some_and(|s| s & 0xffc0 == 0xfe80)
        || v6.segments().first().is_some_and(|s| matches!(s & 0xff0f, 0xff01 | 0xff02));
    if link_local && world.interface(scope).is_some() {
        return Some(format!("{shown}%{scope}"));
    }
    let number: u32 = scope.parse().ok()?;
    Some(if number == 0 { shown } else { format!("{shown}%{number}") })
}

/// Up to four numbers, each decimal, octal or hexadecimal; the last fills what is left.
fn v4(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = name.split('.').collect();
    let number = |part: &str| -> Option<u32> {
        let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        let (digits, radix) = match (hex, part.strip_prefix('0')) {
            (Some(hex), _) => (hex, 16),
            (_, Some(octal)) if !octal.is_empty() => (octal, 8),
            _ => (part, 10),
        };
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return None;
        }
        u32::from_str_radix(digits, radix).ok()
    };
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() < 4)?;
    let mut address = 0u32;
    for part in first {
        address = address << 8 | number(part).filter(|n| *n < 256)?;
    }
    let last = u64::from(number(last)?);
    let bits = 32 - 8 * u32::try_from(first.len()).ok()?;
    if last >= 1u64 << bits {
        return None;
    }
    let high = u64::from(address) << bits;
    Some(Ipv4Addr::from(u32::try_from(high | last).ok()?))
}

/// As inet_ntop(3): Rust writes only mapped IPv4 with dots, libc compatible IPv4 too.
fn shown(v6: Ipv6Addr) -> String {
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, a, b] if a != 0 => {
            let [w, x] = a.to_be_bytes();
            let [y, z] = b.to_be_bytes();
            format!("::{w}.{x}.{y}.{z}")
        }
        _ => v6.to_string(),
    }
}

/// A network: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Network(IpAddr, u32);

impl Network {
    fn parse(said: &str) -> Option<Network> {
        let (address, bits) = said.split_once('/').map_or((said, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = |b: &&str| !b.is_empty() && b.bytes().all(|c| c.is_ascii_digit());
        let bits = match bits {
            None => most,
            Some(bits) => Some(bits).filter(digits)?.parse().ok().filter(|b| *b <= most)?,
        };
        // nothing may be set behind the mask
        let network = Network(address, bits);
        (network.masked(address)? == network.bits(address)?).then_some(network)
    }
    fn masked(self, address: IpAddr) -> Option<u128> {
        let whole = self.bits(address)?;
        Some(if self.1 == 0 { 0 } else { whole >> (128 - self.1) << (128 - self.1) })
    }
    /// Its bits from the highest on; `None` = of the other family.
    fn bits(self, address: IpAddr) -> Option<u128> {
        match (self.0, address) {
            (IpAddr::V4(_), IpAddr::V4(a)) => Some(u128::from(u32::from(a)) << 96),
            (IpAddr::V6(_), IpAddr::V6(a)) => Some(u128::from(a)),
            _ => None,
        }
    }
    pub(super) fn has(self, address: &IpAddr) -> bool {
        self.masked(*address).is_some_and(|a| Some(a) == self.masked(self.0))
    }
}

/// Networks parted by commas; `None` = one of them is none.
pub(super) fn networks(list: &str) -> Option<Vec<Network>> {
    list.split(',').map(Network::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (name, want) in [
            ("127.1", Some("127.0.0.1")),
            ("010.0.0.1", Some("8.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("1.2.3.4.5", None),
            ("1.2.3.256", None),
            ("2130706433", Some("127.0.0.1")),
            ("1..2", None),
            ("", None),
            ("08.1", None),
        ] {
            assert_eq!(v4(name).map(|a| a.to_string()).as_deref(), want, "{name}");
        }
        assert_eq!(shown("::1.2.3.4".parse().unwrap()), "::1.2.3.4");
        assert_eq!(shown("::1".parse().unwrap()), "::1");
        assert!(looks("1.2") && looks("::1") && looks("a%b") && !looks("0x7f.1"));
    }
}
