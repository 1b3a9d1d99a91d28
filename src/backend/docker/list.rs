//! Owns what the engine has: containers, images, how it stands with one; starting and stopping. Leaves out looking on.

use super::engine::{Engine, checked, is_away, or_none, refused};
use super::named;
use crate::proto::control::{ContainerInfo, Containers, ContainersAct, Fault, ImageInfo};
use crate::text::short;
use bollard::errors::Error;
use bollard::query_parameters::{StartContainerOptions, StopContainerOptionsBuilder};
use serde::Deserialize;

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

/// Of what an engine says of a container, what is wanted. Words are taken as they come: Podman has states of its own
/// (configured, initialized, stopped), and a null for what is empty.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    #[serde(deserialize_with = "or_none")]
    state: State,
    #[serde(deserialize_with = "or_none")]
    config: Config,
    #[serde(deserialize_with = "or_none")]
    host_config: HostConfig,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    running: bool,
    paused: bool,
    restarting: bool,
    exit_code: Option<i64>,
    started_at: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    image: String,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    auto_remove: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Summary {
    id: String,
    #[serde(deserialize_with = "or_none")]
    names: Vec<String>,
    image: String,
    state: String,
    status: String,
    created: i64,
    #[serde(deserialize_with = "or_none")]
    ports: Vec<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Port {
    #[serde(rename = "IP")]
    ip: Option<String>,
    private_port: u16,
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    kind: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(deserialize_with = "or_none")]
    repo_tags: Vec<String>,
    size: i64,
    created: i64,
}

fn stand(said: Inspected) -> Stand {
    let name = said.name.trim_start_matches('/');
    Stand {
        name: if name.is_empty() { said.id.chars().take(12).collect() } else { name.to_string() },
        image: said.config.image,
        running: said.state.running && !said.state.restarting,
        paused: said.state.paused,
        exit_code: said.state.exit_code,
        started_at: said.state.started_at,
        tty: said.config.tty,
        open_stdin: said.config.open_stdin,
        stdin_once: said.config.stdin_once,
        auto_remove: said.host_config.auto_remove,
        id: said.id,
    }
}

impl Engine {
    /// How it stands with a container, by name or id. Errors: UNKNOWN there is none (close names are said).
    pub async fn stand(&self, container: &str) -> Result<Stand, Fault> {
        let name = checked(container)?;
        match self.get(&format!("looking at {name}"), &format!("/containers/{name}/json")).await {
            Ok(said) => {
                let stand = stand(said);
                named::id(&stand.id)?;
                Ok(stand)
            }
            Err(fault) if fault.code == Fault::UNKNOWN && !is_away(&fault) => Err(self.no_such(name).await),
            Err(fault) => Err(fault),
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
        let all: Vec<Summary> = self.get("listing containers", "/containers/json?all=true").await?;
        let mut all: Vec<ContainerInfo> = all.into_iter().map(container).collect();
        all.sort_by(|a, b| (!a.is_running(), a.label()).cmp(&(!b.is_running(), b.label())));
        Ok(all)
    }

    /// What containers there are, and images where they are wanted.
    pub async fn list(&self, with_images: bool) -> Result<Containers, Fault> {
        let mut found = Containers {
            socket: self.socket().to_string_lossy().into_owned(),
            engine: self.name().to_string(),
            owner: self.owner(),
            containers: self.containers().await?,
            ..Containers::default()
        };
        if with_images {
            let all: Vec<Image> = self.get("listing images", "/images/json").await?;
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
        match self.get(&format!("looking for image {name}"), &format!("/images/{name}/json")).await {
            Ok(serde::de::IgnoredAny) => Ok(()),
            Err(fault) if fault.code == Fault::UNKNOWN && !is_away(&fault) => {
                let shown = short(name, 120);
                let what = format!(
                    "there is no image '{shown}' here, and thub fetches none by itself: 'docker pull {shown}' (or podman) \
                     fetches it; 'thub containers --images' lists those there are"
                );
                Err(Fault::new(Fault::UNKNOWN, what))
            }
            Err(fault) => Err(fault),
        }
    }
}

fn container(said: Summary) -> ContainerInfo {
    ContainerInfo {
        id: said.id,
        names: said.names.iter().map(|n| n.trim_start_matches('/').to_string()).collect(),
        image: said.image,
        state: said.state,
        status: said.status,
        created: said.created,
        ports: said.ports.iter().map(port).collect(),
    }
}

fn port(said: &Port) -> String {
    let kind = said.kind.as_deref().map(|t| format!("/{t}")).unwrap_or_default();
    match (said.public_port, said.ip.as_deref().filter(|ip| !ip.is_empty())) {
        (Some(public), Some(ip)) if ip.contains(':') => format!("[{ip}]:{public}->{}{kind}", said.private_port),
        (Some(public), Some(ip)) => format!("{ip}:{public}->{}{kind}", said.private_port),
        (Some(public), None) => format!("{public}->{}{kind}", said.private_port),
        (None, _) => format!("{}{kind}", said.private_port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_say_of_containers() {
        let list = |json: &str| -> Vec<ContainerInfo> {
            serde_json::from_str::<Vec<Summary>>(json).unwrap().into_iter().map(container).collect()
        };
        let all = list(
            r#"[{"Id":"ab","Names":["/web"],"Image":"nginx","State":"running","Status":"Up","Created":7,
                "Ports":[{"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":9,"Type":"udp"}]},
               {"Id":"cd","Names":null,"Ports":null,"State":"initialized","Status":"Initialized"},
               {"Id":"ef","Names":["/p"],"State":"stopping","NetworkSettings":{"Networks":null}}]"#,
        );
        assert_eq!((all[0].label(), all[0].ports.join(" ")), ("web", "[::]:8080->80/tcp 9/udp".into()));
        assert_eq!((all[1].label(), all[1].state.as_str()), ("cd", "initialized"));
        assert_eq!(all[2].state, "stopping");
    }

    #[test]
    fn how_it_stands_with_one() {
        let of = |json: &str| stand(serde_json::from_str(json).unwrap());
        let web = of(
            r#"{"Id":"0123456789abcdef","Name":"/web","Image":"sha256:1","State":{"Status":"running","Running":true,"Paused":false,
                "Health":{"Status":"odd"},"ExitCode":0,"StartedAt":"2026"},"Config":{"Image":"nginx","Tty":true,"OpenStdin":true},
                "HostConfig":{"AutoRemove":true}}"#,
        );
        let want = Stand {
            id: "0123456789abcdef".into(),
            name: "web".into(),
            image: "nginx".into(),
            running: true,
            exit_code: Some(0),
            started_at: "2026".into(),
            tty: true,
            open_stdin: true,
            auto_remove: true,
            ..Stand::default()
        };
        assert_eq!(web, want);
        let odd = of(
            r#"{"Id":"0123456789abcdef","Name":"","State":{"Status":"initialized","Running":false},"Config":null,"HostConfig":null}"#,
        );
        assert_eq!((odd.name.as_str(), odd.running), ("0123456789ab", false));
        assert!(!of(r#"{"State":{"Running":true,"Restarting":true}}"#).running);
    }
}
