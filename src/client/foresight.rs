//! Owns whether typed keys are shown before a host's answer, from how long round trips are and what the setting says. Pure.
//! Leaves out what they show (`predict`).

use crate::config::Predict;
use std::time::Duration;

/// How typed keys are shown before a host's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Foresight {
    #[default]
    Off,
    Shown,
    /// Underlined, for it takes long until it is certain.
    Marked,
}

/// Keys are shown before the answer where round trips are longer than the first, and no more where they are shorter than
/// the second. Mosh's bounds.
const FORESEE: [Duration; 2] = [Duration::from_millis(30), Duration::from_millis(20)];
/// The same for underlining them.
const MARK: [Duration; 2] = [Duration::from_millis(80), Duration::from_millis(50)];

impl Foresight {
    /// What follows this where round trips take `srtt`.
    pub fn at(self, setting: Predict, srtt: Duration) -> Foresight {
        let over = |was: bool, [above, below]: [Duration; 2]| srtt > if was { below } else { above };
        let marked = over(self == Foresight::Marked, MARK);
        match setting {
            Predict::Off => Foresight::Off,
            Predict::Adaptive if !over(self != Foresight::Off, FORESEE) => Foresight::Off,
            _ if marked => Foresight::Marked,
            _ => Foresight::Shown,
        }
    }

    /// That, and why.
    pub fn words(self, setting: Predict) -> String {
        let ms = |bounds: [Duration; 2]| bounds[0].as_millis();
        match (self, setting) {
            (_, Predict::Off) => "not shown ahead, as predict = \"off\" says".into(),
            (Foresight::Off, _) => format!("not shown ahead (that begins at {} ms)", ms(FORESEE)),
            (Foresight::Shown, Predict::On) => "shown ahead, as predict = \"on\" says".into(),
            (Foresight::Shown, _) => format!("shown ahead (that begins at {} ms)", ms(FORESEE)),
            (Foresight::Marked, _) => format!("shown ahead and underlined (that begins at {} ms)", ms(MARK)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_long_round_trips_and_does_not_flicker() {
        let ms = Duration::from_millis;
        let mut now = Foresight::default();
        let mut seen = Vec::new();
        for rtt in [10, 25, 31, 25, 85, 60, 45, 15] {
            now = now.at(Predict::Adaptive, ms(rtt));
            seen.push(now);
        }
        use Foresight::{Marked, Off, Shown};
        assert_eq!(seen, [Off, Off, Shown, Shown, Marked, Marked, Shown, Off]);
        assert_eq!([1, 200].map(|rtt| Off.at(Predict::On, ms(rtt))), [Shown, Marked]);
        assert_eq!(Marked.at(Predict::Off, ms(200)), Off);
        assert_eq!(Marked.words(Predict::Adaptive), "shown ahead and underlined (that begins at 80 ms)");
        assert!(Off.words(Predict::Off).contains("predict = \"off\"") && Shown.words(Predict::On).contains("\"on\""));
    }
}
