//! The page: what happened in each run, second by second.

use plotters::prelude::*;

use super::crowd::{Outcome, Point};
use super::scenario::Scenario;

type Fault = Box<dyn std::error::Error>;

/// One page about all runs.
///
/// # Errors
/// If something can't be drawn.
pub fn page(outcomes: &[(&Scenario, Outcome)]) -> Result<String, Fault> {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>Admission</title><style>body{font:15px sans-serif;margin:2em}svg{max-width:100%;height:auto}</style><h1>Admission</h1>",
    );
    for (scenario, outcome) in outcomes {
        page.push_str(&format!("<h2>{}</h2><p>{}</p>", scenario.name, outcome.line(scenario, &[])));
        let points = &outcome.points;
        let number = |value: u32| f64::from(value);
        page.push_str(&chart(
            "inside, and the limit",
            points,
            &[("inside", &|point| number(point.active)), ("limit", &|point| number(point.limit))],
        )?);
        page.push_str(&chart(
            "seats",
            points,
            &[("free", &|point| number(point.free)), ("sold", &|point| number(point.sold))],
        )?);
        #[expect(clippy::cast_precision_loss, reason = "people of one run")]
        page.push_str(&chart("called, in all", points, &[("called", &|point| point.called as f64)])?);
        #[expect(clippy::cast_precision_loss, reason = "people of one run")]
        page.push_str(&chart("called a second", points, &[("called", &|point| point.call as f64)])?);
    }
    Ok(page)
}

/// A line over time.
type Line<'a> = (&'a str, &'a dyn Fn(&Point) -> f64);

const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32)];

fn chart(title: &str, points: &[Point], lines: &[Line<'_>]) -> Result<String, Fault> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 220)).into_drawing_area();
        area.fill(&WHITE)?;
        let most = lines.iter().flat_map(|(_, of)| points.iter().map(of)).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 15))
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(56)
            .build_cartesian_2d(0..points.len(), 0.0..most * 1.05)?;
        chart.configure_mesh().light_line_style(TRANSPARENT).draw()?;
        for ((name, of), colour) in lines.iter().zip(COLOURS) {
            let line = points.iter().enumerate().map(|(second, point)| (second, of(point)));
            let drawn = chart.draw_series(LineSeries::new(line, colour))?;
            drawn.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
        area.present()?;
    }
    Ok(svg)
}
