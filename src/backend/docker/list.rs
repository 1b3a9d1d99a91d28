//! Owns what the engine has: containers, images, how it stands with one; starting and stopping. Leaves out looking on.

use super::engine::{Engine, checked, refused};
use super::named;
use crate::proto::control::{ContainerInfo, Containers, ContainersAct, Fault, ImageInfo};
use crate::text::short;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerSummary, PortSummary};
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListImagesOptions, StartContainerOptions,
    StopContainerOptionsBuilder,
};

/// How it stands with a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    pub id: String,
    pub name: String,
    pub image: String,
    pub running: bool,
    pub paused: bool,
    pub exit_code: Option<i64>,
    /// Differs with each start.
    pub started_at: String,
    /// Its own program has a terminal; and reads what is typed.
    pub tty: bool,
    pub open_stdin: bool,
    /// What is typed can be ended, once and for all.
    pub stdin_once: bool,
    pub auto_remove: bool,
}

impl Stand {
    /// `web · nginx:1`
    pub fn what(&self) -> String {
        // (where an image comes from is no part of a short name)
        let image = self.image.rsplit('/').next().unwrap_or_default();
        format!("{} · {}", short(&self.name, 60), short(image, 60))
    }
}

fn stand(said: ContainerInspectResponse) -> Stand {
    let state = said.state.unwrap_or_default();
    let config = said.config.unwrap_or_default();
    let id = said.id.unwrap_or_default();
    let name = said.name.unwrap_or_default();
    let name = name.trim_start_matches('/');
    Stand {
        name: if name.is_empty() { id.chars().take(12).collect() } else { name.to_string() },
        id,
        image: config.image.unwrap_or_default(),
        running: state.running.unwrap_or(false) && !state.restarting.unwrap_or(false),
        paused: state.paused.unwrap_or(false),
        exit_code: state.exit_code,
        started_at: state.started_at.unwrap_or_default(),
        tty: config.tty.unwrap_or(false),
        open_stdin: config.open_stdin.unwrap_or(false),
        stdin_once: config.stdin_once.unwrap_or(false),
        auto_remove: said.host_config.and_then(|h| h.auto_remove).unwrap_or(false),
    }
}

