//! The page about a sale: one file that needs nothing else.

mod chart;
mod data;

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use chart::{Panel, Series};

use crate::Outcome;
use crate::args::Args;
use crate::histogram::Histogram;
use crate::house::House;
use crate::print::{duration, figures, per_second, thousands, venue};
use crate::tally::STEP_MS;

/// Columns of the time line at most.
const COLUMNS_MAX: usize = 130;

/// Writes `index.html` into `dir`, which is made if it is not there.
pub fn write(dir: &Path, house: &House, args: &Args, outcome: &Outcome) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("index.html"), html(house, args, outcome))
}

fn html(house: &House, args: &Args, outcome: &Outcome) -> String {
    let (seats, info) = data::map(house, &outcome.journal);
    let title = format!("{}: {} places on sale", house.manifest.rules().name, thousands(house.capacity));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{}</style></head><body><main>",
        escape(&title),
        include_str!("style.css")
    );
    head(&mut page, outcome, &title);
    page.push_str(MAP);
    let _ = write!(
        page,
        "<section class=\"card\"><h2>Over time</h2><p>Minutes of the sale's own clock, which ran {} times as fast as real time.</p>{}</section>",
        house.clock.speed(),
        time_line(outcome)
    );
    page.push_str(&latencies(outcome));
    let mut refusals: Vec<_> =
        outcome.tally.refusals.iter().map(|(reason, count)| (reason.replace('_', " "), *count)).collect();
    refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let _ = write!(
        page,
        "<section class=\"card\"><h2>Refused, by reason</h2><p>A refusal changes nothing and uses up nothing.</p>{}</section>",
        chart::bars("refused", &refusals)
    );
    table(&mut page, house, args, outcome);
    // A script element ends at the first `</`, also inside a text.
    let info = info.to_string().replace("</", "<\\/");
    let _ = write!(
        page,
        "</main><script type=\"application/json\" id=\"info\">{info}</script><script type=\"text/plain\" id=\"seats\">{seats}</script>\
         <script>{}</script></body></html>",
        include_str!("map.js")
    );
    page
}

const MAP: &str = r#"<section class="card"><div class="map-head"><div><h2>The house</h2>
<p>Each dot is a seat. Buyers want the best seats first and accept worse ones as those go; seats of expired holds come back.</p></div>
<div class="switch"><button data-mode="time">When sold</button><button data-mode="category">Category</button></div></div>
<canvas id="map"></canvas>
<div class="legend" id="legend"></div>
<div class="time"><button id="play">Play</button><input id="time" type="range" min="0" aria-label="Time of the sale"><output id="label"></output></div>
</section>"#;

fn head(page: &mut String, outcome: &Outcome, title: &str) {
    let Outcome { tally, journal, .. } = outcome;
    let (class, verdict) = match (journal.violations.count, outcome.sold_out) {
        (0, true) => (
            "verdict",
            "Sold out. Every place was sold exactly once: journal, buyers and map agree.".to_owned(),
        ),
        (0, false) => {
            ("verdict bad", "Not sold out: nothing was sold twice, but places are left.".to_owned())
        }
        (count, _) => ("verdict bad", format!("{count} violations.")),
    };
    let _ = write!(page, "<h1>{}</h1><p class=\"{class}\">{verdict}</p>", escape(title));
    if !journal.violations.first.is_empty() {
        let items = journal.violations.first.iter().map(|what| format!("<li>{}</li>", escape(what)));
        let _ = write!(page, "<ul>{}</ul>", items.collect::<String>());
    }
    let tiles = [
        (thousands(outcome.sold), "places sold"),
        (thousands(tally.attempts), "hold requests"),
        (thousands(per_second(outcome.crowd.0, outcome.crowd_took)), "requests per second"),
        (duration(tally.hold_times.quantile_us(500)), "hold placed, median"),
        (duration(tally.hold_times.quantile_us(990)), "hold placed, 99 %"),
        (thousands(journal.expired), "holds ran out"),
        (thousands(journal.violations.count), "violations"),
    ];
    page.push_str("<div class=\"tiles\">");
    for (value, name) in tiles {
        let _ = write!(page, "<div class=\"tile\"><b>{value}</b><span>{}</span></div>", escape(name));
    }
    page.push_str("</div>");
}

