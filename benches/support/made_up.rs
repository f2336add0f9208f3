//! A made-up profile of as many rows as wanted.

use std::fmt::Write as _;

/// What it is called.
pub(crate) const ID: &str = "made-up";

/// Its text: hosts `h1.cloud.example` and on, each looked at in that way, such as `'dns', 'tcp'`.
pub(crate) fn profile(rows: usize, probes: &str) -> String {
    let mut text = format!(
        "schema = 1\nid = '{ID}'\nname = 'Made up'\nvendor = 'Nobody'\nsummary = 'Many rows'\n\
         [[document]]\nid = 'paper'\ntitle = 'Paper'\n[network]\nvantage = 'gateway'\n"
    );
    for number in 1..=rows {
        let row = format!(
            "[[endpoint]]\nid = 'ABC-{number:03}'\nhosts = ['h{number}.cloud.example']\nport = {}\ntransport = 'tcp'\n\
             purpose = 'Something of a cloud'\nlevel = 'required'\nprobes = [{probes}]\nsource = 'paper: 1'\n",
            [443, 8883, 8443][number % 3]
        );
        text.write_str(&row).expect("it is written to memory");
    }
    text
}
