//! How each attack is carried out with recorded calls. What it models: `docs/scenarios.md`.

use datasets::scenario::Scenario;
use models::event::{Sensitivity, TargetOrigin};

/// So many calls of one kind, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// Fewest and most calls.
    pub(super) calls: (u64, u64),
    /// Shortest and longest pause before a call, in milliseconds.
    pub(super) pause: (u64, u64),
    pub(super) with: With,
    /// Share of the calls with tools that the host does not use.
    pub(super) foreign: f64,
    /// Factor on the bytes.
    pub(super) volume: f64,
    /// Ends when the session has moved so many times what is usual.
    pub(super) until: Option<f64>,
    /// Whether targets are ones that nobody has used.
    pub(super) unseen: bool,
    /// Share of the calls that are denied.
    pub(super) denied: f64,
    pub(super) sensitivity: Option<Sensitivity>,
    pub(super) origin: Option<TargetOrigin>,
    pub(super) authority: Authority,
}

/// What the calls of a stage are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// The host's own.
    Own,
    /// Its own that read.
    Reads,
    /// Of these the one that returns the most.
    RichestRead,
    /// Its own that change something.
    Effects,
    /// Credentials, where they lie.
    Credentials,
    /// All that was read before goes to the attacker by the host's own ways out.
    Haul,
    /// The same, with a tool that nobody has.
    Upload,
    /// The host's own way to the outside, as it is used; a tool that nobody has if there is none.
    WayOut,
}

/// By whose right, and from where, the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
    /// The host's.
    Host,
    /// The host's, from a network and client that nobody has.
    Elsewhere,
    /// The host's, from where leaked keys are tried.
    Buyer,
    /// A credential that was found.
    Found,
    /// The host's with a documented elevation.
    Elevated,
    /// That of another identity that started the run.
    Delegated,
    /// A token that ended.
    Ended,
}

const CALM: Stage = Stage {
    calls: (60, 60),
    pause: (2_000, 20_000),
    with: With::Own,
    foreign: 0.0,
    volume: 1.0,
    until: None,
    unseen: false,
    denied: 0.0,
    sensitivity: None,
    origin: None,
    authority: Authority::Host,
};
const READS: Stage = Stage { with: With::Reads, ..CALM };
/// Most reads of an exfiltration that stops at a volume.
const MOST_READS: u64 = 400;

/// The stages of an attack that is put into one session. Empty for ramps and a shared account, which change the events of the
/// recording, and for what is no attack.
pub(super) fn stages(scenario: Scenario) -> Vec<Stage> {
    use Authority::{Buyer, Delegated, Elevated, Elsewhere, Ended, Found};
    let until =
        |factor| vec![Stage { calls: (MOST_READS, MOST_READS), with: With::RichestRead, until: Some(factor), ..CALM }];
    match scenario {
        Scenario::StolenCredential => {
            vec![Stage { calls: (12, 30), pause: (120, 600), volume: 2.0, unseen: true, authority: Elsewhere, ..READS }]
        }
        Scenario::PromptInjection => vec![Stage {
            calls: (1, 2),
            pause: (1_500, 8_000),
            with: With::Effects,
            unseen: true,
            origin: Some(TargetOrigin::ToolResult),
            ..CALM
        }],
        Scenario::Exfiltration => vec![
            Stage { calls: (6, 15), pause: (300, 1_200), volume: 15.0, unseen: true, ..READS },
            Stage { calls: (2, 2), pause: (2_000, 6_000), with: With::Haul, ..CALM },
        ],
        Scenario::SlowExfiltration => vec![Stage { calls: (40, 70), ..READS }],
        Scenario::SlowExfiltrationX1_2 => until(1.2),
        Scenario::SlowExfiltrationX2 => until(2.0),
        Scenario::SlowExfiltrationX3 => until(3.0),
        Scenario::ToolMisuse => {
            vec![Stage { calls: (3, 6), pause: (800, 5_000), foreign: 1.0, denied: 0.4, ..CALM }]
        }
        Scenario::ChainScramble => vec![Stage { calls: (15, 40), pause: (20, 80), ..CALM }],
        Scenario::TargetFanOut => vec![Stage { unseen: true, ..CALM }],
        Scenario::ExfiltrationX20 => vec![Stage { volume: 20.0, ..CALM }],
        Scenario::KnownCredentialElsewhere => vec![Stage { authority: Elsewhere, ..CALM }],
        Scenario::NewTools => vec![Stage { foreign: 0.3, ..CALM }],
        Scenario::Takeover => {
            vec![Stage { pause: (50, 400), volume: 20.0, foreign: 0.3, unseen: true, authority: Elsewhere, ..CALM }]
        }
        Scenario::DelegationReach => vec![Stage {
            calls: (6, 12),
            pause: (800, 5_000),
            foreign: 1.0,
            unseen: true,
            authority: Delegated,
            ..CALM
        }],
        Scenario::UseAfterTask => vec![Stage { calls: (10, 20), authority: Ended, ..CALM }],
        Scenario::SensitiveFlow => vec![
            Stage { calls: (2, 4), with: With::RichestRead, sensitivity: Some(Sensitivity::Restricted), ..CALM },
            Stage { calls: (1, 2), with: With::WayOut, origin: Some(TargetOrigin::Memory), ..CALM },
        ],
        Scenario::OffHours => vec![Stage { calls: (8, 16), ..CALM }],
        Scenario::AutonomousCampaign => {
            let fast = Stage { pause: (40, 250), unseen: true, origin: Some(TargetOrigin::ToolResult), ..CALM };
            vec![
                Stage { calls: (15, 30), with: With::Reads, denied: 0.1, ..fast },
                Stage { calls: (4, 8), with: With::Credentials, denied: 0.2, ..fast },
                Stage { calls: (10, 20), foreign: 1.0, denied: 0.15, authority: Found, ..fast },
                Stage { calls: (1, 3), with: With::Upload, ..fast },
            ]
        }
        Scenario::LeakedKeys => vec![Stage { calls: (6, 14), pause: (200, 900), authority: Buyer, ..READS }],
        Scenario::BreakGlassAbuse => vec![Stage {
            calls: (8, 15),
            pause: (2_000, 9_000),
            foreign: 1.0,
            unseen: true,
            authority: Elevated,
            ..CALM
        }],
        Scenario::FreeFormWork => vec![Stage {
            calls: (20, 40),
            pause: (8_000, 40_000),
            foreign: 0.4,
            unseen: true,
            origin: Some(TargetOrigin::User),
            ..CALM
        }],
        Scenario::Ramp0_5
        | Scenario::Ramp1
        | Scenario::Ramp2
        | Scenario::Ramp5
        | Scenario::SharedAccount
        | Scenario::NewRelease
        | Scenario::ToolRollout
        | Scenario::MonthEnd
        | Scenario::Migration
        | Scenario::OnCallWeekend
        | Scenario::NewTenant
        | Scenario::NewIdentity
        | Scenario::Control => Vec::new(),
    }
}
