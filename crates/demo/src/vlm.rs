//! The simulated VLM: an HTTP server that answers questions about the pictures of a demo world from their true scenes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::answer::{Sides, tokens, true_p_yes};
use crate::chat::{self, Question, Rejection};
use crate::error::DemoError;
use crate::faults::{Fault, Faults, Misbehaviour};
use crate::scene::{Scene, TrueScene};
use crate::world::{SCENES, read_certificate};

/// The name of the model that it serves.
pub const MODEL: &str = "demo-vlm";

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// The folder of the demo world.
    pub data: PathBuf,
    /// The port on 127.0.0.1; 0 is any free one.
    pub port: u16,
    /// How to misbehave.
    pub faults: Faults,
    /// How long every answer takes.
    pub latency: Duration,
    /// A file to which every answered question is appended, one JSON object a line, before the answer is sent.
    pub log: Option<PathBuf>,
    /// Stop when the process that started this one is gone.
    pub exit_with_parent: bool,
    /// Largest request body in bytes; a larger one is a 413.
    pub max_body_bytes: usize,
}

impl ServeSettings {
    /// A server without faults on any free port: no latency, no log, bodies of up to 32 MiB.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            port: 0,
            faults: Faults::default(),
            latency: Duration::ZERO,
            log: None,
            exit_with_parent: false,
            max_body_bytes: 32 << 20,
        }
    }
}

/// A server that has its port and is ready to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<Vlm>,
    exit_with_parent: bool,
}

/// Serves until the process ends.
///
/// # Errors
/// As [`Server::bind`] and [`Server::run`].
pub async fn serve(settings: ServeSettings) -> Result<(), DemoError> {
    let server = Server::bind(settings).await?;
    let n_images = server.state.scenes.len();
    tracing::info!(address = %server.address, n_images, model = MODEL, "simulated VLM is listening");
    server.run().await
}

impl Server {
    /// Reads the true scenes and takes the port.
    ///
    /// # Errors
    /// [`DemoError::NoWorld`] if the folder holds no whole world, [`DemoError::BadScene`], [`DemoError::Read`],
    /// [`DemoError::Write`] if the log cannot be opened, [`DemoError::Bind`] if the port is taken.
    pub async fn bind(settings: ServeSettings) -> Result<Self, DemoError> {
        let world = read_certificate(&settings.data)?;
        let world = world.ok_or_else(|| DemoError::NoWorld { folder: settings.data.clone() })?;
        let scenes = read_scenes(&settings.data.join(SCENES))?;
        let log = settings.log.map(open_log).transpose()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
        let bind = |source| DemoError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let state = Arc::new(Vlm {
            scenes,
            seed: world.settings.seed,
            faults: settings.faults,
            latency: settings.latency,
            max_body_bytes: settings.max_body_bytes,
            seen_images: Mutex::default(),
            counts: Mutex::default(),
            log: log.map(Mutex::new),
        });
        Ok(Self { listener, address, state, exit_with_parent: settings.exit_with_parent })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends, or its parent is gone if so set.
    ///
    /// # Errors
    /// [`DemoError::Serve`] if the listener fails.
    pub async fn run(self) -> Result<(), DemoError> {
        let router = Router::new()
            .route("/health", get(|| async { json_response(StatusCode::OK, &json!({"status": "ok"})) }))
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(complete))
            .route("/stats", get(stats))
            .fallback(|| async { reject(&Rejection { status: 404, ..Rejection::bad("no such page", None, None) }) })
            .with_state(self.state);
        let serve = axum::serve(self.listener, router);
        tokio::select! {
            served = async { serve.await } => served.map_err(|source| DemoError::Serve { source }),
            () = parent_gone(), if self.exit_with_parent => Ok(()),
        }
    }
}

// Whoever is orphaned gets another parent.
async fn parent_gone() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tracing::info!(parent, "the process that started the simulated VLM is gone; stopping");
}

#[derive(Debug)]
struct KnownScene {
    sha256: String,
    scene: Scene,
}

#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    rejected: u64,
    answered: u64,
    faults: BTreeMap<&'static str, u64>,
    /// Requests by digest: how often each was tried.
    attempts: HashMap<[u8; 32], u32>,
    /// Digests of those that were answered.
    distinct: HashSet<[u8; 32]>,
}

