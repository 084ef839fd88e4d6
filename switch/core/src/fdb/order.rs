//! Addresses of each port that age, oldest refresh first: those that were learned, and apart from them those that were set.
//!
//! Doubly linked lists through a shared slab. An address moves to the end at most once a second, not once a frame:
//! an exact order would cost cache misses on every frame, and ageing counts in seconds anyway.

use super::Key;

/// No node.
const END: u32 = u32::MAX;

/// A place in the slab.
pub(super) type NodeId = u32;

/// One of the two lists of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListId(usize);

impl ListId {
    /// What was learned on the port at this index.
    pub(super) fn learned(port: usize) -> Self {
        Self(port * 2)
    }

    /// What was set there and ages.
    pub(super) fn sticky(port: usize) -> Self {
        Self(port * 2 + 1)
    }
}

#[derive(Clone, Debug)]
struct Node {
    key: Key,
    seen: u32,
    before: NodeId,
    after: NodeId,
}

#[derive(Clone, Copy, Debug)]
struct List {
    oldest: NodeId,
    newest: NodeId,
    len: u32,
}

const EMPTY: List = List { oldest: END, newest: END, len: 0 };

/// The lists of all ports.
#[derive(Clone, Debug)]
pub(super) struct Order {
    nodes: Vec<Node>,
    free: NodeId,
    lists: Vec<List>,
}

impl Order {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), free: END, lists: Vec::new() }
    }

    /// Makes room for `capacity` addresses in all.
    pub(super) fn reserve(&mut self, capacity: usize) {
        self.nodes.reserve(capacity.saturating_sub(self.nodes.len()));
    }

    /// Makes room for a port's lists.
    pub(super) fn ensure_port(&mut self, port: usize) {
        let lists = ListId::sticky(port).0 + 1;
        if self.lists.len() < lists {
            self.lists.resize(lists, EMPTY);
        }
    }

    /// Addresses in a list.
    pub(super) fn len(&self, list: ListId) -> u32 {
        self.lists.get(list.0).map_or(0, |list| list.len)
    }

    /// How many of a list's addresses were last seen before second `since`: its first ones.
    pub(super) fn len_before(&self, list: ListId, since: u32) -> u32 {
        let mut node = self.lists.get(list.0).map_or(END, |list| list.oldest);
        let mut len = 0;
        while node != END && self.nodes[node as usize].seen < since {
            node = self.nodes[node as usize].after;
            len += 1;
        }
        len
    }

    /// The list's address that was refreshed longest ago, and when.
    pub(super) fn oldest(&self, list: ListId) -> Option<(Key, u32)> {
        let oldest = self.lists.get(list.0)?.oldest;
        (oldest != END).then(|| (self.nodes[oldest as usize].key, self.nodes[oldest as usize].seen))
    }

    /// Loads what [`Order::renew`] will change around a node.
    pub(super) fn warm(&self, id: NodeId) -> (u32, u32) {
        let seen = |id: NodeId| self.nodes.get(id as usize).map_or(0, |node| node.seen);
        let node = &self.nodes[id as usize];
        (seen(node.before), seen(node.after))
    }

    /// When a node's address was last seen, in seconds.
    pub(super) fn seen(&self, id: NodeId) -> u32 {
        self.nodes[id as usize].seen
    }

    /// Ports that have lists, by index.
    pub(super) fn ports(&self) -> std::ops::Range<usize> {
        0..self.lists.len() / 2
    }

    /// All lists.
    pub(super) fn lists(&self) -> impl Iterator<Item = ListId> + use<> {
        (0..self.lists.len()).map(ListId)
    }

    /// Puts an address seen at second `seen` at the end of a list.
    pub(super) fn push(&mut self, list: ListId, key: Key, seen: u32) -> NodeId {
        let node = Node { key, seen, before: END, after: END };
        let id = if self.free == END {
            self.nodes.push(node);
            (self.nodes.len() - 1) as NodeId
        } else {
            let id = self.free;
            self.free = self.nodes[id as usize].after;
            self.nodes[id as usize] = node;
            id
        };
        self.link(list, id);
        id
    }

    /// Moves a node to the end of `to`'s list, from `from`'s, as seen at second `seen`.
    pub(super) fn renew(&mut self, id: NodeId, from: ListId, to: ListId, seen: u32) {
        self.unlink(from, id);
        self.nodes[id as usize].seen = seen;
        self.link(to, id);
    }

    /// Takes a node out of its list.
    pub(super) fn remove(&mut self, list: ListId, id: NodeId) {
        self.unlink(list, id);
        self.nodes[id as usize].after = self.free;
        self.free = id;
    }

    fn link(&mut self, list: ListId, id: NodeId) {
        let list = &mut self.lists[list.0];
        let last = list.newest;
        list.newest = id;
        list.len += 1;
        if last == END {
            list.oldest = id;
        } else {
            self.nodes[last as usize].after = id;
        }
        let node = &mut self.nodes[id as usize];
        (node.before, node.after) = (last, END);
    }

    fn unlink(&mut self, list: ListId, id: NodeId) {
        let Node { before, after, .. } = self.nodes[id as usize];
        let list = &mut self.lists[list.0];
        list.len -= 1;
        if before == END {
            list.oldest = after;
        } else {
            self.nodes[before as usize].after = after;
        }
        if after == END {
            list.newest = before;
        } else {
            self.nodes[after as usize].before = before;
        }
    }
}
