//! What NVIDIA's driver says of itself and of the machine's GPUs: asked through NVML, the library behind `nvidia-smi`, which is
//! loaded where it is there. Nothing here starts CUDA.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;

/// The driver and its GPUs.
#[derive(Debug, Clone)]
pub struct Driver {
    /// Its version: `580.65.06`.
    pub version: String,
    /// The latest CUDA that it supports: major and minor version.
    pub cuda: (u32, u32),
    /// The GPUs in the order of their places on the bus, as `nvidia-smi` counts them.
    pub gpus: Vec<Physical>,
}

/// A GPU.
#[derive(Debug, Clone)]
pub struct Physical {
    /// `GPU-…`
    pub uuid: String,
    /// Its model: `NVIDIA H200`.
    pub model: String,
    /// Its memory.
    pub memory_mib: u64,
    /// What it is divided into, where it is (MIG).
    pub instances: Option<Vec<Instance>>,
}

/// A part of a GPU that stands for one.
#[derive(Debug, Clone)]
pub struct Instance {
    /// `MIG-…`
    pub uuid: String,
    /// Its model: `NVIDIA A100-SXM4-40GB MIG 1g.5gb`.
    pub model: String,
    /// Its memory.
    pub memory_mib: u64,
}

/// Returns the first series of drivers that supports a major version of CUDA (NVIDIA's table of minor version compatibility).
pub fn least_series(cuda: u32) -> Option<u32> {
    match cuda {
        11 => Some(450),
        12 => Some(525),
        13 => Some(580),
        _ => None,
    }
}

impl Driver {
    /// Asks the driver.
    ///
    /// # Errors
    /// When there is none, or it does not answer: why.
    pub fn ask() -> Result<Self, String> {
        let nvml = Nvml::load()?;
        let version = nvml.text(c"nvmlSystemGetDriverVersion")?;
        let cuda = u32::try_from(nvml.number::<c_int>(c"nvmlSystemGetCudaDriverVersion_v2")?).unwrap_or(0);
        let count: c_uint = nvml.number(c"nvmlDeviceGetCount_v2")?;
        let gpus = (0..count).map(|at| nvml.gpu(at)).collect::<Result<_, String>>()?;
        // 13020 is 13.2.
        Ok(Self { version, cuda: (cuda / 1000, cuda % 1000 / 10), gpus })
    }
}

const SUCCESS: c_int = 0;
/// What NVML says of GPUs that cannot be divided, or are not.
const NOT_THERE: [c_int; 3] =
    [/* invalid argument */ 2, /* not supported */ 3, /* not found */ 6];
/// Longer than any text of NVML's.
const TEXT: usize = 128;

/// `nvmlDevice_t`
type Handle = *mut c_void;

/// `nvmlMemory_t`
#[repr(C)]
#[derive(Default)]
struct Memory {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// The library, initialised.
struct Nvml(*mut c_void);

impl Nvml {
    fn load() -> Result<Self, String> {
        // SAFETY: a name that ends in a zero; NVIDIA's library is made for being loaded this way.
        let library = unsafe { libc::dlopen(c"libnvidia-ml.so.1".as_ptr(), libc::RTLD_NOW) };
        if library.is_null() {
            return Err("there is no NVIDIA driver (libnvidia-ml.so.1 cannot be loaded)".to_owned());
        }
        let nvml = Self(library);
        // SAFETY: `nvmlReturn_t nvmlInit_v2(void)`.
        let init = unsafe { nvml.function::<unsafe extern "C" fn() -> c_int>(c"nvmlInit_v2")? };
        // SAFETY: as above.
        nvml.check(unsafe { init() })?;
        Ok(nvml)
    }

