//! The device that networks compute on: the CPU, or GPUs of those that the user can see.
//!
//! `cuda:N` counts the entries of `CUDA_VISIBLE_DEVICES`; where it is not set, the GPUs in `nvidia-smi`'s order. A worker is given the
//! entry itself, not its number. GPUs are found by asking the driver, so that planning needs no libtorch. `AFFEKT_FAKE_GPUS=N`
//! stands for a machine with N GPUs: nodes are dealt out as to GPUs and compute on the CPU. `N:MIB` gives each so much memory.

mod driver;
mod visible;

use std::collections::BTreeMap;
use std::env;

use affekt_graph::Gpu;

use self::driver::Driver;
use self::visible::Visible;
pub use self::visible::VisibleGpu;
use crate::exit::Stop;
use crate::out::say;
use crate::{libtorch, place};

/// What networks compute on.
#[derive(Debug, Clone)]
pub struct Device {
    /// The GPUs, in the order that they are asked for; none on the CPU.
    gpus: Vec<Gpu>,
    /// Their models, each once.
    models: Vec<String>,
    machine: Machine,
    /// Whether it is the CPU, if only for lack of a GPU.
    is_cpu: bool,
    /// What to say of GPUs that are there and not used.
    unused: Option<String>,
}

/// What is known of the GPUs of this machine.
#[derive(Debug, Clone)]
enum Machine {
    /// What the driver says.
    Real(Driver),
    /// Stand-ins of so many MiB, 0 for an unknown size.
    Fake { count: usize, memory_mib: u64 },
    /// There is no driver, or it does not answer: why.
    Unknown(String),
}

/// What `--device` says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    /// All GPUs that can be used, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// All GPUs.
    AllGpus,
    /// The GPUs with these numbers.
    Gpus(Vec<usize>),
}

/// Reads `--device`.
///
/// # Errors
/// When it names no device, or a GPU that is not visible. Whether GPUs can be computed on says [`Device::check`].
pub fn parse(text: &str) -> Result<Device, Stop> {
    let choice = Choice::read(text)?;
    if choice == Choice::Cpu {
        return Ok(Device::cpu(None));
    }
    let machine = Machine::of_environment()?;
    let list = env::var("CUDA_VISIBLE_DEVICES").ok();
    choose(&choice, machine, list.as_deref(), is_by_bus(), libtorch::has("libtorch_cuda.so"))
}

/// What there is of GPUs, whatever is asked for.
#[derive(Debug)]
pub struct Discovered {
    /// The driver and the CUDA that it supports, or why there is none.
    pub driver: String,
    /// The GPUs that the user can see, in the order of their numbers.
    pub gpus: Vec<VisibleGpu>,
}

/// Finds the driver and the GPUs that are visible.
///
/// # Errors
/// When `AFFEKT_FAKE_GPUS` cannot be read.
pub fn discover() -> Result<Discovered, Stop> {
    let machine = Machine::of_environment()?;
    let driver = match &machine {
        Machine::Real(driver) => {
            let (major, minor) = driver.cuda;
            format!("NVIDIA {} (CUDA {major}.{minor})", driver.version)
        }
        Machine::Fake { count, .. } => format!("AFFEKT_FAKE_GPUS stands for one with {count} GPUs"),
        Machine::Unknown(why) => why.clone(),
    };
    let list = env::var("CUDA_VISIBLE_DEVICES").ok();
    let gpus = Visible::new(list.as_deref(), &machine, is_by_bus()).gpus;
    Ok(Discovered { driver, gpus })
}

/// Tells whether CUDA numbers GPUs as the driver does.
fn is_by_bus() -> bool {
    env::var("CUDA_DEVICE_ORDER").is_ok_and(|order| order == "PCI_BUS_ID")
}

