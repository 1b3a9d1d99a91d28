//! Owns the styles of what is not a program's: one accent colour, quiet borders, bold only for what needs a person.

use ratatui::style::{Color, Modifier, Style};

#[derive(Clone, Debug)]
pub struct Look {
    pub text: Style,
    /// What is there but not to be read now.
    pub quiet: Style,
    pub accent: Style,
    pub border: Style,
    pub border_focused: Style,
    /// Tab line and status bar.
    pub bar: Style,
    pub bar_active: Style,
    /// The chosen row of a list.
    pub chosen: Style,
    pub good: Style,
    pub warning: Style,
    pub bad: Style,
    /// Panels over the panes.
    pub panel: Style,
    /// Laid over selected text.
    pub selection: Style,
}

impl Default for Look {
    /// Follows the outer terminal's own palette.
    fn default() -> Look {
        let plain = Style::new();
        Look {
            text: plain,
            quiet: plain.fg(Color::DarkGray),
            accent: plain.fg(Color::Cyan),
            border: plain.fg(Color::DarkGray),
            border_focused: plain.fg(Color::Cyan),
            bar: plain,
            bar_active: plain.fg(Color::Cyan).add_modifier(Modifier::REVERSED),
            chosen: plain.fg(Color::Cyan).add_modifier(Modifier::REVERSED),
            good: plain.fg(Color::Green),
            warning: plain.fg(Color::Yellow),
            bad: plain.fg(Color::Red).add_modifier(Modifier::BOLD),
            panel: plain,
            selection: plain.add_modifier(Modifier::REVERSED),
        }
    }
}