    /// Looks up a function.
    ///
    /// # Safety
    /// `F` must be a pointer to a function of the type that NVML's header gives it.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F, String> {
        assert_eq!(size_of::<F>(), size_of::<*mut c_void>());
        // SAFETY: a loaded library and a name that ends in a zero.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if symbol.is_null() {
            return Err(format!("the NVIDIA driver is too old: it has no {}", name.to_string_lossy()));
        }
        // SAFETY: a pointer to a function, as the caller promises, and as large as one.
        Ok(unsafe { std::mem::transmute_copy(&symbol) })
    }

    /// A number of the whole system.
    fn number<N: Default>(&self, name: &CStr) -> Result<N, String> {
        // SAFETY: `nvmlReturn_t (*)(int *)`, or of an unsigned one.
        let function = unsafe { self.function::<unsafe extern "C" fn(*mut N) -> c_int>(name)? };
        let mut number = N::default();
        // SAFETY: writes one number.
        self.check(unsafe { function(&raw mut number) })?;
        Ok(number)
    }

    /// A text of the whole system.
    fn text(&self, name: &CStr) -> Result<String, String> {
        // SAFETY: `nvmlReturn_t (*)(char *, unsigned int)`.
        let function = unsafe { self.function::<unsafe extern "C" fn(*mut c_char, c_uint) -> c_int>(name)? };
        // SAFETY: writes so many bytes at most.
        self.written(|to, length| unsafe { function(to, length) })
    }

    /// A text of a GPU.
    fn text_of(&self, gpu: Handle, name: &CStr) -> Result<String, String> {
        type Function = unsafe extern "C" fn(Handle, *mut c_char, c_uint) -> c_int;
        // SAFETY: `nvmlReturn_t (*)(nvmlDevice_t, char *, unsigned int)`.
        let function = unsafe { self.function::<Function>(name)? };
        // SAFETY: a handle of NVML's; writes so many bytes at most.
        self.written(|to, length| unsafe { function(gpu, to, length) })
    }

    fn written(&self, write: impl FnOnce(*mut c_char, c_uint) -> c_int) -> Result<String, String> {
        let mut text = [0_u8; TEXT];
        self.check(write(text.as_mut_ptr().cast(), TEXT as c_uint))?;
        let text = CStr::from_bytes_until_nul(&text).unwrap_or_default();
        Ok(text.to_string_lossy().into_owned())
    }

    fn memory_mib(&self, gpu: Handle) -> u64 {
        type Function = unsafe extern "C" fn(Handle, *mut Memory) -> c_int;
        let mut memory = Memory::default();
        // SAFETY: `nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t, nvmlMemory_t *)`.
        let Ok(function) = (unsafe { self.function::<Function>(c"nvmlDeviceGetMemoryInfo") }) else {
            return 0;
        };
        // SAFETY: a handle of NVML's; writes the three numbers.
        if unsafe { function(gpu, &raw mut memory) } == SUCCESS { memory.total >> 20 } else { 0 }
    }

    /// Describes the GPU at a position.
    fn gpu(&self, at: c_uint) -> Result<Physical, String> {
        type Function = unsafe extern "C" fn(c_uint, *mut Handle) -> c_int;
        // SAFETY: `nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int, nvmlDevice_t *)`.
        let function = unsafe { self.function::<Function>(c"nvmlDeviceGetHandleByIndex_v2")? };
        let mut gpu = ptr::null_mut();
        // SAFETY: writes one pointer.
        self.check(unsafe { function(at, &raw mut gpu) })?;
        Ok(Physical {
            uuid: self.text_of(gpu, c"nvmlDeviceGetUUID")?,
            model: self.text_of(gpu, c"nvmlDeviceGetName")?,
            memory_mib: self.memory_mib(gpu),
            instances: self.instances(gpu)?,
        })
    }

    /// What a GPU is divided into, if it is.
    fn instances(&self, gpu: Handle) -> Result<Option<Vec<Instance>>, String> {
        type Mode = unsafe extern "C" fn(Handle, *mut c_uint, *mut c_uint) -> c_int;
        type Count = unsafe extern "C" fn(Handle, *mut c_uint) -> c_int;
        type Nth = unsafe extern "C" fn(Handle, c_uint, *mut Handle) -> c_int;
        // SAFETY: the types of `nvmlDeviceGetMigMode`, …`GetMaxMigDeviceCount`, …`GetMigDeviceHandleByIndex`.
        let functions = unsafe {
            (
                self.function::<Mode>(c"nvmlDeviceGetMigMode"),
                self.function::<Count>(c"nvmlDeviceGetMaxMigDeviceCount"),
                self.function::<Nth>(c"nvmlDeviceGetMigDeviceHandleByIndex"),
            )
        };
        // Drivers without these divide no GPUs.
        let (Ok(mode), Ok(count), Ok(nth)) = functions else { return Ok(None) };
        let (mut now, mut pending, mut most) = (0, 0, 0);
        // SAFETY: a handle of NVML's; each writes one number a pointer.
        if unsafe { mode(gpu, &raw mut now, &raw mut pending) } != SUCCESS || now == 0 {
            return Ok(None);
        }
        // SAFETY: as above.
        self.check(unsafe { count(gpu, &raw mut most) })?;
        let mut instances = Vec::new();
        for at in 0..most {
            let mut instance = ptr::null_mut();
            // SAFETY: as above; writes one pointer.
            let status = unsafe { nth(gpu, at, &raw mut instance) };
            if NOT_THERE.contains(&status) {
                continue;
            }
            self.check(status)?;
            instances.push(Instance {
                uuid: self.text_of(instance, c"nvmlDeviceGetUUID")?,
                model: self.text_of(instance, c"nvmlDeviceGetName")?,
                memory_mib: self.memory_mib(instance),
            });
        }
        Ok(Some(instances))
    }

    fn check(&self, status: c_int) -> Result<(), String> {
        if status == SUCCESS {
            return Ok(());
        }
        // SAFETY: `const char *nvmlErrorString(nvmlReturn_t)`.
        let text =
            unsafe { self.function::<unsafe extern "C" fn(c_int) -> *const c_char>(c"nvmlErrorString") };
        let text = text.ok().and_then(|text| {
            // SAFETY: as above; a literal of the library's.
            let text = unsafe { text(status) };
            // SAFETY: NVML's texts end in a zero.
            (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        });
        let text = text.unwrap_or_else(|| format!("error {status}"));
        Err(format!("the NVIDIA driver does not answer: {text} (`nvidia-smi` says more)"))
    }
}
