//! Panics of the model's code become errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::ThreadPool;

use crate::error::GenieError;

/// Runs `work` on the pool and turns a panic into an error. What `work` changes must be whole after a panic: rollouts
/// are, they are only replaced once a step is done.
pub(super) fn guarded<T: Send>(
    pool: Option<&ThreadPool>,
    work: impl FnOnce() -> Result<T, GenieError> + Send,
) -> Result<T, GenieError> {
    catch_unwind(AssertUnwindSafe(|| match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }))
    .unwrap_or_else(|panic| Err(GenieError::Panic(panic_message(panic.as_ref()))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use rayon::ThreadPoolBuilder;

    use super::*;

    #[test]
    fn a_panic_in_the_pool_becomes_an_error_and_the_pool_lives_on() {
        let pool = ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .expect("one thread can be started");
        let result: Result<(), _> = guarded(Some(&pool), || panic!("shape {}", 3));
        assert!(matches!(result, Err(GenieError::Panic(text)) if text == "shape 3"));
        assert!(matches!(guarded(Some(&pool), || Ok(7)), Ok(7)));
    }
}
