//! Which GPUs the user lets this program see, by the rules of `CUDA_VISIBLE_DEVICES`: numbers, UUIDs or their beginnings,
//! instances of divided GPUs (MIG). The first entry that is none of the machine's ends the list.

use super::Machine;
use super::driver::{Driver, Physical};
use crate::exit::Stop;

/// The GPUs that are visible.
#[derive(Debug)]
pub struct Visible<'l> {
    /// In the order of the list; without one, in the driver's.
    pub gpus: Vec<VisibleGpu>,
    list: Option<&'l str>,
    /// The entry that ended the list early.
    unknown: Option<&'l str>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleGpu {
    /// What shows it to a process: the user's own entry, or where there is no list its UUID.
    pub entry: String,
    /// Its model; empty where it is unknown.
    pub model: String,
    /// Its memory in MiB; 0 where it is unknown.
    pub memory_mib: u64,
}

impl VisibleGpu {
    /// Names it for a person.
    pub fn model_or_name(&self) -> &str {
        if self.model.is_empty() { &self.entry } else { &self.model }
    }
}

impl<'l> Visible<'l> {
    /// Looks up what a `list` shows of a machine. `by_bus` tells that numbers count GPUs as the driver does, and not the
    /// fastest first.
    pub fn new(list: Option<&'l str>, machine: &Machine, by_bus: bool) -> Self {
        let Some(text) = list else {
            return Self { gpus: all(machine), list, unknown: None };
        };
        let words = text.split(',').map(str::trim);
        let words = words.take_while(|word| !word.is_empty() && !word.starts_with('-'));
        let mut gpus = Vec::new();
        let mut unknown = None;
        for word in words {
            let unnamed =
                |memory_mib| VisibleGpu { entry: word.to_owned(), model: String::new(), memory_mib };
            let found = match machine {
                Machine::Fake { count, memory_mib } => (gpus.len() < *count).then(|| unnamed(*memory_mib)),
                Machine::Unknown(_) => Some(unnamed(0)),
                Machine::Real(driver) => look_up(word, driver, by_bus),
            };
            let Some(found) = found else {
                unknown = Some(word);
                break;
            };
            gpus.push(found);
        }
        Self { gpus, list, unknown }
    }

    /// Says that there is none.
    pub fn none(&self) -> Stop {
        let why = match (self.list, self.unknown) {
            (Some(list), None) => format!("CUDA_VISIBLE_DEVICES is `{list}`"),
            (Some(list), Some(word)) => {
                format!("CUDA_VISIBLE_DEVICES is `{list}`, and `{word}` is none of this machine's")
            }
            (None, _) => "this machine has none".to_owned(),
        };
        let hint = match self.list {
            Some(_) => "name GPUs in it, or unset it to see all; ",
            None => "",
        };
        Stop::wrong(format!("error: no GPU is visible: {why}\nhint: {hint}`--device cpu` does without"))
    }

    /// Says that there are fewer than asked for.
    pub fn lacks(&self, number: usize) -> Stop {
        let count = match self.gpus.len() {
            1 => "1 GPU".to_owned(),
            count => format!("{count} GPUs"),
        };
        let there = match (self.list, self.unknown) {
            (Some(list), None) => format!("CUDA_VISIBLE_DEVICES={list} shows {count}"),
            (Some(list), Some(word)) => format!(
                "CUDA_VISIBLE_DEVICES={list} shows {count}: `{word}` is none of this machine's, and ends the list"
            ),
            (None, _) => format!("this machine has {count}"),
        };
        let named = |(number, gpu): (usize, &VisibleGpu)| {
            let model = if gpu.model.is_empty() { String::new() } else { format!(" ({})", gpu.model) };
            format!("cuda:{number} is `{}`{model}", gpu.entry)
        };
        let named: Vec<String> = self.gpus.iter().enumerate().map(named).collect();
        Stop::wrong(format!("error: no `cuda:{number}`: {there}\nhint: {}", named.join(", ")))
    }
}

