//! TLS towards PostgreSQL: rustls on ring, with libpq's meaning of `sslmode`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use walbridge_connector_api::ConnectorError;

use crate::connect::{Settings, SslMode};

/// Builds the client side of TLS as the settings want it.
pub fn client_config(settings: &Settings) -> Result<Arc<ClientConfig>, ConnectorError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed("setting up TLS", error))?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier(settings, provider)?);
    let config = match (&settings.sslcert, &settings.sslkey) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| failed(&format!("reading the key file {key}"), error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| failed(&format!("using the certificate {cert}"), error))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => {
            return Err(ConnectorError::configuration(
                "TlsFailed",
                "sslcert and sslkey go together",
            ));
        }
    };
    Ok(Arc::new(config))
}

fn verifier(
    settings: &Settings,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectorError> {
    // As in libpq, a root certificate turns `require` into `verify-ca`.
    let check = match settings.sslmode {
        SslMode::VerifyFull => Check::Full,
        SslMode::VerifyCa => Check::Authority,
        SslMode::Require if settings.sslrootcert.is_some() => Check::Authority,
        _ => Check::Nothing,
    };
    let inner = match (&settings.sslrootcert, check) {
        (_, Check::Nothing) => None,
        (None, _) => {
            return Err(ConnectorError::configuration(
                "TlsFailed",
                format!("sslmode {} needs sslrootcert", settings.sslmode.as_str()),
            )
            .remedy("set sslrootcert to a PEM file with the authority that signed the server"));
        }
        (Some(path), _) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| failed(&format!("reading {path}"), error))?;
            }
            let built =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(|error| failed(&format!("reading {path}"), error))?;
            Some(built)
        }
    };
    Ok(Arc::new(Verifier {
        check,
        inner,
        provider,
    }))
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let what = format!("reading the certificate file {path}");
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&what, error))?;
    if all.is_empty() {
        return Err(ConnectorError::configuration(
            "TlsFailed",
            format!("{what}: no certificate in it"),
        ));
    }
    Ok(all)
}

fn failed(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> ConnectorError {
    ConnectorError::configuration("TlsFailed", format!("{what}: {error}")).because(error)
}

/// How much of the server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Authority,
    Full,
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        let result = inner.verify_server_cert(end_entity, intermediates, server_name, ocsp, now);
        match result {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.check == Check::Authority => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Makes TLS sessions for tokio-postgres.
#[derive(Clone)]
pub(crate) struct Connector(pub(crate) Arc<ClientConfig>);

/// One session about to be made.
pub(crate) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Session<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        Ok(Handshake {
            config: Arc::clone(&self.0),
            name: server_name(domain)?,
        })
    }
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Session<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Session<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connector = tokio_rustls::TlsConnector::from(self.config);
        Box::pin(async move { connector.connect(self.name, stream).await.map(Session) })
    }
}

/// Returns the name a certificate is checked against; a Unix socket has none.
pub(crate) fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let host = if host.is_empty() || host.starts_with('/') {
        "localhost"
    } else {
        host
    };
    ServerName::try_from(host.to_owned()).map_err(|error| io::Error::other(error.to_string()))
}

/// A TLS session under tokio-postgres.
pub(crate) struct Session<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Session<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Session<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Session<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_a_wrong_configuration() {
        let error = certificates("/nowhere/ca.pem").unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    }
}
