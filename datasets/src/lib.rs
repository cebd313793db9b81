//! Readers and writers of event files, seeded populations of agents and attack scenarios with ground truth.
