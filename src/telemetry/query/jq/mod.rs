//! jq expressions, run by jaq's interpreter within hard limits.
//!
//! Ours are the values and the way to the program's terms, so that every step of the interpreter is counted (see
//! [`gauge`]). Left out is what reaches beyond a message: clock, environment, input, output, modules, and leaving the
//! program. A definition that calls itself may not take filters as arguments: each call would wrap another one around
//! them, without end and without a step that could be counted.

mod gauge;
mod item;
mod natives;

use jaq_core::data::{DataT, HasLut};
use jaq_core::load::lex::{self, Lexer, StrPart};
use jaq_core::load::parse::{BinaryOp, Def, Parser, Pattern, Term};
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::path::Part;
use jaq_core::{Compiler, Ctx, Filter, Lut, Vars, native};

use self::item::Item;
use super::{QueryError, RunError};
use crate::model::text::visible;
use crate::telemetry::value::Value;

/// How deep brackets may be nested in an expression.
const MAX_BRACKETS: usize = 24;
/// How many operators may stand in it, and words that open something.
const MAX_OPERATORS: usize = 120;
/// How many of these may be words, or signs in front of a number.
const MAX_OPENINGS: usize = 60;

/// The longest JSON an expression may make, in bytes.
const MAX_JSON_BYTES: usize = 16 * 1024 * 1024;

/// Definitions that reach beyond a message, or are of no use without what does; and those that make bytes a text first.
const LEFT_OUT: [&str; 6] = ["stderr", "debug", "halt", "halt_error", "@base64", "@uri"];
/// Functions that do: clock, environment, output, the zone of this computer.
const NATIVES_LEFT_OUT: [&str; 10] = [
    "now",
    "env",
    "halt",
    "debug_empty",
    "stderr_empty",
    "localtime",
    "strflocaltime",
    "matches",
    "split_matches",
    "split_",
];
/// What jq has and jaq's definitions lack.
const ADDED: &str = r#"
def ascii: [.] | implode;
def leaf_paths: paths(scalars);
def @base64: if isbytes then bytes_to_base64 else tostring | encode_base64 end;
def @uri: if isbytes then bytes_to_uri else tostring | encode_uri end;
def @csv: map(if isstring then "\"" + (split("\"") | join("\"\"")) + "\"" elif . == null then "" else tostring end) | join(",");
"#;

/// The kind of values and data our programs work on.
struct Jq;

impl DataT for Jq {
    type V<'a> = Item;
    type Data<'a> = Data<'a>;
}

/// The way to the program's terms.
#[derive(Clone)]
struct Data<'a>(&'a Lut<Jq>);

impl<'a> HasLut<'a, Jq> for Data<'a> {
    fn lut(&self) -> &'a Lut<Jq> {
        gauge::step();
        self.0
    }
}

/// An expression, compiled.
pub(super) struct Program(Filter<Jq>);

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

impl Program {
    /// Compiles an expression.
    pub(super) fn compile(code: &str) -> Result<Self, QueryError> {
        check_size(code)?;
        let fail = |at: &str, found: String| QueryError::BadExpression {
            expression: visible(code, 60),
            at: character(code, at),
            found,
        };
        let tokens = Lexer::new(code).lex().map_err(|errors| match errors.into_iter().next() {
            Some((expected, at)) => fail(at, format!("expected a {}", expected_token(&expected))),
            None => fail("", "it cannot be read".into()),
        })?;
        let term = Parser::new(&tokens).parse(Parser::term).map_err(|errors| match errors.into_iter().next() {
            Some((expected, found)) => {
                let at = found.map_or(&code[code.len()..], |token| token.0);
                fail(at, expectation(expected.as_str()))
            }
            None => fail("", "it cannot be read".into()),
        })?;
        check_recursion(&term, &mut Vec::new())?;

        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let definitions = definitions.filter(|definition| !LEFT_OUT.contains(&definition.name));
        let added = load::parse(ADDED, |parser| parser.defs()).unwrap_or_default();
        let arena = Arena::default();
        let modules = Loader::new(definitions.chain(added))
            .load(&arena, File { code, path: () })
            .map_err(|_| fail("", "modules are not read here".into()))?;
        let theirs = jaq_core::funs().chain(jaq_std::funs()).filter(|(name, ..)| !NATIVES_LEFT_OUT.contains(name));
        let natives = theirs.chain(natives::all().into_iter().map(|native| native::run::<Jq>(native)));
        let filter = Compiler::default().with_funs(natives).compile(modules).map_err(|errors| {
            match errors.into_iter().flat_map(|(_, errors)| errors).next() {
                Some((name, undefined)) => {
                    let kind = if undefined.as_str() == "filter" { "" } else { "variable " };
                    QueryError::NotOffered { name: format!("{kind}{}", visible(name, 60)), at: character(code, name) }
                }
                None => fail("", "it cannot be compiled".into()),
            }
        })?;
        Ok(Self(filter))
    }

