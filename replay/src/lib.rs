//! The engine over history: tables, reports and quality figures.
