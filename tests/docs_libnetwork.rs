//! The page that says which test holds what Lanloom took from libnetwork: every test that it names is there, and every row names one
//! or says why it has none.

#[path = "support/source.rs"]
#[allow(dead_code, reason = "this test looks for names of functions, and not for paths")]
mod source;

use std::path::Path;

/// What a row without a test says of itself.
const WITHOUT: [&str; 3] = ["later", "not taken", "owed"];

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {file}: {error}"))
}

/// The rows of all tables but their heads: what libnetwork does, what Lanloom does, and the tests.
fn rows(page: &str) -> Vec<[String; 3]> {
    let cells = |line: &str| -> Option<[String; 3]> {
        let cells: Vec<_> =
            line.strip_prefix('|')?.strip_suffix('|')?.replace("\\|", "\0").split('|').map(str::to_owned).collect();
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.replace('\0', "|").trim().to_owned()).collect();
        Some(cells.try_into().unwrap_or_else(|_| panic!("three cells: {line}")))
    };
    let is_row = |row: &[String; 3]| row[0] != "libnetwork" && !row[0].starts_with("---");
    page.lines().filter_map(cells).filter(is_row).collect()
}

/// The tests that a cell names: file and function.
fn named(cell: &str) -> Vec<(String, String)> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted
        .map(|test| test.split_once("::").unwrap_or_else(|| panic!("FILE::TEST: {test}")))
        .map(|(a, b)| (a.into(), b.into()))
        .collect()
}

/// Whether a function of a file is run by itself: as a test, or as a case of a suite, whose list names it as well.
fn is_run(file: &str, function: &str) -> bool {
    let text = text(file);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begins = |line: &&str| line.contains(&format!("fn {function}("));
    let Some(at) = lines.iter().position(begins) else { return false };
    let marked = lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).any(|line| line.contains("test"));
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("drivers/tests");
    let listed = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("::{function},")));
    marked || (file.starts_with("drivers/tests/") && source::files(&suite).iter().any(|path| listed(path)))
}

#[test]
fn every_row_names_tests_that_are_there_or_says_why_it_has_none() {
    let rows = rows(&text("docs/libnetwork.md"));
    assert!(rows.len() > 150, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for [theirs, ours, tests] in rows {
        let tests = named(&tests);
        if tests.is_empty() && !WITHOUT.iter().any(|word| ours.starts_with(word)) {
            wrong.push(format!("{theirs}: no test"));
        }
        let absent = tests.iter().filter(|(file, test)| !is_run(file, test));
        wrong.extend(absent.map(|(file, test)| format!("{theirs}: there is no test {file}::{test}")));
    }
    assert!(wrong.is_empty(), "docs/libnetwork.md is to name what holds each row now:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_no_test_is_not_taken_for_one() {
    assert!(is_run("tests/docs_libnetwork.rs", "what_is_no_test_is_not_taken_for_one"));
    assert!(!is_run("tests/docs_libnetwork.rs", "is_run") && !is_run("tests/docs_libnetwork.rs", "nobody"));
    assert!(is_run("drivers/tests/driver/networks.rs", "a_network_is_there_once"));
    let row = "| a \\| b | later | `x.rs::y`, `z.rs::u` |";
    assert_eq!(rows(row)[0][..2], ["a | b", "later"]);
    assert_eq!(named(&rows(row)[0][2]), [("x.rs".into(), "y".into()), ("z.rs".into(), "u".into())]);
}
