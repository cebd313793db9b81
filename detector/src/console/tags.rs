//! Names of the taxonomy tags on alerts, as their owners published them.

/// Which catalogue a tag is from, and what it is called there. `None` for a tag of another catalogue.
pub(crate) fn name(tag: &str) -> Option<(&'static str, &'static str)> {
    let catalogue = match tag {
        t if t.starts_with("ASI") => "OWASP Agentic 2026",
        t if t.starts_with("NHI") => "OWASP NHI 2025",
        t if t.starts_with("MCP") => "OWASP MCP 2025",
        t if t.starts_with("AML.") => "MITRE ATLAS 5.6",
        t if t.starts_with('T') => "MITRE ATT&CK 17.1",
        _ => return None,
    };
    let bare = tag.split(':').next().unwrap_or(tag);
    let found = TAGS.iter().find(|(id, _)| *id == bare)?;
    Some((catalogue, found.1))
}

#[rustfmt::skip]
const TAGS: &[(&str, &str)] = &[
    // OWASP Top 10 for Agentic Applications 2026.
    ("ASI01", "Agent Goal Hijack"),
    ("ASI02", "Tool Misuse and Exploitation"),
    ("ASI03", "Identity and Privilege Abuse"),
    ("ASI04", "Agentic Supply Chain Vulnerabilities"),
    ("ASI05", "Unexpected Code Execution (RCE)"),
    ("ASI06", "Memory & Context Poisoning"),
    ("ASI07", "Insecure Inter-Agent Communication"),
    ("ASI08", "Cascading Failures"),
    ("ASI09", "Human-Agent Trust Exploitation"),
    ("ASI10", "Rogue Agents"),
    // OWASP Non-Human Identities Top 10 2025.
    ("NHI1", "Improper Offboarding"),
    ("NHI2", "Secret Leakage"),
    ("NHI3", "Vulnerable Third-Party NHI"),
    ("NHI4", "Insecure Authentication"),
    ("NHI5", "Overprivileged NHI"),
    ("NHI6", "Insecure Cloud Deployment Configurations"),
    ("NHI7", "Long-Lived Secrets"),
    ("NHI8", "Environment Isolation"),
    ("NHI9", "NHI Reuse"),
    ("NHI10", "Human Use of NHI"),
    // OWASP MCP Top 10 2025.
    ("MCP01", "Token Mismanagement & Secret Exposure"),
    ("MCP02", "Privilege Escalation via Scope Creep"),
    ("MCP03", "Tool Poisoning"),
    ("MCP04", "Software Supply Chain Attacks & Dependency Tampering"),
    ("MCP05", "Command Injection & Execution"),
    ("MCP06", "Intent Flow Subversion"),
    ("MCP07", "Insufficient Authentication & Authorization"),
    ("MCP08", "Lack of Audit and Telemetry"),
    ("MCP09", "Shadow MCP Servers"),
    ("MCP10", "Context Injection & Over-Sharing"),
    // MITRE ATLAS 5.6.0.
    ("AML.T0012", "Valid Accounts"),
    ("AML.T0024", "Exfiltration via AI Inference API"),
    ("AML.T0025", "Exfiltration via Cyber Means"),
    ("AML.T0034", "Cost Harvesting"),
    ("AML.T0034.000", "Cost Harvesting: Excessive Queries"),
    ("AML.T0034.001", "Cost Harvesting: Resource-Intensive Queries"),
    ("AML.T0034.002", "Cost Harvesting: Agentic Resource Consumption"),
    ("AML.T0051", "LLM Prompt Injection"),
    ("AML.T0051.000", "LLM Prompt Injection: Direct"),
    ("AML.T0051.001", "LLM Prompt Injection: Indirect"),
    ("AML.T0051.002", "LLM Prompt Injection: Triggered"),
    ("AML.T0053", "AI Agent Tool Invocation"),
    ("AML.T0054", "LLM Jailbreak"),
    ("AML.T0055", "Unsecured Credentials"),
    ("AML.T0080", "AI Agent Context Poisoning"),
    ("AML.T0080.000", "AI Agent Context Poisoning: Memory"),
    ("AML.T0080.001", "AI Agent Context Poisoning: Thread"),
    ("AML.T0081", "Modify AI Agent Configuration"),
    ("AML.T0082", "RAG Credential Harvesting"),
    ("AML.T0083", "Credentials from AI Agent Configuration"),
    ("AML.T0084", "Discover AI Agent Configuration"),
    ("AML.T0084.000", "Discover AI Agent Configuration: Embedded Knowledge"),
    ("AML.T0084.001", "Discover AI Agent Configuration: Tool Definitions"),
    ("AML.T0084.002", "Discover AI Agent Configuration: Activation Triggers"),
    ("AML.T0084.003", "Discover AI Agent Configuration: Call Chains"),
    ("AML.T0085", "Data from AI Services"),
    ("AML.T0085.000", "Data from AI Services: RAG Databases"),
    ("AML.T0085.001", "Data from AI Services: AI Agent Tools"),
    ("AML.T0086", "Exfiltration via AI Agent Tool Invocation"),
    ("AML.T0098", "AI Agent Tool Credential Harvesting"),
    ("AML.T0099", "AI Agent Tool Data Poisoning"),
    ("AML.T0101", "Data Destruction via AI Agent Tool Invocation"),
    ("AML.T0103", "Deploy AI Agent"),
    ("AML.T0108", "AI Agent (as C2 channel)"),
    ("AML.T0109", "AI Supply Chain Rug Pull"),
    ("AML.T0110", "AI Agent Tool Poisoning"),
    ("AML.T0112.000", "Machine Compromise: Local AI Agent"),
    // MITRE ATT&CK 17.1.
    ("T1020", "Automated Exfiltration"),
    ("T1021.007", "Remote Services: Cloud Services"),
    ("T1041", "Exfiltration Over C2 Channel"),
    ("T1048", "Exfiltration Over Alternative Protocol"),
    ("T1059.009", "Cloud API"),
    ("T1069.003", "Permission Groups Discovery: Cloud Groups"),
    ("T1074", "Data Staged"),
    ("T1078", "Valid Accounts"),
    ("T1078.004", "Valid Accounts: Cloud Accounts"),
    ("T1087.004", "Account Discovery: Cloud Account"),
    ("T1098", "Account Manipulation"),
    ("T1098.001", "Additional Cloud Credentials"),
    ("T1098.003", "Additional Cloud Roles"),
    ("T1119", "Automated Collection"),
    ("T1134", "Access Token Manipulation"),
    ("T1136.003", "Create Account: Cloud Account"),
    ("T1195", "Supply Chain Compromise"),
    ("T1199", "Trusted Relationship"),
    ("T1213", "Data from Information Repositories"),
    ("T1485", "Data Destruction"),
    ("T1489", "Service Stop"),
    ("T1490", "Inhibit System Recovery"),
    ("T1496.004", "Cloud Service Hijacking"),
    ("T1526", "Cloud Service Discovery"),
    ("T1528", "Steal Application Access Token"),
    ("T1530", "Data from Cloud Storage"),
    ("T1531", "Account Access Removal"),
    ("T1537", "Transfer Data to Cloud Account"),
    ("T1548.005", "Temporary Elevated Cloud Access"),
    ("T1550.001", "Application Access Token"),
    ("T1552", "Unsecured Credentials"),
    ("T1552.001", "Credentials In Files"),
    ("T1552.005", "Cloud Instance Metadata API"),
    ("T1555.006", "Cloud Secrets Management Stores"),
    ("T1562.008", "Disable or Modify Cloud Logs"),
    ("T1565", "Data Manipulation"),
    ("T1567", "Exfiltration Over Web Service"),
    ("T1567.001", "Exfiltration to Code Repository"),
    ("T1567.002", "Exfiltration to Cloud Storage"),
    ("T1567.004", "Exfiltration Over Webhook"),
    ("T1580", "Cloud Infrastructure Discovery"),
    ("T1606", "Forge Web Credentials"),
    ("T1613", "Container and Resource Discovery"),
    ("T1619", "Cloud Storage Object Discovery"),
    ("T1648", "Serverless Execution"),
    ("T1651", "Cloud Administration Command"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_with_and_without_a_year_are_named() {
        assert_eq!(name("MCP02:2025"), Some(("OWASP MCP 2025", "Privilege Escalation via Scope Creep")));
        assert_eq!(name("AML.T0086"), Some(("MITRE ATLAS 5.6", "Exfiltration via AI Agent Tool Invocation")));
        assert_eq!(name("T1567"), Some(("MITRE ATT&CK 17.1", "Exfiltration Over Web Service")));
        assert_eq!(name("made-up"), None);
    }
}
