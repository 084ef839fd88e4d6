//! Learned addresses of each port, oldest refresh first.
//!
//! One doubly linked list a port through a shared slab. An address moves to the end at most once a second, not once a frame:
//! an exact order would cost cache misses on every frame, and ageing counts in seconds anyway.

use super::Key;

/// No node.
const END: u32 = u32::MAX;

/// A place in the slab.
pub(super) type NodeId = u32;

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

/// The lists of all ports, by port index.
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

    /// Makes room for a port's list.
    pub(super) fn ensure_port(&mut self, port: usize) {
        if self.lists.len() <= port {
            self.lists.resize(port + 1, EMPTY);
        }
    }

    /// Addresses in a port's list.
    pub(super) fn len(&self, port: usize) -> u32 {
        self.lists.get(port).map_or(0, |list| list.len)
    }

    /// How many of a port's addresses were last seen before second `since`: the first ones of its list.
    pub(super) fn len_before(&self, port: usize, since: u32) -> u32 {
        let mut node = self.lists.get(port).map_or(END, |list| list.oldest);
        let mut len = 0;
        while node != END && self.nodes[node as usize].seen < since {
            node = self.nodes[node as usize].after;
            len += 1;
        }
        len
    }

    /// The port's address that was refreshed longest ago, and when.
    pub(super) fn oldest(&self, port: usize) -> Option<(Key, u32)> {
        let oldest = self.lists.get(port)?.oldest;
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

    /// Ports that have a list, by index.
    pub(super) fn ports(&self) -> std::ops::Range<usize> {
        0..self.lists.len()
    }

    /// Puts an address seen at second `seen` at the end of a port's list.
    pub(super) fn push(&mut self, port: usize, key: Key, seen: u32) -> NodeId {
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
        self.link(port, id);
        id
    }

    /// Moves a node to the end of `to`'s list, from `from`'s, as seen at second `seen`.
    pub(super) fn renew(&mut self, id: NodeId, from: usize, to: usize, seen: u32) {
        self.unlink(from, id);
        self.nodes[id as usize].seen = seen;
        self.link(to, id);
    }

    /// Takes a node out of a port's list.
    pub(super) fn remove(&mut self, port: usize, id: NodeId) {
        self.unlink(port, id);
        self.nodes[id as usize].after = self.free;
        self.free = id;
    }

    fn link(&mut self, port: usize, id: NodeId) {
        let list = &mut self.lists[port];
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

    fn unlink(&mut self, port: usize, id: NodeId) {
        let Node { before, after, .. } = self.nodes[id as usize];
        let list = &mut self.lists[port];
        list.len -= 1;
        if before == END {
            list.oldest = after;
        } else {
            self.nodes[before as usize].after = after;
        }
        if after == END {
            self.lists[port].newest = before;
        } else {
            self.nodes[after as usize].before = before;
        }
    }
}
