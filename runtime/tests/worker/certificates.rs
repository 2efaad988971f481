//! An authority and what it signs.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::{Certificate, Identity};

use crate::site::http;

/// An authority of this name.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Returns a key and a certificate of this common name, good for 127.0.0.1.
    pub(crate) fn issue(&self, name: &str) -> String {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        format!("{}{}", key.serialize_pem(), certificate.pem())
    }

    /// Writes the authority's certificate.
    pub(crate) fn write(&self, dir: &Path) -> PathBuf {
        let path = dir.join("ca.pem");
        std::fs::write(&path, &self.pem).unwrap();
        path
    }

    /// Returns a client that trusts this authority alone.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// Returns such a client that shows this key and certificate.
    pub(crate) fn client_with(&self, identity: &str) -> Client {
        let identity = Identity::from_pem(identity.as_bytes()).unwrap();
        self.builder().identity(identity).build().unwrap()
    }

    fn builder(&self) -> ClientBuilder {
        let own = Certificate::from_pem(self.pem.as_bytes()).unwrap();
        http().tls_certs_only([own])
    }
}
