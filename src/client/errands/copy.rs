//! Owns copies and moves as the queue has them, carried out by the engine.

use super::run::{Answer, Means, Teller};
use crate::client::browser::edits::Edit;
use crate::client::browser::queue::Wanted;
use crate::proto::control::{Fault, FileName};
use tokio::sync::mpsc;

pub(super) async fn copy(
    _means: &Means,
    _wanted: Wanted,
    _teller: &Teller,
    _answers: mpsc::UnboundedReceiver<Answer>,
) -> Result<(), Fault> {
    Err(Fault::new(Fault::INVALID, "not yet"))
}

pub(super) async fn upload(_means: &Means, _edit: &Edit, _name: &FileName) -> Result<(), Fault> {
    Err(Fault::new(Fault::INVALID, "not yet"))
}
