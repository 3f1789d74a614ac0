//! The `precision` setting of large encoders.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

/// The type of the numbers that an encoder computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// `bf16` on CUDA and on CPUs whose matrix unit multiplies such numbers (AMX), else `fp32`.
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
            Self::Auto if device.is_cuda() || has_amx_bf16(&cpu_info()) => Kind::BFloat16,
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

/// Linux's word for it, which is there if the CPU has the unit and the system lets programs use it. AVX512-BF16 alone does
/// not count: there ViT-L/14 in bf16 has half the rate of fp32 (BENCHMARKS.md), for `vdpbf16ps` takes four times as long
/// as an f32 multiplication and does the work of two.
fn has_amx_bf16(cpu_info: &str) -> bool {
    let flags = cpu_info.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|flags| flags.split_ascii_whitespace().any(|flag| flag == "amx_bf16"))
}

/// What the system says of the CPU; nothing where it says nothing.
fn cpu_info() -> String {
    std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_bf16_on_cuda_and_the_others_are_what_they_say() {
        assert_eq!(Precision::Auto.kind(Device::Cuda(0)), Kind::BFloat16);
        assert_eq!(Precision::Fp32.kind(Device::Cuda(0)), Kind::Float);
        assert_eq!(name_of(Precision::Fp16.kind(Device::Cpu)), "fp16");
        assert_eq!(name_of(Precision::Bf16.kind(Device::Cpu)), "bf16");
        let on_this_cpu = name_of(Precision::Auto.kind(Device::Cpu));
        assert_eq!(on_this_cpu, if has_amx_bf16(&cpu_info()) { "bf16" } else { "fp32" });
    }

    #[test]
    fn a_cpu_without_amx_computes_in_fp32_whatever_else_it_multiplies() {
        let cpu = |flags: &str| format!("processor\t: 0\nmodel name\t: amx_bf16\nflags\t\t: fpu {flags} sse2\n");
        assert!(has_amx_bf16(&cpu("avx512_bf16 amx_bf16 amx_tile")));
        assert!(!has_amx_bf16(&cpu("avx512_bf16 avx512f")));
        assert!(!has_amx_bf16(&cpu("amx_tile")));
        assert!(!has_amx_bf16(""));
    }
}