    /// Up to that many of its results.
    pub(super) fn run(&self, value: &Value, max_results: usize) -> Result<Vec<Value>, RunError> {
        gauge::measured(count_values(value), || {
            let context = Ctx::<Jq>::new(Data(&self.0.lut), Vars::new([]));
            let results = self.0.id.run((context, Item::from_value(value)));
            let results = results.take(max_results).map(|result| match result {
                Ok(item) => Ok(item.into_value()),
                Err(exception) => Err(RunError::Failed(match exception.get_err() {
                    Ok(error) => match error.into_val() {
                        Item::Text(text) => visible(&text, 200),
                        item => visible(&item.to_string(), 200),
                    },
                    Err(_) => "it left the expression".into(),
                })),
            });
            results.collect()
        })?
    }
}

fn count_values(value: &Value) -> usize {
    1 + match value {
        Value::List(items) => items.iter().map(count_values).sum(),
        Value::Map(members) => members.iter().map(|(_, value)| count_values(value)).sum(),
        _ => 0,
    }
}

/// Refuses what would cost parser, compiler or interpreter their stack: all three call themselves for what stands inside
/// something else, and a chain of operators is such a nest.
fn check_size(code: &str) -> Result<(), QueryError> {
    let (mut depth, mut operators, mut openings) = (0_usize, 0_usize, 0_usize);
    let mut word_start = None;
    for (at, byte) in code.bytes().chain([b' ']).enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' => openings += 1,
            b'|' | b',' | b';' | b'+' | b'*' | b'/' | b'%' | b'=' | b'<' | b'>' => operators += 1,
            _ => {}
        }
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            word_start.get_or_insert(at);
        } else if let Some(start) = word_start.take() {
            let opens = ["def", "if", "elif", "else", "try", "catch", "reduce", "foreach", "as", "label"];
            openings += usize::from(opens.contains(&&code[start..at]));
            operators += usize::from(matches!(&code[start..at], "and" | "or"));
        }
        if depth > MAX_BRACKETS || openings > MAX_OPENINGS || operators + openings > MAX_OPERATORS {
            return Err(QueryError::DeepExpression);
        }
    }
    Ok(())
}

