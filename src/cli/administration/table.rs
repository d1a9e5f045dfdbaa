//! Tables for people: columns as wide as what is in them, and nothing in them that a terminal would obey.

/// Blanks between two columns.
const PADDING: usize = 3;

/// Titles and rows as text, a line each.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = titles.iter().map(|it| width(it)).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|it| harmless(it)).collect())
        .collect();
    for row in &rows {
        for (at, cell) in row.iter().enumerate().take(widths.len()) {
            widths[at] = widths[at].max(width(cell));
        }
    }
    let titles = titles.iter().map(|it| (*it).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(titles).chain(rows) {
        let mut line = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            line.push_str(cell);
            let blanks = wide.saturating_sub(width(cell)) + PADDING;
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text without characters that a terminal obeys, on one line.
pub(super) fn harmless(text: &str) -> String {
    let is_odd = |it: char| {
        it.is_control() || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|it| if is_odd(it) { ' ' } else { it })
        .collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_obey_nobody() {
        let rows = [
            vec!["L\u{e9}na".to_owned(), "x".to_owned()],
            vec!["a\u{1b}[2Jb\n".to_owned(), String::new()],
        ];
        let expected = "NAME      ROLE\nL\u{e9}na      x\na [2Jb\n";
        assert_eq!(table(&["NAME", "ROLE"], &rows), expected);
    }
}
