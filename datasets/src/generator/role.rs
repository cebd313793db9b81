//! The kinds of agents: their tools, their tasks and when they work.

use models::event::Action::{Admin, Delegate, Execute, Read, Write};
use models::event::Sensitivity::{Confidential, Internal, Public, Restricted};

use super::rhythm::Rhythm;
use super::tool::TargetForm::{Fixed, Mail, Numbered, Words};
use super::tool::Tool;

/// A kind of agent. Several agents share one; each has habits of its own within it.
#[derive(Debug)]
pub struct Role {
    /// The peer group: the path of the identity above the agent's name.
    pub group: &'static str,
    /// What its agents are called, before their number.
    pub agent: &'static str,
    /// When it works.
    pub rhythm: Rhythm,
    /// Its sessions a day, relative to the population's average.
    pub busy: f64,
    /// Whether it acts for a person who asks it to.
    pub for_people: bool,
    /// The identity's path of what starts its runs, or some of them, if not a person or a schedule.
    pub parent: Option<&'static str>,
    /// Share of its runs that the parent starts.
    pub delegated: f64,
    /// Its tools; the ones that no task names are rare.
    pub tools: &'static [Tool],
    /// Its tasks, the usual ones first.
    pub tasks: &'static [Task],
}

/// A kind of task: the path through the role's tools that it usually takes.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub name: &'static str,
    /// Places in the role's list of tools.
    pub path: &'static [usize],
}

const fn task(name: &'static str, path: &'static [usize]) -> Task {
    Task { name, path }
}

const STAFF: &[&str] = &["acme.example"];
const PARTNERS: &[&str] = &["northwind.example", "globex.example", "initech.example", "umbrella.example"];
const CUSTOMERS: &[&str] = &["mailbox.example", "post.example", "inbox.example", "webmail.example"];

