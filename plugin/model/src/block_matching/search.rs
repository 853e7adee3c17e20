//! The search over shifts. Everything that looks for a motion goes through here.

use super::shift::Shift;

/// The shift of least cost, and its cost: the first of equally cheap ones. `None` if no shift has a cost.
///
/// `cost` gives `None` for a shift that is no candidate, such as one that leaves too little to compare. It gets the
/// least cost so far, and may give `None` as soon as it is sure not to stay below. A pair as the cost decides between
/// equally good shifts: `(difference, length)` prefers the shorter one.
///
/// ```
/// use genie_model::block_matching::{Shift, cheapest, shifts_in_rows};
///
/// let wanted = Shift { right: 2, down: -1 };
/// let cost = |shift: Shift, _| Some((shift.right - wanted.right).abs() + (shift.down - wanted.down).abs());
/// assert_eq!(cheapest(shifts_in_rows(4, 4), cost), Some((wanted, 0)));
/// ```
pub fn cheapest<C: PartialOrd + Copy>(
    shifts: impl IntoIterator<Item = Shift>,
    cost: impl FnMut(Shift, Option<C>) -> Option<C>,
) -> Option<(Shift, C)> {
    search(shifts, cost, |cost, least| cost < least)
}

/// As [`cheapest`], with a rule of its own for when a cost is better than the best so far: a search whose later shifts must be
/// better by a margin prefers the shifts that come first.
pub fn search<C: Copy>(
    shifts: impl IntoIterator<Item = Shift>,
    mut cost: impl FnMut(Shift, Option<C>) -> Option<C>,
    is_better: impl Fn(C, C) -> bool,
) -> Option<(Shift, C)> {
    let mut best: Option<(Shift, C)> = None;
    for shift in shifts {
        if let Some(cost) = cost(shift, best.map(|(_, cost)| cost))
            && best.is_none_or(|(_, least)| is_better(cost, least))
        {
            best = Some((shift, cost));
        }
    }
    best
}

/// The `count` cheapest shifts in the order in which they were given, and of equally cheap ones the first: what a rough cost
/// leaves for an exact one to decide.
pub fn shortlist(
    shifts: impl IntoIterator<Item = Shift>,
    count: usize,
    mut cost: impl FnMut(Shift) -> f32,
) -> Vec<Shift> {
    let mut tried: Vec<(f32, usize, Shift)> = shifts
        .into_iter()
        .enumerate()
        .map(|(at, shift)| (cost(shift), at, shift))
        .collect();
    if count < tried.len() {
        tried.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        tried.truncate(count);
        tried.sort_unstable_by_key(|&(_, at, _)| at);
    }
    tried.into_iter().map(|(.., shift)| shift).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shift::shifts_in_rows;
    use super::*;

    proptest! {
        /// Against what the definitions say: sorted by cost and place, the first ones.
        #[test]
        fn the_first_of_the_cheapest_shifts_are_found(
            costs in proptest::collection::vec(proptest::option::weighted(0.8, 0_u8..6), 35),
            count in 0_usize..40,
        ) {
            let shifts: Vec<Shift> = shifts_in_rows(3, 2).collect();
            prop_assert_eq!(shifts.len(), costs.len());
            let cost_of = |shift: Shift| costs[((shift.down + 2) * 7 + shift.right + 3) as usize];
            let mut sorted: Vec<(u8, usize)> = costs
                .iter()
                .enumerate()
                .filter_map(|(at, cost)| Some(((*cost)?, at)))
                .collect();
            sorted.sort_unstable();
            let first = sorted.first().map(|&(cost, at)| (shifts[at], cost));
            prop_assert_eq!(cheapest(shifts.iter().copied(), |shift, _| cost_of(shift)), first);
            // A cost that leaves early finds the same.
            let early = |shift, least: Option<u8>| {
                cost_of(shift).filter(|cost| least.is_none_or(|least| *cost < least))
            };
            prop_assert_eq!(cheapest(shifts.iter().copied(), early), first);

            let with_costs = sorted.iter().map(|&(_, at)| shifts[at]).collect::<Vec<_>>();
            let mut expected: Vec<usize> = sorted.iter().take(count).map(|&(_, at)| at).collect();
            expected.sort_unstable();
            let expected: Vec<Shift> = expected.into_iter().map(|at| shifts[at]).collect();
            let given = shifts.iter().copied().filter(|shift| with_costs.contains(shift));
            let found = shortlist(given, count, |shift| f32::from(cost_of(shift).unwrap_or(9)));
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_margin_prefers_what_comes_first() {
        let cost = |shift: Shift, _| Some(-shift.right);
        let with_margin = search(shifts_in_rows(2, 0), cost, |cost, best| cost < best - 2);
        assert_eq!(with_margin, Some((Shift { right: 1, down: 0 }, -1)));
        assert_eq!(cheapest::<i32>([], cost), None);
    }
}
