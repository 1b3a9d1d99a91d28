//! Owns the bodies of the commands about files.

use crate::client::app::{App, Effect};

pub fn browse(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    app.browse(&mut out);
    out
}

pub fn copies(app: &mut App) -> Vec<Effect> {
    app.show_queue();
    Vec::new()
}

pub fn paste(app: &mut App) -> Vec<Effect> {
    let mut out = Vec::new();
    app.paste_as_file(&mut out);
    out
}
