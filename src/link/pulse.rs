//! Owns when a link over a network is asked for a sign of life, counts as silent, and is given up. Pure: the clock is
//! passed in. Leaves out the link, and the dials beside it (the client's).

use std::time::{Duration, Instant};

/// A sign of life is asked for this often; what was heard otherwise does not tell that anything arrives there.
const PING: Duration = Duration::from_secs(2);
/// While none comes, or after this machine slept or its network changed.
const ANXIOUS: Duration = Duration::from_millis(500);
/// Longer than this an answer takes over no link but the slowest: those are known by their round trips. With [`PING`] it
/// is below the 3 s within which a dead link is to be shown.
const ANSWER: Duration = Duration::from_millis(900);
/// The same when there is reason to doubt the link.
const DOUBTED: Duration = Duration::from_millis(400);
/// Doubt goes by itself.
const DOUBT: Duration = Duration::from_secs(5);
/// Of the last round trip, an answer may take so many.
const ROUNDS: u32 = 3;
/// Nothing at all was heard for this long: it is given up.
const DEAD: Duration = Duration::from_secs(10);

/// What to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Ping,
    /// No sign of life: nothing sent was answered for this long.
    Silent(Duration),
    /// It is there again.
    Again,
    /// Dial beside it: it may be dead.
    Beside,
    Dead(Duration),
}

/// What the link tells of itself.
#[derive(Clone, Copy)]
pub struct Signs {
    /// When anything came last.
    pub heard: Instant,
    /// When a ping was answered last, and how long that took.
    pub answered: Option<(Instant, Duration)>,
}

pub struct Pulse {
    begun: Instant,
    pinged: Option<Instant>,
    /// The oldest ping nobody has answered.
    waiting: Option<Instant>,
    doubt: Option<Instant>,
    silent: bool,
}

impl Pulse {
    pub fn new(now: Instant) -> Pulse {
        Pulse { begun: now, pinged: None, waiting: None, doubt: None, silent: false }
    }

    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// This machine slept, or its network changed: the link is asked at once.
    pub fn doubt(&mut self, now: Instant) {
        self.doubt = Some(now);
        self.waiting = None;
        self.pinged = None;
    }

    fn every(&self, now: Instant) -> Duration {
        let doubted = self.doubt.is_some_and(|t| now.saturating_duration_since(t) < DOUBT);
        if self.silent || doubted { ANXIOUS } else { PING }
    }

    fn patience(&self, now: Instant, signs: &Signs) -> Duration {
        let least = if self.every(now) == PING { ANSWER } else { DOUBTED };
        least.max(signs.answered.map_or(Duration::ZERO, |(_, rtt)| rtt * ROUNDS))
    }

    /// When to look next.
    pub fn due(&self, now: Instant, signs: &Signs) -> Instant {
        let ping = self.pinged.map_or(now, |t| t + self.every(now));
        match self.waiting {
            Some(t) if !self.silent => ping.min(t + self.patience(now, signs)),
            _ => ping,
        }
    }