/// Chooses among the GPUs of a machine that are visible by `list`.
fn choose(
    choice: &Choice,
    machine: Machine,
    list: Option<&str>,
    by_bus: bool,
    has_libraries: bool,
) -> Result<Device, Stop> {
    let visible = Visible::new(list, &machine, by_bus);
    let is_known = list.is_some() || !matches!(machine, Machine::Unknown(_));
    let numbers: Vec<usize> = match choice {
        Choice::Cpu => return Ok(Device::cpu(None)),
        Choice::Auto => match &machine {
            Machine::Unknown(_) => return Ok(Device::cpu(None)),
            Machine::Real(_) if !visible.gpus.is_empty() && !has_libraries => {
                let unused = format!(
                    "computing on the CPU: there is {}, but libtorch in {} has no CUDA libraries; `{} setup --cuda` downloads them",
                    visible.gpus[0].model_or_name(),
                    libtorch::home().display(),
                    place::program()
                );
                return Ok(Device::cpu(Some(unused)));
            }
            _ if visible.gpus.is_empty() => return Ok(Device::cpu(None)),
            _ => (0..visible.gpus.len()).collect(),
        },
        Choice::AllGpus if is_known && visible.gpus.is_empty() => return Err(visible.none()),
        Choice::AllGpus => (0..visible.gpus.len()).collect(),
        // Whoever plans for another machine does not have to be on it.
        Choice::Gpus(_) if !is_known => Vec::new(),
        Choice::Gpus(_) if visible.gpus.is_empty() => return Err(visible.none()),
        Choice::Gpus(numbers) => numbers.clone(),
    };
    if let Some(missing) = numbers.iter().find(|number| **number >= visible.gpus.len()) {
        return Err(visible.lacks(*missing));
    }
    let mut models: Vec<String> = Vec::new();
    let mut gpus = Vec::new();
    for number in numbers {
        let gpu = &visible.gpus[number];
        if !gpu.model.is_empty() && !models.contains(&gpu.model) {
            models.push(gpu.model.clone());
        }
        gpus.push(Gpu {
            name: format!("cuda:{number}"),
            visible: gpu.entry.clone(),
            memory_mib: gpu.memory_mib,
        });
    }
    Ok(Device { gpus, models, machine, is_cpu: false, unused: None })
}

impl Device {
    fn cpu(unused: Option<String>) -> Self {
        let machine = Machine::Fake { count: 0, memory_mib: 0 };
        Self { gpus: Vec::new(), models: Vec::new(), machine, is_cpu: true, unused }
    }

    /// Returns the kind that decides the bits of results, as keys have it: `cpu` or `cuda`. Stand-ins compute on the CPU.
    pub fn kind(&self) -> &'static str {
        if self.is_cpu || matches!(self.machine, Machine::Fake { .. }) { "cpu" } else { "cuda" }
    }

    /// Returns the GPUs that nodes are dealt out to.
    pub fn gpus(&self) -> &[Gpu] {
        &self.gpus
    }

    /// Names what is computed on, of a machine as [`affekt_graph::machine`] describes it.
    pub fn name(&self, machine: &BTreeMap<String, String>) -> String {
        match self.kind() {
            "cpu" => {
                let named = machine.get("cpu").filter(|text| !text.is_empty());
                named.cloned().unwrap_or_else(|| "this CPU".into())
            }
            _ if self.models.is_empty() => "this GPU".into(),
            _ => self.models.join(", "),
        }
    }

    /// Checks before work starts that the GPUs can be computed on: that there is a driver, that libtorch has its CUDA libraries,
    /// which are fetched where they may be, and that the driver is recent enough for them.
    ///
    /// # Errors
    /// When one of these is not so: with what to install.
    pub fn check(&self) -> Result<(), Stop> {
        self.unused.iter().for_each(|unused| say!("note: {unused}"));
        match &self.machine {
            _ if self.is_cpu => Ok(()),
            Machine::Fake { .. } => Ok(()),
            Machine::Unknown(why) => Err(Stop::wrong(format!(
                "error: no GPU to compute on: {why}\nhint: install NVIDIA's driver and see that `nvidia-smi` lists the GPU; \
                 `--device cpu` does without"
            ))),
            Machine::Real(driver) => {
                libtorch::require_cuda()?;
                check_driver(driver, libtorch::cuda_version())
            }
        }
    }
}

