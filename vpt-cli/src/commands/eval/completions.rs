//! `vpt eval --completions`

use crate::failure::{Failure, with_causes};
use crate::output;
use std::path::Path;
use vpt_text::eval::completions::score;
use vpt_text::eval::statistics::Mean;

/// Scores completions that were made elsewhere.
pub(super) fn run(file: &Path, json: bool) -> Result<(), Failure> {
    let scored = score(file).map_err(|error| Failure::Run(with_causes(&error)))?;
    if json {
        return output::json(&scored);
    }
    let share = |mean: Option<Mean>| {
        let percent = |share: f64| format!("{:.2}", 100.0 * share);
        let mean = mean.map(|mean| {
            let stderr = mean.stderr.map_or("–".into(), percent);
            format!("{} ± {stderr} %", percent(mean.mean))
        });
        mean.unwrap_or("–".into())
    };
    output::line(&format_args!(
        "{}: {} completions, share right ± standard error over items\n\
         gsm8k strict-match      {}\n\
         gsm8k flexible-extract  {}\n\
         final answer, A.1       {}",
        file.display(),
        scored.items.len(),
        share(scored.strict),
        share(scored.flexible),
        share(scored.cascade),
    ))
}
