//! A demonstration on one machine: a month of history, agents at work, one of them hijacked, and its credential killed.
//!
//! Only the agents are made up. Their events go over HTTP to the service as it ships; the service knows of the hijack what
//! it has learned; the broker believes nothing but a signature; and the hijacked agent stops because it finds its
//! credential dead, not because anybody tells it to.
//!
//! ```text
//! home     the directory: which agents, and what was learned; a second run goes on where the first ended
//! past     their history, learned by the engine before the service starts
//! fleet    the agents at work, and the hijack
//! watch    what the service has decided, read from its store
//! record   what it all comes to: lines to tell, and whether the demo has shown what it promises
//! story    the lines on a terminal
//! ```

mod fleet;
mod home;
mod past;
mod record;
mod settings;
mod story;
mod summary;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::app::App;
use crate::broker::{Broker, BrokerOptions, ConfirmTo, ConfirmUrlError, Sight};
use crate::keys::WebhookKeys;
use crate::outcome::Counts;
use crate::service::{EndError, Service, StartError};
use crate::source::inbox;
use crate::store::{Lock, Store, StoreError};
use crate::webhook::{KeyError, Verifier};
use fleet::Fleet;
use home::{Home, HomeError};
use past::Past;
use record::{Fact, Record};

pub use home::Cast;
pub use story::Story;
pub use summary::Summary;