/// All GPUs of a machine. A divided one is its instances.
fn all(machine: &Machine) -> Vec<VisibleGpu> {
    let driver = match machine {
        Machine::Unknown(_) => return Vec::new(),
        Machine::Fake { count, memory_mib } => {
            let fake = |number: usize| VisibleGpu {
                entry: number.to_string(),
                model: String::new(),
                memory_mib: *memory_mib,
            };
            return (0..*count).map(fake).collect();
        }
        Machine::Real(driver) => driver,
    };
    let mut gpus = Vec::new();
    for gpu in &driver.gpus {
        match &gpu.instances {
            None => gpus.push(whole(gpu, gpu.uuid.clone())),
            Some(instances) => gpus.extend(instances.iter().map(|instance| VisibleGpu {
                entry: instance.uuid.clone(),
                model: instance.model.clone(),
                memory_mib: instance.memory_mib,
            })),
        }
    }
    gpus
}

/// What an entry shows, if anything.
fn look_up(word: &str, driver: &Driver, by_bus: bool) -> Option<VisibleGpu> {
    if let Ok(number) = word.parse::<usize>() {
        let gpu = driver.gpus.get(number)?;
        let are_alike =
            driver.gpus.iter().all(|other| (&other.model, other.memory_mib) == (&gpu.model, gpu.memory_mib));
        // CUDA numbers the fastest first, which the driver does not know of.
        return Some(if are_alike || by_bus {
            whole(gpu, word.to_owned())
        } else {
            VisibleGpu { entry: word.to_owned(), model: String::new(), memory_mib: 0 }
        });
    }
    if let Some(rest) = word.strip_prefix("MIG-GPU-") {
        let uuid = format!("GPU-{}", rest.split('/').next().unwrap_or(rest));
        let gpu = driver.gpus.iter().find(|gpu| gpu.uuid == uuid)?;
        return Some(VisibleGpu { entry: word.to_owned(), model: gpu.model.clone(), memory_mib: 0 });
    }
    let instances = driver.gpus.iter().flat_map(|gpu| gpu.instances.iter().flatten());
    let instances = instances.map(|instance| (&instance.uuid, &instance.model, instance.memory_mib));
    let wholes = driver.gpus.iter().map(|gpu| (&gpu.uuid, &gpu.model, memory(gpu)));
    let mut alike = wholes.chain(instances).filter(|(uuid, ..)| uuid.starts_with(word));
    let is_uuid = word.starts_with("GPU-") || word.starts_with("MIG-");
    let (_, model, memory_mib) = alike.next().filter(|_| is_uuid)?;
    // A beginning that several share shows none of them.
    alike.next().is_none().then(|| VisibleGpu { entry: word.to_owned(), model: model.clone(), memory_mib })
}

fn whole(gpu: &Physical, entry: String) -> VisibleGpu {
    VisibleGpu { entry, model: gpu.model.clone(), memory_mib: memory(gpu) }
}

/// Of a divided GPU a process sees one instance: nobody says which.
fn memory(gpu: &Physical) -> u64 {
    if gpu.instances.is_some() { 0 } else { gpu.memory_mib }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(uuid: &str, model: &str, memory_mib: u64) -> Physical {
        Physical { uuid: uuid.into(), model: model.into(), memory_mib, instances: None }
    }

    #[test]
    fn the_beginning_of_a_uuid_shows_a_gpu_where_no_other_begins_so() {
        let gpus = vec![gpu("GPU-aa01", "A", 10), gpu("GPU-aa02", "A", 10), gpu("GPU-bb03", "A", 10)];
        let driver = Driver { version: String::new(), cuda: (13, 0), gpus };
        assert_eq!(look_up("GPU-bb", &driver, false).unwrap().entry, "GPU-bb", "as the user wrote it");
        for word in ["GPU-aa", "GPU-zz", "aa01", "MIG-aa01", "3", "GPU 0"] {
            assert_eq!(look_up(word, &driver, false), None, "{word}");
        }
    }

    #[test]
    fn of_unlike_gpus_a_number_says_little() {
        let gpus = vec![gpu("GPU-aa01", "Tesla T4", 16_000), gpu("GPU-bb02", "NVIDIA H200", 140_000)];
        let driver = Driver { version: String::new(), cuda: (13, 0), gpus };
        let found = |by_bus| look_up("0", &driver, by_bus).unwrap();
        assert_eq!((found(false).model.as_str(), found(false).memory_mib), ("", 0));
        assert_eq!((found(true).model.as_str(), found(true).memory_mib), ("Tesla T4", 16_000));
    }
}
