//! Colours that colour-blind readers can tell apart, Okabe and Ito's among them.

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// The colour of each method, the same in every plot and table, whatever else is shown.
#[derive(Clone, Copy, Debug)]
pub struct Palette(pub &'static [(&'static str, Rgb)]);

impl Palette {
    /// For baselines.
    pub const GREY: Rgb = (112, 112, 112);
    /// For what follows the value.
    pub const BLUE: Rgb = (0, 114, 178);
    /// For controls.
    pub const VERMILION: Rgb = (213, 94, 0);
    /// Reddish purple.
    pub const PINK: Rgb = (204, 121, 167);
    /// Dark yellow.
    pub const OLIVE: Rgb = (150, 130, 20);
    /// Bluish green.
    pub const GREEN: Rgb = (0, 158, 115);
    /// Sky blue.
    pub const SKY: Rgb = (86, 180, 233);
    /// For what has no colour of its own.
    pub const VIOLET: Rgb = (120, 60, 160);

    /// The colour of `method`.
    pub fn of(&self, method: &str) -> Rgb {
        let found = self.0.iter().find(|(name, _)| *name == method);
        found.map_or(Self::VIOLET, |(_, colour)| *colour)
    }
}

/// A colour as CSS writes it.
pub fn css((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_has_its_colour_or_the_last() {
        let palette = Palette(&[("value", Palette::BLUE)]);
        assert_eq!(css(palette.of("value")), "#0072b2");
        assert_eq!(palette.of("other"), Palette::VIOLET);
    }
}
