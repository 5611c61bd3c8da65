//! Which CPUs servers and clients run on.
//!
//! They are kept apart, so that neither takes time from the other. Helper threads of the `cores`
//! engine need a CPU besides the server's; then the server gets more CPUs in *every* variant, stock
//! included, so that none has an advantage.

use crate::failure::Failure;
use rustix::thread::{CpuSet, sched_getaffinity};
use serde_json::{Map, Value, json};

/// CPUs by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Those of the server and its helper threads.
    pub(crate) server: Vec<usize>,
    /// Those of the clients.
    pub(crate) client: Vec<usize>,
}

impl Placement {
    /// Chooses among the CPUs that this process may use; `helpers` says that jobs run beside the
    /// server. What is given is taken as it is.
    ///
    /// # Errors
    /// Where a given CPU is not one of them.
    pub(crate) fn choose(
        helpers: bool,
        server: &[usize],
        client: &[usize],
    ) -> Result<Self, Failure> {
        let allowed = allowed()?;
        for cpu in server.iter().chain(client) {
            if !allowed.contains(cpu) {
                let line = format!("CPU {cpu} cannot be used; there are {}", list(&allowed));
                return Err(Failure::usage(line));
            }
        }
        let mut placement = Self::among(&allowed, helpers);
        if !server.is_empty() {
            placement.server = server.to_vec();
        }
        if !client.is_empty() {
            placement.client = client.to_vec();
        }
        Ok(placement)
    }

    /// The client gets the last CPU. The server gets the first; with helpers, all but the client's,
    /// and where that leaves them none of their own, all.
    fn among(allowed: &[usize], helpers: bool) -> Self {
        let client = allowed.last().copied().into_iter().collect();
        let server = match (allowed, helpers) {
            ([first, ..], false) => vec![*first],
            ([rest @ .., _], true) if rest.len() > 1 => rest.to_vec(),
            _ => allowed.to_vec(),
        };
        Self { server, client }
    }

    /// For the outcome's parameters.
    pub(crate) fn add_to(&self, params: &mut Map<String, Value>) {
        params.insert("server_cpus".into(), json!(self.server));
        params.insert("client_cpus".into(), json!(self.client));
    }
}

fn allowed() -> Result<Vec<usize>, Failure> {
    let set = sched_getaffinity(None)
        .map_err(|error| Failure::usage(format!("cannot tell which CPUs there are: {error}")))?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

fn list(cpus: &[usize]) -> String {
    cpus.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_and_client_are_kept_apart_as_far_as_cpus_go() {
        let cases = [
            (vec![0], false, vec![0], vec![0]),
            (vec![0], true, vec![0], vec![0]),
            (vec![0, 1], false, vec![0], vec![1]),
            (vec![0, 1], true, vec![0, 1], vec![1]),
            (vec![2, 3, 5], false, vec![2], vec![5]),
            (vec![2, 3, 5], true, vec![2, 3], vec![5]),
        ];
        for (allowed, helpers, server, client) in cases {
            assert_eq!(Placement::among(&allowed, helpers), Placement { server, client });
        }
    }

    #[test]
    fn a_cpu_that_is_not_there_is_named() {
        let failure = Placement::choose(false, &[999], &[]).unwrap_err();
        assert!(failure.parts().1.starts_with("CPU 999 cannot be used"));
    }
}
