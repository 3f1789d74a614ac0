//! The simulated VLM: an HTTP server that answers questions about the pictures of a demo world from their true scenes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::answer::{p_yes_of_test_picture, true_p_yes};
use crate::chat::{self, Answer, Question, Wanted};
use crate::dialect::{Dialect, Rejection};
use crate::error::DemoError;
use crate::faults::{Fault, Faults, Misbehaviour};
use crate::first_token::{Sides, TokenLogprob, sampled, tokens};
use crate::scene::{Scene, TrueScene};
use crate::seeded;
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
    /// Which server it passes for.
    pub dialect: Dialect,
    /// The key that every request must carry; none: any may ask.
    pub api_key: Option<String>,
    /// How long it is loading: 503 until then.
    pub loading: Duration,
    /// How to misbehave.
    pub faults: Faults,
    /// How long every answer takes.
    pub latency: Duration,
    /// A file to which every question is appended each time it is asked, one JSON object a line: before its answer is sent,
    /// or with the fault that it meets.
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
            dialect: Dialect::default(),
            api_key: None,
            loading: Duration::ZERO,
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
    let base_url = format!("http://{}/v1", server.address);
    tracing::info!(base_url, n_images, model = MODEL, "simulated VLM is listening");
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
            dialect: settings.dialect,
            api_key: settings.api_key,
            loaded_at: Instant::now() + settings.loading,
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
        let vlm = &self.state;
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(complete))
            .route("/tokenize", post(tokenize))
            .route("/version", get(version))
            .fallback(|State(vlm): State<Arc<Vlm>>| async move { vlm.no_such_page() })
            .layer(middleware::from_fn_with_state(Arc::clone(vlm), admit))
            .route("/health", get(health))
            .route("/stats", get(stats))
            .layer(middleware::map_response_with_state(Arc::clone(vlm), named))
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

/// A picture that questions can be answered about.
#[derive(Debug)]
struct Picture {
    sha256: String,
    shows: Shows,
}

#[derive(Debug)]
enum Shows {
    /// One of the world's scenes.
    Scene(Box<Scene>),
    /// Nothing of the world: a client tries the server. The mean brightness, in [0, 1].
    Test(f64),
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
    /// Requests about test pictures; they count nowhere else.
    tests: u64,
    /// Pictures that were asked about.
    pictures: HashSet<String>,
}

#[derive(Debug)]
struct Vlm {
    /// By SHA-256 of the file.
    scenes: HashMap<[u8; 32], Arc<Picture>>,
    seed: u64,
    dialect: Dialect,
    api_key: Option<String>,
    loaded_at: Instant,
    faults: Faults,
    latency: Duration,
    max_body_bytes: usize,
    /// By blake3 of the base64 text, so that an image is decoded and hashed once. As many as there are images.
    seen_images: Mutex<HashMap<[u8; 32], Arc<Picture>>>,
    counts: Mutex<Counts>,
    log: Option<Mutex<(PathBuf, std::fs::File)>>,
}