/// Refuses definitions that call themselves and take filters.
fn check_recursion<'s>(term: &Term<&'s str>, open: &mut Vec<(&'s str, usize, bool)>) -> Result<(), QueryError> {
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) | Term::Arr(None) => {}
        Term::Str(_, parts) => {
            for part in parts {
                if let StrPart::Term(term) = part {
                    check_recursion(term, open)?;
                }
            }
        }
        Term::Arr(Some(term)) | Term::Neg(term) | Term::Label(_, term) => check_recursion(term, open)?,
        Term::Obj(members) => {
            for (key, value) in members {
                check_recursion(key, open)?;
                if let Some(value) = value {
                    check_recursion(value, open)?;
                }
            }
        }
        Term::BinOp(left, operator, right) => {
            if let BinaryOp::Pipe(Some(pattern)) = operator {
                check_pattern(pattern, open)?;
            }
            check_recursion(left, open)?;
            check_recursion(right, open)?;
        }
        Term::Fold(_, source, pattern, arguments) => {
            check_recursion(source, open)?;
            check_pattern(pattern, open)?;
            for argument in arguments {
                check_recursion(argument, open)?;
            }
        }
        Term::TryCatch(attempt, catch) => {
            check_recursion(attempt, open)?;
            if let Some(catch) = catch {
                check_recursion(catch, open)?;
            }
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, branch) in branches {
                check_recursion(condition, open)?;
                check_recursion(branch, open)?;
            }
            if let Some(otherwise) = otherwise {
                check_recursion(otherwise, open)?;
            }
        }
        Term::Def(definitions, rest) => {
            for Def { name, args, body } in definitions {
                let takes_filters = args.iter().any(|argument| !argument.starts_with('$'));
                open.push((name, args.len(), takes_filters));
                check_recursion(body, open)?;
                open.pop();
            }
            check_recursion(rest, open)?;
        }
        Term::Call(name, arguments) => {
            let called = open.iter().rev().find(|(open, count, _)| open == name && *count == arguments.len());
            if called.is_some_and(|(_, _, takes_filters)| *takes_filters) {
                return Err(QueryError::Recursive { name: visible(name, 60) });
            }
            for argument in arguments {
                check_recursion(argument, open)?;
            }
        }
        Term::Path(term, path) => {
            check_recursion(term, open)?;
            for (part, _) in &path.0 {
                let terms = match part {
                    Part::Index(term) => [Some(term), None],
                    Part::Range(from, to) => [from.as_ref(), to.as_ref()],
                };
                for term in terms.into_iter().flatten() {
                    check_recursion(term, open)?;
                }
            }
        }
    }
    Ok(())
}

fn check_pattern<'s>(pattern: &Pattern<&'s str>, open: &mut Vec<(&'s str, usize, bool)>) -> Result<(), QueryError> {
    match pattern {
        Pattern::Var(_) => Ok(()),
        Pattern::Arr(patterns) => patterns.iter().try_for_each(|pattern| check_pattern(pattern, open)),
        Pattern::Obj(members) => members.iter().try_for_each(|(key, pattern)| {
            check_recursion(key, open)?;
            check_pattern(pattern, open)
        }),
    }
}

/// At which character of the code a part of it begins, counted from 1; behind its end for what is no part of it.
fn character(code: &str, part: &str) -> usize {
    let start = part.as_ptr().addr().checked_sub(code.as_ptr().addr());
    let start = start.filter(|start| *start <= code.len() && code.is_char_boundary(*start)).unwrap_or(code.len());
    code[..start].chars().count() + 1
}

fn expected_token(expected: &lex::Expect<&str>) -> &'static str {
    match expected {
        lex::Expect::Digit => "digit",
        lex::Expect::Ident => "name",
        lex::Expect::Delim("(") => "closing parenthesis",
        lex::Expect::Delim("[") => "closing bracket",
        lex::Expect::Delim("{") => "closing brace",
        lex::Expect::Delim(_) => "closing quote",
        lex::Expect::Escape => "character that may follow a backslash",
        lex::Expect::Unicode => "code of four hexadecimal digits",
        _ => "sign of jq",
    }
}

