//! Ctrl-C while questions are under way: finish them, keep the answers, then stop.
//!
//! Once a program has listened for a signal, the system no longer ends it by itself, for good. So the listener does that
//! in the system's place whenever nothing is being asked, and at the second signal.

use std::sync::{Mutex, OnceLock};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// While it lives, the first Ctrl-C (or request to terminate) is for it.
pub struct Interrupt {
    stopped: watch::Receiver<bool>,
}

type Listener = Mutex<Option<watch::Sender<bool>>>;

static CURRENT: Listener = Mutex::new(None);

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the listener cannot be started.
    pub fn listen() -> std::io::Result<Self> {
        start_listener()?;
        let (sender, stopped) = watch::channel(false);
        *current() = Some(sender);
        Ok(Self { stopped })
    }

    /// Waits for the signal.
    pub async fn interrupted(&self) {
        let mut stopped = self.stopped.clone();
        // An error means that nobody listens any more: then there is nothing to wait for.
        if stopped.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        *current() = None;
    }
}

fn current() -> std::sync::MutexGuard<'static, Option<watch::Sender<bool>>> {
    CURRENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn start_listener() -> std::io::Result<()> {
    static STARTED: OnceLock<()> = OnceLock::new();
    if STARTED.get().is_some() {
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                let number = tokio::select! {
                    _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
                    _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
                };
                let told = current().as_ref().is_some_and(|stop| !stop.send_replace(true));
                if !told {
                    std::process::exit(128 + number);
                }
            }
        });
    })?;
    let _ = STARTED.set(());
    Ok(())
}
