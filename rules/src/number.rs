//! Text to decimal, the one way numbers come into a check.

use rust_decimal::Decimal;
use schemas::Number;

/// Exact, or `None`: `NaN`, `1e400`, `七` and what a decimal cannot hold are not numbers here.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    Number::parse(text.trim())?.to_decimal()
}
