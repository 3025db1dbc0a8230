//! The outcome in words and as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;
use ticketcore::gateway::Totals;

use crate::Outcome;
use crate::args::Args;
use crate::histogram::Histogram;
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
        "lost": outcome.lost,
        "tickets": journal.sold(),
        "money": money_json(&outcome.money),
        "decline_release_p99_ms": outcome.decline_release_p99_ms,
        "pending": tally.pending,
        "late_confirmed": journal.late_confirmed,
        "late_refused": journal.late_refused,
        "expired_orders": journal.expired_orders,
        "refunded_orders": journal.refunded,
        "orders": journal.orders(),
        "money_minor": journal.money_minor,
        "placed": tally.placed,
        "refusals": tally.refusals,
        "expired": journal.expired,
        "cancelled": journal.cancelled,
        "duplicates": tally.duplicates,
        "swept": outcome.swept,
        "facts": journal.facts,
        "store": if house.local.is_some() { "local, strict" } else { "memory" },
        "syncs": house.local.as_ref().map(|local| local.stats().syncs),
        "durable_batches": house.local.as_ref().map(|local| local.stats().batches),
        "attempts_per_s": per_second(outcome.crowd.0, outcome.crowd_took),
        "holds_per_s": per_second(outcome.crowd.1, outcome.crowd_took),
        "orders_per_s": per_second(journal.orders(), outcome.took),
        "hold_p50_us": tally.hold_times.quantile_us(500),
        "hold_p99_us": tally.hold_times.quantile_us(990),
        "hold_p999_us": tally.hold_times.quantile_us(999),
        "order_p50_us": tally.confirm_times.quantile_us(500),
        "order_p99_us": tally.confirm_times.quantile_us(990),
        "refusal_p50_us": tally.refusal_times.quantile_us(500),
        "refusal_p99_us": tally.refusal_times.quantile_us(990),
        "refusal_p999_us": tally.refusal_times.quantile_us(999),
        "crowd_s": seconds(outcome.crowd_took),
        "elapsed_s": seconds(outcome.took),
    })
    .to_string()
}

/// What the gateway says.
pub fn money_json(totals: &Totals) -> serde_json::Value {
    let minor = |minor: i128| i64::try_from(minor).unwrap_or(i64::MAX);
    json!({
        "authorized": minor(totals.authorized_minor),
        "captured": minor(totals.captured_minor),
        "voided": minor(totals.voided_minor),
        "refunded": minor(totals.refunded_minor),
        "outstanding": minor(totals.outstanding_minor),
    })
}

/// A name for what was sold.
pub fn venue(house: &House, args: &Args) -> String {
    match &args.plan {
        Some(_) => house.plan.name.clone(),
        None => format!("{:?}", args.venue).to_lowercase(),
    }
}