/// Refuses a driver that is older than the CUDA libraries want.
fn check_driver(driver: &Driver, libraries: Option<(u32, u32)>) -> Result<(), Stop> {
    let Some((major, minor)) = libraries.filter(|(major, _)| driver.cuda.0 < *major) else { return Ok(()) };
    let (own_major, own_minor) = driver.cuda;
    let series = driver::least_series(major).map_or_else(
        || format!("a driver for CUDA {major}"),
        |series| format!("driver {series} or later (`apt-get install nvidia-driver-{series}`, or from nvidia.com/drivers)"),
    );
    Err(Stop::wrong(format!(
        "error: the NVIDIA driver is too old for libtorch in {}: driver {} supports CUDA {own_major}.{own_minor}, its libraries are of \
         CUDA {major}.{minor}\nhint: install {series}, or set LIBTORCH to a libtorch {} for CUDA {own_major}; `--device cpu` does \
         without",
        libtorch::home().display(),
        driver.version,
        libtorch::version()
    )))
}

impl Machine {
    /// Asks the driver, unless `AFFEKT_FAKE_GPUS` stands for it.
    fn of_environment() -> Result<Self, Stop> {
        match env::var("AFFEKT_FAKE_GPUS") {
            Ok(text) if !text.trim().is_empty() => Self::fake(&text),
            _ => Ok(match Driver::ask() {
                Ok(driver) => Self::Real(driver),
                Err(why) => Self::Unknown(why),
            }),
        }
    }

    fn fake(text: &str) -> Result<Self, Stop> {
        let (count, memory_mib) = text.split_once(':').unwrap_or((text, "0"));
        match (count.trim().parse(), memory_mib.trim().parse()) {
            (Ok(count), Ok(memory_mib)) => Ok(Self::Fake { count, memory_mib }),
            _ => Err(Stop::wrong(format!(
                "error: AFFEKT_FAKE_GPUS is `{text}`: expected how many, as in `2`, or how many of how many MiB, as in `2:8192`"
            ))),
        }
    }
}

