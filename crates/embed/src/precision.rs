//! The `precision` setting of large encoders.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

/// The type of the numbers that an encoder computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// `bf16` on CUDA and on CPUs that multiply such numbers themselves, else `fp32`.
    Auto,
    /// 32 bits: equal to the reference.
    #[default]
    Fp32,
    /// bfloat16: 8 bits of precision, the range of 32 bits.
    Bf16,
    /// 16 bits: 11 bits of precision. Slow on CPUs.
    Fp16,
}

impl Precision {
    /// The type on a device of this machine.
    pub fn kind(self, device: Device) -> Kind {
        match self {
            Self::Auto if device.is_cuda() || cpu_multiplies_bf16() => Kind::BFloat16,
            Self::Auto | Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        }
    }
}

/// As the table's metadata has it.
pub fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::BFloat16 => "bf16",
        Kind::Half => "fp16",
        _ => "fp32",
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_multiplies_bf16() -> bool {
    is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_multiplies_bf16() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_bf16_on_cuda_and_the_others_are_what_they_say() {
        assert_eq!(Precision::Auto.kind(Device::Cuda(0)), Kind::BFloat16);
        assert_eq!(Precision::Fp32.kind(Device::Cuda(0)), Kind::Float);
        assert_eq!(name_of(Precision::Fp16.kind(Device::Cpu)), "fp16");
        let on_this_cpu = name_of(Precision::Auto.kind(Device::Cpu));
        assert_eq!(on_this_cpu, if cpu_multiplies_bf16() { "bf16" } else { "fp32" });
    }
}
