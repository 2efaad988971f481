//! What a broken registry answers; whole ones are in the suites on real servers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// Answers one connection after another with what `answer` says to their number.
fn serve(
    answer: impl Fn(usize) -> Option<(u16, &'static str)> + Send + 'static,
) -> (Registry, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            match answer(counter.fetch_add(1, Ordering::SeqCst)) {
                Some((status, body)) => {
                    let length = body.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                }
                None => silent.push(stream),
            }
        }
    });
    let mut settings = RegistrySettings::new(&url);
    settings.timeout = Duration::from_millis(500);
    settings.basic_auth = Some(("user".into(), "secret".into()));
    (Registry::new(&settings).unwrap(), calls)
}

fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "the request ended early");
            continue;
        };
        assert!(
            head.to_lowercase()
                .contains("authorization: basic dxnlcjpzzwnyzxq="),
            "no credentials in {head}"
        );
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| {
                rest.split("\r\n")
                    .next()
                    .unwrap_or_default()
                    .parse()
                    .unwrap_or(0)
            });
        if body.len() >= length {
            return;
        }
    }
}

#[test]
fn schemas_are_asked_for_once() {
    let (registry, calls) = serve(|_| Some((200, r#"{"schema":"\"string\""}"#)));
    assert_eq!(&*registry.schema(7).unwrap(), "\"string\"");
    assert_eq!(&*registry.schema(7).unwrap(), "\"string\"");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn ids_are_asked_for_once() {
    let (registry, calls) = serve(|_| Some((200, r#"{"id":9}"#)));
    assert_eq!(registry.register("s", "\"string\"").unwrap(), 9);
    assert_eq!(registry.register("s", "\"string\"").unwrap(), 9);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn errors_are_not_remembered() {
    let (registry, _) = serve(|call| match call {
        0 => Some((500, r#"{"error_code":50001,"message":"disk full"}"#)),
        1 => Some((503, "not json")),
        _ => Some((200, r#"{"schema":"\"string\""}"#)),
    });
    let error = registry.schema(7).unwrap_err();
    assert!(error.is_retriable());
    assert!(
        matches!(&error, RegistryError::Unavailable { status: 500, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("disk full"), "{error}");
    assert!(matches!(
        registry.schema(7).unwrap_err(),
        RegistryError::Unavailable { status: 503, .. }
    ));
    assert!(registry.schema(7).is_ok());
}

#[test]
fn silence_and_absence_are_unreachable() {
    let (registry, _) = serve(|_| None);
    let error = registry.schema(7).unwrap_err();
    assert!(
        matches!(error, RegistryError::Unreachable { .. }) && error.is_retriable(),
        "{error:?}"
    );

    // A port that was just free: nobody listens.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let registry =
        Registry::new(&RegistrySettings::new(&format!("http://127.0.0.1:{port}"))).unwrap();
    assert!(matches!(
        registry.register("s", "\"int\"").unwrap_err(),
        RegistryError::Unreachable { .. }
    ));
}

#[test]
fn refusals_say_what_they_are() {
    let (registry, _) = serve(|call| {
        Some(match call {
            0 => (404, r#"{"error_code":40403,"message":"Schema not found"}"#),
            1 => (409, r#"{"error_code":409,"message":"incompatible"}"#),
            2 => (401, r#"{"error_code":401,"message":"who?"}"#),
            3 => (200, r#"{"schema":"x","schemaType":"PROTOBUF"}"#),
            _ => (200, "<html>"),
        })
    });
    assert!(matches!(
        registry.schema(7).unwrap_err(),
        RegistryError::Unknown { id: 7, .. }
    ));
    let rejected = registry.register("s", "\"int\"").unwrap_err();
    assert!(
        matches!(&rejected, RegistryError::Rejected { status: 409, .. }),
        "{rejected:?}"
    );
    assert!(!rejected.is_retriable() && rejected.to_string().contains("incompatible"));
    assert!(matches!(
        registry.schema(7).unwrap_err(),
        RegistryError::Refused { status: 401, .. }
    ));
    assert!(matches!(
        registry.schema(7).unwrap_err(),
        RegistryError::NotAvro { .. }
    ));
    assert!(matches!(
        registry.schema(7).unwrap_err(),
        RegistryError::Nonsense { .. }
    ));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for urls in ["", "nonsense", "ftp://x"] {
        assert!(
            matches!(
                Registry::new(&RegistrySettings::new(urls)),
                Err(RegistryError::Settings(_))
            ),
            "{urls}"
        );
    }
}
