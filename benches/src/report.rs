//! Figures and how they are printed.

use serde::Serialize;

/// What a figure must reach.
#[derive(Clone, Copy)]
pub enum Goal {
    /// The value.
    AtLeast(f64),
    /// The value.
    AtMost(f64),
    /// Of the value to its limit.
    RatioAtLeast(f64),
    /// Of the value to its limit.
    RatioAtMost(f64),
}

/// One measured thing: all its rounds, beside the rounds of its limit.
pub struct Figure {
    /// What it is called.
    pub name: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// The value of every round.
    pub rounds: Vec<f64>,
    /// The limit in every round.
    pub limit: Vec<f64>,
    /// What it must reach.
    pub goals: Vec<Goal>,
    /// The value is the worst round, not the median.
    pub worst: bool,
    /// What others used of the machine meanwhile, in percent.
    pub others: f64,
}

impl Figure {
    /// A figure that was not measured yet.
    #[must_use]
    pub fn new(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            rounds: Vec::new(),
            limit: Vec::new(),
            goals: Vec::new(),
            worst: false,
            others: 0.0,
        }
    }

    /// One more thing that it must reach.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goals.push(goal);
        self
    }

    /// The worst round counts.
    #[must_use]
    pub fn worst(mut self) -> Self {
        self.worst = true;
        self
    }

    /// What was measured, beside the limit.
    #[must_use]
    pub fn rounds(mut self, rounds: &[f64], limit: &[f64], others: f64) -> Self {
        self.rounds = rounds.to_vec();
        self.limit = limit.to_vec();
        self.others = others;
        self
    }

    fn row(&self) -> Row {
        let value = if self.worst { edge(&self.rounds, f64::max) } else { median(&self.rounds) };
        let limit = (!self.limit.is_empty()).then(|| median(&self.limit));
        let ratio = limit.filter(|limit| *limit > 0.0).map(|limit| value / limit);
        let text = |goal: &Goal| match goal {
            Goal::AtLeast(least) => format!(">= {}", short(*least)),
            Goal::AtMost(most) => format!("<= {}", short(*most)),
            Goal::RatioAtLeast(least) => format!(">= {least} x limit"),
            Goal::RatioAtMost(most) => format!("<= {most} x limit"),
        };
        let met = |goal: &Goal| match goal {
            Goal::AtLeast(least) => value >= *least,
            Goal::AtMost(most) => value <= *most,
            Goal::RatioAtLeast(least) => ratio.is_some_and(|ratio| ratio >= *least),
            Goal::RatioAtMost(most) => ratio.is_some_and(|ratio| ratio <= *most),
        };
        let goals: Vec<String> = self.goals.iter().map(text).collect();
        Row {
            name: self.name,
            value,
            unit: self.unit,
            limit,
            ratio,
            goal: (!goals.is_empty()).then(|| goals.join(" and ")),
            met: (!goals.is_empty()).then(|| self.goals.iter().all(met)),
            min: edge(&self.rounds, f64::min),
            max: edge(&self.rounds, f64::max),
            others_percent: self.others.round(),
        }
    }
}

/// A figure as it is printed. The members after `met` say how far to trust it.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
    ratio: Option<f64>,
    goal: Option<String>,
    met: Option<bool>,
    min: f64,
    max: f64,
    others_percent: f64,
}

/// Prints the column heads.
pub fn print_head(json: bool) {
    if !json {
        println!(
            "{:<27} {:>10} {:<6} {:>23} {:>10} {:>8} {:>7}  {:<4} goal",
            "figure", "median", "unit", "[min .. max]", "limit", "ratio", "others", "met"
        );
    }
}

/// Prints one figure.
pub fn print(figure: &Figure, json: bool) {
    let row = figure.row();
    if json {
        match serde_json::to_string(&row) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("{}: {error}", row.name),
        }
        return;
    }
    let spread = format!("[{} .. {}]", short(row.min), short(row.max));
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    let met = row.met.map_or("-", |met| if met { "yes" } else { "NO" });
    println!(
        "{:<27} {:>10} {:<6} {:>23} {:>10} {:>8} {:>6}%  {:<4} {}",
        row.name,
        short(row.value),
        row.unit,
        spread,
        optional(row.limit),
        row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
        row.others_percent,
        met,
        row.goal.as_deref().unwrap_or("-"),
    );
}

/// The middle one.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn edge(values: &[f64], pick: fn(f64, f64) -> f64) -> f64 {
    values.iter().copied().reduce(pick).unwrap_or(f64::NAN)
}

/// With thousands separated, or with two digits after the point if small.
fn short(value: f64) -> String {
    if value.abs() < 1_000.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
