//! `vpt data inspect`

use crate::args::DataInspectArgs;
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::output;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;
use std::io::Write as _;
use vpt_text::run::{Span, SpanKind, StreamSample};

/// Borders and padding.
const FRAME: Style = AnsiColor::Cyan.on_default();
/// What the loss leaves out.
const MASKED: Style = Style::new().dimmed();

/// Shows packed sequences and what the stream holds.
pub(crate) fn run(args: &DataInspectArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let sample = StreamSample::take(config.run(), args.sequences)?;
    if args.json {
        return output::json(&sample);
    }
    let mut text = String::new();
    for (number, spans) in sample.sequences.iter().enumerate() {
        sequence(&mut text, number, spans);
    }
    totals(&mut text, &sample);
    // Takes the colours out unless stdout is a terminal that wants them.
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// One packed sequence: a rule before each document, its prompt dim, its answer plain.
fn sequence(text: &mut String, number: usize, spans: &[Span]) {
    let _ = writeln!(text, "{FRAME}══ sequence {number}{FRAME:#}");
    let (mut shown, mut position) = (None, 0);
    for span in spans {
        if span.kind == SpanKind::Padding {
            let _ = writeln!(
                text,
                "{FRAME}── padding: {} positions{FRAME:#}",
                span.tokens
            );
            continue;
        }
        if shown != span.document {
            shown = span.document;
            let of_document = spans.iter().filter(|other| other.document == shown);
            let count = |kind| -> usize {
                let of_kind = of_document.clone().filter(|other| other.kind == kind);
                of_kind.map(|other| other.tokens).sum()
            };
            let (prompt, answer) = (count(SpanKind::Prompt), count(SpanKind::Answer));
            // A document takes one position less than its tokens.
            let end = position + prompt + answer - 1;
            let _ = writeln!(
                text,
                "{FRAME}── document {}, positions {position}–{}: {prompt} masked, {answer} asked{FRAME:#}",
                shown.unwrap_or(0),
                end - 1,
            );
            position = end;
        }
        match span.kind {
            SpanKind::Answer => {
                text.push_str(&span.text);
                text.push('\n');
            }
            _ => {
                let _ = write!(text, "{MASKED}{}{MASKED:#}", span.text);
            }
        }
    }
}

fn totals(text: &mut String, sample: &StreamSample) {
    let (prompt, answer) = (sample.prompt_tokens, sample.answer_tokens);
    let all = (prompt + answer).max(1);
    let _ = writeln!(
        text,
        "{} records: {}\n{} tokens, {:.1} % of them masked; {:.1} % of positions will be padding",
        sample.counts.records,
        sample.counts,
        prompt + answer,
        100.0 * prompt as f64 / all as f64,
        100.0 * sample.padding,
    );
}