#[derive(Debug)]
struct Vlm {
    /// By SHA-256 of the file.
    scenes: HashMap<[u8; 32], Arc<KnownScene>>,
    seed: u64,
    faults: Faults,
    latency: Duration,
    max_body_bytes: usize,
    /// By blake3 of the base64 text, so that an image is decoded and hashed once. As many as there are images.
    seen_images: Mutex<HashMap<[u8; 32], Arc<KnownScene>>>,
    counts: Mutex<Counts>,
    log: Option<Mutex<(PathBuf, std::fs::File)>>,
}

fn read_scenes(path: &Path) -> Result<HashMap<[u8; 32], Arc<KnownScene>>, DemoError> {
    let text = std::fs::read(path).map_err(|source| DemoError::Read { path: path.to_owned(), source })?;
    let mut scenes = HashMap::new();
    for (i, line) in text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let bad = |source| DemoError::BadScene { path: path.to_owned(), line: i + 1, source };
        let truth: TrueScene = serde_json::from_slice(line).map_err(bad)?;
        let mut key = [0; 32];
        hex::decode_to_slice(&truth.sha256, &mut key).map_err(|e| bad(serde::de::Error::custom(e)))?;
        scenes.insert(key, Arc::new(KnownScene { sha256: truth.sha256, scene: truth.scene }));
    }
    Ok(scenes)
}

fn open_log(path: PathBuf) -> Result<(PathBuf, std::fs::File), DemoError> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    file.map(|file| (path.clone(), file)).map_err(|source| DemoError::Write { path, source })
}

// A panic elsewhere does not make the counts less true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn models() -> Response {
    json_response(
        StatusCode::OK,
        &json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "finegrain (simulated)"}]}),
    )
}

async fn stats(State(vlm): State<Arc<Vlm>>) -> Response {
    let counts = lock(&vlm.counts);
    let body = json!({
        "requests": counts.requests, "answered": counts.answered, "distinct": counts.distinct.len(),
        "rejected": counts.rejected, "faults": counts.faults,
    });
    json_response(StatusCode::OK, &body)
}

async fn complete(State(vlm): State<Arc<Vlm>>, request: Request) -> Response {
    lock(&vlm.counts).requests += 1;
    let asked = match read_body(request, vlm.max_body_bytes).await {
        Ok(body) => vlm.understand(&body),
        Err(rejection) => Err(rejection),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(rejection) => {
            lock(&vlm.counts).rejected += 1;
            return reject(&rejection);
        }
    };
    let (misbehaviour, id) = vlm.next_attempt(&asked);
    let wait = vlm.latency + misbehaviour.wait.unwrap_or_default();
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    vlm.respond(&asked, misbehaviour, &id)
}

/// A question that can be answered.
struct Asked {
    known: Arc<KnownScene>,
    text: String,
    top_logprobs: Option<usize>,
    digest: [u8; 32],
}

impl Vlm {
    fn understand(&self, body: &[u8]) -> Result<Asked, Rejection> {
        let Question { base64, text, top_logprobs } = chat::parse(body, MODEL)?;
        let known = self.find(&base64)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(known.sha256.as_bytes()).update(text.as_bytes());
        Ok(Asked { known, text, top_logprobs, digest: *hasher.finalize().as_bytes() })
    }

    fn find(&self, base64: &str) -> Result<Arc<KnownScene>, Rejection> {
        let key = *blake3::hash(base64.as_bytes()).as_bytes();
        if let Some(known) = lock(&self.seen_images).get(&key) {
            return Ok(known.clone());
        }
        let sha256: [u8; 32] = Sha256::digest(chat::decode(base64)?).into();
        let known = self.scenes.get(&sha256).cloned().ok_or_else(|| {
            let message = format!(
                "the simulated VLM knows only the images of its demo world; none has the SHA-256 {}",
                hex::encode(sha256)
            );
            Rejection::bad(message, Some("messages"), Some("unknown_image"))
        })?;
        lock(&self.seen_images).insert(key, known.clone());
        Ok(known)
    }

    fn next_attempt(&self, asked: &Asked) -> (Misbehaviour, String) {
        let mut counts = lock(&self.counts);
        let tries = counts.attempts.entry(asked.digest).or_insert(0);
        let attempt = *tries;
        *tries += 1;
        let misbehaviour = self.faults.meets(self.seed, &asked.digest, attempt);
        let slow = misbehaviour.wait.map(|_| Fault::Slow);
        // A question's own fault shows only when the attempt itself succeeds.
        for fault in [slow, misbehaviour.attempt.or(misbehaviour.question)].into_iter().flatten() {
            *counts.faults.entry(fault.name()).or_insert(0) += 1;
        }
        (misbehaviour, format!("chatcmpl-{}-{attempt}", hex::encode(&asked.digest[..8])))
    }

