//! Roles of the offices: finance, people, sales.

use models::event::Action::{Admin, Execute, Read, Write};
use models::event::Sensitivity::{Confidential, Internal, Public, Restricted};

use super::{PARTNERS, Role, STAFF, task};
use crate::generator::rhythm::Rhythm;
use crate::generator::tool::TargetForm::{Fixed, Mail, Numbered, Words};
use crate::generator::tool::Tool;

pub(super) const INVOICE_BOT: Role = Role {
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
};

pub(super) const TRAVEL_BOOKER: Role = Role {
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
};

pub(super) const SALES_RESEARCHER: Role = Role {
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
};

pub(super) const HR_ASSISTANT: Role = Role {
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
};
