//! What a file is, by its name and by its first bytes.

use super::super::pace::PACE_FILE;
use super::super::source::Stored;

/// Films by their endings; others are found by their first bytes.
const FILMS: [&str; 28] = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "flv", "f4v", "ts", "mts", "m2ts", "wmv", "asf",
    "mpg", "mpeg", "vob", "ogv", "ogm", "3gp", "3g2", "mxf", "rm", "rmvb", "divx", "ivf", "h264",
    "hevc", "nut",
];
const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "jfif"];
const ANIMATIONS: [&str; 2] = ["gif", "apng"];
/// Pictures that cannot be read: among others they are frames that would be missing.
const UNREAD_PICTURES: [&str; 14] = [
    "tif", "tiff", "tga", "exr", "hdr", "ppm", "pgm", "pnm", "heic", "heif", "avif", "jxl", "jp2",
    "dds",
];

/// What other programs pack files into.
const PACKED: [&str; 9] = ["zip", "gz", "tgz", "bz2", "xz", "txz", "zst", "7z", "rar"];

/// What a file is by its name, and its first bytes where the name does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Film,
    Animation,
    Picture,
    UnreadPicture,
    Archive,
    /// An archive that has to be unpacked first.
    Packed,
    Other,
}

pub(super) fn extension(name: &str) -> String {
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase())
        .unwrap_or_default()
}

pub(super) fn kind_by_name(name: &str) -> Kind {
    let extension = extension(name);
    let is = |list: &[&str]| list.contains(&extension.as_str());
    if is(&FILMS) {
        Kind::Film
    } else if is(&ANIMATIONS) {
        Kind::Animation
    } else if is(&PICTURES) {
        Kind::Picture
    } else if is(&UNREAD_PICTURES) {
        Kind::UnreadPicture
    } else if extension == "tar" {
        Kind::Archive
    } else if is(&PACKED) {
        Kind::Packed
    } else {
        Kind::Other
    }
}

/// What a file that was named by the user is by its first bytes.
pub(super) fn kind_by_bytes(file: &Stored) -> Kind {
    let Ok(start) = file.start(16) else {
        return Kind::Other;
    };
    if start.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) || start.get(4..8) == Some(b"ftyp") {
        return Kind::Film;
    }
    match image::guess_format(&start) {
        Ok(image::ImageFormat::Gif) => Kind::Animation,
        Ok(
            image::ImageFormat::Png
            | image::ImageFormat::Jpeg
            | image::ImageFormat::WebP
            | image::ImageFormat::Bmp,
        ) => Kind::Picture,
        _ => Kind::Other,
    }
}

/// Files that belong to footage and are none.
pub(super) fn is_beside(name: &str) -> bool {
    name == PACE_FILE
        || name.ends_with("actions.csv")
        || matches!(
            extension(name).as_str(),
            "txt" | "md" | "json" | "csv" | "srt" | "vtt" | "nfo" | "xml" | "cls" | "npy"
        )
}
