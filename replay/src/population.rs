//! A generated population as a test bed: what the budgets cost in honest work, and which attacks are found at them.
//!
//! [`world`] says who lives and what changes honestly. [`benign`] runs it through the engine at each budget and keeps the
//! warm engine. [`attacks`] plays attacked sessions, each against a copy of that engine, and [`ramps`] months of growth.
//! [`floors`] are two simple methods at the same rate of false alarms. [`page`] writes it all down.

pub mod attacks;
pub mod benign;
pub mod features;
pub mod floors;
pub mod interval;
pub mod page;
pub mod ramps;
pub mod world;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use datasets::scenario::{Reach, Scenario};
use indicatif::ProgressBar;
use models::config::{Budget, CheckedConfig, EngineConfig};
use models::decision::Mode;
use models::engine::RestoreError;

use attacks::{Found, Host};
use benign::{Benign, Warm};
use floors::{Floor, Floors};
use ramps::Ramped;
use world::{Size, World};

/// Rates at which attacks are measured: false alarms per million events.
pub const RATES: [f64; 2] = [20.0, 200.0];

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// How large the population is.
    pub size: Size,
    /// Budgets in false alerts per 1,000 identity-days; the first one's engine is the one that is attacked.
    pub budgets: Vec<f64>,
    /// Attacked sessions of each kind.
    pub attacked: usize,
    /// Agents whose volumes grow, for each growth.
    pub ramped: usize,
    /// Passes at a time.
    pub threads: NonZeroUsize,
    /// Whether to show how far it is.
    pub progress: bool,
}

/// What was found of one attack.
#[derive(Debug)]
pub struct Attack {
    /// Which.
    pub scenario: Scenario,
    /// By the engine, at each of [`RATES`].
    pub engine: Vec<Found>,
    /// Share found by each of [`Floor::ALL`], at each of [`RATES`].
    pub floors: Vec<Vec<f64>>,
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Measured {
    /// How large the population was.
    pub size: Size,
    /// Honest work at each budget.
    pub benign: Vec<Benign>,
    /// Honest work at the budgets that [`RATES`] come to.
    pub at_rates: Vec<Benign>,
    /// Every attack.
    pub attacks: Vec<Attack>,
    /// Every growth, at the first budget.
    pub ramps: Vec<Ramped>,
    /// False revocations per million identity-days that are accepted.
    pub revocation_budget: f64,
}

/// The default settings in mode `enforce`, with this many false alerts per 1,000 identity-days accepted.
///
/// # Errors
/// When the budget is none.
fn config(false_alerts: f64) -> anyhow::Result<CheckedConfig> {
    let budget = Budget { false_alerts_per_1000_identity_days: false_alerts, ..Budget::default() };
    let config = EngineConfig { mode: Mode::Enforce, budget, ..EngineConfig::default() };
    config.check().context("there is no such budget; choose a number above 0")
}

/// Measures a population.
///
/// # Errors
/// When there is no such population or budget, or the engine cannot read its own state.
pub fn measure(options: &Options) -> anyhow::Result<Measured> {
    let world = World::new(options.size)?;
    let threads = options.threads.get();
    let bar = if options.progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar.set_message("the honest population");
    let configs = options.budgets.iter().map(|budget| config(*budget)).collect::<anyhow::Result<Vec<_>>>()?;
    let attacked = configs.first().context("name at least one budget")?;
    let tasks: Vec<Option<&CheckedConfig>> = std::iter::once(None).chain(configs.iter().map(Some)).collect();
    let mut floors = None;
    let mut runs = Vec::new();
    for done in parallel(threads, &tasks, |task| match task {
        None => Pass::Floors(Box::new(Floors::fit(&world))),
        Some(config) => Pass::Benign(Box::new(benign::run(&world, config))),
    }) {
        match done {
            Pass::Floors(fitted) => floors = Some(fitted),
            Pass::Benign(run) => runs.push(*run),
        }
    }
    let floors = floors.context("the floors were not fitted")?;
    let mut warm = None;
    let mut honest = Vec::new();
    for (benign, end) in runs {
        warm.get_or_insert(end);
        honest.push(benign);
    }
    let warm = warm.context("no budget was measured")?;

    bar.set_message("the budgets that the rates come to");
    let events_per_day = floors.events as f64 / floors.identity_days.max(1) as f64;
    let at_rate =
        RATES.iter().map(|rate| config(rate * 1e-6 * events_per_day * 1e3)).collect::<anyhow::Result<Vec<_>>>()?;
    let at_rates = parallel(threads, &at_rate, |config| benign::run(&world, config).0);

    bar.set_message("attacks");
    let hosts = attacks::hosts(&world, &warm.stream, options.attacked);
    let scenarios: Vec<Scenario> = Scenario::ALL.into_iter().filter(|s| s.reach() == Reach::Sessions).collect();
    let bench = Bench { warm: &warm, floors: &floors, hosts: &hosts, configs: &at_rate, honest: &at_rates };
    let attacks = parallel(threads, &scenarios, |scenario| bench.attack(*scenario));
    let attacks = attacks.into_iter().collect::<Result<Vec<_>, _>>()?;

    bar.set_message("ramps");
    let months = ramps::months(&world, &warm, options.ramped);
    let ramps = parallel(threads, &ramps::growths(), |growth| {
        let days = months.iter().map(|month| ramps::ramp(&world, &warm, attacked, month, *growth));
        days.collect::<Result<Vec<_>, _>>().map(|days| ramps::ramped(*growth, &days))
    });
    let ramps = ramps.into_iter().collect::<Result<Vec<_>, _>>()?;
    bar.finish_and_clear();
    let revocation_budget = attacked.settings().budget.false_revocations_per_million_identity_days;
    Ok(Measured { size: options.size, benign: honest, at_rates, attacks, ramps, revocation_budget })
}

enum Pass {
    Floors(Box<Floors>),
    Benign(Box<(Benign, Warm)>),
}

/// What attacked sessions are played against.
struct Bench<'a> {
    warm: &'a Warm,
    floors: &'a Floors,
    hosts: &'a [Host],
    configs: &'a [CheckedConfig],
    honest: &'a [Benign],
}

impl Bench<'_> {
    fn attack(&self, scenario: Scenario) -> Result<Attack, RestoreError> {
        let sessions = attacks::sessions(self.warm, self.hosts, scenario);
        let mut engine = Vec::new();
        for config in self.configs {
            let outcomes = sessions.iter().map(|session| attacks::attack(self.warm, config, session));
            engine.push(attacks::found(&outcomes.collect::<Result<Vec<_>, _>>()?));
        }
        let of_floor = |floor: Floor, benign: &Benign| {
            let cut = self.floors.cut(floor, benign.all.alarmed as f64 / benign.all.sessions.max(1) as f64);
            let found = sessions.iter().filter(|s| self.floors.score(floor, &s.events) > cut).count();
            found as f64 / sessions.len().max(1) as f64
        };
        let floors =
            self.honest.iter().map(|benign| Floor::ALL.map(|floor| of_floor(floor, benign)).to_vec()).collect();
        Ok(Attack { scenario, engine, floors })
    }
}

/// `f` of every item, in the order of the items, on so many threads.
pub(crate) fn parallel<T: Sync, R: Send>(threads: usize, items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { break };
                    let result = f(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
