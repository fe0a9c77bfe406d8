//! The boxed answer of a MATH solution, as lm-evaluation-harness finds it.

/// What the last box of a gold solution holds: after the last `\boxed ` up to the next `$` where
/// the text has one written so, else inside the braces of the last `\boxed{…}`. None where there is
/// no such box or its braces do not balance; an `\fbox` holds nothing here.
///
/// [`last_boxed`](crate::eval::answer::last_boxed) is the kinder reading, for completions.
pub fn boxed_answer(solution: &str) -> Option<&str> {
    if let Some((_, after)) = solution.rsplit_once(r"\boxed ") {
        return after.split('$').next();
    }
    let (_, after) = solution.rsplit_once(r"\boxed")?;
    let mut depth = 0i64;
    let end = after.char_indices().find_map(|(at, character)| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (character == '}' && depth == 0).then_some(at)
    })?;
    after[..end].strip_prefix('{')
}

#[cfg(test)]
mod tests {
    use super::boxed_answer;

    #[test]
    fn boxes() {
        let text = r"so $\boxed{\frac{1}{2}}$ and \boxed{7}.";
        assert_eq!(boxed_answer(text), Some("7"));
        assert_eq!(boxed_answer(r"$\boxed{\frac{1}{2}}$"), Some(r"\frac{1}{2}"));
        assert_eq!(boxed_answer(r"\boxed 5$ ok"), Some("5"));
        assert_eq!(boxed_answer(r"\boxed{3"), None);
        assert_eq!(boxed_answer(r"\fbox{3}"), None);
        assert_eq!(boxed_answer(r"\boxed{}"), Some(""));
        assert_eq!(boxed_answer("no box"), None);
    }
}
