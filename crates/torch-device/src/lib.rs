//! Which device LibTorch computes on: the `device` setting, and what there is on this machine.
//!
//! The program is linked to LibTorch's CPU part alone, so one binary serves machines with and without CUDA. LibTorch's
//! CUDA part is opened, from the folder that the CPU part came from, before the first question about CUDA; a `cuda`
//! setting that cannot be met is an error that names the cause, never a silent run on the CPU.

mod cuda;
mod libtorch;
mod setting;

pub use cuda::NoCuda;
pub use setting::{DeviceSetting, UnknownDevice};

use std::path::PathBuf;

use tch::Device;

/// Why a device setting cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// CUDA was asked for and LibTorch has none.
    #[error("device `{setting}`: LibTorch finds no CUDA; set `device: auto` or `device: cpu`, or mend the cause")]
    NoCuda {
        /// What was asked for.
        setting: DeviceSetting,
        /// The cause.
        #[source]
        source: NoCuda,
    },
    /// There are fewer devices.
    #[error("device `{setting}`: there are {n_devices} CUDA devices, counted from 0")]
    NoSuchDevice {
        /// What was asked for.
        setting: DeviceSetting,
        /// How many there are.
        n_devices: usize,
    },
}

/// The device that a setting means on this machine; `auto` is the first CUDA device, else the CPU.
///
/// Call it before anything else of LibTorch: some innocent calls (`tch::manual_seed`) make LibTorch look for CUDA, and
/// it remembers what it found before its CUDA part was opened.
///
/// # Errors
/// [`DeviceError`] if a CUDA device was asked for and is not there.
pub fn resolve(setting: DeviceSetting) -> Result<Device, DeviceError> {
    choose(setting, cuda::n_devices)
}

fn choose(setting: DeviceSetting, n_devices: impl Fn() -> Result<usize, NoCuda>) -> Result<Device, DeviceError> {
    match setting {
        DeviceSetting::Cpu => Ok(Device::Cpu),
        DeviceSetting::Auto => Ok(match n_devices() {
            Ok(_) => Device::Cuda(0),
            Err(cause) => {
                // A CUDA part that is there and does not work is worth a word; a CPU-only set-up is not.
                if !matches!(cause, NoCuda::CpuOnly { .. }) {
                    tracing::warn!(%cause, "`device: auto` computes on the CPU");
                }
                Device::Cpu
            }
        }),
        DeviceSetting::Cuda(index) => match n_devices() {
            Ok(n_devices) if index < n_devices => Ok(Device::Cuda(index)),
            Ok(n_devices) => Err(DeviceError::NoSuchDevice { setting, n_devices }),
            Err(source) => Err(DeviceError::NoCuda { setting, source }),
        },
    }
}

/// A device's name in tables and messages: `cpu`, `cuda:0`.
pub fn name(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => format!("cuda:{index}"),
        Device::Mps => "mps".to_owned(),
        Device::Vulkan => "vulkan".to_owned(),
    }
}

/// What `finegrain doctor` says about LibTorch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceReport {
    /// LibTorch's version, `2.11.0`; `None` if the library does not say.
    pub version: Option<String>,
    /// The folder that LibTorch was loaded from; `None` where the system does not tell.
    pub folder: Option<PathBuf>,
    /// Threads that one operation may use (LibTorch's own choice, or `OMP_NUM_THREADS`).
    pub n_threads: usize,
    /// How many CUDA devices there are (at least one), or why there is none.
    pub cuda: Result<usize, NoCuda>,
}

/// Looks at LibTorch and at this machine's devices.
pub fn describe() -> DeviceReport {
    DeviceReport {
        version: libtorch::version(),
        folder: libtorch::folder(),
        n_threads: usize::try_from(tch::get_num_threads()).unwrap_or(1),
        cuda: cuda::n_devices(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu_only() -> Result<usize, NoCuda> {
        Err(NoCuda::CpuOnly { folder: "/opt/libtorch/lib".into() })
    }

    #[test]
    fn auto_takes_the_first_cuda_device_and_else_the_cpu() {
        assert_eq!(choose(DeviceSetting::Auto, || Ok(2)), Ok(Device::Cuda(0)));
        assert_eq!(choose(DeviceSetting::Auto, cpu_only), Ok(Device::Cpu));
        assert_eq!(choose(DeviceSetting::Cpu, || Ok(2)), Ok(Device::Cpu));
    }

    #[test]
    fn a_cuda_device_that_is_not_there_is_an_error_that_names_the_cause() {
        assert_eq!(choose(DeviceSetting::Cuda(1), || Ok(2)), Ok(Device::Cuda(1)));
        let error = choose(DeviceSetting::Cuda(2), || Ok(2)).unwrap_err();
        assert_eq!(error.to_string(), "device `cuda:2`: there are 2 CUDA devices, counted from 0");
        let error = choose(DeviceSetting::Cuda(0), cpu_only).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("CPU part alone") && cause.contains("/opt/libtorch/lib"), "{cause}");
    }

    #[test]
    fn a_report_of_this_machine_agrees_with_what_resolve_does() {
        let report = describe();
        assert!(report.version.as_deref().is_some_and(|version| version.starts_with("2.")), "{report:?}");
        assert!(report.folder.as_ref().unwrap().join("libtorch_cpu.so").exists());
        assert!(report.n_threads >= 1);
        let device = resolve(DeviceSetting::Auto).unwrap();
        assert_eq!(device.is_cuda(), report.cuda.is_ok(), "{report:?}");
        assert_eq!(resolve(DeviceSetting::Cuda(0)).is_ok(), report.cuda.is_ok());
        assert_eq!(name(Device::Cuda(3)), "cuda:3");
    }
}
