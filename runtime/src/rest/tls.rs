//! TLS of the `https` listeners.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret as _;
use tokio_rustls::TlsAcceptor;
use x509_parser::parse_x509_certificate;

use crate::config::{ClientAuth, Pem, TlsSettings};

/// Reads keys and certificates.
///
/// # Errors
/// In words, with the file and without the key.
pub(super) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, String> {
    let chain = certificates(&settings.certificates)?;
    let (text, origin) = read(&settings.key)?;
    if text.contains("ENCRYPTED PRIVATE KEY") {
        return Err(format!(
            "{origin}: the private key is encrypted; give one that is not, readable by the worker alone"
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|error| format!("{origin}: no private key in PEM form: {error}"))?;
    let builder = ServerConfig::builder();
    let builder = match (settings.client_auth, &settings.trusted) {
        (ClientAuth::None, _) | (_, None) => builder.with_no_client_auth(),
        (auth, Some(trusted)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(trusted)? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("ssl.truststore: {error}"))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
            let verifier = match auth {
                ClientAuth::Requested => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            let verifier = verifier
                .build()
                .map_err(|error| format!("ssl.truststore: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("{origin}: key and certificate do not fit: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Returns the common name of a certificate's subject.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

fn read(pem: &Pem) -> Result<(String, String), String> {
    match pem {
        Pem::Text(text) => Ok((text.expose_secret().to_owned(), "ssl.keystore".into())),
        Pem::File(path) => {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{shown}: cannot be read: {error}"))?;
            Ok((text, shown))
        }
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let (text, origin) = read(pem)?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{origin}: not PEM: {error}"))?;
    if all.is_empty() {
        return Err(format!("{origin}: no certificate in PEM form"));
    }
    Ok(all)
}