/// How often a second something happened.
pub fn per_second(count: u64, took: Duration) -> u64 {
    let micros = took.as_micros().max(1_000);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// The report in words.
pub fn text(house: &House, args: &Args, outcome: &Outcome) -> String {
    let mut text = String::new();
    for (heading, rows) in figures(house, args, outcome) {
        let _ = writeln!(text, "{heading}");
        for (name, value, note) in rows {
            let line = format!("  {name:<28} {value:>16}  {note}");
            let _ = writeln!(text, "{}", line.trim_end());
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

/// Name, value, note.
type Row = (String, String, String);

fn row(name: &str, value: String, note: &str) -> Row {
    (name.to_owned(), value, note.to_owned())
}

fn count(name: &str, value: u64, note: &str) -> Row {
    row(name, thousands(value), note)
}

/// The figures, in groups.
pub fn figures(house: &House, args: &Args, outcome: &Outcome) -> Vec<(&'static str, Vec<Row>)> {
    let Outcome { tally, journal, .. } = outcome;
    let faster = "as fast as real time; holds last 5 minutes of it";
    let house_rows = vec![
        row("venue", venue(house, args), ""),
        count("seats and places", house.capacity, ""),
        count("buyer threads", outcome.threads as u64, ""),
        row("clock", format!("{} x", house.clock.speed()), faster),
    ];
    let times = |name: &str, times: &Histogram| {
        let time = |permille| duration(times.quantile_us(permille));
        row(name, time(500), &format!("99 %: {}, 99.9 %: {}", time(990), time(999)))
    };
    let time_rows = vec![
        times("hold placed", &tally.hold_times),
        times("hold refused", &tally.refusal_times),
        times("order paid and confirmed", &tally.confirm_times),
        times("order declined", &tally.decline_times),
    ];
    let proof_rows = vec![
        count("facts in the journal", journal.facts, "revisions dense, times in order"),
        count("violations", journal.violations.count, ""),
        count("lost", outcome.lost, "sales or charges that one account has and another has not"),
    ];
    vec![
        ("House", house_rows),
        ("Sale", sale_rows(house, outcome)),
        ("Refused", tally.refusals.iter().map(|(reason, number)| count(reason, *number, "")).collect()),
        ("Money", money_rows(house, outcome)),
        ("Speed", speed_rows(outcome)),
        ("Time to an answer, median", time_rows),
        ("Proof", proof_rows),
    ]
}

fn sale_rows(house: &House, outcome: &Outcome) -> Vec<Row> {
    let Outcome { tally, journal, .. } = outcome;
    vec![
        count("hold requests", tally.attempts, "of those for seats, half aim at the best 5 %"),
        count("holds placed", tally.placed, ""),
        count("holds expired", journal.expired, "their buyers walked away"),
        count("payments declined", journal.cancelled, "seats free again"),
        count("requests sent twice", tally.duplicates, "same key, or one hold ordered twice"),
        count("orders confirmed", journal.orders(), ""),
        count("seats and places sold", outcome.sold, ""),
        row("money", money(journal.money_minor), house.manifest.rules().currency.as_str()),
        count("bought at the very end", outcome.swept, "free or held when the crowd was done"),
    ]
}

fn money_rows(house: &House, outcome: &Outcome) -> Vec<Row> {
    let (totals, journal) = (&outcome.money, &outcome.journal);
    let currency = house.manifest.rules().currency;
    let sum = |name: &str, minor: i128, note: &str| {
        row(name, money(i64::try_from(minor).unwrap_or(i64::MAX)), note)
    };
    vec![
        sum("reserved", totals.authorized_minor, currency.as_str()),
        sum("taken", totals.captured_minor, ""),
        sum("given back untaken", totals.voided_minor, "late money, and what was paid twice"),
        sum("refunded", totals.refunded_minor, ""),
        sum("still reserved", totals.outstanding_minor, ""),
        count("told that nobody knows yet", outcome.tally.pending, "answers were lost or late"),
        count("late money, seats still free", journal.late_confirmed, "sold after all"),
        count("late money, seats gone", journal.late_refused, "given back"),
        row("declined to seats free", format!("{} ms", outcome.decline_release_p99_ms), "99 of 100"),
    ]
}

fn speed_rows(outcome: &Outcome) -> Vec<Row> {
    let ((asked, placed), crowd_took) = (outcome.crowd, outcome.crowd_took);
    let rate = |name: &str, number: u64, took, note: &str| count(name, per_second(number, took), note);
    let time =
        |name: &str, took: Duration, note: &str| row(name, format!("{:.2} s", took.as_secs_f64()), note);
    vec![
        rate("hold requests a second", asked, crowd_took, "while the crowd was there"),
        rate("holds placed a second", placed, crowd_took, ""),
        rate("orders confirmed a second", outcome.journal.orders(), outcome.took, "over the whole sale"),
        time("crowd", crowd_took, "from the opening to its last request"),
        time("sale", outcome.took, "until the last seat was sold"),
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

/// Microseconds as people write them.
pub fn duration(us: f64) -> String {
    match us {
        ..0.95 => format!("{:.0} ns", us * 1_000.0),
        ..9.95 => format!("{} µs", trimmed(us)),
        ..950.0 => format!("{us:.0} µs"),
        ..9_950.0 => format!("{} ms", trimmed(us / 1_000.0)),
        ..950_000.0 => format!("{:.0} ms", us / 1_000.0),
        _ => format!("{} s", trimmed(us / 1_000_000.0)),
    }
}

/// One decimal unless it is 0.
pub fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
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

    #[test]
    fn durations_are_readable() {
        let shown = [0.1, 1.0, 3.52, 10.0, 999.0, 1_500.0, 100_000.0].map(duration);
        assert_eq!(
            shown,
            ["100 ns", "1 µs", "3.5 µs", "10 µs", "1 ms", "1.5 ms", "100 ms"].map(str::to_owned)
        );
    }
}