fn read_scenes(path: &Path) -> Result<HashMap<[u8; 32], Arc<Picture>>, DemoError> {
    let text = std::fs::read(path).map_err(|source| DemoError::Read { path: path.to_owned(), source })?;
    let mut scenes = HashMap::new();
    for (i, line) in text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let bad = |source| DemoError::BadScene { path: path.to_owned(), line: i + 1, source };
        let truth: TrueScene = serde_json::from_slice(line).map_err(bad)?;
        let mut key = [0; 32];
        hex::decode_to_slice(&truth.sha256, &mut key).map_err(|e| bad(serde::de::Error::custom(e)))?;
        scenes.insert(key, Arc::new(Picture { sha256: truth.sha256, shows: Shows::Scene(Box::new(truth.scene)) }));
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

async fn health(State(vlm): State<Arc<Vlm>>) -> Response {
    vlm.loading().unwrap_or_else(|| json_response(StatusCode::OK, &json!({"status": "ok"})))
}

async fn models(State(vlm): State<Arc<Vlm>>) -> Response {
    let owner = vlm.dialect.owner();
    json_response(
        StatusCode::OK,
        &json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": owner}]}),
    )
}

async fn version(State(vlm): State<Arc<Vlm>>) -> Response {
    match vlm.dialect {
        Dialect::Vllm => json_response(StatusCode::OK, &json!({"version": "0 (simulated)"})),
        _ => vlm.no_such_page(),
    }
}

/// vLLM's page takes `prompt`, llama-server's `content`; OpenAI has none.
async fn tokenize(State(vlm): State<Arc<Vlm>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let tokens = |field: &str| {
        let tokens = body[field].as_str().map(|text| vlm.dialect.vocabulary().tokenize(text)).unwrap_or_default();
        tokens.into_iter().unzip::<u32, String, Vec<u32>, Vec<String>>()
    };
    match vlm.dialect {
        Dialect::OpenAi => vlm.no_such_page(),
        Dialect::Vllm => {
            let (ids, pieces) = tokens("prompt");
            let pieces = (body["return_token_strs"] == true).then_some(pieces);
            let body = json!({"count": ids.len(), "max_model_len": 4096, "tokens": ids, "token_strs": pieces});
            json_response(StatusCode::OK, &body)
        }
        Dialect::LlamaServer => json_response(StatusCode::OK, &json!({"tokens": tokens("content").0})),
    }
}

async fn stats(State(vlm): State<Arc<Vlm>>) -> Response {
    let counts = lock(&vlm.counts);
    let body = json!({
        "requests": counts.requests, "answered": counts.answered, "distinct": counts.distinct.len(),
        "rejected": counts.rejected, "faults": counts.faults, "tests": counts.tests,
    });
    json_response(StatusCode::OK, &body)
}

/// Lets nobody in while it is loading, nor without the key.
async fn admit(State(vlm): State<Arc<Vlm>>, request: Request, next: Next) -> Response {
    if let Some(loading) = vlm.loading() {
        return loading;
    }
    let given =
        request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if vlm.api_key.as_deref().is_some_and(|key| given != Some(key)) {
        return vlm.reject(&Rejection::with_status(401, "the API key is wrong or missing"));
    }
    next.run(request).await
}

/// Says which server it is.
async fn named(State(vlm): State<Arc<Vlm>>, mut response: Response) -> Response {
    let name = vlm.dialect.server_header().map(HeaderValue::from_static);
    name.into_iter().for_each(|name| drop(response.headers_mut().insert(header::SERVER, name)));
    response
}

async fn complete(State(vlm): State<Arc<Vlm>>, request: Request) -> Response {
    let asked = match read_body(request, vlm.max_body_bytes).await {
        Ok(body) => vlm.understand(&body),
        Err(rejection) => Err(rejection),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(rejection) => {
            let mut counts = lock(&vlm.counts);
            counts.requests += 1;
            counts.rejected += 1;
            return vlm.reject(&rejection);
        }
    };
    let (misbehaviour, id) = vlm.next_attempt(&asked);
    if let Some(fault) = misbehaviour.attempt
        && let Err(rejection) = vlm.log(&asked, Some(fault))
    {
        return vlm.reject(&rejection);
    }
    let stall = if misbehaviour.attempt == Some(Fault::Stall) { vlm.faults.time(Fault::Stall) } else { Duration::ZERO };
    let wait = vlm.latency + misbehaviour.wait.unwrap_or_default() + stall;
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    vlm.respond(&asked, misbehaviour, &id)
}

/// A question that can be answered.
struct Asked {
    picture: Arc<Picture>,
    text: String,
    wanted: Wanted,
    digest: [u8; 32],
}

impl Asked {
    fn is_test(&self) -> bool {
        matches!(self.picture.shows, Shows::Test(_))
    }
}

/// The most pixels a side of a test picture may have; the world's pictures are larger.
const TEST_PICTURE_SIDE: u32 = 64;

/// The mean brightness of a small picture, in [0, 1].
fn test_brightness(bytes: &[u8]) -> Option<f64> {
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().ok()?;
    let (width, height) = reader.into_dimensions().ok()?;
    if width > TEST_PICTURE_SIDE || height > TEST_PICTURE_SIDE {
        return None;
    }
    let luma = image::load_from_memory(bytes).ok()?.to_luma8();
    let sum: f64 = luma.pixels().map(|pixel| f64::from(pixel.0[0]) / 255.0).sum();
    Some(sum / f64::from(width * height))
}

impl Vlm {
    fn understand(&self, body: &[u8]) -> Result<Asked, Rejection> {
        let Question { base64, text, wanted } = chat::parse(body, MODEL, self.dialect)?;
        let picture = self.find(&base64)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(picture.sha256.as_bytes()).update(text.as_bytes());
        if wanted.temperature > 0.0 {
            // Another draw is another question.
            hasher.update(&wanted.seed.to_le_bytes());
        }
        Ok(Asked { picture, text, wanted, digest: *hasher.finalize().as_bytes() })
    }

    fn find(&self, base64: &str) -> Result<Arc<Picture>, Rejection> {
        let key = *blake3::hash(base64.as_bytes()).as_bytes();
        if let Some(known) = lock(&self.seen_images).get(&key) {
            return Ok(known.clone());
        }
        let bytes = chat::decode(base64)?;
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let test = || {
            let shows = Shows::Test(test_brightness(&bytes)?);
            Some(Arc::new(Picture { sha256: hex::encode(sha256), shows }))
        };
        let known = self.scenes.get(&sha256).cloned().or_else(test).ok_or_else(|| {
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
        if asked.is_test() {
            counts.tests += 1;
        } else {
            counts.requests += 1;
            let slow = misbehaviour.wait.map(|_| Fault::Slow);
            // A question's own fault shows only when the attempt itself succeeds.
            for fault in [slow, misbehaviour.attempt.or(misbehaviour.question)].into_iter().flatten() {
                *counts.faults.entry(fault.name()).or_insert(0) += 1;
            }
        }
        (misbehaviour, format!("chatcmpl-{}-{attempt}", hex::encode(&asked.digest[..8])))
    }

    fn respond(&self, asked: &Asked, misbehaviour: Misbehaviour, id: &str) -> Response {
        let reject = |status: u16, message: &str| self.reject(&Rejection::with_status(status, message));
        let cached = !lock(&self.counts).pictures.insert(asked.picture.sha256.clone());
        let answer = Answer { id, model: MODEL, dialect: self.dialect, text: &asked.text, cached };
        match misbehaviour.attempt {
            Some(Fault::Http429) => {
                let mut response = reject(429, "rate limit reached (simulated)");
                response.headers_mut().insert(header::RETRY_AFTER, self.faults.retry_after_seconds().into());
                return response;
            }
            Some(Fault::Http429Bare) => return reject(429, "rate limit reached (simulated)"),
            Some(Fault::Http500) => return reject(500, "the server had an error (simulated)"),
            Some(Fault::Http503) => return reject(503, "the model is loading (simulated)"),
            Some(Fault::Html) => {
                let page = "<!DOCTYPE html><html><body><h1>A proxy's greeting (simulated)</h1></body></html>";
                return ([(header::CONTENT_TYPE, "text/html")], page).into_response();
            }
            Some(Fault::WrongType) => return json_response(StatusCode::OK, &answer.wrong_type()),
            _ => {}
        }
        let body = self.body(asked, misbehaviour.question, &answer).to_string().into_bytes();
        match misbehaviour.attempt {
            Some(Fault::HalfJson) => with_json_header(Body::from(body[..body.len() / 2].to_vec())),
            Some(Fault::DropConnection | Fault::Stall) => dropped(&body),
            Some(Fault::Drip) => dripping(body, self.faults.time(Fault::Drip)),
            _ => match self.record(asked) {
                Ok(()) => with_json_header(Body::from(body)),
                Err(rejection) => self.reject(&rejection),
            },
        }
    }

    fn body(&self, asked: &Asked, question: Option<Fault>, answer: &Answer) -> Value {
        let Asked { picture, text, wanted, digest } = asked;
        let p_yes = match &picture.shows {
            Shows::Scene(scene) => true_p_yes(scene, &picture.sha256, text, self.seed),
            Shows::Test(brightness) => p_yes_of_test_picture(*brightness, text, self.seed),
        };
        let sides = match question {
            Some(Fault::Refuse) => return answer.refusal(),
            Some(Fault::NoToken) => Sides::None,
            Some(Fault::OneSided) => Sides::One,
            _ => Sides::Both,
        };
        let tokens = tokens(self.dialect.vocabulary(), p_yes, sides);
        let drawn: Vec<TokenLogprob> = (0..wanted.n as u64)
            .filter_map(|at| {
                let uniform = seeded::unit(self.seed, &[b"draw", digest, &at.to_le_bytes()]);
                sampled(&tokens, wanted.temperature, uniform)
            })
            .collect();
        match question {
            Some(Fault::NoLogprobs) => answer.json(&tokens, &drawn, &Wanted { top_logprobs: None, ..wanted.clone() }),
            _ => answer.json(&tokens, &drawn, wanted),
        }
    }

    fn record(&self, asked: &Asked) -> Result<(), Rejection> {
        if asked.is_test() {
            return Ok(());
        }
        self.log(asked, None)?;
        let mut counts = lock(&self.counts);
        counts.answered += 1;
        counts.distinct.insert(asked.digest);
        Ok(())
    }

    // An answer that is not on record must not be given, or the record is no proof.
    fn log(&self, asked: &Asked, fault: Option<Fault>) -> Result<(), Rejection> {
        let Some(log) = self.log.as_ref().filter(|_| !asked.is_test()) else { return Ok(()) };
        let line = json!({
            "server": std::process::id(), "sha256": asked.picture.sha256, "query": asked.text,
            "fault": fault.map(Fault::name),
        });
        let line = line.to_string() + "\n";
        // One write of a file opened for appending: a kill leaves whole lines.
        let (_, file) = &mut *lock(log);
        let failed = |e| Rejection::with_status(500, format!("the log cannot be written: {e}"));
        file.write_all(line.as_bytes()).map_err(failed)
    }

    fn loading(&self) -> Option<Response> {
        let is_loading = Instant::now() < self.loaded_at;
        is_loading.then(|| self.reject(&Rejection::with_status(503, "Loading model")))
    }

    fn no_such_page(&self) -> Response {
        self.reject(&Rejection::with_status(404, "no such page"))
    }

    fn reject(&self, rejection: &Rejection) -> Response {
        let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::BAD_REQUEST);
        json_response(status, &self.dialect.error_body(rejection))
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

// A third of the body, then the connection breaks.
fn dropped(body: &[u8]) -> Response {
    let start = Bytes::copy_from_slice(&body[..body.len() / 3]);
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "simulated");
    let mut response = with_json_header(Body::from_stream(futures::stream::iter([Ok(start), Err(broken)])));
    response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    response
}

// The body a byte at a time, and never the last one.
fn dripping(body: Vec<u8>, each: Duration) -> Response {
    let n_bytes = body.len();
    let bytes = body.into_iter().take(n_bytes.saturating_sub(1)).map(move |byte| async move {
        tokio::time::sleep(each).await;
        Ok(Bytes::copy_from_slice(&[byte]))
    });
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "simulated");
    let stream = futures::stream::iter(bytes).then(|byte| byte).chain(futures::stream::once(async { Err(broken) }));
    let mut response = with_json_header(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_LENGTH, n_bytes.into());
    response
}

#[cfg(test)]
mod tests;