fn time_line(outcome: &Outcome) -> String {
    let steps = &outcome.journal.steps;
    let all = steps.len().max(outcome.tally.refused_at.len()).max(1);
    let merged = all.div_ceil(COLUMNS_MAX);
    let columns = all.div_ceil(merged);
    let gather = |value: &dyn Fn(usize) -> u32| -> Vec<u64> {
        (0..columns).map(|c| (c * merged..(c + 1) * merged).map(|at| u64::from(value(at))).sum()).collect()
    };
    let of = |value: fn(&crate::journal::Step) -> u32| gather(&|at| steps.get(at).map_or(0, value));
    let refused = gather(&|at| outcome.tally.refused_at.get(at).copied().unwrap_or(0));
    let series = |class, values| Series { class, values };
    let seconds = merged as u64 * STEP_MS / 1_000;
    let minutes = (columns as u64 * seconds) as f64 / 60.0;
    let titles = [
        format!("Places sold, every {seconds} s"),
        "Places free again: <tspan class=\"expired\">hold expired</tspan>, <tspan class=\"returned\">payment failed</tspan>".to_owned(),
        format!("Hold requests refused, every {seconds} s"),
    ];
    let panels = [
        Panel { title: &titles[0], series: vec![series("sold", of(|step| step.sold))] },
        Panel {
            title: &titles[1],
            series: vec![
                series("expired", of(|step| step.expired)),
                series("returned", of(|step| step.returned)),
            ],
        },
        Panel { title: &titles[2], series: vec![series("refused", refused)] },
    ];
    chart::time_line(&panels, minutes)
}

fn latencies(outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let both = [&tally.hold_times, &tally.refusal_times].map(|times| times.bars(4));
    let ends = || both.iter().flatten();
    let first = ends().map(|bar| bar.0).min().unwrap_or(100).max(50) as f64;
    let last = ends().map(|bar| bar.0).max().unwrap_or(1_000_000).max(1_000_000) as f64;
    let card = |title: &str, class: &str, times: &Histogram, bars: &[(u64, u64)]| {
        let marks = [("50 %", 500), ("99 %", 990), ("99.9 %", 999)].map(|(n, p)| (n, times.quantile_us(p)));
        let marks = if times.count() == 0 { &[][..] } else { &marks[..] };
        let svg = chart::histogram(class, bars, marks, (first * 0.9, last * 1.3));
        let number = thousands(times.count());
        format!(
            "<div class=\"card\"><h2>{title}</h2><p>{number} by the time to the answer; both axes are logarithmic.</p>{svg}</div>"
        )
    };
    format!(
        "<section class=\"pair\">{}{}</section>",
        card("Holds placed", "sold", &tally.hold_times, &both[0]),
        card("Holds refused", "refused", &tally.refusal_times, &both[1])
    )
}

fn table(page: &mut String, house: &House, args: &Args, outcome: &Outcome) {
    let _ = write!(
        page,
        "<section class=\"card\"><h2>All figures</h2><p>{}</p><div class=\"columns\">",
        escape(&venue(house, args))
    );
    for (heading, rows) in figures(house, args, outcome) {
        let _ = write!(
            page,
            "<table><col class=\"name\"><col class=\"value\"><col><tr><th colspan=\"3\">{heading}</th></tr>"
        );
        for (name, value, note) in rows {
            let (name, value, note) = (escape(&name.replace('_', " ")), escape(&value), escape(&note));
            let _ = write!(
                page,
                "<tr><td>{name}</td><td class=\"value\">{value}</td><td class=\"note\">{note}</td></tr>"
            );
        }
        page.push_str("</table>");
    }
    page.push_str("</div></section>");
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.replace(" %", "&nbsp;%")
}
