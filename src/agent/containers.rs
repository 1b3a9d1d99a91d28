//! Owns the calls about containers that no session is of. Leaves out the engine (backend).

use crate::backend::docker::Engine;
use crate::proto::control::{Containers, ContainersAct, ContainersList, Done, Fault};

pub async fn list(asked: ContainersList) -> Result<Containers, Fault> {
    Engine::connect(asked.socket.as_deref()).await?.list(asked.images).await
}

pub async fn act(asked: ContainersAct) -> Result<Done, Fault> {
    Engine::connect(asked.socket.as_deref()).await?.act(&asked).await?;
    Ok(Done {})
}