impl Choice {
    fn read(text: &str) -> Result<Self, Stop> {
        let numbers = match text.split_once(':') {
            None => match text {
                "auto" => return Ok(Self::Auto),
                "cpu" => return Ok(Self::Cpu),
                "cuda" => return Ok(Self::AllGpus),
                _ => None,
            },
            // `cuda:0,2` and `cuda:0,cuda:2` are the same.
            Some(("cuda", list)) => {
                let number = |word: &str| word.trim().trim_start_matches("cuda:").parse::<usize>().ok();
                list.split(',').map(number).collect::<Option<Vec<usize>>>()
            }
            Some(_) => None,
        };
        let numbers = numbers.ok_or_else(|| {
            Stop::wrong(format!(
                "error: unknown device `{text}`\nhint: `auto`, `cpu`, `cuda` (all GPUs), `cuda:0`, or `cuda:0,2` and so on"
            ))
        })?;
        let twice = numbers.iter().enumerate().find(|(at, number)| numbers[..*at].contains(number));
        match twice {
            Some((_, number)) => {
                Err(Stop::wrong(format!("error: device `{text}` names `cuda:{number}` twice")))
            }
            None => Ok(Self::Gpus(numbers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::driver::{Instance, Physical};
    use super::*;

    fn physical(uuid: &str, model: &str, memory_mib: u64) -> Physical {
        Physical { uuid: uuid.to_owned(), model: model.to_owned(), memory_mib, instances: None }
    }

    fn driver() -> Driver {
        let gpus = ["GPU-aa01", "GPU-aa02", "GPU-bb03", "GPU-cc04"];
        let gpus = gpus.map(|uuid| physical(uuid, "NVIDIA H200", 140_000)).into();
        Driver { version: "580.65".to_owned(), cuda: (13, 0), gpus }
    }

    fn chosen(text: &str, machine: Machine, list: Option<&str>) -> Result<Device, String> {
        choose(&Choice::read(text).unwrap(), machine, list, false, true).map_err(Stop::text)
    }

    fn entries(device: &Device) -> Vec<(&str, &str)> {
        device.gpus().iter().map(|gpu| (gpu.name.as_str(), gpu.visible.as_str())).collect()
    }

    fn real() -> Machine {
        Machine::Real(driver())
    }

    fn fake(count: usize) -> Machine {
        Machine::Fake { count, memory_mib: 0 }
    }

    #[test]
    fn words_are_read_and_others_refused() {
        assert_eq!(Choice::read("cuda").unwrap(), Choice::AllGpus);
        assert_eq!(Choice::read("cuda:0,2").unwrap(), Choice::Gpus(vec![0, 2]));
        assert_eq!(Choice::read("cuda:0, cuda:2").unwrap(), Choice::Gpus(vec![0, 2]));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:0,", "CPU", "cpu:0", "cuda:GPU-aa01"] {
            let refusal = Choice::read(text).map(|_| ()).map_err(Stop::text).unwrap_err();
            assert!(refusal.starts_with(&format!("error: unknown device `{text}`\nhint: ")), "{refusal}");
        }
        let twice = Choice::read("cuda:1,0,1").map(|_| ()).map_err(Stop::text).unwrap_err();
        assert_eq!(twice, "error: device `cuda:1,0,1` names `cuda:1` twice");
    }

    #[test]
    fn numbers_count_the_users_list() {
        for machine in [real(), fake(4)] {
            let device = |text, list| chosen(text, machine.clone(), list).unwrap();
            assert_eq!(entries(&device("cuda:0", Some("3"))), [("cuda:0", "3")]);
            assert_eq!(entries(&device("cuda", Some("2,0"))), [("cuda:0", "2"), ("cuda:1", "0")]);
            assert_eq!(entries(&device("cuda:1", Some("2, 0"))), [("cuda:1", "0")]);
            assert_eq!(entries(&device("auto", Some("GPU-bb03"))), [("cuda:0", "GPU-bb03")]);
            assert_eq!(entries(&device("cuda:1,0", Some("2,0"))), [("cuda:1", "0"), ("cuda:0", "2")]);
        }
        let all = chosen("cuda", real(), None).unwrap();
        assert_eq!(all.gpus().len(), 4);
        assert_eq!(entries(&all)[3], ("cuda:3", "GPU-cc04"), "no number of ours");
        assert_eq!((all.kind(), all.name(&BTreeMap::new()).as_str()), ("cuda", "NVIDIA H200"));
    }

    #[test]
    fn an_empty_list_is_no_gpu() {
        for machine in [real(), fake(4), Machine::Unknown("no driver".to_owned())] {
            for list in ["", "-1", " "] {
                assert!(chosen("auto", machine.clone(), Some(list)).unwrap().gpus().is_empty());
                let refusal = chosen("cuda:0", machine.clone(), Some(list)).unwrap_err();
                let said = format!("error: no GPU is visible: CUDA_VISIBLE_DEVICES is `{list}`\nhint: ");
                assert!(refusal.starts_with(&said), "{refusal}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_said_in_the_users_numbers() {
        let refusal = chosen("cuda:2", real(), Some("2,0")).unwrap_err();
        assert_eq!(
            refusal,
            "error: no `cuda:2`: CUDA_VISIBLE_DEVICES=2,0 shows 2 GPUs\nhint: cuda:0 is `2` (NVIDIA H200), cuda:1 is `0` (NVIDIA H200)"
        );
        let refusal = chosen("cuda:1", real(), Some("1,9,2")).unwrap_err();
        assert!(
            refusal.starts_with(
                "error: no `cuda:1`: CUDA_VISIBLE_DEVICES=1,9,2 shows 1 GPU: `9` is none of this machine's, and ends the list\n"
            ),
            "{refusal}"
        );
        let refusal = chosen("cuda:4", real(), None).unwrap_err();
        assert!(refusal.starts_with("error: no `cuda:4`: this machine has 4 GPUs\n"), "{refusal}");
        let refusal = chosen("cuda", fake(0), None).unwrap_err();
        assert!(refusal.starts_with("error: no GPU is visible: this machine has none\n"), "{refusal}");
    }

    #[test]
    fn stand_ins_are_scheduled_like_gpus_and_say_cpu() {
        let device = chosen("auto", fake(2), None).unwrap();
        assert_eq!(entries(&device), [("cuda:0", "0"), ("cuda:1", "1")]);
        let machine = BTreeMap::from([("cpu".to_owned(), "Xeon".to_owned())]);
        assert_eq!((device.kind(), device.name(&machine).as_str()), ("cpu", "Xeon"));
        assert!(device.check().is_ok());
        // As many as there are, whatever they are called.
        assert_eq!(
            entries(&chosen("cuda", fake(2), Some("7,5,3")).unwrap()),
            [("cuda:0", "7"), ("cuda:1", "5")]
        );
        assert!(matches!(Machine::fake("2:8192"), Ok(Machine::Fake { count: 2, memory_mib: 8192 })));
        assert!(Machine::fake("two").is_err());
    }

    #[test]
    fn plans_can_be_made_where_there_is_no_gpu_and_runs_are_refused() {
        let nowhere = Machine::Unknown("there is no NVIDIA driver".to_owned());
        assert_eq!(chosen("auto", nowhere.clone(), Some("0")).unwrap().kind(), "cpu");
        let device = chosen("cuda:1", nowhere, None).unwrap();
        assert_eq!((device.kind(), device.gpus()), ("cuda", &[][..]));
        let refusal = device.check().map_err(Stop::text).unwrap_err();
        assert!(
            refusal.starts_with("error: no GPU to compute on: there is no NVIDIA driver\nhint: "),
            "{refusal}"
        );
    }

    #[test]
    fn a_gpu_without_cuda_libraries_is_mentioned() {
        let device = choose(&Choice::Auto, real(), None, false, /* has_libraries */ false).unwrap();
        assert_eq!(device.kind(), "cpu");
        let unused = device.unused.unwrap();
        assert!(
            unused.starts_with("computing on the CPU: there is NVIDIA H200, but libtorch in "),
            "{unused}"
        );
        assert!(unused.ends_with("setup --cuda` downloads them"), "{unused}");
    }

    #[test]
    fn an_old_driver_is_refused_with_what_to_install() {
        let old = Driver { version: "535.104".to_owned(), cuda: (12, 2), ..driver() };
        let refusal = check_driver(&old, Some((13, 0))).map_err(Stop::text).unwrap_err();
        assert!(
            refusal.contains("driver 535.104 supports CUDA 12.2, its libraries are of CUDA 13.0\n"),
            "{refusal}"
        );
        assert!(
            refusal.contains("hint: install driver 580 or later (`apt-get install nvidia-driver-580`"),
            "{refusal}"
        );
        assert!(check_driver(&old, Some((12, 8))).is_ok(), "any of a major version will do");
        assert!(check_driver(&driver(), Some((12, 6))).is_ok());
        assert!(check_driver(&old, None).is_ok(), "the libraries will say");
    }

    #[test]
    fn instances_of_a_divided_gpu_are_gpus_of_their_own() {
        let instance = |uuid: &str| Instance {
            uuid: uuid.to_owned(),
            model: "NVIDIA A100 MIG 3g.20gb".to_owned(),
            memory_mib: 20_000,
        };
        let divided = Physical {
            instances: Some(vec![instance("MIG-11"), instance("MIG-12")]),
            ..physical("GPU-dd", "NVIDIA A100", 40_000)
        };
        let undivided = physical("GPU-ee", "NVIDIA A100", 40_000);
        let unusable = Physical { instances: Some(Vec::new()), ..physical("GPU-ff", "NVIDIA A100", 40_000) };
        let machine = Machine::Real(Driver { gpus: vec![divided, undivided, unusable], ..driver() });
        let all = chosen("cuda", machine.clone(), None).unwrap();
        assert_eq!(entries(&all), [("cuda:0", "MIG-11"), ("cuda:1", "MIG-12"), ("cuda:2", "GPU-ee")]);
        assert_eq!(all.gpus().iter().map(|gpu| gpu.memory_mib).collect::<Vec<_>>(), [20_000, 20_000, 40_000]);
        let list = "MIG-12,MIG-GPU-dd/1/0,GPU-ee,MIG-13";
        let named = chosen("cuda", machine, Some(list)).unwrap();
        let visible: Vec<&str> = named.gpus().iter().map(|gpu| gpu.visible.as_str()).collect();
        assert_eq!(visible, ["MIG-12", "MIG-GPU-dd/1/0", "GPU-ee"]);
    }
}
