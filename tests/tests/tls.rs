//! The stage against an endpoint with TLS and HTTP/2: a certificate that nobody vouches for gets no question, and with its
//! authority known the questions share connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use finegrain_tests::Project;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tables::{Answer, AnswerStatus};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A VLM that always says yes with the same probability, behind TLS, in HTTP/2 only.
struct TlsVlm {
    port: u16,
    /// The authority that signed its certificate, in PEM.
    authority: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    n_connections: AtomicUsize,
    n_questions: AtomicUsize,
}

impl TlsVlm {
    /// Starts it on a thread of its own, which ends with the test.
    fn start() -> Self {
        let mut of_authority = CertificateParams::default();
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(of_authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let of_server = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = of_server.signed_by(&key, &authority).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let of_thread = Arc::clone(&seen);
        std::thread::spawn(move || {
            runtime.block_on(serve(listener, TlsAcceptor::from(Arc::new(config)), of_thread));
        });
        Self { port, authority: authority.pem(), seen }
    }

    fn base_url(&self) -> String {
        format!("https://localhost:{}/v1", self.port)
    }

    fn n_questions(&self) -> usize {
        self.seen.n_questions.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, seen: Arc<Seen>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            // A client that does not like the certificate hangs up.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            seen.n_connections.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = http2.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    let is_question = request.uri().path() == "/v1/chat/completions";
    let whole = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, body) = if is_question && serde_json::from_slice::<serde_json::Value>(&whole).is_ok() {
        seen.n_questions.fetch_add(1, Ordering::SeqCst);
        (StatusCode::OK, YES)
    } else {
        (StatusCode::NOT_FOUND, "{}")
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    Ok(response)
}

const YES: &str = r#"{"choices":[{"message":{"content":"Yes"},"logprobs":{"content":[{"token":"Yes","logprob":-0.5,
    "top_logprobs":[{"token":"Yes","logprob":-0.5},{"token":"No","logprob":-1.5}]}]}}]}"#;

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_question() {
    let (vlm, project) = (TlsVlm::start(), Project::empty());
    let ended = project.finegrain(&["doctor", "--endpoint", &vlm.base_url(), "--model", "m"]);
    assert_eq!(ended.code(), Some(75), "{}", ended.text());
    assert!(ended.text().contains("certificate"), "{}", ended.text());
    assert_eq!(vlm.n_questions(), 0);
}

#[test]
fn questions_share_connections_to_a_server_whose_authority_is_known() {
    let (vlm, project) = (TlsVlm::start(), Project::new(2));
    project.write("authority.pem", &vlm.authority);
    let base_url = format!("synth-feedback.endpoint.base_url={}", vlm.base_url());
    let words = ["run", "--until", "synth-feedback", "--set", &base_url, "--set", "synth-feedback.endpoint.serve=null"];
    let run = project.command(&words).env("SSL_CERT_FILE", project.folder().join("authority.pem")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let answers = project.rows::<Answer>();
    assert!(answers.len() > 50 && answers.iter().all(|answer| answer.status == AnswerStatus::Ok));
    assert!(vlm.n_questions() >= 50);
    // Those that are sent before the first connection stands open one each.
    let n_connections = vlm.seen.n_connections.load(Ordering::SeqCst);
    assert!(n_connections < 16, "{n_connections} connections for {} questions", vlm.n_questions());
}
