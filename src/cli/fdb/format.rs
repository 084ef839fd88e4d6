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

/// A table with a header. Who is behind a tunnel has the other end that leads there beside its port.
pub(super) fn table(entries: &[FdbEntry]) -> Table {
    let has_tunnel = entries.iter().any(|entry| entry.dst.is_some());
    let mut table = match has_tunnel {
        true => Table::new(&["MAC", "PORT", "DST", ">VID", "KIND", ">AGE"]),
        false => Table::new(&["MAC", "PORT", ">VID", "KIND", ">AGE"]),
    };
    for entry in entries {
        let age = if entry.is_static { String::new() } else { format!("{} s", entry.age_secs) };
        let (mac, port, dst) = (entry.mac.clone(), entry.port.clone(), entry.dst.clone().unwrap_or_default());
        let (vid, kind) = (entry.vid.to_string(), kind(entry).to_owned());
        match has_tunnel {
            true => table.row([mac, port, dst, vid, kind, age]),
            false => table.row([mac, port, vid, kind, age]),
        }
    }
    table
}

/// `MAC dev PORT [vlan N] [sticky] master SWITCH [static]`, the order of iproute2's `bridge/fdb.c`; and for who is behind a tunnel a
/// second line, as of the VXLAN interface itself: `MAC dev PORT dst VTEP self [permanent]`. Floods have that line only.
pub(super) fn bridge(switch: &str, entries: &[FdbEntry]) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        let (mac, port) = (&entry.mac, &entry.port);
        if !is_flood(entry) {
            let vlan = if entry.vid == 0 { String::new() } else { format!(" vlan {}", entry.vid) };
            let sticky = if entry.sticky { " sticky" } else { "" };
            let state = if entry.is_static { " static" } else { "" };
            lines.push(format!("{mac} dev {port}{vlan}{sticky} master {switch}{state}"));
        }
        if let Some(dst) = &entry.dst {
            let state = if entry.is_static { " permanent" } else { "" };
            lines.push(format!("{mac} dev {port} dst {dst} self{state}"));
        }
    }
    lines
}

/// ` port  VLAN  MAC                Age`, as Open vSwitch's `ofproto-dpif.c` prints it, with our port names.
pub(super) fn ovs(entries: &[FdbEntry]) -> impl Iterator<Item = String> {
    let header = iter::once(" port  VLAN  MAC                Age".to_owned());
    // It knows stations only, and none of floods.
    header.chain(entries.iter().filter(|entry| !is_flood(entry)).map(|entry| {
        let age = if entry.is_static { "static".to_owned() } else { format!("{:>3}", entry.age_secs) };
        format!("{:>5}  {:>4}  {}  {age}", entry.port, entry.vid, entry.mac)
    }))
}

/// Whether it has floods sent to another end of a tunnel.
fn is_flood(entry: &FdbEntry) -> bool {
    entry.mac == "00:00:00:00:00:00"
}

fn kind(entry: &FdbEntry) -> &'static str {
    match (entry.is_static, entry.sticky) {
        _ if is_flood(entry) => "flood",
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
            dst: None,
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

    /// Floods to two other ends, and a station behind each.
    fn behind_a_tunnel() -> Vec<FdbEntry> {
        let entry = |mac: &str, dst: &str, is_static, age_secs| FdbEntry {
            mac: mac.into(),
            port: "p2".into(),
            dst: Some(dst.into()),
            vid: 0,
            is_static,
            sticky: false,
            age_secs,
        };
        vec![
            entry("00:00:00:00:00:00", "192.0.2.7", true, 0),
            entry("00:00:00:00:00:00", "192.0.2.8", true, 0),
            entry("02:00:00:00:00:0d", "192.0.2.7", false, 5),
            entry("02:00:00:00:00:0e", "192.0.2.8", true, 0),
        ]
    }

    #[test]
    fn who_is_behind_a_tunnel_is_shown_with_the_other_end_in_every_format() {
        let all: Vec<FdbEntry> = behind_a_tunnel().into_iter().chain(entries().into_iter().take(1)).collect();
        let expected = "\
MAC                PORT  DST        VID  KIND      AGE
00:00:00:00:00:00  p2    192.0.2.7    0  flood
00:00:00:00:00:00  p2    192.0.2.8    0  flood
02:00:00:00:00:0d  p2    192.0.2.7    0  learned   5 s
02:00:00:00:00:0e  p2    192.0.2.8    0  static
02:00:00:00:00:0a  p1                 0  learned  12 s
";
        assert_eq!(table(&all).render(false), expected);
        assert_eq!(
            bridge("s1", &all),
            [
                "00:00:00:00:00:00 dev p2 dst 192.0.2.7 self permanent",
                "00:00:00:00:00:00 dev p2 dst 192.0.2.8 self permanent",
                "02:00:00:00:00:0d dev p2 master s1",
                "02:00:00:00:00:0d dev p2 dst 192.0.2.7 self",
                "02:00:00:00:00:0e dev p2 master s1 static",
                "02:00:00:00:00:0e dev p2 dst 192.0.2.8 self permanent",
                "02:00:00:00:00:0a dev p1 master s1",
            ]
        );
        let known: Vec<String> = ovs(&all).skip(1).collect();
        assert_eq!(known.len(), 3, "{known:?}");
        let json = serde_json::to_string(&all[2]).expect("plain data");
        assert!(json.contains(r#""port":"p2","dst":"192.0.2.7","vid":0,"static":false"#), "{json}");
        assert!(!serde_json::to_string(&all[4]).expect("plain data").contains("dst"));
    }

    #[test]
    fn the_bridge_format_has_the_words_of_bridge_fdb_show() {
        assert_eq!(
            bridge("s1", &entries()),
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
