//! Charts as SVG. Colours come from the page's style sheet, so that a chart follows light and dark.

use std::fmt::Write;

use crate::print::{duration, thousands, trimmed};

/// Width of a chart in its own units.
pub const WIDTH: f64 = 1_040.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 12.0;

/// One series of columns: style class and heights.
pub struct Series<'a> {
    /// Style class, which has the colour.
    pub class: &'a str,
    /// One value a column.
    pub values: Vec<u64>,
}

/// One chart of a stack that shares its time axis.
pub struct Panel<'a> {
    /// What the columns count.
    pub title: &'a str,
    /// Stacked on each other.
    pub series: Vec<Series<'a>>,
}

/// Charts above each other over one axis of `minutes`.
pub fn time_line(panels: &[Panel<'_>], minutes: f64) -> String {
    const HEIGHT: f64 = 86.0;
    const PITCH: f64 = HEIGHT + 42.0;
    let bottom = PITCH * panels.len() as f64;
    let mut svg = open(WIDTH, bottom + 26.0);
    for (at, panel) in panels.iter().enumerate() {
        let top = PITCH * at as f64 + 24.0;
        draw_panel(&mut svg, panel, top, HEIGHT);
    }
    let step = round_step(minutes / 8.0);
    let mut ticks = 0;
    while step * f64::from(ticks) <= minutes {
        let minute = step * f64::from(ticks);
        let x = LEFT + (WIDTH - LEFT - RIGHT) * minute / minutes;
        let (y, label) = (bottom + 14.0, trimmed(minute));
        let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="middle">{label} min</text>"#);
        ticks += 1;
    }
    close(svg)
}

fn draw_panel(svg: &mut String, panel: &Panel<'_>, top: f64, height: f64) {
    let columns = panel.series.iter().map(|series| series.values.len()).max().unwrap_or(0);
    let sum = |at: usize| panel.series.iter().map(|s| s.values.get(at).copied().unwrap_or(0)).sum::<u64>();
    let most = (0..columns).map(sum).max().unwrap_or(0).max(1);
    let step = grid_step(most);
    let lines = most.div_ceil(step);
    let scale = height / (lines * step) as f64;
    let _ = write!(svg, r#"<text class="strong" x="{LEFT}" y="{:.1}">{}</text>"#, top - 10.0, panel.title);
    for value in (0..=lines).map(|line| line * step) {
        let y = top + height - value as f64 * scale;
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            thousands(value)
        );
    }
    let width = (WIDTH - LEFT - RIGHT) / columns.max(1) as f64;
    let gap = if width > 4.0 { 1.0 } else { 0.0 };
    let mut base = vec![0.0; columns];
    for series in &panel.series {
        let _ = write!(svg, r#"<path class="{}" d=""#, series.class);
        for (at, value) in series.values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let tall = *value as f64 * scale;
            let (x, y) = (LEFT + at as f64 * width, top + height - base[at] - tall);
            let _ = write!(svg, "M{x:.1} {y:.1}h{:.1}v{tall:.1}h-{:.1}z", width - gap, width - gap);
            base[at] += tall;
        }
        svg.push_str(r#""/>"#);
    }
}

/// A histogram with logarithmic axes: lower ends in ns with counts, and quantiles (name, us) to mark.
pub fn histogram(
    class: &str,
    bars: &[(u64, u64)],
    quantiles: &[(&str, f64)],
    range_ns: (f64, f64),
) -> String {
    const W: f64 = 500.0;
    const TOP: f64 = 62.0;
    const HEIGHT: f64 = 150.0;
    let mut svg = open(W, TOP + HEIGHT + 26.0);
    let octaves = (range_ns.1 / range_ns.0).log2();
    let x_of = |ns: f64| LEFT + (W - LEFT - RIGHT) * (ns / range_ns.0).log2() / octaves;
    let most = bars.iter().map(|bar| bar.1).max().unwrap_or(1).max(10) as f64;
    let decades = most.log10().ceil();
    let y_of = |count: f64| TOP + HEIGHT - HEIGHT * ((count.max(0.5)).log10() + 0.301) / (decades + 0.301);
    let mut decade = 0;
    while f64::from(decade) <= decades {
        let y = y_of(10f64.powi(decade));
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            W - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            ["1", "10", "100", "1k", "10k", "100k", "1M", "10M"]
                .get(decade.unsigned_abs() as usize)
                .unwrap_or(&"")
        );
        decade += 1;
    }
    let mut edge = String::new();
    for (at, (lower, count)) in bars.iter().enumerate() {
        let next = bars.get(at + 1).map_or(*lower as f64 * 1.19, |bar| bar.0 as f64);
        let (x, y) = (x_of(*lower as f64), y_of(*count as f64));
        let start = if at == 0 { format!("M{x:.1} {:.1}V{y:.1}", y_of(0.0)) } else { format!("V{y:.1}") };
        let _ = write!(edge, "{start}H{:.1}", x_of(next));
    }
    if !bars.is_empty() {
        let _ = write!(edge, "V{:.1}", y_of(0.0));
        let _ =
            write!(svg, r#"<path class="area {class}" d="{edge}z"/><path class="edge {class}" d="{edge}"/>"#);
    }
    for (at, (name, us)) in quantiles.iter().enumerate() {
        let x = x_of(us * 1_000.0);
        let y = 14.0 + 16.0 * at as f64;
        let (anchor, shift) = if x > W * 0.7 { ("end", -5.0) } else { ("start", 5.0) };
        let _ = write!(
            svg,
            r#"<line class="mark" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{:.1}"/><text x="{:.1}" y="{y:.1}" text-anchor="{anchor}">{name}: {}</text>"#,
            y - 9.0,
            TOP + HEIGHT,
            x + shift,
            duration(*us)
        );
    }
    let mut us = 0.1;
    while us * 1_000.0 <= range_ns.1 {
        if us * 1_000.0 >= range_ns.0 {
            let x = x_of(us * 1_000.0);
            let _ = write!(
                svg,
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                TOP + HEIGHT + 18.0,
                duration(us)
            );
        }
        us *= 10.0;
    }
    close(svg)
}

/// Named bars that lie, longest first.
pub fn bars(class: &str, rows: &[(String, u64)]) -> String {
    const PITCH: f64 = 30.0;
    const NAME: f64 = 190.0;
    const VALUE: f64 = 100.0;
    let most = rows.iter().map(|row| row.1).max().unwrap_or(1).max(1) as f64;
    let mut svg = open(WIDTH, PITCH * rows.len() as f64);
    for (at, (name, value)) in rows.iter().enumerate() {
        let y = PITCH * at as f64 + 5.0;
        let width = ((WIDTH - NAME - VALUE) * *value as f64 / most).max(1.5);
        let _ = write!(
            svg,
            r#"<text class="strong" x="{:.0}" y="{:.1}" text-anchor="end">{}</text><rect class="{class}" x="{NAME}" y="{y:.1}" width="{width:.1}" height="18" rx="3"/><text x="{:.1}" y="{:.1}">{}</text>"#,
            NAME - 10.0,
            y + 13.5,
            super::escape(name),
            NAME + width + 8.0,
            y + 13.5,
            thousands(*value)
        );
    }
    close(svg)
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(power)
}

/// 1, 2 or 5 times a power of ten, so that two or three steps reach `most`.
fn grid_step(most: u64) -> u64 {
    let power = 10u64.pow(most.max(2).div_ceil(2).ilog10());
    [1, 2, 5, 10].map(|step| step * power).into_iter().find(|step| step * 2 >= most).unwrap_or(most)
}

fn open(width: f64, height: f64) -> String {
    format!(r#"<svg viewBox="0 0 {width:.0} {height:.0}" role="img">"#)
}

fn close(mut svg: String) -> String {
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!([0.3, 1.0, 3.0, 7.0, 12.0, 2_600.0].map(round_step), [0.5, 1.0, 5.0, 10.0, 20.0, 5_000.0]);
        assert_eq!([1, 2, 3, 40, 1_001, 80_000].map(grid_step), [1, 1, 2, 20, 1_000, 50_000]);
    }
}
