//! Windows, and whether one can be opened here, asked before Bevy tries to.

use bevy::prelude::*;
use bevy::tasks::block_on;
use bevy::window::WindowResizeConstraints;
use wgpu::{Backends, Instance, InstanceDescriptor, RequestAdapterOptions};

/// The smallest window in which menus can be read, in logical pixels.
const SMALLEST: (f32, f32) = (400.0, 320.0);

/// A window of this title and size in logical pixels.
pub fn window(title: &str, width: u32, height: u32) -> WindowPlugin {
    WindowPlugin {
        primary_window: Some(Window {
            title: title.to_owned(),
            resolution: (width, height).into(),
            resize_constraints: WindowResizeConstraints {
                min_width: SMALLEST.0,
                min_height: SMALLEST.1,
                ..default()
            },
            ..default()
        }),
        ..default()
    }
}

/// Whether there are a display and a graphics adapter.
///
/// # Errors
/// What is missing, in words.
pub fn available() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    display()?;
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::from_env().unwrap_or(Backends::all());
    let instance = Instance::new(descriptor);
    block_on(instance.request_adapter(&RequestAdapterOptions::default()))
        .map(|_| ())
        .map_err(|error| format!("there is no graphics adapter ({error})"))
}

/// Whether an X server answers. The examples are built with Bevy's `x11` feature, which serves Wayland desktops through
/// Xwayland.
#[cfg(target_os = "linux")]
fn display() -> Result<(), String> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let display = std::env::var("DISPLAY").unwrap_or_default();
    if display.is_empty() {
        return Err("there is no screen (DISPLAY is not set)".to_owned());
    }
    // `:0` or `:0.0` is on this machine; whether another machine's display answers is for the window system to find out.
    let Some(number) = display.strip_prefix(':') else {
        return Ok(());
    };
    let number = number.split('.').next().unwrap_or_default();
    let path = format!("/tmp/.X11-unix/X{number}");
    let named = SocketAddr::from_abstract_name(&path)
        .is_ok_and(|name| UnixStream::connect_addr(&name).is_ok());
    if named || UnixStream::connect(&path).is_ok() {
        return Ok(());
    }
    Err(format!(
        "there is no screen (no X server answers at {display})"
    ))
}
