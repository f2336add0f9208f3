//! Parts that several panes share: fields in a row, numbers and times as people read them.

use std::time::Duration;

use egui::{Margin, Response, Role, TextEdit, Ui, WidgetInfo};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A field with its label before it, in a row with others.
pub(super) fn inline_field(ui: &mut Ui, label: &str, text: &mut String, hint: &str, width: f32) -> Response {
    let id = ui.label(label).id;
    let edit = TextEdit::singleline(text).hint_text(hint.to_owned()).margin(Margin::symmetric(10, 7));
    ui.add(edit.desired_width(width)).labelled_by(id)
}

/// Whether a field was left by Enter.
pub(super) fn is_entered(ui: &Ui, response: &Response) -> bool {
    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
}

/// A choice out of a list that opens. The name is read out; it stands before the list unless the list says enough.
pub(super) fn combo<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    is_name_shown: bool,
    chosen: T,
    all: &[T],
    text: impl Fn(T) -> String,
) -> Option<T> {
    let mut picked = None;
    if is_name_shown {
        ui.label(name);
    }
    let shown = egui::ComboBox::from_id_salt(name).selected_text(text(chosen)).width(72.0);
    let response = shown.show_ui(ui, |ui| {
        for value in all {
            if ui.selectable_label(*value == chosen, text(*value)).clicked() {
                picked = Some(*value);
                // A click through the accessibility tree would leave the list open.
                ui.close();
            }
        }
    });
    let (is_enabled, value) = (ui.is_enabled(), text(chosen));
    response.response.widget_info(|| WidgetInfo {
        current_text_value: Some(value.clone()),
        ..WidgetInfo::labeled(Role::ComboBox, is_enabled, name)
    });
    if !is_name_shown {
        response.response.on_hover_text(name);
    }
    picked.filter(|picked| *picked != chosen)
}

/// Bytes in the unit in which they are read.
#[expect(clippy::cast_precision_loss, reason = "one digit behind the point")]
pub(super) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A duration in the unit in which it is read: `340 ms`, `12 s`, `4 min`, `3 h`.
pub(super) fn span(span: Duration) -> String {
    let secs = span.as_secs();
    match secs {
        0 if span < Duration::from_millis(1) => "under 1 ms".to_owned(),
        0 => format!("{} ms", span.as_millis()),
        1..10 => format!("{:.1} s", span.as_secs_f64()),
        10..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        7200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// A number with the digits that matter.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{value:.4e}");
    }
    let decimals = if size >= 1000.0 { 2 } else { 4 };
    let text = format!("{value:.decimals$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A time in the zone of the window, and in UTC for the hover text.
pub(super) fn times(unix_micros: i64, zone: &TimeZone) -> (String, String) {
    match Timestamp::from_microsecond(unix_micros) {
        Ok(time) => {
            let local = time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
            (local, format!("{} UTC", time.strftime("%Y-%m-%d %H:%M:%S%.3f")))
        }
        Err(_) => ("at no time".into(), "at no time".into()),
    }
}

/// The time of a day in the zone of the window.
pub(super) fn clock_time(unix_micros: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_microsecond(unix_micros).map(|time| time.to_zoned(zone.clone()));
    time.map_or_else(|_| "at no time".into(), |time| time.strftime("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_spans_read_well() {
        for (value, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(value), text);
        }
        for (millis, text) in
            [(340, "340 ms"), (4_200, "4.2 s"), (12_000, "12 s"), (240_000, "4 min"), (10_800_000, "3 h")]
        {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        let cases =
            [(0.0, "0"), (21.5, "21.5"), (-0.0, "0"), (1234.567, "1234.57"), (2e12, "2.0000e12"), (1e-7, "1.0000e-7")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn times_stand_in_the_zone_and_in_utc() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let (local, utc) = times(1_767_225_600_500_000, &zone);
        assert_eq!((local.as_str(), utc.as_str()), ("2026-01-01 02:00:00", "2026-01-01 00:00:00.500 UTC"));
        assert_eq!(clock_time(1_767_225_600_500_000, &zone), "02:00:00");
        assert_eq!(times(i64::MAX, &zone).0, "at no time");
    }
}
