//! A line plot as SVG text, on a white panel that reads on any page.

use super::ReportError;
use super::colour::Rgb;
use plotters::prelude::*;
use std::error::Error;

/// One line.
pub struct Line {
    /// In order of x; a y that is not finite breaks the line.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub colour: Rgb,
    /// How it is drawn.
    pub style: Stroke,
}

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq)]
pub enum Stroke {
    /// One seed.
    Thin,
    /// The mean of a method.
    Bold,
    /// A reference.
    Dashed,
    /// Points that no line joins.
    Dots,
}

/// What a plot shows.
pub struct Plot<'a> {
    /// What it is called where it cannot be drawn.
    pub title: &'a str,
    /// Below the x axis.
    pub x: &'a str,
    /// Beside the y axis.
    pub y: &'a str,
    /// In the order in which they are drawn.
    pub lines: Vec<Line>,
}

const SIZE: (u32, u32) = (560, 320);
const TEXT: RGBColor = RGBColor(60, 60, 60);
const GRID: RGBColor = RGBColor(228, 228, 228);

impl Plot<'_> {
    /// `None` where there is nothing to draw.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub fn svg(&self) -> Result<Option<String>, ReportError> {
        let Some((x, y)) = self.range() else {
            return Ok(None);
        };
        let mut svg = String::new();
        self.draw(&mut svg, x, y)
            .map_err(|error| ReportError::Plot {
                curve: self.title.into(),
                message: error.to_string(),
            })?;
        Ok(Some(svg))
    }

    fn range(&self) -> Option<((f64, f64), (f64, f64))> {
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| &line.points)
                .filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        points().next()?;
        let ends = |of: fn(&(f64, f64)) -> f64| {
            points()
                .map(of)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                    (low.min(v), high.max(v))
                })
        };
        let (x, (low, high)) = (ends(|p| p.0), ends(|p| p.1));
        let room = match high - low {
            0.0 => low.abs().max(1e-3) * 0.1,
            span => span * 0.06,
        };
        let right = if x.1 > x.0 { x.1 } else { x.0 + 1.0 };
        Some(((x.0, right), (low - room, high + room)))
    }

    fn draw(&self, svg: &mut String, x: (f64, f64), y: (f64, f64)) -> Result<(), Box<dyn Error>> {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let text = |size| ("sans-serif", size).into_font().color(&TEXT);
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .margin_right(18)
            .x_label_area_size(42)
            .y_label_area_size(66)
            .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
        let places = decimals(y.1 - y.0);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(TEXT)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|v| match x.1 - x.0 {
                span if span < 5.0 => format!("{v:.0$}", decimals(span)).replace('-', "−"),
                _ => short(*v),
            })
            .y_label_formatter(&|y| format!("{y:.places$}").replace('-', "−"))
            .label_style(text(17))
            .axis_desc_style(text(17))
            .x_desc(self.x)
            .y_desc(self.y)
            .draw()?;
        for line in &self.lines {
            let (r, g, b) = line.colour;
            let style = match line.style {
                Stroke::Thin => RGBColor(r, g, b).mix(0.35).stroke_width(1),
                Stroke::Bold => RGBColor(r, g, b).stroke_width(3),
                Stroke::Dashed => RGBColor(r, g, b).stroke_width(2),
                Stroke::Dots => RGBColor(r, g, b).mix(0.6).filled(),
            };
            for run in line
                .points
                .split(|(x, y)| !(x.is_finite() && y.is_finite()))
            {
                let points = run.iter().copied();
                match line.style {
                    Stroke::Dashed => {
                        chart.draw_series(DashedLineSeries::new(points, 6, 5, style))?;
                    }
                    Stroke::Dots => {
                        chart.draw_series(points.map(|point| Circle::new(point, 3, style)))?;
                    }
                    Stroke::Thin | Stroke::Bold => {
                        chart.draw_series(LineSeries::new(points, style))?;
                    }
                }
            }
        }
        area.present()?;
        Ok(())
    }
}

/// Enough places to tell neighbouring labels apart: their distance is 1, 2 or 5 times a power of ten.
fn decimals(span: f64) -> usize {
    (-(span / 6.0).log10().floor()).clamp(0.0, 7.0) as usize
}

fn short(x: f64) -> String {
    match x.abs() {
        a if a >= 1e6 => format!("{} M", (x / 1e5).round() / 10.0),
        a if a >= 1e4 => format!("{} k", (x / 1e3).round()),
        _ => format!("{}", x.round()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Option<String> {
        Plot {
            title: "t",
            x: "steps",
            y: "loss <nats>",
            lines: vec![Line {
                points,
                colour: (1, 2, 3),
                style: Stroke::Bold,
            }],
        }
        .svg()
        .unwrap()
    }

    #[test]
    fn lines_break_where_a_number_is_missing() {
        let svg = plot(vec![(0., 1.), (1., 2.), (2., f64::NAN), (3., 1.), (4., 2.)]).unwrap();
        assert_eq!(svg.matches("#010203").count(), 2, "{svg}");
        assert!(svg.contains("loss &lt;nats&gt;"));
    }

    #[test]
    fn a_constant_or_a_single_point_can_be_drawn_and_nothing_is_not() {
        assert!(plot(vec![(0., 0.), (1., 0.)]).is_some());
        assert!(plot(vec![(5., 2.)]).is_some());
        assert!(plot(vec![(0., f64::NAN)]).is_none());
        assert!(plot(vec![]).is_none());
    }

    #[test]
    fn labels_tell_neighbours_apart() {
        assert_eq!(decimals(0.5), 2);
        assert_eq!(decimals(0.08), 2);
        assert_eq!(decimals(30.0), 0);
        assert_eq!(short(54_600.0), "55 k");
    }
}
