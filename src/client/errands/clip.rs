//! Owns what is on this machine's clipboard as a file on a host.

use super::run::{Means, Teller};
use crate::client::files::Whose;
use crate::proto::control::Fault;

pub(super) async fn paste(_means: &Means, _whose: Whose, _teller: &Teller) -> Result<(), Fault> {
    Err(Fault::new(Fault::INVALID, "not yet"))
}
