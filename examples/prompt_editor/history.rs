//! Undo and redo without end.

/// A value with its past and, after an undo, its future.
#[derive(Clone, Debug)]
pub(crate) struct History<T> {
    now: T,
    past: Vec<T>,
    future: Vec<T>,
}

impl<T: Clone + PartialEq> History<T> {
    /// A value without a past.
    pub(crate) fn new(now: T) -> Self {
        Self {
            now,
            past: Vec::new(),
            future: Vec::new(),
        }
    }

    /// The value.
    pub(crate) fn now(&self) -> &T {
        &self.now
    }

    /// Goes on with another value. Nothing is kept if it is the same. Returns whether it is not.
    pub(crate) fn change(&mut self, next: T) -> bool {
        if next == self.now {
            return false;
        }
        self.past.push(std::mem::replace(&mut self.now, next));
        self.future.clear();
        true
    }

    /// Goes back by a step, if there is one.
    pub(crate) fn undo(&mut self) -> bool {
        let Some(before) = self.past.pop() else {
            return false;
        };
        self.future.push(std::mem::replace(&mut self.now, before));
        true
    }

    /// Takes an undo back, if there is one.
    pub(crate) fn redo(&mut self) -> bool {
        let Some(next) = self.future.pop() else {
            return false;
        };
        self.past.push(std::mem::replace(&mut self.now, next));
        true
    }

    /// Steps that can be undone, and redone.
    pub(crate) fn steps(&self) -> (usize, usize) {
        (self.past.len(), self.future.len())
    }
}
