//! The outcome in words and as JSON.

use std::fmt::Write;

use serde_json::json;

use crate::Outcome;
use crate::args::Args;
use crate::house::House;

/// One line of JSON.
pub fn json(house: &House, args: &Args, outcome: &Outcome) -> String {
    let Outcome { tally, journal, .. } = outcome;
    json!({
        "venue": venue(house, args),
        "threads": outcome.threads,
        "seats": house.capacity,
        "sold": outcome.sold,
        "sold_out": outcome.sold_out,
        "attempts": tally.attempts,
        "violations": journal.violations.count,
        "orders": journal.orders(),
        "money_minor": journal.money_minor,
        "placed": tally.placed,
        "refusals": tally.refusals,
        "expired": journal.expired,
        "cancelled": journal.cancelled,
        "duplicates": tally.duplicates,
        "swept": outcome.swept,
        "facts": journal.facts,
        "attempts_per_s": per_second(tally.attempts, outcome),
        "holds_per_s": per_second(tally.placed, outcome),
        "orders_per_s": per_second(journal.orders(), outcome),
        "hold_p50_us": tally.hold_times.quantile_us(500),
        "hold_p99_us": tally.hold_times.quantile_us(990),
        "hold_p999_us": tally.hold_times.quantile_us(999),
        "refusal_p50_us": tally.refusal_times.quantile_us(500),
        "refusal_p99_us": tally.refusal_times.quantile_us(990),
        "refusal_p999_us": tally.refusal_times.quantile_us(999),
        "crowd_s": seconds(outcome.crowd_took),
        "elapsed_s": seconds(outcome.took),
    })
    .to_string()
}

/// A name for what was sold.
pub fn venue(house: &House, args: &Args) -> String {
    match &args.plan {
        Some(_) => house.plan.name.clone(),
        None => format!("{:?}", args.venue).to_lowercase(),
    }
}

/// How often a second something happened while the crowd was there.
pub fn per_second(count: u64, outcome: &Outcome) -> u64 {
    let micros = outcome.crowd_took.as_micros().max(1_000);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

fn seconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// The report in words.
pub fn text(house: &House, args: &Args, outcome: &Outcome) -> String {
    let mut text = String::new();
    for (heading, rows) in figures(house, args, outcome) {
        let _ = writeln!(text, "{heading}");
        for (name, value, note) in rows {
            let _ = writeln!(text, "  {name:<28} {value:>16}  {note}");
        }
        let _ = writeln!(text);
    }
    let verdict = match (outcome.journal.violations.count, outcome.sold_out) {
        (0, true) => "Sold out. Every place was sold once; journal, buyers and map agree.".to_owned(),
        (0, false) => "NOT SOLD OUT: nothing was sold twice, but places are left.".to_owned(),
        (count, _) => format!("VIOLATIONS: {count}. The first are on standard error."),
    };
    let _ = writeln!(text, "{verdict}");
    text
}

type Row = (String, String, String);

/// The figures, in groups: name, value, note.
pub fn figures(house: &House, args: &Args, outcome: &Outcome) -> Vec<(&'static str, Vec<Row>)> {
    let Outcome { tally, journal, .. } = outcome;
    let row = |name: &str, value: String, note: &str| (name.to_owned(), value, note.to_owned());
    let count = |name: &str, value: u64, note: &str| row(name, thousands(value), note);
    let house_rows = vec![
        row("venue", venue(house, args), ""),
        count("seats and places", house.capacity, ""),
        count("buyer threads", outcome.threads as u64, ""),
        row(
            "clock",
            format!("{} x", house.clock.speed()),
            "as fast as real time; holds last 5 minutes of it",
        ),
    ];
    let sale = vec![
        count("hold requests", tally.attempts, "half of them for the best 5 % of the seats"),
        count("holds placed", tally.placed, ""),
        count("holds expired", journal.expired, "by buyers who walked away"),
        count("payments failed", journal.cancelled, "seats free again"),
        count("requests sent twice", tally.duplicates, "same key, or one hold ordered twice"),
        count("orders confirmed", journal.orders(), ""),
        count("seats and places sold", outcome.sold, ""),
        row("money", money(journal.money_minor), house.manifest.rules().currency.as_str()),
        count("bought at the very end", outcome.swept, "free or held when the crowd was done"),
    ];
    let refusals = tally.refusals.iter().map(|(reason, number)| count(reason, *number, "")).collect();
    let rate = |name: &str, number: u64, note: &str| count(name, per_second(number, outcome), note);
    let speed = vec![
        rate("hold requests a second", tally.attempts, "while the crowd was there"),
        rate("holds placed a second", tally.placed, ""),
        rate("orders confirmed a second", journal.orders(), ""),
        row(
            "crowd",
            format!("{:.2} s", outcome.crowd_took.as_secs_f64()),
            "from the opening to its last request",
        ),
        row("sale", format!("{:.2} s", outcome.took.as_secs_f64()), "until the last seat was sold"),
    ];
    let quantiles = |name: &str, times: &crate::histogram::Histogram| {
        let us = |permille| format!("{:.1}", times.quantile_us(permille));
        row(name, format!("{} us", us(500)), &format!("99 %: {} us, 99.9 %: {} us", us(990), us(999)))
    };
    let times = vec![
        quantiles("hold placed", &tally.hold_times),
        quantiles("hold refused", &tally.refusal_times),
        quantiles("order confirmed", &tally.confirm_times),
    ];
    let proof = vec![
        count("facts in the journal", journal.facts, "revisions dense, times in order"),
        count("violations", journal.violations.count, ""),
    ];
    vec![
        ("House", house_rows),
        ("Sale", sale),
        ("Refused", refusals),
        ("Speed", speed),
        ("Time to an answer, median", times),
        ("Proof", proof),
    ]
}

/// With a space between groups of three digits.
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Minor units of a currency with two decimals.
fn money(minor: i64) -> String {
    format!("{}.{:02}", thousands(minor.unsigned_abs() / 100), minor.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 80_000, 1_234_567].map(thousands),
            ["0", "999", "1 000", "80 000", "1 234 567"].map(str::to_owned)
        );
        assert_eq!(money(123_456), "1 234.56");
    }
}
