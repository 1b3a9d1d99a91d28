//! A second factor in the TUI's panel: it names the host, and Esc cancels.

use crate::login::{Account, PASSWORD};
use crate::support::{Home, Tty};

#[test]
fn a_second_factor() {
    let Some(account) = Account::new("tui") else { return };
    let sshd = account.sshd(
        "UsePAM yes\nKbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive\nBanner {dir}/banner",
    );
    std::fs::write(sshd.at("banner"), "for\u{1b}[5m friends only\n").unwrap();
    let config = account.config(&sshd, "");
    let home = Home::new();
    let at = format!("{}@test:{}", account.name, sshd.port);
    let tty = Tty::thub(&home, 100, 30, &["-F", config.to_str().unwrap(), "test"]);
    let screen = tty.until_text("Password:").concat();
    assert!(screen.contains(&format!("{at} will see the answer")), "{screen}");
    // (where no program is being typed into, a panel takes keys at once)
    tty.type_("x");
    tty.until_text("> •");
    tty.type_("\x15");
    tty.until_no_text("•");
    assert!(tty.screen().concat().contains("says: for\\u{1b}[5m friends only"), "{:?}", tty.screen());
    tty.type_(format!("{PASSWORD}\r"));
    tty.until_text("Put build");
    assert!(tty.screen().concat().contains(&at));
    tty.type_("\x1b");
    tty.until_no_text("Put build");
    drop(tty);
    // cancelled
    let tty = Tty::thub(&home, 100, 30, &["-F", config.to_str().unwrap(), "test"]);
    tty.until_text("Password:");
    tty.type_("\x1b");
    tty.until_no_text("Password:");
    tty.until_text("login was cancelled");
}
