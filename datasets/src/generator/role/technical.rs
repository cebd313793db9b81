//! Roles of support, engineering, data and operations.

use models::event::Action::{Admin, Delegate, Execute, Read, Write};
use models::event::Sensitivity::{Confidential, Internal, Public, Restricted};

use super::{CUSTOMERS, Role, STAFF, task};
use crate::generator::rhythm::Rhythm;
use crate::generator::tool::TargetForm::{Fixed, Mail, Numbered, Words};
use crate::generator::tool::Tool;

pub(super) const SUPPORT_AGENT: Role = Role {
    group: "support",
    agent: "support-agent",
    rhythm: Rhythm::RoundTheClock,
    busy: 2.0,
    for_people: true,
    parent: None,
    delegated: 0.0,
    tools: &[
        Tool::new("ticket.search", "helpdesk", Read, Internal, "tickets.read")
            .on(Fixed(&["helpdesk:queue/new", "helpdesk:queue/waiting", "helpdesk:queue/urgent"]), 3, 0.0)
            .volume(110.0, 5200.0, 15.0, 0.7),
        Tool::new("ticket.read", "helpdesk", Read, Confidential, "tickets.read")
            .on(Numbered("helpdesk://tickets/", 500_000, ""), 30, 0.7)
            .volume(70.0, 2600.0, 1.0, 0.8),
        Tool::new("kb.search", "knowledge", Read, Public, "kb.read")
            .on(Words("kb://articles/", ""), 80, 0.08)
            .volume(140.0, 3800.0, 5.0, 0.6),
        Tool::new("account.read", "crm", Read, Confidential, "crm.read")
            .on(Numbered("crm://accounts/", 80_000, ""), 150, 0.55)
            .volume(80.0, 1900.0, 1.0, 0.6),
        Tool::new("order.read", "shop", Read, Confidential, "orders.read")
            .on(Numbered("shop://orders/", 900_000, ""), 60, 0.7)
            .volume(80.0, 1500.0, 2.0, 0.6),
        Tool::new("ticket.reply", "helpdesk", Write, Internal, "tickets.write")
            .outside()
            .on(Mail(CUSTOMERS), 150, 0.3)
            .volume(1100.0, 130.0, 0.0, 0.5)
            .pause(8.0),
        Tool::new("ticket.close", "helpdesk", Write, Internal, "tickets.write")
            .on(Numbered("helpdesk://tickets/", 500_000, ""), 30, 0.7)
            .volume(90.0, 80.0, 1.0, 0.3),
        Tool::new("refund.issue", "shop", Execute, Restricted, "orders.refund")
            .on(Numbered("shop://orders/", 900_000, ""), 20, 0.6)
            .volume(240.0, 200.0, 1.0, 0.3)
            .pause(10.0),
        Tool::new("account.update", "crm", Write, Confidential, "crm.write").on(
            Numbered("crm://accounts/", 80_000, ""),
            40,
            0.4,
        ),
    ],
    tasks: &[
        task("answer-ticket", &[0, 1, 3, 2, 5, 6]),
        task("order-problem", &[0, 1, 4, 3, 5, 6]),
        task("refund", &[1, 4, 3, 7, 5, 6]),
    ],
};

pub(super) const CODE_ASSISTANT: Role = Role {
    group: "engineering",
    agent: "code-assistant",
    rhythm: Rhythm::OfficeHours,
    busy: 1.4,
    for_people: true,
    parent: Some("operations/on-call-01"),
    delegated: 0.15,
    tools: &[
        Tool::new("repo.search", "git", Read, Internal, "repo.read")
            .on(Fixed(&["repo:acme/shop", "repo:acme/billing", "repo:acme/gateway", "repo:acme/web"]), 3, 0.0)
            .volume(100.0, 6500.0, 20.0, 0.9),
        Tool::new("file.read", "git", Read, Internal, "repo.read")
            .on(Words("repo:acme/shop/src/", ".rs"), 120, 0.2)
            .volume(80.0, 5400.0, 1.0, 1.0)
            .pause(2.0),
        Tool::new("file.write", "git", Write, Internal, "repo.write")
            .on(Words("repo:acme/shop/src/", ".rs"), 80, 0.1)
            .volume(2600.0, 120.0, 1.0, 1.0)
            .pause(9.0),
        Tool::new("test.run", "ci", Execute, Internal, "ci.run")
            .on(Fixed(&["ci:acme/shop/unit", "ci:acme/shop/integration", "ci:acme/billing/unit"]), 3, 0.0)
            .volume(120.0, 9000.0, 0.0, 0.9)
            .pause(25.0),
        Tool::new("shell.run", "sandbox", Execute, Internal, "shell.run")
            .on(Fixed(&["cmd:cargo", "cmd:ls", "cmd:grep", "cmd:git", "cmd:sed"]), 4, 0.0)
            .volume(130.0, 2400.0, 0.0, 1.1),
        Tool::new("pull_request.open", "git", Write, Internal, "repo.write")
            .on(Numbered("repo:acme/shop/pull/", 60_000, ""), 4, 0.95)
            .volume(2100.0, 400.0, 1.0, 0.5)
            .pause(15.0),
        Tool::new("web.fetch", "browser", Read, Public, "web.read")
            .outside()
            .on(Words("https://docs.rust.example/", ""), 60, 0.25)
            .volume(110.0, 28_000.0, 0.0, 1.0),
        Tool::new("package.add", "registry", Execute, Public, "registry.read")
            .outside()
            .on(Words("pkg:cargo/", ""), 20, 0.1)
            .volume(90.0, 700.0, 0.0, 0.5),
        Tool::new("secret.read", "vault", Read, Restricted, "vault.read")
            .on(Fixed(&["vault://ci/deploy-key", "vault://ci/registry-token"]), 2, 0.0)
            .volume(60.0, 90.0, 1.0, 0.2),
    ],
    tasks: &[
        task("fix-bug", &[0, 1, 1, 2, 3, 2, 3, 5]),
        task("explain-code", &[0, 1, 1, 6]),
        task("upgrade-dependency", &[6, 7, 4, 3, 5]),
    ],
};