/// Every role.
pub static ROLES: &[Role] = &[
    Role {
        group: "finance",
        agent: "invoice-bot",
        rhythm: Rhythm::OfficeHours,
        busy: 1.0,
        for_people: false,
        parent: None,
        delegated: 0.0,
        tools: &[
            Tool::new("inbox.search", "mail", Read, Confidential, "mail.read")
                .on(Fixed(&["mailbox:invoices@acme.example", "mailbox:ap@acme.example"]), 2, 0.0)
                .volume(120.0, 4200.0, 12.0, 0.7),
            Tool::new("document.extract", "docs", Execute, Confidential, "docs.read")
                .on(Words("file:/invoices/2026/", ".pdf"), 40, 0.8)
                .volume(210.0, 2600.0, 1.0, 0.5)
                .pause(6.0),
            Tool::new("purchase_order.find", "erp", Read, Confidential, "erp.read")
                .on(Numbered("erp://purchase-orders/", 40_000, ""), 120, 0.5)
                .volume(160.0, 1800.0, 3.0, 0.8),
            Tool::new("vendor.read", "erp", Read, Confidential, "erp.read")
                .on(Numbered("erp://vendors/", 900, ""), 60, 0.03)
                .volume(90.0, 1300.0, 1.0, 0.5),
            Tool::new("invoice.post", "erp", Write, Confidential, "erp.write")
                .on(Numbered("erp://invoices/", 900_000, ""), 10, 0.95)
                .volume(900.0, 240.0, 1.0, 0.4),
            Tool::new("payment.create", "bank", Execute, Restricted, "bank.pay")
                .outside()
                .on(Numbered("iban:DE44500105175407", 300, ""), 40, 0.002)
                .volume(420.0, 310.0, 1.0, 0.3)
                .pause(9.0),
            Tool::new("mail.send", "mail", Write, Internal, "mail.send")
                .outside()
                .on(Mail(PARTNERS), 50, 0.01)
                .volume(1500.0, 160.0, 0.0, 0.6)
                .pause(7.0),
            Tool::new("ledger.report", "erp", Read, Confidential, "erp.read")
                .on(Words("erp://reports/", ""), 6, 0.05)
                .volume(140.0, 22_000.0, 180.0, 0.9),
            Tool::new("vendor.update", "erp", Write, Restricted, "erp.admin").on(
                Numbered("erp://vendors/", 900, ""),
                8,
                0.05,
            ),
        ],
        tasks: &[
            task("post-invoice", &[0, 1, 2, 3, 4]),
            task("pay-run", &[7, 3, 2, 5, 6]),
            task("chase-mismatch", &[0, 1, 2, 6]),
        ],
    },
    Role {
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
    },
    Role {
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
    },
    Role {
        group: "people",
        agent: "travel-booker",
        rhythm: Rhythm::OfficeHours,
        busy: 0.6,
        for_people: true,
        parent: None,
        delegated: 0.0,
        tools: &[
            Tool::new("calendar.read", "calendar", Read, Internal, "calendar.read")
                .on(Mail(STAFF), 80, 0.1)
                .volume(90.0, 1700.0, 8.0, 0.5),
            Tool::new("policy.read", "wiki", Read, Internal, "wiki.read")
                .on(Fixed(&["wiki://travel/policy", "wiki://travel/limits", "wiki://travel/visas"]), 2, 0.0)
                .volume(60.0, 5200.0, 1.0, 0.2),
            Tool::new("flight.search", "travel", Read, Public, "travel.search")
                .outside()
                .on(Words("https://air.example/offers/", ""), 40, 0.85)
                .volume(220.0, 16_000.0, 30.0, 0.6),
            Tool::new("hotel.search", "travel", Read, Public, "travel.search")
                .outside()
                .on(Words("https://stay.example/offers/", ""), 60, 0.6)
                .volume(210.0, 19_000.0, 40.0, 0.6),
            Tool::new("booking.create", "travel", Execute, Confidential, "travel.book")
                .outside()
                .on(Numbered("https://air.example/carriers/", 40, ""), 12, 0.02)
                .volume(1300.0, 900.0, 1.0, 0.4)
                .pause(12.0),
            Tool::new("card.charge", "payments", Execute, Restricted, "payments.charge")
                .outside()
                .on(Numbered("merchant:", 60, ""), 15, 0.004)
                .volume(380.0, 260.0, 1.0, 0.2)
                .pause(5.0),
            Tool::new("calendar.write", "calendar", Write, Internal, "calendar.write")
                .on(Mail(STAFF), 80, 0.1)
                .volume(500.0, 140.0, 1.0, 0.3),
            Tool::new("mail.send", "mail", Write, Internal, "mail.send")
                .on(Mail(STAFF), 90, 0.08)
                .volume(1600.0, 150.0, 0.0, 0.5),
            Tool::new("booking.cancel", "travel", Execute, Confidential, "travel.book").outside().on(
                Numbered("https://air.example/carriers/", 40, ""),
                8,
                0.02,
            ),
        ],
        tasks: &[
            task("book-trip", &[0, 1, 2, 3, 4, 5, 6, 7]),
            task("quote-trip", &[0, 2, 2, 3, 7]),
            task("rebook", &[0, 2, 4, 5, 6, 7]),
        ],
    },
    Role {
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
    },
    Role {
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
    },
    Role {
        group: "sales",
        agent: "sales-researcher",
        rhythm: Rhythm::OfficeHours,
        busy: 0.9,
        for_people: true,
        parent: None,
        delegated: 0.0,
        tools: &[
            Tool::new("web.search", "browser", Read, Public, "web.read")
                .outside()
                .on(Words("https://search.example/?q=", ""), 60, 0.9)
                .volume(110.0, 9000.0, 10.0, 0.5),
            Tool::new("web.fetch", "browser", Read, Public, "web.read")
                .outside()
                .on(Words("https://news.example/", ""), 80, 0.8)
                .volume(90.0, 32_000.0, 0.0, 1.1),
            Tool::new("account.search", "crm", Read, Confidential, "crm.read")
                .on(Fixed(&["crm://accounts/emea", "crm://accounts/amer", "crm://accounts/apac"]), 2, 0.0)
                .volume(130.0, 7600.0, 25.0, 0.6),
            Tool::new("account.read", "crm", Read, Confidential, "crm.read")
                .on(Numbered("crm://accounts/", 80_000, ""), 120, 0.15)
                .volume(80.0, 2100.0, 1.0, 0.5),
            Tool::new("company.enrich", "enrichment", Read, Internal, "enrich.read")
                .outside()
                .on(Words("https://enrich.example/companies/", ""), 70, 0.5)
                .volume(140.0, 4200.0, 1.0, 0.4),
            Tool::new("note.add", "crm", Write, Confidential, "crm.write")
                .on(Numbered("crm://accounts/", 80_000, "/notes"), 100, 0.15)
                .volume(1600.0, 110.0, 1.0, 0.5)
                .pause(8.0),
            Tool::new("mail.draft", "mail", Write, Internal, "mail.draft")
                .on(Mail(PARTNERS), 90, 0.2)
                .volume(2100.0, 140.0, 0.0, 0.4)
                .pause(14.0),
            Tool::new("mail.send", "mail", Write, Internal, "mail.send")
                .outside()
                .on(Mail(PARTNERS), 90, 0.06)
                .volume(2100.0, 140.0, 0.0, 0.4),
            Tool::new("export.create", "crm", Read, Confidential, "crm.export")
                .on(Words("crm://exports/", ".csv"), 5, 0.1)
                .volume(200.0, 380_000.0, 900.0, 0.8),
        ],
        tasks: &[
            task("research-account", &[2, 3, 0, 1, 1, 4, 5]),
            task("prepare-outreach", &[3, 1, 6, 7]),
            task("weekly-digest", &[2, 0, 1, 0, 1, 5]),
        ],
    },
    Role {
        group: "hr",
        agent: "hr-assistant",
        rhythm: Rhythm::OfficeHours,
        busy: 0.8,
        for_people: true,
        parent: None,
        delegated: 0.0,
        tools: &[
            Tool::new("directory.search", "directory", Read, Internal, "directory.read")
                .on(Fixed(&["directory://people", "directory://teams"]), 2, 0.0)
                .volume(100.0, 3200.0, 12.0, 0.5),
            Tool::new("employee.read", "hris", Read, Restricted, "hris.read")
                .on(Numbered("hris://employees/", 4000, ""), 140, 0.12)
                .volume(70.0, 2400.0, 1.0, 0.4),
            Tool::new("policy.read", "wiki", Read, Internal, "wiki.read")
                .on(Words("wiki://hr/", ""), 25, 0.03)
                .volume(60.0, 5600.0, 1.0, 0.3),
            Tool::new("leave.approve", "hris", Write, Confidential, "hris.write")
                .on(Numbered("hris://employees/", 4000, "/leave"), 120, 0.1)
                .volume(220.0, 130.0, 1.0, 0.2)
                .pause(6.0),
            Tool::new("letter.create", "docs", Write, Confidential, "docs.write")
                .on(Words("file:/hr/letters/", ".docx"), 20, 0.8)
                .volume(3800.0, 260.0, 1.0, 0.4)
                .pause(9.0),
            Tool::new("mail.send", "mail", Write, Internal, "mail.send")
                .on(Mail(STAFF), 140, 0.07)
                .volume(1500.0, 150.0, 0.0, 0.5),
            Tool::new("calendar.write", "calendar", Write, Internal, "calendar.write")
                .on(Mail(STAFF), 100, 0.08)
                .volume(480.0, 140.0, 1.0, 0.3),
            Tool::new("payroll.read", "payroll", Read, Restricted, "payroll.read")
                .on(Numbered("payroll://employees/", 4000, ""), 30, 0.08)
                .volume(80.0, 1900.0, 1.0, 0.4),
            Tool::new("role.assign", "iam", Admin, Restricted, "iam.write").on(Mail(STAFF), 10, 0.05),
        ],
        tasks: &[
            task("leave-request", &[0, 1, 2, 3, 6, 5]),
            task("answer-question", &[0, 2, 1, 5]),
            task("employment-letter", &[0, 1, 7, 4, 5]),
        ],
    },
];

/// The tool that a roll-out brings to every agent of a role.
pub(crate) static ROLLED_OUT: Tool = Tool::new("knowledge.ask", "knowledge-v2", Read, Internal, "kb.read")
    .on(Words("kb://answers/", ""), 30, 0.4)
    .volume(240.0, 3400.0, 4.0, 0.5);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_task_names_tools_of_its_role_and_every_role_has_rare_tools() {
        for role in ROLES {
            let named: BTreeSet<usize> = role.tasks.iter().flat_map(|t| t.path).copied().collect();
            assert!(named.iter().all(|&place| place < role.tools.len()), "{}", role.agent);
            assert!(named.len() < role.tools.len(), "{} has no rare tool", role.agent);
            assert!(role.tasks.iter().all(|t| t.path.len() >= 3), "{}", role.agent);
        }
    }

    #[test]
    fn every_role_can_both_read_and_change_something() {
        for role in ROLES {
            assert!(role.tools.iter().any(|t| t.action == Read && t.sensitivity >= Internal), "{}", role.agent);
            assert!(role.tools.iter().any(|t| t.action.is_side_effect()), "{}", role.agent);
        }
    }
}
