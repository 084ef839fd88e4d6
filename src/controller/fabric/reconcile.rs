//! What the store and the configuration want, held against what the kernel shows: a pure diff that yields steps.

use crate::names::Name;

/// A port that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its switch.
    pub switch: Name,
    /// Its name.
    pub port: Name,
    /// What is to be plugged in.
    pub kind: WantedKind,
    /// What is where it should be.
    pub found: Found,
}

/// What is to be plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedKind {
    /// A TAP of ours.
    Tap,
    /// A veth of ours, whose other end has this name in the plumbing namespace.
    Veth {
        /// The other end.
        peer: String,
    },
    /// Somebody's interface.
    Iface,
}

/// What the kernel shows under an interface's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such namespace.
    NoNamespace,
    /// There is no such interface.
    Nothing,
    /// A TAP; whether somebody has it open.
    Tap {
        /// Somebody has.
        attached: bool,
    },
    /// One end of a veth.
    Veth,
    /// Anything else.
    Other,
    /// The kernel would not say, and why.
    Unknown(String),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Plug in what is there.
    Adopt {
        /// The switch.
        switch: Name,
        /// The port.
        port: Name,
    },
    /// Make it again, as a restart of the machine took it.
    Make {
        /// The switch.
        switch: Name,
        /// The port.
        port: Name,
    },
    /// Leave the port down until its interface is there.
    Wait {
        /// The switch.
        switch: Name,
        /// The port.
        port: Name,
        /// Why.
        why: String,
    },
}

/// The steps for ports that are wanted. `peers` are the veth ends in the plumbing namespace.
pub fn plan(wanted: &[Wanted], peers: &[String]) -> Vec<Step> {
    wanted.iter().map(|wanted| step(wanted, peers)).collect()
}

fn step(wanted: &Wanted, peers: &[String]) -> Step {
    let (switch, port) = (wanted.switch.clone(), wanted.port.clone());
    let has_peer = matches!(&wanted.kind, WantedKind::Veth { peer } if peers.contains(peer));
    let why = match (&wanted.kind, &wanted.found) {
        (_, Found::Unknown(why)) if !has_peer => why.clone(),
        // The guest end may have been renamed or moved on, as Docker does: the port's own end is what counts.
        (WantedKind::Veth { .. }, _) if has_peer => return Step::Adopt { switch, port },
        (WantedKind::Tap, Found::Tap { attached: false }) => return Step::Adopt { switch, port },
        (WantedKind::Iface, Found::Tap { .. } | Found::Veth | Found::Other) => return Step::Adopt { switch, port },
        (WantedKind::Tap | WantedKind::Veth { .. }, Found::Nothing) => return Step::Make { switch, port },
        (WantedKind::Iface, Found::Nothing) => "there is no such interface".to_owned(),
        (_, Found::NoNamespace) => "there is no such namespace".to_owned(),
        (WantedKind::Tap, Found::Tap { attached: true }) => "another process has that TAP open".to_owned(),
        (WantedKind::Tap, _) => "the interface of that name is no TAP".to_owned(),
        (WantedKind::Veth { .. }, _) => "the interface of that name is not ours".to_owned(),
        (WantedKind::Iface, Found::Unknown(why)) => why.clone(),
    };
    Step::Wait { switch, port, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(kind: WantedKind, found: Found, peers: &[&str]) -> String {
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let wanted = Wanted { switch: name("s"), port: name("p1"), kind, found };
        let peers: Vec<String> = peers.iter().map(|peer| (*peer).to_owned()).collect();
        match &plan(&[wanted], &peers)[..] {
            [Step::Adopt { .. }] => "adopt".into(),
            [Step::Make { .. }] => "make".into(),
            [Step::Wait { why, .. }] => format!("wait: {why}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_tap_is_adopted_if_nobody_has_it_made_if_nothing_is_there_and_waited_for_otherwise() {
        let tap = |found| steps(WantedKind::Tap, found, &[]);
        assert_eq!(tap(Found::Tap { attached: false }), "adopt");
        assert_eq!(tap(Found::Nothing), "make");
        assert_eq!(tap(Found::Tap { attached: true }), "wait: another process has that TAP open");
        assert_eq!(tap(Found::NoNamespace), "wait: there is no such namespace");
        assert_eq!(tap(Found::Veth), "wait: the interface of that name is no TAP");
        assert_eq!(tap(Found::Unknown("not permitted".into())), "wait: not permitted");
    }

    #[test]
    fn a_veth_is_adopted_by_its_own_end_wherever_the_other_went() {
        let veth = |found, peers| steps(WantedKind::Veth { peer: "h1".into() }, found, peers);
        for found in [Found::Veth, Found::Nothing, Found::NoNamespace, Found::Other, Found::Unknown("?".into())] {
            assert_eq!(veth(found, &["h1"]), "adopt");
        }
        assert_eq!(veth(Found::Nothing, &["h2"]), "make");
        assert_eq!(veth(Found::NoNamespace, &[]), "wait: there is no such namespace");
        assert_eq!(veth(Found::Veth, &[]), "wait: the interface of that name is not ours");
    }

    #[test]
    fn an_interface_of_somebody_is_never_made() {
        let iface = |found| steps(WantedKind::Iface, found, &[]);
        assert_eq!(iface(Found::Other), "adopt");
        assert_eq!(iface(Found::Nothing), "wait: there is no such interface");
    }
}