/// Facts waiting to be told. When it is full, agents wait.
const FACTS: usize = 1_024;
/// How long the service may take to score what it has accepted when the agents have stopped.
const DRAIN: Duration = Duration::from_secs(10);

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which agents and how much history; what is absent comes from the directory, or else from [`Cast::default`].
    pub seed: Option<u64>,
    /// How many agents.
    pub agents: Option<u32>,
    /// Days of history.
    pub days: Option<u32>,
    /// Where state is kept; absent: in a directory that is removed at the end.
    pub dir: Option<PathBuf>,
    /// Port of console and API; absent: 8321 or the next free one. 0 takes any.
    pub port: Option<u16>,
    /// How long the agents work; absent: until `stop`.
    pub lasting: Option<Duration>,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// There are no such agents.
    #[error(transparent)]
    Cast(#[from] datasets::generator::ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The service ended by itself.
    #[error(transparent)]
    End(#[from] EndError),
    /// The demo's own configuration was refused: a fault of ours.
    #[error("the demo's configuration was refused: {0}")]
    Config(#[from] crate::config::ConfigError),
    /// Keys cannot be drawn.
    #[error("the operating system has no random numbers for keys: {0}")]
    Random(#[from] rand::rand_core::OsError),
    /// A key that was just drawn cannot be read: a fault of ours.
    #[error("a new key cannot be read: {0}")]
    Key(#[from] KeyError),
    /// The broker cannot be told where to confirm: a fault of ours.
    #[error(transparent)]
    Confirm(#[from] ConfirmUrlError),
    /// No HTTP client for the agents.
    #[error("the agents get no HTTP client: {0}")]
    Client(reqwest::Error),
    /// No address for the broker, or nothing can be told.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The thread that learns is gone.
    #[error("learning ended by a fault of ours")]
    Learning,
}

/// Runs the demo until `stop` or for [`Options::lasting`], telling the story as it happens.
///
/// # Errors
/// When it cannot be shown. That it was shown and went wrong is in [`Summary::failure`].
pub async fn run(options: &Options, story: &mut Story, stop: impl Future<Output = ()>) -> Result<Summary, DemoError> {
    tokio::pin!(stop);
    let mut home = Home::open(options)?;
    let Some((past, learned)) = learn(&mut home, story, &mut stop).await? else {
        return Ok(Summary::of_nothing(home.cast()));
    };
    let stage = Stage::set(&home, options.port).await?;
    let began = Instant::now();
    let mut record = Record::new(stage.url(), home::now());
    story.lines(&record.opening(&home, &learned, &stage.broker.webhook_url()))?;
    let (facts, mut told) = mpsc::channel(FACTS);
    let watching = tokio::spawn(watch::follow(stage.app().clone(), facts.clone()));
    let listening = tokio::spawn(listen(stage.broker.subscribe(), facts.clone()));
    let fleet = Fleet::start(past, &home, &stage.url(), &stage.broker, facts)?;
    let mut stage = stage;
    let over = async {
        match options.lasting {
            Some(lasting) => tokio::time::sleep(lasting).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            Some(fact) = told.recv() => story.lines(&record.take(fact, began.elapsed()))?,
            error = stage.service.broken() => return Err(error.into()),
            () = &mut over => break,
            () = &mut stop => break,
        }
    }
    fleet.stop().await;
    stage.drained().await?;
    watch::settled(stage.app()).await;
    watching.abort();
    listening.abort();
    while let Ok(fact) = told.try_recv() {
        story.lines(&record.take(fact, began.elapsed()))?;
    }
    let summary = record.summary(home.cast(), &learned, stage.counts()?, stage.identities().await);
    stage.service.stop().await?;
    Ok(summary)
}

/// Learns the history, or brings the agents to where an earlier run has left them. `None`: stopped meanwhile.
async fn learn(
    home: &mut Home,
    story: &mut Story,
    stop: &mut (impl Future<Output = ()> + Unpin),
) -> Result<Option<(Past, past::Learned)>, DemoError> {
    let mut past = Past::new(home.cast(), home.ended())?;
    let path = home.store_path();
    let lock = Lock::take(&path)?;
    let store = Store::open(&path)?;
    let config = settings::engine(home.cast())?;
    let fresh = !home.is_learned();
    let stopped = Arc::new(AtomicBool::new(false));
    let (progress, mut news) = mpsc::channel(8);
    let flag = Arc::clone(&stopped);
    let mut thread = tokio::task::spawn_blocking(move || {
        let learned = past.live_through(&store, &config, fresh, &flag, &progress)?;
        drop(lock);
        Ok::<_, DemoError>(learned.map(|learned| (past, learned)))
    });
    let done = loop {
        tokio::select! {
            Some(learned) = news.recv() => story.progress(&learned)?,
            done = &mut thread => break done.map_err(|_| DemoError::Learning)??,
            () = &mut *stop, if !stopped.load(Ordering::Relaxed) => stopped.store(true, Ordering::Relaxed),
        }
    };
    story.progress_done();
    if done.is_some() {
        home.learned()?;
    }
    Ok(done)
}

/// Service and broker, each on a port of its own.
struct Stage {
    service: Service,
    broker: Broker,
    before: Counts,
}

impl Stage {
    async fn set(home: &Home, port: Option<u16>) -> Result<Self, DemoError> {
        let keys = WebhookKeys::generate()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let webhook = format!("http://{}/webhook", listener.local_addr()?);
        let service = start(home, port, &keys, &webhook)?;
        let before = service.app().store().counts()?;
        let confirm = Some(ConfirmTo::new(&format!("http://{}/", service.address()), None)?);
        let verifier = Verifier::new(vec![], vec![keys.public_key.parse()?]);
        let broker = Broker::start(listener, BrokerOptions { issuer: settings::ISSUER.to_owned(), verifier, confirm })?;
        Ok(Self { service, broker, before })
    }

    fn app(&self) -> &App {
        self.service.app()
    }

    fn url(&self) -> String {
        format!("http://{}", self.service.address())
    }

    /// Waits until everything that the service has accepted is scored and stored.
    async fn drained(&self) -> Result<(), DemoError> {
        let newest = self.app().read(crate::store::inbox::newest).await?;
        let key = (Arc::from(inbox::NAME), 0);
        let mut committed = self.app().committed();
        let all = committed.wait_for(|positions| newest == 0 || positions.get(&key).is_some_and(|next| *next > newest));
        // What is not scored in time shows in the counts.
        let _ = tokio::time::timeout(DRAIN, all).await;
        Ok(())
    }

    /// How the events of this run ended.
    fn counts(&self) -> Result<Counts, DemoError> {
        let (now, before) = (self.app().store().counts()?, self.before);
        Ok(Counts {
            consumed: now.consumed - before.consumed,
            scored: now.scored - before.scored,
            duplicate: now.duplicate - before.duplicate,
            late: now.late - before.late,
            quarantined: now.quarantined - before.quarantined,
            unknown_fields: now.unknown_fields - before.unknown_fields,
        })
    }

    async fn identities(&self) -> u64 {
        self.app().engine().view().await.map_or(0, |view| view.identities)
    }
}

/// Starts the service on the wanted port, or on the next free one where none is wanted.
fn start(home: &Home, port: Option<u16>, keys: &WebhookKeys, webhook: &str) -> Result<Service, DemoError> {
    let candidates = port.map_or(settings::PORTS, |port| port..=port);
    let mut refused = None;
    for port in candidates {
        match Service::start(settings::service(home, port, keys, webhook)?) {
            Err(StartError::Listen { address, source }) if source.kind() == std::io::ErrorKind::AddrInUse => {
                refused = Some(StartError::Listen { address, source });
            }
            started => return Ok(started?),
        }
    }
    Err(refused.map_or(DemoError::Io(std::io::ErrorKind::AddrInUse.into()), DemoError::Start))
}

/// Hands over what the broker sees.
async fn listen(mut sights: broadcast::Receiver<Sight>, facts: mpsc::Sender<Fact>) {
    loop {
        match sights.recv().await {
            Ok(Sight::Issued { .. }) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Ok(sight) => {
                if facts.send(Fact::Broker(sight)).await.is_err() {
                    return;
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
