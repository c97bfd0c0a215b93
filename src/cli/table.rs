//! Tables for a terminal: columns as wide as they need, numbers to the right, what does not fit cut.

use std::fmt::Write;

/// A table that is being filled.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Table {
        Table { rows: vec![head.iter().map(|h| (*h).to_uppercase()).collect()] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// As text for a terminal of `width` columns.
    pub(super) fn fit(&self, width: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|c| {
                self.rows.iter().filter_map(|r| r.get(c)).map(|cell| columns_of(cell)).max().unwrap_or(0)
            })
            .collect();
        let right: Vec<bool> = (0..columns).map(|c| self.is_numeric(c)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, wide), right) in row.iter().zip(&widths).zip(&right) {
                let room = " ".repeat(wide - columns_of(cell));
                let (before, after) = if *right { (room.as_str(), "") } else { ("", room.as_str()) };
                line.extend([before, cell, after, "  "]);
            }
            let _infallible = writeln!(text, "{}", cut(line.trim_end(), width));
        }
        text
    }

    /// Only numbers, with or without a unit.
    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows[1..].iter().filter_map(|r| r.get(column)).filter(|c| *c != "-").peekable();
        cells.peek().is_some() && cells.all(|c| c.starts_with(|d: char| d.is_ascii_digit() || d == '-'))
    }
}

/// Columns that a text takes on a terminal: Chinese characters take two.
fn columns_of(text: &str) -> usize {
    text.chars().map(wide).sum()
}

fn wide(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}' => 2,
        '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    }
}

fn cut(text: &str, width: usize) -> String {
    if columns_of(text) <= width {
        return text.to_owned();
    }
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += wide(*c);
            used < width
        })
        .collect();
    kept + "…"
}

/// Columns of the terminal on stdout, never less than 40. Where there is none (a pipe, a file), nothing is cut.
pub(super) fn terminal_width() -> usize {
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()) {
        return std::cmp::max(columns, 40);
    }
    rustix::termios::tcgetwinsize(std::io::stdout())
        .map_or(usize::MAX, |size| usize::from(size.ws_col).max(40))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_both_scripts() {
        let mut table = Table::new(&["name", "state"]);
        table.row(vec!["充电桩".to_owned(), "idle".to_owned()]);
        table.row(vec!["pile-1".to_owned(), "charging".to_owned()]);
        assert_eq!(table.fit(80), "NAME    STATE\n充电桩  idle\npile-1  charging\n");
        assert_eq!(table.fit(usize::MAX), table.fit(80));
        assert_eq!(table.fit(10).lines().next(), Some("NAME    S…"));
    }

    #[test]
    fn numbers_stand_at_the_right() {
        let mut table = Table::new(&["no.", "energy", "end"]);
        table.row(vec!["9".to_owned(), "0.10 kWh".to_owned(), "-".to_owned()]);
        table.row(vec!["10".to_owned(), "12.00 kWh".to_owned(), "08:00".to_owned()]);
        assert_eq!(table.fit(80), "NO.     ENERGY    END\n  9   0.10 kWh      -\n 10  12.00 kWh  08:00\n");
    }
}
