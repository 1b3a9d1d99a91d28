//! What becomes of sessions when their user logs out, under a real systemd: `thub doctor` says it beforehand.

use crate::support::systemd::Machine;
use crate::support::{Home, Tty, until};
use serde_json::Value;

/// Logins that logind knows of: (their number, their user, opening, active or closing).
fn logins(machine: &Machine) -> Vec<(String, String, String)> {
    let list = machine.root(&["loginctl", "list-sessions", "--no-legend", "--no-pager"]);
    let words = |l: &str| l.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    let all = list.lines().map(words).filter(|w| w.len() >= 3);
    all.map(|w| {
        let state = machine.root(&["sh", "-c", &format!("loginctl show-session {} -p State --value || :", w[0])]);
        (w[0].clone(), w[2].clone(), state.trim().to_string())
    })
    .collect()
}

#[test]
fn sessions_fare_at_logout_as_doctor_says() {
    let Some(machine) = Machine::boot() else { return };
    let home = Home::new();
    let mut said = Vec::new();
    for kill in ["no", "yes"] {
        let set = format!(
            "printf '[Login]\\nUserStopDelaySec=0\\nKillUserProcesses={kill}\\n' >/etc/systemd/logind.conf.d/10-test.conf; \
             systemctl restart systemd-logind"
        );
        machine.root(&["sh", "-c", &set]);
        if kill == "yes" {
            // the TUI says it, too
            let mut tty = Tty::start(machine.terminal(home.command(Machine::script()), "plain", "thub"), 150, 30);
            tty.until_text("sessions end when you log out here");
            tty.until_text("$");
            tty.type_("exit\r");
            tty.wait_exit();
            machine.login("plain", "rm -rf .local/state/thub");
        }
        for user in ["plain", "linger"] {
            let doctor = machine.login(user, "thub doctor --json");
            let all: Vec<Value> = serde_json::from_str(&doctor.out).unwrap_or_else(|e| panic!("{e}: {}", doctor.out));
            let found = all.iter().find(|f| f["what"] == "logout").expect("a word on it").clone();
            assert_eq!(found["kill_user_processes"], kill == "yes", "{found}");
            assert_eq!(found["lingering"], user == "linger", "{found}");
            // one login, and the session it leaves behind
            let script = "thub new -d -n s -- sh -c 'echo up; exec sleep 10000' && \
                          thub wait s --text up --timeout 30 && thub ls --json";
            let login = machine.login(user, script);
            assert_eq!(login.code, Some(0), "{}{}", login.out, login.err);
            let list: Vec<Value> = serde_json::from_str(login.out.lines().last().unwrap_or_default()).unwrap();
            let pid = list[0]["pid"].as_i64().expect("a pid").to_string();
            let warned = login.err.contains("end when you log out");
            until("the login to be over", || {
                logins(&machine).iter().all(|(_, of, state)| of != user || state != "active").then_some(())
            });
            // what is to go goes; what stays has had the time to go: the user's manager is gone, where it goes
            let alive = || machine.holds(&["test", "-e", &format!("/proc/{pid}/cgroup")]);
            match found["sessions"].as_str() {
                Some("end") => until("it to end", || (!alive()).then_some(())),
                Some("outlive") => {
                    if user == "plain" {
                        let state =
                            || machine.root(&["sh", "-c", "loginctl show-user plain -p State --value || echo gone"]);
                        until("the logout to be done", || ["closing", "gone"].contains(&state().trim()).then_some(()));
                    }
                    assert!(alive(), "{found}");
                    let again = machine.login(user, "thub capture s && thub ls --json");
                    assert!(again.out.starts_with("up\n"), "{}{}", again.out, again.err);
                    assert!(again.out.contains("\"detached\""), "{}", again.out);
                    assert!(alive(), "after a second logout");
                }
                _ => panic!("{found}"),
            }
            let scope = machine.root(&["sh", "-c", &format!("cat /proc/{pid}/cgroup 2>/dev/null || :")]);
            assert_eq!(scope.contains("/thub-session-"), user == "linger", "{scope}");
            assert_eq!(warned, found["sessions"] == "end", "{}", login.err);
            // it is said once a boot, by whatever starts the first session
            let second = machine.login(user, "thub new -d -n t -- true; thub kill --all");
            assert!(!second.err.contains("log out"), "{}", second.err);
            println!("KillUserProcesses={kill} {user}: {} ({})", found["sessions"], found["said"]);
            said.push((kill, user, found["sessions"].as_str().unwrap_or_default().to_string()));
        }
    }
    let said: Vec<&str> = said.iter().map(|s| s.2.as_str()).collect();
    assert_eq!(said, ["outlive", "outlive", "end", "outlive"]);
}