    /// To be called when it is due, and when a ping was answered.
    pub fn look(&mut self, now: Instant, signs: &Signs) -> Vec<Act> {
        let mut acts = Vec::new();
        let answered = signs.answered.map(|(at, _)| at);
        if self.waiting.is_some_and(|sent| answered.is_some_and(|at| at >= sent)) {
            self.waiting = None;
            self.doubt = None;
            if std::mem::take(&mut self.silent) {
                acts.push(Act::Again);
            }
        }
        let since = |t: Instant| now.saturating_duration_since(t);
        if self.pinged.is_none_or(|t| since(t) >= self.every(now)) {
            self.pinged = Some(now);
            self.waiting.get_or_insert(now);
            acts.push(Act::Ping);
        }
        let patience = self.patience(now, signs);
        if let Some(sent) = self.waiting
            && (self.silent || since(sent) >= patience)
        {
            self.silent = true;
            acts.push(Act::Silent(since(answered.unwrap_or(self.begun)).min(since(self.begun))));
            // where only the way there is blocked, what comes from there is not given up for a dial that is no better
            let quiet = since(signs.heard);
            if quiet >= patience.min(PING) || since(sent) >= DEAD {
                acts.push(Act::Beside);
            }
            if quiet >= DEAD {
                acts.push(Act::Dead(quiet));
            }
        }
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link with this round trip that is cut at `cut` (both ways, or only there), looked at whenever it is due: what was
    /// done, and when.
    fn play(rtt: Duration, cut: Duration, comes: bool, until: Duration) -> Vec<(Duration, Act)> {
        let t0 = Instant::now();
        let mut pulse = Pulse::new(t0);
        let mut signs = Signs { heard: t0, answered: None };
        let (mut now, mut done) = (t0, Vec::new());
        let mut answers: Vec<(Instant, Duration)> = Vec::new();
        while now < t0 + until {
            for act in pulse.look(now, &signs) {
                if act == Act::Ping && now + rtt < t0 + cut {
                    answers.push((now + rtt, rtt));
                }
                done.push((now - t0, act));
            }
            let due = pulse.due(now, &signs);
            let next = answers.first().filter(|a| a.0 <= due).copied();
            now = due.max(now + Duration::from_millis(1));
            if let Some((at, rtt)) = next {
                answers.remove(0);
                now = at;
                signs = Signs { heard: at, answered: Some((at, rtt)) };
            }
            if comes {
                signs.heard = now;
            }
        }
        done
    }

    #[test]
    fn a_dead_link_is_shown_within_3_s_and_given_up_within_10() {
        for cut in (0..8000).step_by(37) {
            let cut = Duration::from_millis(5000 + cut);
            let done = play(Duration::from_millis(40), cut, false, cut + Duration::from_secs(12));
            let at = |f: fn(&Act) -> bool| done.iter().find(|(_, a)| f(a)).expect("it is done").0;
            let shown = at(|a| matches!(a, Act::Silent(_)));
            assert!(shown > cut && shown <= cut + Duration::from_secs(3), "cut at {cut:?}, shown at {shown:?}");
            let beside = at(|a| *a == Act::Beside);
            assert!(beside <= cut + Duration::from_millis(3500), "cut at {cut:?}, dialed at {beside:?}");
            let dead = at(|a| matches!(a, Act::Dead(_)));
            assert!(dead <= cut + Duration::from_millis(10_500), "cut at {cut:?}, given up at {dead:?}");
        }
    }

    #[test]
    fn a_way_blocked_in_one_direction_is_shown_and_not_given_up() {
        let cut = Duration::from_millis(6100);
        let done = play(Duration::from_millis(40), cut, true, Duration::from_secs(40));
        let shown = done.iter().find(|(_, a)| matches!(a, Act::Silent(_))).unwrap().0;
        assert!(shown <= cut + Duration::from_secs(3), "{shown:?}");
        assert!(!done.iter().any(|(_, a)| matches!(a, Act::Dead(_))));
        let beside = done.iter().find(|(_, a)| *a == Act::Beside).unwrap().0;
        assert!(beside >= cut + Duration::from_secs(9), "{beside:?}");
    }

    #[test]
    fn a_slow_link_is_not_taken_for_a_dead_one() {
        for rtt in [1, 200, 850] {
            let done = play(Duration::from_millis(rtt), Duration::from_secs(1000), false, Duration::from_secs(60));
            assert!(done.iter().all(|(_, a)| *a == Act::Ping), "{rtt} ms: {done:?}");
            assert!((25..35).contains(&done.len()), "{}", done.len());
        }
    }

    #[test]
    fn doubt_asks_at_once() {
        let t0 = Instant::now();
        let mut pulse = Pulse::new(t0);
        let signs = Signs { heard: t0, answered: Some((t0, Duration::from_millis(20))) };
        assert_eq!(pulse.look(t0, &signs), [Act::Ping]);
        let t1 = t0 + Duration::from_millis(300);
        assert_eq!(pulse.look(t1, &signs), []);
        pulse.doubt(t1);
        assert_eq!(pulse.due(t1, &signs), t1);
        assert_eq!(pulse.look(t1, &signs), [Act::Ping]);
        let t2 = pulse.due(t1, &signs);
        assert!(t2 <= t1 + Duration::from_millis(500));
        let acts = pulse.look(t2, &signs);
        assert!(acts.contains(&Act::Beside) && acts.iter().any(|a| matches!(a, Act::Silent(_))), "{acts:?}");
        // it answers after all
        let t3 = t2 + Duration::from_millis(10);
        let signs = Signs { heard: t3, answered: Some((t3, Duration::from_millis(400))) };
        assert_eq!(pulse.look(t3, &signs), [Act::Again]);
        assert!(!pulse.is_silent());
    }
}
