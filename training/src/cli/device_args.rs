//! The device of a subcommand, as a command line argument.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

/// Where tensors are.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Device that computes: `cpu`, `cuda` or `cuda:N` for an Nvidia graphics processor (builds with the feature `cuda`), `metal`
    /// for Apple's (feature `metal`).
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

/// A device by name; which devices there are depends on how the program was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum DeviceName {
    #[default]
    Cpu,
    Cuda(usize),
    Metal(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
        let number = number.parse().ok();
        match (kind, number) {
            ("cpu", Some(0)) => Ok(Self::Cpu),
            ("cuda", Some(number)) => Ok(Self::Cuda(number)),
            ("metal", Some(number)) => Ok(Self::Metal(number)),
            _ => Err("expected cpu, cuda, cuda:N or metal".to_owned()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error("--device {device}: this program was built without the feature `{feature}`")]
    Feature {
        device: String,
        feature: &'static str,
    },
    #[error("--device {device}")]
    Open {
        device: String,
        #[source]
        source: candle_core::Error,
    },
}

impl DeviceArgs {
    /// The device, ready for use.
    pub(crate) fn open(self) -> Result<Device, DeviceError> {
        let device = || self.device.to_string();
        let (built, feature, opened) = match self.device {
            DeviceName::Cpu => return Ok(Device::Cpu),
            DeviceName::Cuda(number) => (
                candle_core::utils::cuda_is_available(),
                "cuda",
                Device::new_cuda(number),
            ),
            DeviceName::Metal(number) => (
                candle_core::utils::metal_is_available(),
                "metal",
                Device::new_metal(number),
            ),
        };
        if !built {
            return Err(DeviceError::Feature {
                device: device(),
                feature,
            });
        }
        opened.map_err(|source| DeviceError::Open {
            device: device(),
            source,
        })
    }

    /// The device's name.
    pub(crate) fn name(self) -> String {
        self.device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_and_numbered() {
        for (name, device) in [
            ("cpu", DeviceName::Cpu),
            ("cuda", DeviceName::Cuda(0)),
            ("cuda:3", DeviceName::Cuda(3)),
            ("metal", DeviceName::Metal(0)),
        ] {
            assert_eq!(name.parse(), Ok(device), "{name}");
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for name in ["gpu", "cuda:", "cuda:-1", "cpu:1", "cuda:1:2", ""] {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert!(error.contains("cuda:N"), "{name}: {error}");
        }
    }

    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    #[test]
    fn a_device_that_was_not_built_in_is_an_error_that_says_so() {
        for (device, feature) in [
            (DeviceName::Cuda(0), "`cuda`"),
            (DeviceName::Metal(0), "`metal`"),
        ] {
            let error = DeviceArgs { device }.open().unwrap_err().to_string();
            assert!(error.contains(feature), "{error}");
        }
    }
}
