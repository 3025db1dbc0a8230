//! The page: figures and plots of one rehearsal.

use std::path::Path;

use plotters::prelude::*;

use crate::Outcome;
use crate::books::{Books, Point, Verdict};

/// Writes `index.html` into a folder.
pub fn write(folder: &Path, verdict: &Verdict, books: &Books, wrong: &[String]) -> Outcome<()> {
    std::fs::create_dir_all(folder)?;
    let points = books.points.lock();
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>Rehearsal</title><style>body{font:15px sans-serif;margin:2em}svg{max-width:100%;height:auto}pre{background:#f4f4f4;padding:1em;overflow:auto}</style><h1>Rehearsal</h1>",
    );
    let good = if wrong.is_empty() { "Everything is as it must be.".to_owned() } else { wrong.join("; ") };
    page.push_str(&format!("<p>{good}</p>"));
    page.push_str(&chart(
        "called and admitted",
        &points,
        &[("called", &|point| real(point.called)), ("admitted", &|point| real(point.admitted))],
    )?);
    page.push_str(&chart("inside", &points, &[("inside", &|point| real(point.active))])?);
    page.push_str(&chart("sold", &points, &[("sold", &|point| real(point.sold))])?);
    page.push_str(&chart("availability read", &points, &[("reads", &|point| real(point.reads))])?);
    let told = serde_json::to_string_pretty(&verdict.json(wrong))?;
    page.push_str(&format!("<h2>Figures</h2><pre>{told}</pre>"));
    std::fs::write(folder.join("index.html"), page)?;
    std::fs::write(folder.join("waits.csv"), books.waits_table())?;
    Ok(())
}

type Line<'a> = (&'a str, &'a dyn Fn(&Point) -> f64);

const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32)];

fn chart(title: &str, points: &[Point], lines: &[Line<'_>]) -> Outcome<String> {
    let mut svg = String::new();
    draw(&mut svg, title, points, lines).map_err(|error| error.to_string())?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    title: &str,
    points: &[Point],
    lines: &[Line<'_>],
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (900, 220)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = lines.iter().flat_map(|(_, of)| points.iter().map(of)).fold(1.0, f64::max);
    let end = points.last().map_or(1.0, |point| point.seconds);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..end, 0.0..most * 1.05)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("s").draw()?;
    for ((name, of), colour) in lines.iter().zip(COLOURS) {
        let line = points.iter().map(|point| (point.seconds, of(point)));
        let drawn = chart.draw_series(LineSeries::new(line, colour))?;
        drawn.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}
