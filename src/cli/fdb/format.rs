//! How addresses are shown: our table, or the lines of a tool that people know.

use crate::api::types::FdbEntry;
use crate::cli::table::Table;
use clap::ValueEnum;
use std::iter;

/// Whose shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table
    Table,
    /// As `bridge fdb show`
    Bridge,
    /// As `ovs-appctl fdb/show`
    Ovs,
}

/// A table with a header.
pub(super) fn table(entries: &[FdbEntry]) -> Table {
    let mut table = Table::new(&["MAC", "PORT", ">VID", "KIND", ">AGE"]);
    for entry in entries {
        let age = if entry.is_static { String::new() } else { format!("{} s", entry.age_secs) };
        table.row([entry.mac.clone(), entry.port.clone(), entry.vid.to_string(), kind(entry).into(), age]);
    }
    table
}

/// `MAC dev PORT [vlan N] [sticky] master SWITCH [static]`, the order of iproute2's `bridge/fdb.c`.
pub(super) fn bridge(switch: &str, entries: &[FdbEntry]) -> impl Iterator<Item = String> {
    entries.iter().map(move |entry| {
        let vlan = if entry.vid == 0 { String::new() } else { format!(" vlan {}", entry.vid) };
        let sticky = if entry.sticky { " sticky" } else { "" };
        let state = if entry.is_static { " static" } else { "" };
        format!("{} dev {}{vlan}{sticky} master {switch}{state}", entry.mac, entry.port)
    })
}

/// ` port  VLAN  MAC                Age`, as Open vSwitch's `ofproto-dpif.c` prints it, with our port names.
pub(super) fn ovs(entries: &[FdbEntry]) -> impl Iterator<Item = String> {
    let header = iter::once(" port  VLAN  MAC                Age".to_owned());
    header.chain(entries.iter().map(|entry| {
        let age = if entry.is_static { "static".to_owned() } else { format!("{:>3}", entry.age_secs) };
        format!("{:>5}  {:>4}  {}  {age}", entry.port, entry.vid, entry.mac)
    }))
}

fn kind(entry: &FdbEntry) -> &'static str {
    match (entry.is_static, entry.sticky) {
        (true, _) => "static",
        (false, true) => "sticky",
        (false, false) => "learned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<FdbEntry> {
        let entry = |mac: &str, vid, is_static, sticky, age_secs| FdbEntry {
            mac: mac.into(),
            port: "p1".into(),
            vid,
            is_static,
            sticky,
            age_secs,
        };
        vec![
            entry("02:00:00:00:00:0a", 0, false, false, 12),
            entry("02:00:00:00:00:0b", 7, true, false, 0),
            entry("02:00:00:00:00:0c", 0, false, true, 300),
        ]
    }

    #[test]
    fn the_table_says_how_an_address_came_in() {
        let expected = "\
MAC                PORT  VID  KIND       AGE
02:00:00:00:00:0a  p1      0  learned   12 s
02:00:00:00:00:0b  p1      7  static
02:00:00:00:00:0c  p1      0  sticky   300 s
";
        assert_eq!(table(&entries()).render(false), expected);
    }

    #[test]
    fn the_bridge_format_has_the_words_of_bridge_fdb_show() {
        let lines: Vec<String> = bridge("s1", &entries()).collect();
        assert_eq!(
            lines,
            [
                "02:00:00:00:00:0a dev p1 master s1",
                "02:00:00:00:00:0b dev p1 vlan 7 master s1 static",
                "02:00:00:00:00:0c dev p1 sticky master s1"
            ]
        );
    }

    #[test]
    fn the_ovs_format_has_the_columns_of_fdb_show() {
        let lines: Vec<String> = ovs(&entries()).collect();
        assert_eq!(
            lines,
            [
                " port  VLAN  MAC                Age",
                "   p1     0  02:00:00:00:00:0a   12",
                "   p1     7  02:00:00:00:00:0b  static",
                "   p1     0  02:00:00:00:00:0c  300"
            ]
        );
    }
}
