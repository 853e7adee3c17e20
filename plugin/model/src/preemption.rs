//! Points within a pass at which the thread that runs it may pause.

use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    static HOOK: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Sets the hook of this thread: it is called between the parts of every pass that runs on the thread, and the pass goes on
/// when it returns.
///
/// A part is what a thread does between two barriers, one block of the network for its share of a frame's tokens: less than
/// a millisecond for the shipped world. Passes over a whole window, as in training, and those on a
/// graphics processor have no such points.
pub fn set_preemption_hook(hook: impl Fn() + 'static) {
    HOOK.set(Some(Rc::new(hook)));
}

/// Calls this thread's hook.
pub(crate) fn preemption_point() {
    // Released before the call, so that a hook may set another one.
    let hook = HOOK.with_borrow(Clone::clone);
    if let Some(hook) = hook {
        hook();
    }
}
