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

/// Keys are underlined where round trips are longer than the first, and no more where they are shorter than the second.
/// Mosh's bounds, as `predict_above_ms` is for showing them.
const MARK: [Duration; 2] = [Duration::from_millis(80), Duration::from_millis(50)];

impl Foresight {
    /// What follows this where round trips take `srtt`: adaptive shows keys ahead where that is longer than `above`, until it
    /// is shorter than two thirds of that.
    pub fn at(self, setting: Predict, above: Duration, srtt: Duration) -> Foresight {
        let over = |was: bool, [above, below]: [Duration; 2]| srtt > if was { below } else { above };
        let foresee = [above, above * 2 / 3];
        let marked = over(self == Foresight::Marked, MARK);
        match setting {
            Predict::Off => Foresight::Off,
            Predict::Adaptive if !over(self != Foresight::Off, foresee) => Foresight::Off,
            _ if marked => Foresight::Marked,
            _ => Foresight::Shown,
        }
    }

    /// That, and why.
    pub fn words(self, setting: Predict, above: Duration) -> String {
        let (from, mark) = (above.as_millis(), MARK[0].max(above).as_millis());
        match (self, setting) {
            (_, Predict::Off) => "not shown ahead, as predict = \"off\" says".into(),
            (Foresight::Off, _) => format!("not shown ahead (that begins at {from} ms)"),
            (Foresight::Shown, Predict::On) => "shown ahead, as predict = \"on\" says".into(),
            (Foresight::Shown, _) => format!("shown ahead (that begins at {from} ms)"),
            (Foresight::Marked, Predict::On) => "shown ahead and underlined, as predict = \"on\" says".into(),
            (Foresight::Marked, _) => format!("shown ahead and underlined (that begins at {mark} ms)"),
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
            now = now.at(Predict::Adaptive, ms(30), ms(rtt));
            seen.push(now);
        }
        use Foresight::{Marked, Off, Shown};
        assert_eq!(seen, [Off, Off, Shown, Shown, Marked, Marked, Shown, Off]);
        assert_eq!([1, 200].map(|rtt| Off.at(Predict::On, ms(30), ms(rtt))), [Shown, Marked]);
        assert_eq!([199, 201].map(|rtt| Off.at(Predict::Adaptive, ms(200), ms(rtt))), [Off, Marked]);
        assert_eq!(Shown.at(Predict::Adaptive, Duration::ZERO, Duration::from_micros(1)), Shown);
        assert_eq!(Marked.at(Predict::Off, ms(30), ms(200)), Off);
        assert_eq!(Marked.words(Predict::Adaptive, ms(30)), "shown ahead and underlined (that begins at 80 ms)");
        assert!(
            Off.words(Predict::Off, ms(30)).contains("predict = \"off\"")
                && Shown.words(Predict::On, ms(30)).contains("\"on\"")
        );
    }
}