fn expectation(expected: &str) -> String {
    match expected {
        "nothing" | "" => "this does not belong here".into(),
        "term" => "something is missing here".into(),
        expected => format!("expected {} here", visible(expected, 40)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::decode::json;

    fn run(code: &str, input: &str) -> String {
        let program = match Program::compile(code) {
            Ok(program) => program,
            Err(error) => return format!("refused: {error}"),
        };
        let value = json::parse(input.as_bytes()).unwrap();
        match program.run(&value, 20) {
            Ok(results) => results.iter().map(json::to_json).collect::<Vec<_>>().join(" "),
            Err(RunError::Failed(what)) => format!("failed: {what}"),
            Err(RunError::Stopped(limit)) => format!("stopped: {limit}"),
        }
    }

    #[track_caller]
    fn check(code: &str, input: &str, expected: &str) {
        assert_eq!(run(code, input), expected, "{code} on {input}");
    }

    #[test]
    fn expressions_are_computed_as_jq_does() {
        check(".a.b[1]", r#"{"a":{"b":[1,2]}}"#, "2");
        check(".[] | select(.v > 2) | .n", r#"[{"v":1,"n":"a"},{"v":3,"n":"b"}]"#, "\"b\"");
        check("[.[] * 2] | add", "[1,2,3]", "12");
        check("map(.+1)", "[1,2]", "[2,3]");
        check("to_entries | map(.key) | join(\",\")", r#"{"b":1,"a":2}"#, "\"b,a\"");
        check("with_entries(.value += 1)", r#"{"b":1,"a":2}"#, r#"{"b":2,"a":3}"#);
        check("keys, length, has(\"a\")", r#"{"b":1,"a":2}"#, r#"["a","b"] 2 true"#);
        check(".a |= empty", r#"{"a":1,"b":2}"#, r#"{"b":2}"#);
        check("del(.[0])", "[1,2,3]", "[2,3]");
        check("\"\\(.a) °C\"", r#"{"a":21.5}"#, "\"21.5 °C\"");
        check(".[1:3], .[-1:], .[:1]", "[1,2,3,4]", "[2,3] [4] [1]");
        check("test(\"^ga\"), sub(\"a\";\"o\"), split(\",\")", "\"ga,te\"", r#"true "go,te" ["ga","te"]"#);
        check("[match(\"(?<x>t)\";\"g\") | .offset, .captures[0].name]", "\"ät tä\"", r#"[1,"x",3,"x"]"#);
        check("capture(\"(?<n>[0-9]+)\").n | tonumber", "\"gw42\"", "42");
        check("group_by(.k) | map(length)", r#"[{"k":1},{"k":2},{"k":1}]"#, "[2,1]");
        check("sort, min, max, unique, reverse", "[3,1,3]", "[1,3,3] 1 3 [1,3] [3,1,3]");
        check("first(range(10;0;-3)), [limit(2; repeat(1))], [range(3)]", "null", "10 [1,1] [0,1,2]");
        check("reduce .[] as $x (0; . + $x), [foreach .[] as $x (0; . + $x)]", "[1,2]", "3 [1,3]");
        check("if . > 1 then \"big\" elif . == 1 then \"one\" else \"small\" end", "1", "\"one\"");
        check(".a // \"none\", (try error(\"x\") catch .)", "{}", r#""none" "x""#);
        check("paths, ([..] | length)", r#"{"a":[1]}"#, r#"["a"] ["a",0] 3"#);
        check("walk(if type == \"number\" then . + 1 else . end)", r#"{"a":[1]}"#, r#"{"a":[2]}"#);
        check("fromjson.a, ({b:1} | tojson)", r#""{\"a\":1}""#, r#"1 "{\"b\":1}""#);
        check("todate, (\"2026-01-01T00:00:00Z\" | fromdate)", "0", "\"1970-01-01T00:00:00Z\" 1767225600");
        check("7 / 2, 6 / 2, 7 % 4, (1 / 0 | isinfinite), floor", "1.5", "3.5 3 3 true 1");
        check("[nan, 1] | sort | .[1], (nan < nan), (nan == nan)", "null", "1 true false");
        check("18446744073709551615 + 0, .", "18446744073709551615", "18446744073709551615 18446744073709551615");
        check("any(. > 2), all(. > 2), (index(3)), inside([1,2,3])", "[1,3]", "true false 1 true");
        check("flatten, add, (. - [[1]]), tostring", "[[1],[2,[3]]]", r#"[1,2,3] [1,2,[3]] [[2,[3]]] "[[1],[2,[3]]]""#);
        check("def f(x): x * 2; def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; f(.), fac", "5", "10 120");
        check("ascii_downcase, ltrimstr(\"A\"), (explode | implode), @base64", "\"AB\"", r#""ab" "B" "AB" "QUI=""#);
        check(". as [$a, {b: $c}] | $a + $c", r#"[1,{"b":2}]"#, "3");
        check("{a: 1} * {a: {b: 2}}, ({a: {c: 1}} * {a: {b: 2}})", "null", r#"{"a":{"b":2}} {"a":{"c":1,"b":2}}"#);
        check(".[5] = 1", "[0]", "[0,null,null,null,null,1]");
        check(".a.b = 1", "null", r#"{"a":{"b":1}}"#);
        check("input_line_number", "null", "refused: no input_line_number here, at character 1");
    }

    #[test]
    fn bytes_stay_bytes() {
        let run = |code: &str, value: Value| {
            let results = Program::compile(code).unwrap().run(&value, 1).unwrap();
            results.into_iter().next().unwrap()
        };
        let bytes = || Value::Bytes([0x00, 0xff, 0xfe, 0x80].as_slice().into());
        assert_eq!(run("@base64", bytes()), Value::Text("AP/+gA==".into()));
        assert_eq!(run("@uri", bytes()), Value::Text("%00%FF%FE%80".into()));
        assert_eq!(run("@base64 | @base64d", bytes()), bytes());
        assert_eq!(run("\"\\(1)x\" | @base64", Value::Null), Value::Text("MXg=".into()));
        assert_eq!(run("length, .[1:2]", bytes()), Value::Integer(4));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        check(".a", "[1]", "failed: cannot index a list with \"a\"");
        check(". + 1", "\"x\"", "failed: cannot calculate \"x\" + 1");
        check("error(\"so\")", "null", "failed: so");
        check(".[] | keys", "1", "failed: cannot use 1 as list or object");
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        check(".a |", "1", "refused: no jq expression, at character 5: something is missing here");
        check("(.a", "1", "refused: no jq expression, at character 4: expected a closing parenthesis");
        check(".a ]", "1", "refused: no jq expression, at character 4: expected a sign of jq");
        check("if . then 1", "1", "refused: no jq expression, at character 12: expected else or end here");
        check(".ä | foo(1)", "1", "refused: no jq expression, at character 2: expected a sign of jq");
        check(".a | foo(1)", "1", "refused: no foo here, at character 6");
        check("$x", "1", "refused: no variable $x here, at character 1");
        for name in ["now", "env", "halt", "input", "inputs", "debug", "stderr", "localtime", "$ENV", "$__prog_args"] {
            assert!(run(name, "1").starts_with("refused: no "), "{name}: {}", run(name, "1"));
        }
        assert!(run("include \"x\"; .", "1").starts_with("refused: "));
    }

    #[test]
    fn what_never_ends_is_stopped() {
        for code in [
            "def f: f; f",
            "def f: 1 + f; f",
            "def f: f | f; f",
            "def f: [f]; f",
            "def f: {a: f}; f",
            "def f($x): f($x + 1); f(0)",
            "def f($x): 1 + f([$x]); f(0)",
            "def f: def g: f; g; f",
            "def f: .a = f; f",
            "def f: path(f) | f; f | ., f",
            "def f: try error(f) catch f; f",
            "def f: reduce f as $x (0; f); f",
            "def f: if f then f else f end; f",
            "def f: \"\\(f)\"; f",
            "[range(1e9)]",
            "[range(0; 1; 0)]",
            "[range(infinite)]",
            "\"x\" * 1e9",
            "\"x\" * 1e300",
            "[limit(1e9; repeat(1))] | length",
            "last(range(1e18))",
            "[repeat(\"x\")]",
            "repeat(empty)",
            "until(false; .)",
            "[while(true; .)]",
            "[recurse([.])] | length",
            "reduce range(1e9) as $i (null; [.])",
            "reduce range(1e9) as $i (\"x\"; . + .)",
            "reduce range(1e9) as $i ([1]; . + .)",
            "reduce range(1e9) as $i (9; . * .) | select(false)",
            "reduce range(1e9) as $i ({}; .[$i | tostring] = $i)",
            "last(foreach range(1e9) as $i (0; . + $i))",
            "[[range(1000)] | combinations(9)]",
            "[[range(100)], [range(100)], [range(100)], [range(100)]] | last(combinations)",
            "[.[1e9] = 1]",
            ".[1e18] = 1",
            "[range(30000)] | [.[] as $a | .[] as $b | $a + $b]",
            "[range(3000)] | map([range(3000)])",
            "[range(20000) | tostring] | join(\"x\") * 1000",
            "[limit(3000; repeat(\"a\"))] | add * 100000",
            "def a: .,.; def b: a|a|a|a|a|a|a|a; def c: b|b|b|b; [c]",
            "[range(5000)] | reverse | sort_by([range(.)])",
            "[range(100000)] | tojson * 1000",
            "first(range(1e9) | select(. < 0))",
            "isempty(range(1e9) | select(. < 0))",
            "label $out | foreach repeat(1) as $i (0; . + 1; if . < 0 then ., break $out else empty end)",
            "(..) |= repeat(.) | last(repeat(1))",
            "[.[] | splits(\"\")] | [recurse(.[]?; true)] | length | until(. < 0; . + 1)",
            "[range(50000)] | group_by(. % 3) | [.[] | combinations]",
        ] {
            let began = std::time::Instant::now();
            let outcome = run(code, "[\"x\"]");
            let took = began.elapsed();
            let is_ended =
                outcome.starts_with("stopped: ") || outcome.starts_with("failed: ") || outcome.starts_with("refused: ");
            assert!(is_ended, "{code}: {}", &outcome[..outcome.len().min(200)]);
            assert!(took.as_millis() < 5000, "{code} took {took:?}");
        }
    }

    #[test]
    fn definitions_that_wrap_themselves_up_are_refused() {
        for code in ["def f(g): f(g | 1); f(.)", "def f(g): def h: f(g); h; f(1)", "def f(g; $x): [f(g; 1)]; f(1; 2)"] {
            assert_eq!(run(code, "1"), "refused: f calls itself with a filter as argument", "{code}");
        }
    }

    #[test]
    fn what_would_cost_the_parser_its_stack_is_refused() {
        let chain = |operator: &str, count: usize| vec!["1"; count + 1].join(operator);
        for code in [
            "(".repeat(1000),
            "try ".repeat(1000),
            "-".repeat(1000),
            "1 as $x | ".repeat(300),
            "[".repeat(25),
            chain("|", 121),
            chain(" and ", 121),
            chain("//", 61),
        ] {
            assert_eq!(run(&code, "1"), "refused: the expression is nested too deep", "{code}");
        }
        for code in ["try ".repeat(60) + "1", "-".repeat(60) + "1", "1 as $x | ".repeat(60) + "1"] {
            assert!(!run(&code, "1").starts_with("refused"), "{code}");
        }
        for operator in ["|", ",", "+", "==", " and ", " or "] {
            let outcome = run(&chain(operator, if operator == "==" { 60 } else { 120 }), "1");
            assert!(!outcome.starts_with("refused"), "{operator}: {outcome}");
        }
        let deep = format!("{}{}1{}", "[".repeat(24), "try ".repeat(60), "]".repeat(24));
        assert_eq!(run(&deep, "1"), format!("{}1{}", "[".repeat(24), "]".repeat(24)));
        let worst = format!("{}{}{}{}", "[try ".repeat(24), "if . then ".repeat(36), chain("|", 60), "]".repeat(24));
        assert!(run(&worst, "1").starts_with("refused"), "an if without its end");
        let long = format!(".{}", "[0]?".repeat(1000));
        assert_eq!(run(&long, "1"), "");
    }

    #[test]
    fn deep_values_are_worked_on() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        for code in ["tojson | length", "[paths] | length", "walk(.)", "flatten", "[..] | length", ". == .", "sort"] {
            let outcome = run(code, &deep);
            assert!(!outcome.is_empty() && !outcome.starts_with("refused"), "{code}: {outcome}");
        }
    }
}
