//! Who should run what: as even as can be, with as few moves as can be.

use std::collections::{BTreeMap, BTreeSet};

use super::TaskId;

/// Returns an owner for each wanted task. Tasks stay where they are unless one worker has at least two
/// more than another; a connector's tasks are spread where there is a choice.
pub(super) fn balance(
    wanted: &BTreeSet<TaskId>,
    workers: &BTreeSet<String>,
    current: &BTreeMap<TaskId, String>,
) -> BTreeMap<TaskId, String> {
    let mut load: BTreeMap<&str, Vec<&TaskId>> = BTreeMap::new();
    for worker in workers {
        load.insert(worker, Vec::new());
    }
    let mut homeless = Vec::new();
    for task in wanted {
        let owner = current.get(task);
        match owner.and_then(|owner| load.get_mut(owner.as_str())) {
            Some(tasks) => tasks.push(task),
            None => homeless.push(task),
        }
    }
    let siblings =
        |tasks: &[&TaskId], task: &TaskId| tasks.iter().filter(|t| t.0 == task.0).count();
    for task in homeless {
        let best = load
            .iter_mut()
            .min_by_key(|(_, tasks)| (tasks.len(), siblings(tasks, task)));
        if let Some((_, tasks)) = best {
            tasks.push(task);
        }
    }
    while let Some((from, to)) = uneven(&load) {
        let Some(given) = load.get(from.as_str()) else {
            break;
        };
        // The connector that has most tasks there gives its last one.
        let chosen = given
            .iter()
            .enumerate()
            .max_by_key(|(_, task)| (siblings(given, task), **task))
            .map(|(at, _)| at);
        let (Some(at), Some(tasks)) = (chosen, load.get_mut(from.as_str())) else {
            break;
        };
        let task = tasks.remove(at);
        load.entry(to_key(workers, &to)).or_default().push(task);
    }
    load.into_iter()
        .flat_map(|(worker, tasks)| {
            let owner = move |task: &TaskId| (task.clone(), worker.to_owned());
            tasks.into_iter().map(owner)
        })
        .collect()
}

fn to_key<'a>(workers: &'a BTreeSet<String>, name: &str) -> &'a str {
    workers.get(name).map_or("", String::as_str)
}

/// Returns the worker with most tasks and the one with fewest if they are two or more apart.
fn uneven(load: &BTreeMap<&str, Vec<&TaskId>>) -> Option<(String, String)> {
    let count = |(_, tasks): &(&&str, &Vec<&TaskId>)| tasks.len();
    let most = load.iter().max_by_key(count)?;
    let fewest = load.iter().min_by_key(count)?;
    (most.1.len() >= fewest.1.len() + 2).then(|| ((*most.0).to_owned(), (*fewest.0).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tasks(names: &[(&str, u32)]) -> BTreeSet<TaskId> {
        let all = names
            .iter()
            .flat_map(|(name, count)| (0..*count).map(|n| ((*name).to_owned(), n)));
        all.collect()
    }

    fn spread(owners: &BTreeMap<TaskId, String>, workers: &BTreeSet<String>) -> (usize, usize) {
        let counts = workers
            .iter()
            .map(|worker| owners.values().filter(|owner| *owner == worker).count());
        let counts: Vec<usize> = counts.collect();
        let (most, fewest) = (counts.iter().max(), counts.iter().min());
        (*most.unwrap_or(&0), *fewest.unwrap_or(&0))
    }

    #[test]
    fn a_connectors_tasks_are_spread() {
        let workers: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
        let owners = balance(&tasks(&[("x", 2), ("y", 2)]), &workers, &BTreeMap::new());
        for name in ["x", "y"] {
            assert_ne!(owners[&(name.to_owned(), 0)], owners[&(name.to_owned(), 1)]);
        }
    }

    proptest! {
        #[test]
        fn even_and_sticky(
            connectors in prop::collection::vec(0u32..6, 0..8),
            before in prop::collection::btree_set("[a-h]", 1..6),
            after in prop::collection::btree_set("[a-h]", 1..6),
        ) {
            let names: Vec<String> = (0..connectors.len()).map(|n| format!("c{n}")).collect();
            let list: Vec<(&str, u32)> =
                names.iter().map(String::as_str).zip(connectors).collect();
            let wanted = tasks(&list);
            let first = balance(&wanted, &before, &BTreeMap::new());
            prop_assert_eq!(first.len(), wanted.len());
            let (most, fewest) = spread(&first, &before);
            prop_assert!(most <= fewest + 1);
            // Nothing moves without a reason.
            prop_assert_eq!(&balance(&wanted, &before, &first), &first);
            let second = balance(&wanted, &after, &first);
            prop_assert_eq!(second.len(), wanted.len());
            let (most, fewest) = spread(&second, &after);
            prop_assert!(most <= fewest + 1);
            prop_assert!(second.values().all(|owner| after.contains(owner)));
            // What moves is what has lost its owner, or what evenness needs.
            let kept: usize = after.iter().map(|worker| {
                let had = first.values().filter(|owner| *owner == worker).count();
                had.min(wanted.len() / after.len())
            }).sum();
            let stayed = second.iter().filter(|(task, owner)| first.get(*task) == Some(owner)).count();
            prop_assert!(stayed >= kept, "{stayed} stayed, {kept} could have");
        }
    }
}
