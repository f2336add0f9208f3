//! What a spreadsheet shows of a cell, as far as that can be told without it.
//!
//! A name that was typed as a number is shown by its number format, by the width of its column and by the language of the
//! computer. Where these cannot change it, it is read; everything else is doubted, and the check asks for text.

use calamine::DataRef;

use crate::model::batch::Doubt;

/// Whole numbers of more digits are shown as 1.2E+11 where no format says otherwise.
const GENERAL_LIMIT: f64 = 1e11;
/// A spreadsheet keeps 15 digits of a number.
const DIGITS_LIMIT: f64 = 1e15;

/// The text of a cell, and why it may not be the one shown.
pub(super) fn cell(value: &DataRef<'_>, format: &str) -> (String, Option<Doubt>) {
    match value {
        DataRef::Empty => (String::new(), None),
        DataRef::String(text) => (text.clone(), None),
        DataRef::SharedString(text) => ((*text).to_owned(), None),
        #[expect(clippy::cast_precision_loss, reason = "larger ones are doubted")]
        DataRef::Int(number) => shown_number(*number as f64, format),
        DataRef::Float(number) => shown_number(*number, format),
        // Shown in the language of the computer: TRUE, WAHR, VRAI.
        DataRef::Bool(is_true) => (if *is_true { "TRUE" } else { "FALSE" }.to_owned(), Some(Doubt::Truth)),
        DataRef::DateTime(time) => (time.to_string(), Some(Doubt::Date)),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (text.clone(), Some(Doubt::Date)),
        DataRef::Error(error) => (error.to_string(), None),
    }
}

fn shown_number(number: f64, format: &str) -> (String, Option<Doubt>) {
    let format = format.split(';').next().unwrap_or_default().trim();
    let is_whole = number.fract() == 0.0 && number.abs() < DIGITS_LIMIT;
    let is_zeros = !format.is_empty() && format.bytes().all(|octet| octet == b'0');
    let is_general = format.is_empty() || format == "@" || format.eq_ignore_ascii_case("general");
    if is_whole && is_zeros {
        let sign = if number < 0.0 { "-" } else { "" };
        return (format!("{sign}{:0>width$}", number.abs().to_string(), width = format.len()), None);
    }
    let is_known = is_general && is_whole && number.abs() < GENERAL_LIMIT;
    (number.to_string(), (!is_known).then_some(Doubt::Number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_shown_or_doubted() {
        let check = |number: f64, format: &str, expected: Option<&str>| {
            let (text, doubt) = cell(&DataRef::Float(number), format);
            assert_eq!(doubt.is_none().then_some(text.as_str()), expected, "{number} as {format}");
        };
        check(12345.0, "", Some("12345"));
        check(12345.0, "General", Some("12345"));
        check(12345.0, "@", Some("12345"));
        check(12345.0, "0", Some("12345"));
        check(12345.0, "00000000", Some("00012345"));
        check(-5.0, "000", Some("-005"));
        check(123_456_789_012.0, "General", None);
        check(123_456_789_012.0, "0", Some("123456789012"));
        check(1e15, "0", None);
        check(0.5, "General", None);
        check(0.5, "0%", None);
        check(12345.0, "#,##0", None);
        check(12345.0, "0.00", None);
        check(12345.0, "yyyy-mm-dd", None);
    }

    #[test]
    fn truth_and_dates_are_shown_in_the_language_of_the_computer() {
        assert_eq!(cell(&DataRef::Bool(true), ""), ("TRUE".to_owned(), Some(Doubt::Truth)));
        assert_eq!(cell(&DataRef::DateTimeIso("2026-11-28".into()), "").1, Some(Doubt::Date));
        assert_eq!(cell(&DataRef::String("TRUE".into()), ""), ("TRUE".to_owned(), None));
    }
}
