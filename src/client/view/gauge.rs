//! Draws what gauges have in common: bars, meters, lines over time, sizes and rates in a few characters.

use super::put;
use crate::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// A percentage as a little bar.
pub fn bar(percent: f32) -> &'static str {
    let step = (percent.clamp(0.0, 100.0) / 100.0 * 7.99) as usize;
    BARS[step.min(7)]
}

/// How much of the eye's attention a percentage wants.
pub fn level(theme: &Theme, percent: f32) -> Style {
    match percent {
        p if p >= 90.0 => theme.gauge_high,
        p if p >= 67.0 => theme.gauge_mid,
        _ => theme.gauge_low,
    }
}

/// The same of what fills up: memory, disks. That much of it is in use is no news.
pub fn filling(theme: &Theme, percent: f32) -> Style {
    match percent {
        p if p >= 90.0 => theme.gauge_high,
        p if p >= 80.0 => theme.gauge_mid,
        _ => theme.gauge_low,
    }
}

/// `██████░░░░`, so many cells wide.
pub fn meter(percent: f32, width: usize) -> String {
    let full = (percent.clamp(0.0, 100.0) / 100.0 * width as f32).round() as usize;
    // (what is not nothing is seen)
    let full = if percent >= 1.0 { full.max(1) } else { full }.min(width);
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

/// Percentages as little bars.
pub fn sparks(values: impl Iterator<Item = f32>) -> String {
    values.map(bar).collect()
}

/// A line over time in `area`: each value a column as high as its part of `full`. What is not known in between is a dot.
pub fn graph(buf: &mut Buffer, area: Rect, values: &[Option<f32>], full: f32, style: Style, none: Style) {
    let rows = usize::from(area.height);
    if rows == 0 || full <= 0.0 {
        return;
    }
    let from = values.len().saturating_sub(usize::from(area.width));
    let mut begun = false;
    for (value, x) in values.iter().skip(from).zip(area.x..area.right()) {
        begun |= value.is_some();
        let Some(value) = value else {
            if !begun {
                continue;
            }
            put(buf, x, area.bottom() - 1, 1, "·", none);
            continue;
        };
        let eighths = (value / full).clamp(0.0, 1.0) * (rows * 8) as f32;
        let eighths = (eighths.round() as usize).max(1);
        for row in 0..rows {
            let here = eighths.saturating_sub(row * 8).min(8);
            if here > 0 {
                put(buf, x, area.bottom() - 1 - row as u16, 1, BARS[here - 1], style);
            }
        }
    }
}

/// `512`, `12K`, `3.4M`: bytes a second where there is little room.
pub fn rate(n: u64) -> String {
    let scaled = |of: u64, unit: &str| match n as f64 / of as f64 {
        few if few < 9.95 => format!("{few:.1}{unit}"),
        many => format!("{many:.0}{unit}"),
    };
    match n {
        0..1000 => n.to_string(),
        1000..0xF_A000 => scaled(1 << 10, "K"),
        0xF_A000..0x3E80_0000 => scaled(1 << 20, "M"),
        _ => scaled(1 << 30, "G"),
    }
}

/// `512 B`, `12.3 KiB`, `1.0 MiB`, `7.5 GiB`.
pub fn size(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", n as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", n as f64 / f64::from(1 << 20)),
        0x4000_0000..0x100_0000_0000 => format!("{:.1} GiB", n as f64 / f64::from(1 << 30)),
        _ => format!("{:.1} TiB", n as f64 / (1u64 << 40) as f64),
    }
}

/// `3d 14h`, `14h 2m`, `5m`.
pub fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, m) => format!("{m}m"),
        (0, h, m) => format!("{h}h {m}m"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_few_characters() {
        assert_eq!(
            [0, 999, 1000, 12_000, 1_023_999, 1_024_000, 5 << 20, 2 << 30].map(rate),
            ["0", "999", "1.0K", "12K", "1000K", "1.0M", "5.0M", "2.0G"]
        );
        assert_eq!(
            [0, 1023, 1024, 65_536, 1 << 20, 3 << 40].map(size),
            ["0 B", "1023 B", "1.0 KiB", "64.0 KiB", "1.0 MiB", "3.0 TiB"]
        );
        assert_eq!([5, 300, 50_520, 309_600].map(uptime), ["5s", "5m", "14h 2m", "3d 14h"]);
        assert_eq!([meter(0.0, 4), meter(1.0, 4), meter(50.0, 4), meter(100.0, 4)], ["░░░░", "█░░░", "██░░", "████"]);
        assert_eq!(sparks([0.0, 50.0, 100.0].into_iter()), "▁▄█");
    }

    #[test]
    fn a_line_over_time_has_gaps() {
        let area = Rect::new(0, 0, 4, 2);
        let mut buf = Buffer::empty(area);
        let style = Style::new();
        graph(&mut buf, area, &[Some(9.0), Some(0.0), None, Some(50.0), Some(100.0)], 100.0, style, style);
        let row = |y| (0..4).map(|x| buf[(x, y)].symbol().to_string()).collect::<String>();
        assert_eq!((row(0), row(1)), ("   █".into(), "▁·██".into()));
    }
}