pub(super) const PIPELINE_JOB: Role = Role {
    group: "data",
    agent: "pipeline-job",
    rhythm: Rhythm::NightlyBatch,
    busy: 0.5,
    for_people: false,
    parent: Some("data/scheduler"),
    delegated: 1.0,
    tools: &[
        Tool::new("object.list", "storage", Read, Internal, "storage.read")
            .on(Fixed(&["s3://acme-raw/orders/", "s3://acme-raw/clicks/", "s3://acme-raw/crm/"]), 3, 0.0)
            .volume(80.0, 24_000.0, 200.0, 0.4)
            .pause(1.0),
        Tool::new("object.get", "storage", Read, Confidential, "storage.read")
            .on(Words("s3://acme-raw/orders/2026/", ".parquet"), 50, 0.9)
            .volume(90.0, 4_000_000.0, 20_000.0, 0.7)
            .pause(1.5),
        Tool::new("table.query", "warehouse", Read, Confidential, "warehouse.read")
            .on(Words("warehouse://sales/", ""), 25, 0.01)
            .volume(600.0, 250_000.0, 4000.0, 1.0)
            .pause(6.0),
        Tool::new("table.load", "warehouse", Write, Confidential, "warehouse.write")
            .on(Words("warehouse://staging/", ""), 15, 0.01)
            .volume(3_800_000.0, 200.0, 20_000.0, 0.7)
            .pause(8.0),
        Tool::new("quality.check", "warehouse", Execute, Internal, "warehouse.read")
            .on(Words("warehouse://staging/", ""), 15, 0.01)
            .volume(300.0, 1500.0, 0.0, 0.4),
        Tool::new("object.put", "storage", Write, Confidential, "storage.write")
            .on(Words("s3://acme-curated/daily/", ".parquet"), 10, 0.9)
            .volume(2_500_000.0, 160.0, 9000.0, 0.6)
            .pause(2.0),
        Tool::new("message.post", "chat", Write, Internal, "chat.write")
            .on(Fixed(&["chat:channel/data-runs", "chat:channel/data-alerts"]), 1, 0.0)
            .volume(300.0, 60.0, 0.0, 0.3),
        Tool::new("schema.change", "warehouse", Admin, Internal, "warehouse.admin").on(
            Words("warehouse://staging/", ""),
            6,
            0.02,
        ),
    ],
    tasks: &[
        task("load-orders", &[0, 1, 1, 1, 3, 4, 6]),
        task("build-marts", &[2, 2, 4, 5, 6]),
        task("export-curated", &[2, 5, 5, 6]),
    ],
};

pub(super) const ON_CALL: Role = Role {
    group: "operations",
    agent: "on-call",
    rhythm: Rhythm::RoundTheClock,
    busy: 0.8,
    for_people: false,
    parent: None,
    delegated: 0.0,
    tools: &[
        Tool::new("alert.read", "monitoring", Read, Internal, "monitoring.read")
            .on(Numbered("monitoring://alerts/", 200_000, ""), 10, 0.9)
            .volume(70.0, 1200.0, 1.0, 0.4),
        Tool::new("metric.query", "monitoring", Read, Internal, "monitoring.read")
            .on(Words("monitoring://metrics/", ""), 70, 0.05)
            .volume(180.0, 14_000.0, 300.0, 0.8)
            .pause(2.0),
        Tool::new("log.search", "logs", Read, Confidential, "logs.read")
            .on(Fixed(&["logs://shop", "logs://billing", "logs://gateway", "logs://web", "logs://auth"]), 4, 0.0)
            .volume(210.0, 45_000.0, 400.0, 1.1)
            .pause(4.0),
        Tool::new("runbook.read", "wiki", Read, Internal, "wiki.read")
            .on(Words("wiki://runbooks/", ""), 30, 0.03)
            .volume(60.0, 4800.0, 1.0, 0.3),
        Tool::new("workload.describe", "cluster", Read, Internal, "cluster.read")
            .on(Numbered("k8s://prod/deployments/app-", 60, ""), 25, 0.03)
            .volume(80.0, 3600.0, 5.0, 0.5),
        Tool::new("workload.restart", "cluster", Admin, Internal, "cluster.write")
            .on(Numbered("k8s://prod/deployments/app-", 60, ""), 12, 0.02)
            .volume(110.0, 220.0, 1.0, 0.2)
            .pause(20.0),
        Tool::new("incident.update", "monitoring", Write, Internal, "monitoring.write")
            .on(Numbered("monitoring://incidents/", 60_000, ""), 5, 0.8)
            .volume(900.0, 120.0, 1.0, 0.5)
            .pause(12.0),
        Tool::new("agent.delegate", "agents", Delegate, Internal, "agents.delegate")
            .on(Numbered("spiffe://acme.example/engineering/code-assistant-", 5, ""), 3, 0.01)
            .volume(1400.0, 200.0, 0.0, 0.4)
            .pause(10.0),
        Tool::new("access.grant", "iam", Admin, Restricted, "iam.admin")
            .on(Mail(STAFF), 6, 0.02)
            .volume(200.0, 100.0, 1.0, 0.2),
    ],
    tasks: &[
        task("triage", &[0, 1, 1, 2, 3, 6]),
        task("restart", &[0, 3, 4, 5, 1, 6]),
        task("hand-over", &[0, 2, 2, 7, 6]),
    ],
};
