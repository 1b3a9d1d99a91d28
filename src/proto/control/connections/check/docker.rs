//! Owns what is right in a connection to a container. Pure. Leaves out whether there is one.

use super::{Wrong, check_env, has_placeholder, line, placeholders, wrong};
use crate::proto::control::connections::{Docker, container_name, image_name, words};

/// What `mode` may be; nothing is the first.
pub const MODES: &[&str] = &["exec", "attach", "logs"];

pub fn check_docker(docker: &Docker, found: &mut Vec<Wrong>) {
    match (&docker.container, &docker.image) {
        (None, None) => {
            let why = "a container's name or id is missing, or an image's for a new one: 'thub containers' lists them";
            found.push(wrong("container", why));
        }
        (Some(_), Some(_)) => found.push(wrong("image", "a container or an image: leave out one of the two")),
        _ => {}
    }
    let mut named = |field, text: &Option<String>, rule: fn(&str) -> Result<(), String>| {
        let Some(text) = text else { return };
        placeholders(field, text, found);
        if !has_placeholder(text)
            && let Err(why) = rule(text)
        {
            found.push(wrong(field, why));
        }
    };
    named("container", &docker.container, container_name);
    named("image", &docker.image, image_name);
    named("containerName", &docker.name, container_name);
    if !docker.mode.is_empty() && !MODES.contains(&docker.mode.as_str()) {
        let mode = crate::text::short(&docker.mode, 40);
        found.push(wrong("mode", format!("'{mode}' is none of {}", MODES.join(", "))));
    }
    if docker.image.is_some() && !matches!(docker.mode.as_str(), "" | "attach") {
        found.push(wrong("mode", "of a new container its own terminal is shown: leave the mode out"));
    }
    if docker.image.is_none() {
        let only = [("containerName", docker.name.is_some()), ("remove", docker.remove)];
        for (field, said) in only {
            if said {
                found.push(wrong(field, "that is for a new container, made of an image"));
            }
        }
        let looks = matches!(docker.mode.as_str(), "attach" | "logs");
        let only = [
            ("command", docker.command.is_some()),
            ("user", docker.user.is_some() && docker.mode == "logs"),
            ("startingDirectory", docker.starting_directory.is_some() && docker.mode == "logs"),
        ];
        for (field, said) in only {
            if said && looks {
                found.push(wrong(field, "nothing is started in it with this mode: leave it out, or the mode"));
            }
        }
    }
    if let Some(command) = &docker.command {
        line("command", command, found);
        if let Err(why) = words(command) {
            found.push(wrong("command", format!("it can't be parted into words: {why}")));
        }
    }
    if let Some(user) = &docker.user {
        line("user", user, found);
        let good = |c: char| c.is_alphanumeric() || "._-:$".contains(c);
        if user.starts_with('-') || (!has_placeholder(user) && !user.chars().all(good)) {
            let user = crate::text::short(user, 60);
            found.push(wrong("user", format!("'{user}' is no user: a name or number, and :GROUP")));
        }
    }
    if let Some(dir) = &docker.starting_directory {
        line("startingDirectory", dir, found);
        if !dir.starts_with('/') && !has_placeholder(dir) {
            found.push(wrong("startingDirectory", "an absolute path in the container, as /app is"));
        }
    }
    if let Some(socket) = &docker.socket {
        line("socket", socket, found);
        let path = socket.strip_prefix("unix://").unwrap_or(socket);
        if !path.starts_with('/') && !has_placeholder(socket) {
            found.push(wrong("socket", "the engine's socket is an absolute path, as /var/run/docker.sock is"));
        }
    }
    check_env(&docker.env, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(docker: Docker) -> String {
        let mut found = Vec::new();
        check_docker(&docker, &mut found);
        found.iter().map(|w| w.field).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_right() {
        let some = |s: &str| Some(s.to_string());
        let web = Docker { container: some("web"), ..Docker::default() };
        assert_eq!(fields(web.clone()), "");
        let all = Docker {
            command: some("sh -c 'a; b'"),
            user: some("www-data:33"),
            starting_directory: some("/app"),
            socket: some("unix:///run/podman/podman.sock"),
            mode: "exec".into(),
            ..web.clone()
        };
        assert_eq!(fields(all), "");
        let image = Docker { image: some("debian:12"), name: some("mine"), remove: true, ..Docker::default() };
        assert_eq!(fields(image.clone()), "");
        assert_eq!(fields(Docker { container: some("${env:NAME}"), ..Docker::default() }), "");

        assert_eq!(fields(Docker::default()), "container");
        assert_eq!(fields(Docker { image: some("x"), ..web.clone() }), "image");
        assert_eq!(fields(Docker { container: some("-x;id"), ..Docker::default() }), "container");
        assert_eq!(fields(Docker { image: some("-x;id"), ..Docker::default() }), "image");
        assert_eq!(fields(Docker { name: some("a"), remove: true, ..web.clone() }), "containerName remove");
        assert_eq!(fields(Docker { mode: "dance".into(), ..web.clone() }), "mode");
        assert_eq!(fields(Docker { mode: "logs".into(), ..image }), "mode");
        assert_eq!(fields(Docker { mode: "logs".into(), command: some("x"), ..web.clone() }), "command");
        assert_eq!(fields(Docker { command: some("'x"), ..web.clone() }), "command");
        assert_eq!(fields(Docker { user: some("-x"), ..web.clone() }), "user");
        assert_eq!(fields(Docker { starting_directory: some("app"), ..web.clone() }), "startingDirectory");
        assert_eq!(fields(Docker { socket: some("tcp://h:1"), ..web }), "socket");
    }
}
