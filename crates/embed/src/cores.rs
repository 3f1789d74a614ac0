//! Work on every core at once, one item a core.
//!
//! On a CPU an encoder is fastest when each core runs one item alone: no core waits for another inside an operation.
//! It is also what makes a vector depend on its item and on nothing else: in a batch, or with several threads inside
//! an operation, LibTorch chooses other kernels, and the last bits move.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Calls `work` on every item, on as many threads as LibTorch may use, and `take` with each result on this thread, in
/// the order in which they are ready. Workers run at most `ahead` results (or two each) ahead of what is taken. The
/// first error ends it.
///
/// # Errors
/// Whatever `work` or `take` fails with.
pub fn on_every_core<'i, I: Sync, O: Send, E: Send>(
    items: &'i [I],
    ahead: usize,
    work: impl Fn(&'i I) -> Result<O, E> + Sync,
    mut take: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    let n_threads = tch::get_num_threads();
    let n_workers = usize::try_from(n_threads).unwrap_or(1).clamp(1, items.len().max(1));
    let next = AtomicUsize::new(0);
    // Bounded, so that workers do not run ahead of what is taken.
    let (sender, results) = mpsc::sync_channel(ahead.max(2 * n_workers));
    let done = std::thread::scope(|scope| {
        for _ in 0..n_workers {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                tch::set_num_threads(1);
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody receives any more after an error.
                    if sender.send(work(item)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        // Consumed, so that it is closed on an error: else workers would wait for room in it.
        results.into_iter().try_for_each(|result| take(result?))
    });
    // The workers' one thread has become LibTorch's default for new threads.
    tch::set_num_threads(n_threads);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        let items: Vec<usize> = (0..1000).collect();
        let mut seen = Vec::new();
        let done: Result<(), ()> = on_every_core(
            &items,
            0,
            |item| Ok(item * 2),
            |doubled| {
                seen.push(doubled);
                Ok(())
            },
        );
        seen.sort_unstable();
        assert_eq!(done, Ok(()));
        assert_eq!(seen, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(on_every_core(&[] as &[usize], 0, |_| Ok::<(), ()>(()), |()| Ok(())), Ok(()));
    }

    #[test]
    fn the_first_error_ends_it_wherever_it_happens() {
        let items: Vec<usize> = (0..10_000).collect();
        let worked = AtomicUsize::new(0);
        let done = on_every_core(
            &items,
            0,
            |item| {
                worked.fetch_add(1, Ordering::Relaxed);
                if *item == 10 { Err("work") } else { Ok(()) }
            },
            |()| Ok(()),
        );
        assert_eq!(done, Err("work"));
        assert!(worked.load(Ordering::Relaxed) < 1000);
        assert_eq!(on_every_core(&items, 0, |_| Ok(()), |()| Err("take")), Err("take"));
    }

    #[test]
    fn libtorch_has_its_threads_back_afterwards() {
        let before = tch::get_num_threads();
        let _: Result<(), ()> = on_every_core(&[1, 2, 3], 0, |_| Ok(()), |()| Ok(()));
        assert_eq!(tch::get_num_threads(), before);
    }
}
