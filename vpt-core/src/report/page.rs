//! The page: its head, its style, and a place for the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// A page called `headline`, of `sections`; `style` is CSS for what is in them alone.
pub fn page(headline: &str, style: &str, sections: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Value-based pretraining: " (headline) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body {
                main {
                    h1 { "Value-based pretraining" small { (headline) } }
                    (sections)
                }
            }
        }
    }
}
