//! What is wrong with a file that people edit, and where.

use std::fmt;

/// A fault in a file that people edit.
///
/// Shown as `FILE:LINE:COL: error[S101]: message`, the form that editors jump to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Stable code, listed in the register of the crate that found the fault.
    pub code: &'static str,
    /// Whether the set may be used in spite of it.
    pub severity: ProblemSeverity,
    /// Path of the file, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// One sentence that says what to change.
    pub message: String,
}

/// Whether a fault forbids the use of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemSeverity {
    /// The set is refused.
    Error,
    /// The set is used; somebody should look.
    Warning,
}

impl Problem {
    /// A fault that forbids the use of the set, at (line, column).
    #[must_use]
    pub fn error(
        code: &'static str,
        file: impl Into<String>,
        place: (u32, u32),
        message: impl Into<String>,
    ) -> Problem {
        Problem::new(code, ProblemSeverity::Error, file.into(), place, message.into())
    }

    /// A fault that somebody should look at, at (line, column).
    #[must_use]
    pub fn warning(
        code: &'static str,
        file: impl Into<String>,
        place: (u32, u32),
        message: impl Into<String>,
    ) -> Problem {
        Problem::new(code, ProblemSeverity::Warning, file.into(), place, message.into())
    }

    fn new(
        code: &'static str,
        severity: ProblemSeverity,
        file: String,
        (line, column): (u32, u32),
        message: String,
    ) -> Problem {
        Problem { code, severity, file, line, column, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, severity, file, line, column, message } = self;
        write!(f, "{file}:{line}:{column}: {severity}[{code}]: {message}")
    }
}

impl fmt::Display for ProblemSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProblemSeverity::Error => "error",
            ProblemSeverity::Warning => "warning",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_so_that_an_editor_can_jump() {
        let problem = Problem::error("S105", "entities/person.csv", (3, 14), "no such format");
        assert_eq!(problem.to_string(), "entities/person.csv:3:14: error[S105]: no such format");
        let problem = Problem::warning("S119", "a.csv", (1, 1), "not read");
        assert_eq!(problem.to_string(), "a.csv:1:1: warning[S119]: not read");
    }
}
