//! The table: a row for each thing measured, as Markdown.

use crate::alternate::{Comparison, Spread};

/// One thing measured.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    limit: Option<Spread>,
    agent: Spread,
    ratio: Option<Spread>,
    target: Option<Target>,
}

/// What the ratio should be; without a ratio, what the agent's own figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    /// Something that has a limit.
    pub(crate) fn ratio(what: &str, comparison: Comparison, target: Option<Target>) -> Row {
        let Comparison { limit, agent, ratio } = comparison;
        Row { what: what.to_owned(), limit: Some(limit), agent, ratio: Some(ratio), target }
    }

    /// Something that stands for itself.
    pub(crate) fn absolute(what: &str, agent: Spread, target: Option<Target>) -> Row {
        Row { what: what.to_owned(), limit: None, agent, ratio: None, target }
    }

    fn met(&self) -> &'static str {
        let judged = self.ratio.unwrap_or(self.agent).median;
        let met = match self.target {
            Some(Target::AtLeast(bound)) => judged >= bound,
            Some(Target::AtMost(bound)) => judged <= bound,
            None => return "",
        };
        if met { "yes" } else { "no" }
    }

    fn line(&self, load: &str) -> String {
        let target = match self.target {
            Some(Target::AtLeast(bound)) => format!("≥ {bound}"),
            Some(Target::AtMost(bound)) => format!("≤ {bound}"),
            None => String::new(),
        };
        format!(
            "| {} | {} | {} | {} | {target} | {} | {load} |",
            self.what,
            self.limit.map(shown).unwrap_or_default(),
            shown(self.agent),
            self.ratio.map(shown).unwrap_or_default(),
            self.met(),
        )
    }
}

/// Prints the rows, each with the load average of its part.
pub(crate) fn print(rows: &[(Row, String)]) {
    println!(
        "\nMedians over the rounds, in brackets the least and the most. A ratio is taken round"
    );
    println!(
        "by round. Load: processes that wanted a core in the last minute, before and after.\n"
    );
    println!("| measured | limit | agent | agent / limit | target | met | load |");
    println!("|---|---:|---:|---:|---:|---|---|");
    for (row, load) in rows {
        println!("{}", row.line(load));
    }
}

fn shown(spread: Spread) -> String {
    let Spread { median, min, max } = spread;
    format!("{} ({}–{})", number(median), number(min), number(max))
}

/// Three digits are more than a benchmark knows.
fn number(figure: f64) -> String {
    match figure {
        _ if figure >= 100.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
