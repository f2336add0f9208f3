//! Queries as a person may type them: filters of text, regular expressions and jq, on a payload. None may panic, hang, or
//! take the stack; what cannot be followed is a problem with a text.

use linesman::telemetry::decode::{Decoders, json};
use linesman::telemetry::query::{CompiledQuery, Expression};
use linesman::telemetry::view::Query;

/// Good input to start from.
pub(crate) const SEEDS: &[&[u8]] = &[
    b".a.b[0] | select(. > 1)",
    b"map(.v + 1) | add / length",
    b"to_entries | map(select(.value | type == \"number\")) | from_entries",
    b"reduce .list[] as $x (0; . + $x), [foreach .list[] as [$a, {b: $c}] (0; . + 1; .)]",
    b"def f($x): if $x > 5 then $x else f($x + 1) end; f(0)",
    b"[.. | numbers] | sort | unique | join(\",\")",
    b".a |= (.b |= map(. * 2)) | del(.list) | with_entries(.key |= ascii_upcase)",
    b"try error(\"x\") catch . , .a?, .[\"a\"]?, \"\\(.a) and \\(1 + 2)\", @base64, @csv",
    b"label $out | foreach range(100) as $i (0; . + $i; if . > 20 then ., break $out else empty end)",
    b"test(\"^a+$\"; \"gi\") or (tostring | capture(\"(?<n>[0-9]+)\").n | tonumber > 3)",
    b"[limit(5; repeat(1))], first(range(10;0;-3)), until(. > 100; . * 2), [recurse(.[]?)] | length",
    b"(temp|hum).*:\\s*[0-9]{1,3}",
];

const PAYLOAD: &[u8] = br#"{"a":{"b":[1,2.5,"x"]},"list":[3,1,2],"name":"gw42","t":"2026-01-31T12:00:00Z"}"#;

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let decoders = Decoders::new();
    if let Ok(expression) = Expression::compile(text) {
        let value = json::parse(PAYLOAD).expect("it is JSON");
        let _ = expression.all(&value, 10);
        assert!(expression.text(&value, 40).chars().count() <= 40);
    }
    let query = Query { text: text.into(), is_regex: piece.is_multiple_of(2), ..Query::default() };
    match CompiledQuery::compile(&query) {
        Ok(query) => {
            let _ = query.matches(b"site/a", PAYLOAD, 0, &decoders);
        }
        Err(problem) => assert!(!problem.what.is_empty() && !problem.next_step.is_empty()),
    }
}