    fn respond(&self, asked: &Asked, misbehaviour: Misbehaviour, id: &str) -> Response {
        let server_error = |status: u16, message: &str, kind: &str| {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            json_response(status, &chat::error_json(message, kind, None, None))
        };
        match misbehaviour.attempt {
            Some(Fault::Http429) => {
                let mut response = server_error(429, "rate limit reached (simulated)", "rate_limit_error");
                response.headers_mut().insert(header::RETRY_AFTER, self.faults.retry_after_seconds().into());
                return response;
            }
            Some(Fault::Http500) => return server_error(500, "the server had an error (simulated)", "server_error"),
            Some(Fault::Http503) => return server_error(503, "the model is loading (simulated)", "server_error"),
            Some(Fault::Html) => {
                let page = "<!DOCTYPE html><html><body><h1>A proxy's greeting (simulated)</h1></body></html>";
                return ([(header::CONTENT_TYPE, "text/html")], page).into_response();
            }
            Some(Fault::WrongType) => return json_response(StatusCode::OK, &chat::wrong_type(id, MODEL)),
            _ => {}
        }
        let body = self.body(asked, misbehaviour.question, id).to_string().into_bytes();
        match misbehaviour.attempt {
            Some(Fault::HalfJson) => with_json_header(Body::from(body[..body.len() / 2].to_vec())),
            Some(Fault::DropConnection) => dropped(&body),
            _ => match self.record(asked) {
                Ok(()) => with_json_header(Body::from(body)),
                // An answer that is not on record must not be given, or the record is no proof.
                Err(e) => server_error(500, &format!("the log cannot be written: {e}"), "server_error"),
            },
        }
    }

    fn body(&self, asked: &Asked, question: Option<Fault>, id: &str) -> Value {
        let p_yes = || true_p_yes(&asked.known.scene, &asked.known.sha256, &asked.text, self.seed);
        match question {
            Some(Fault::Refuse) => chat::refusal(id, MODEL),
            Some(Fault::NoToken) => chat::answer(id, MODEL, &tokens(p_yes(), Sides::None), asked.top_logprobs),
            Some(Fault::OneSided) => chat::answer(id, MODEL, &tokens(p_yes(), Sides::One), asked.top_logprobs),
            Some(Fault::NoLogprobs) => chat::answer(id, MODEL, &tokens(p_yes(), Sides::Both), None),
            _ => chat::answer(id, MODEL, &tokens(p_yes(), Sides::Both), asked.top_logprobs),
        }
    }

    fn record(&self, asked: &Asked) -> std::io::Result<()> {
        if let Some(log) = &self.log {
            let line = json!({"sha256": asked.known.sha256, "query": asked.text}).to_string() + "\n";
            // One write of a file opened for appending: a kill leaves whole lines.
            let (_, file) = &mut *lock(log);
            file.write_all(line.as_bytes())?;
        }
        let mut counts = lock(&self.counts);
        counts.answered += 1;
        counts.distinct.insert(asked.digest);
        Ok(())
    }
}

// Reads on past the limit for a while before it refuses: a client that is still sending would not read the refusal.
async fn read_body(request: Request, max_bytes: usize) -> Result<Vec<u8>, Rejection> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse().ok());
    let mut body = Vec::with_capacity(announced.unwrap_or(0_usize).min(max_bytes));
    let mut n_bytes = 0_usize;
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| Rejection::bad(format!("the body did not arrive whole: {e}"), None, None))?;
        n_bytes += chunk.len();
        if n_bytes <= max_bytes {
            body.extend_from_slice(&chunk);
        } else if n_bytes > max_bytes.saturating_mul(8) {
            break;
        }
    }
    if n_bytes > max_bytes {
        let message = format!("the body has more than {max_bytes} bytes");
        return Err(Rejection { status: 413, ..Rejection::bad(message, None, Some("request_too_large")) });
    }
    Ok(body)
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn with_json_header(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn reject(rejection: &Rejection) -> Response {
    json_response(StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::BAD_REQUEST), &rejection.json())
}

// A third of the body, then the connection breaks.
fn dropped(body: &[u8]) -> Response {
    let start = Bytes::copy_from_slice(&body[..body.len() / 3]);
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "simulated");
    let mut response = with_json_header(Body::from_stream(futures::stream::iter([Ok(start), Err(broken)])));
    response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    response
}

#[cfg(test)]
mod tests;