impl Engine {
    /// How it stands with a container, by name or id. Errors: UNKNOWN there is none (close names are said).
    pub async fn stand(&self, container: &str) -> Result<Stand, Fault> {
        let name = checked(container)?;
        match self.api.inspect_container(name, None::<InspectContainerOptions>).await {
            Ok(said) => {
                let stand = stand(said);
                named::id(&stand.id)?;
                Ok(stand)
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Err(self.no_such(name).await),
            Err(e) => Err(refused(&format!("looking at {name}"), &e)),
        }
    }

    async fn no_such(&self, name: &str) -> Fault {
        let all = self.containers().await.unwrap_or_default();
        let names: Vec<&str> = all.iter().flat_map(|c| c.names.iter().map(String::as_str)).collect();
        let close: Vec<String> = named::close_to(name, names.iter().copied()).iter().map(|n| short(n, 60)).collect();
        let help = match close.as_slice() {
            [] => "'thub containers' lists those there are".to_string(),
            close => format!("is {} meant?", close.join(" or ")),
        };
        Fault::new(Fault::UNKNOWN, format!("there is no container '{}' here: {help}", short(name, 60)))
    }

    async fn containers(&self) -> Result<Vec<ContainerInfo>, Fault> {
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let all = self.api.list_containers(Some(options)).await.map_err(|e| refused("listing containers", &e))?;
        let mut all: Vec<ContainerInfo> = all.into_iter().map(container).collect();
        all.sort_by(|a, b| (!a.is_running(), a.label()).cmp(&(!b.is_running(), b.label())));
        Ok(all)
    }

    /// What containers there are, and images where they are wanted.
    pub async fn list(&self, with_images: bool) -> Result<Containers, Fault> {
        let mut found = Containers {
            socket: self.socket().to_string_lossy().into_owned(),
            containers: self.containers().await?,
            ..Containers::default()
        };
        if with_images {
            let all = self.api.list_images(None::<ListImagesOptions>).await;
            let all = all.map_err(|e| refused("listing images", &e))?;
            found.images = all
                .into_iter()
                .map(|i| {
                    let mut names = i.repo_tags;
                    names.retain(|n| n != "<none>:<none>");
                    ImageInfo { id: i.id, names, size: i.size, created: i.created }
                })
                .collect();
            found.images.sort_by(|a, b| (a.names.is_empty(), &a.names).cmp(&(b.names.is_empty(), &b.names)));
        }
        found.more = found.containers.len() > Containers::MOST || found.images.len() > Containers::MOST;
        found.containers.truncate(Containers::MOST);
        found.images.truncate(Containers::MOST);
        Ok(found)
    }

    /// Starts it; one that runs stays as it is.
    pub async fn start(&self, container: &str) -> Result<(), Fault> {
        let name = checked(container)?;
        match self.api.start_container(name, None::<StartContainerOptions>).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 304, .. }) => Ok(()),
            Err(Error::DockerResponseServerError { status_code: 404, message })
                if message.contains("o such container") =>
            {
                Err(self.no_such(name).await)
            }
            Err(e) => Err(refused(&format!("starting {name}"), &e)),
        }
    }

    /// Stops it: its program gets its signal, and is killed after 10 s. One that is stopped stays as it is.
    pub async fn stop(&self, container: &str) -> Result<(), Fault> {
        let name = checked(container)?;
        let options = StopContainerOptionsBuilder::default().t(10).build();
        match self.api.stop_container(name, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 304, .. }) => Ok(()),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Err(self.no_such(name).await),
            Err(e) => Err(refused(&format!("stopping {name}"), &e)),
        }
    }

    /// See [`ContainersAct`].
    pub async fn act(&self, asked: &ContainersAct) -> Result<(), Fault> {
        match asked.act.as_str() {
            "start" => self.start(&asked.container).await,
            "stop" => self.stop(&asked.container).await,
            other => {
                let what = format!("a container is not told to '{}': start or stop", short(other, 40));
                Err(Fault::new(Fault::BAD_PARAMS, what))
            }
        }
    }

    /// Whether an image is here. None is fetched by itself: that may be gigabytes, of somebody nobody named.
    pub async fn has_image(&self, image: &str) -> Result<(), Fault> {
        let name = named::image(image)?;
        match self.api.inspect_image(name).await {
            Ok(_) => Ok(()),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                let shown = short(name, 120);
                let what = format!(
                    "there is no image '{shown}' here, and thub fetches none by itself: 'docker pull {shown}' (or podman) \
                     fetches it; 'thub containers --images' lists those there are"
                );
                Err(Fault::new(Fault::UNKNOWN, what))
            }
            Err(e) => Err(refused(&format!("looking for image {name}"), &e)),
        }
    }
}

fn container(said: ContainerSummary) -> ContainerInfo {
    let names = said.names.unwrap_or_default();
    ContainerInfo {
        id: said.id.unwrap_or_default(),
        names: names.iter().map(|n| n.trim_start_matches('/').to_string()).collect(),
        image: said.image.unwrap_or_default(),
        state: said.state.map(|s| s.to_string()).unwrap_or_default(),
        status: said.status.unwrap_or_default(),
        created: said.created.unwrap_or(0),
        ports: said.ports.unwrap_or_default().iter().map(port).collect(),
    }
}

fn port(said: &PortSummary) -> String {
    let kind = said.typ.map(|t| format!("/{t}")).unwrap_or_default();
    match (said.public_port, said.ip.as_deref().filter(|ip| !ip.is_empty())) {
        (Some(public), Some(ip)) if ip.contains(':') => format!("[{ip}]:{public}->{}{kind}", said.private_port),
        (Some(public), Some(ip)) => format!("{ip}:{public}->{}{kind}", said.private_port),
        (Some(public), None) => format!("{public}->{}{kind}", said.private_port),
        (None, _) => format!("{}{kind}", said.private_port),
    }
}
