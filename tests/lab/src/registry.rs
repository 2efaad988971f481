//! A site's schema registry: Apicurio with Confluent's API.

use std::ops::Deref;
use std::path::Path;

use anyhow::{Result, bail};

use crate::http::Http;
use crate::kafka::jvm_flags;
use crate::parts::Parts;
use crate::process::Signal;
use crate::server::{Program, Server};

/// A schema registry; its process is reached through [`Server`]'s methods.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    port: u16,
    link: u16,
}

impl Registry {
    /// Describes the registry `name`, with its schemas under the lab's folder; `link` is the
    /// port of the proxy that leads to it from the other site.
    pub fn new(
        name: &str,
        dir: &Path,
        port: u16,
        link: u16,
        fast: bool,
        parts: &Parts,
    ) -> Result<Self> {
        let store = dir.join("data").join(name);
        // Without WRITE_DELAY=0 the file lags half a second behind: a kill would lose schemas.
        let database = format!(
            "jdbc:h2:file:{}/schemas;WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE",
            store.display()
        );
        let mut args = jvm_flags("384m", fast);
        args.extend([
            "-Dquarkus.http.host=127.0.0.1".to_owned(),
            format!("-Dquarkus.http.port={port}"),
            format!("-Dregistry.datasource.url={database}"),
            format!("-Dquarkus.datasource.jdbc.url={database}"),
            // The default of five seconds fails on a machine that starts everything at once.
            "-Dquarkus.datasource.jdbc.acquisition-timeout=60".to_owned(),
            "-jar".to_owned(),
            parts.registry_jar.display().to_string(),
        ]);
        let program = Program {
            name: name.to_owned(),
            path: parts.java.clone(),
            args,
            env: Vec::new(),
            user: None,
            stop: Signal::Term,
        };
        let http = Http::new()?;
        let subjects = format!("{}/subjects", url_of(port));
        let ready = move || match http.status(&subjects)? {
            200 => Ok(()),
            status => bail!("{subjects} answers {status}"),
        };
        Ok(Self {
            server: Server::new(program, dir, ready),
            port,
            link,
        })
    }

    /// Returns the URL for the site's own clients.
    pub fn url(&self) -> String {
        url_of(self.port)
    }

    /// Returns the URL for the other site's clients, which leads through the link's proxy.
    pub fn link_url(&self) -> String {
        url_of(self.link)
    }

    /// Returns the port for the site's own clients.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Deref for Registry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn url_of(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}
