//! Ordinary video, as folders of pictures or animated GIFs, into a dataset.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifDecoder;
use image::imageops::{self, FilterType};
use image::{AnimationDecoder, ImageDecoder, ImageReader, Limits, RgbImage};

use super::{Dataset, DatasetError, DatasetWriter, FrameFormat};

/// Pace assumed for folders of pictures that say nothing of it.
const DEFAULT_FRAMES_PER_SECOND: u32 = 10;
/// File beside folders of pictures that tells their pace; the plugin's recorder writes it.
const PACE_FILE: &str = "frames_per_second";
/// Largest edge of a source picture in pixels, and most memory to decode one.
const MOST_EDGE: u32 = 16_384;
const MOST_DECODER_BYTES: u64 = 1 << 30;
/// Files of which `import_video` says that they must be converted.
const VIDEO_EXTENSIONS: [&str; 6] = ["mp4", "mkv", "webm", "avi", "mov", "m4v"];

/// Turns each sub-folder of PNG or JPEG frames (in the order of their names; numbers in names count as numbers) and each
/// animated GIF in `video` into one clip of a new dataset in `out`.
///
/// Frames are scaled to cover `size` (height, width in pixels), then cropped around their centre. The dataset's pace is the
/// number in a file named `frames_per_second`, else that of the first GIF, else 10 frames a second. `progress` is called with 1 after each frame.
///
/// # Errors
/// No clips, an undecodable or compressed video file, or a failing disk; the error names the file.
pub fn import_video(
    video: &Path,
    out: &Path,
    size: (usize, usize),
    progress: &dyn Fn(u64),
) -> Result<Dataset, DatasetError> {
    let sources = find_sources(video)?;
    let mut gifs = sources.iter().filter_map(|source| match source {
        Source::Gif(path) => Some(path),
        Source::Pictures(_) => None,
    });
    let pace = match told_pace(&video.join(PACE_FILE))? {
        Some(pace) => Some(pace),
        None => gifs.next().map(|path| gif_pace(path)).transpose()?,
    };
    let mut writer = DatasetWriter::create(
        out,
        FrameFormat {
            height: size.0,
            width: size.1,
            frames_per_second: pace.unwrap_or(DEFAULT_FRAMES_PER_SECOND),
        },
    )?;
    for source in &sources {
        let mut push = |frame: RgbImage| {
            writer.push_frame(fit(frame, size).as_raw())?;
            progress(1);
            Ok(())
        };
        match source {
            Source::Gif(path) => read_gif(path, &mut push)?,
            Source::Pictures(paths) => {
                for path in paths {
                    push(read_picture(path)?)?;
                }
            }
        }
        writer.end_clip(None)?;
    }
    writer.finish()
}

/// Where one clip comes from.
enum Source {
    Gif(PathBuf),
    Pictures(Vec<PathBuf>),
}

fn find_sources(video: &Path) -> Result<Vec<Source>, DatasetError> {
    let mut sources = Vec::new();
    for path in sorted_entries(video)? {
        if path.is_dir() {
            let pictures: Vec<PathBuf> = sorted_entries(&path)?
                .into_iter()
                .filter(|path| has_extension(path, &["png", "jpg", "jpeg"]))
                .collect();
            if pictures.is_empty() {
                tracing::warn!("{} holds no PNG or JPEG frames, skipped", path.display());
            } else {
                sources.push(Source::Pictures(pictures));
            }
        } else if has_extension(&path, &["gif"]) {
            sources.push(Source::Gif(path));
        } else if has_extension(&path, &VIDEO_EXTENSIONS) {
            return Err(DatasetError::damaged(
                &path,
                "compressed video is not read: convert it to a folder of PNG frames first, \
                 for example with `ffmpeg -i FILE -vf fps=10 FOLDER/frame-%06d.png`",
            ));
        }
    }
    if sources.is_empty() {
        return Err(DatasetError::NoVideo {
            path: video.to_path_buf(),
        });
    }
    Ok(sources)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|found| {
            extensions
                .iter()
                .any(|known| found.eq_ignore_ascii_case(known))
        })
}

/// What is in a folder, hidden files left out, in the order of names.
fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut named = Vec::new();
    for entry in fs::read_dir(folder).map_err(DatasetError::io("list", folder))? {
        let entry = entry.map_err(DatasetError::io("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            named.push((name, entry.path()));
        }
    }
    named.sort_by(|(a, path_a), (b, path_b)| compare_names(a, b).then_with(|| path_a.cmp(path_b)));
    Ok(named.into_iter().map(|(_, path)| path).collect())
}

/// Compares names so that `frame9` comes before `frame10`.
fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let digits = |name: &[u8]| name.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (in_a, in_b) = (digits(a), digits(b));
        let order = if in_a > 0 && in_b > 0 {
            let (number_a, number_b) = (trim_zeros(&a[..in_a]), trim_zeros(&b[..in_b]));
            a = &a[in_a..];
            b = &b[in_b..];
            // Without leading zeros the longer number is the larger.
            (number_a.len().cmp(&number_b.len())).then_with(|| number_a.cmp(number_b))
        } else {
            let (Some((first_a, rest_a)), Some((first_b, rest_b))) =
                (a.split_first(), b.split_first())
            else {
                return a.len().cmp(&b.len());
            };
            a = rest_a;
            b = rest_b;
            first_a.cmp(first_b)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros..]
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_EDGE);
    limits.max_image_height = Some(MOST_EDGE);
    limits.max_alloc = Some(MOST_DECODER_BYTES);
    limits
}

fn picture_error(path: &Path) -> impl FnOnce(image::ImageError) -> DatasetError {
    move |source| DatasetError::Picture {
        path: path.to_path_buf(),
        source,
    }
}

fn read_picture(path: &Path) -> Result<RgbImage, DatasetError> {
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(DatasetError::io("open", path))?;
    reader.limits(limits());
    Ok(reader.decode().map_err(picture_error(path))?.into_rgb8())
}

fn open_gif(path: &Path) -> Result<GifDecoder<BufReader<File>>, DatasetError> {
    let file = File::open(path).map_err(DatasetError::io("open", path))?;
    let mut decoder = GifDecoder::new(BufReader::new(file)).map_err(picture_error(path))?;
    decoder.set_limits(limits()).map_err(picture_error(path))?;
    Ok(decoder)
}

fn read_gif(
    path: &Path,
    push: &mut dyn FnMut(RgbImage) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    let mut frames = 0;
    for frame in open_gif(path)?.into_frames() {
        let frame = frame.map_err(picture_error(path))?;
        push(image::DynamicImage::ImageRgba8(frame.into_buffer()).into_rgb8())?;
        frames += 1;
    }
    if frames == 0 {
        return Err(DatasetError::damaged(path, "expected frames, found none"));
    }
    Ok(())
}

/// Frames a second as the file says, if there is one.
fn told_pace(path: &Path) -> Result<Option<u32>, DatasetError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(DatasetError::io("read", path))?,
    };
    match text.trim().parse() {
        Ok(pace @ 1..=1000) => Ok(Some(pace)),
        _ => Err(DatasetError::damaged(
            path,
            "expected a number from 1 to 1000",
        )),
    }
}

/// Frames a second by the first frame's delay.
fn gif_pace(path: &Path) -> Result<u32, DatasetError> {
    let Some(frame) = open_gif(path)?.into_frames().next() else {
        return Err(DatasetError::damaged(path, "expected frames, found none"));
    };
    let (milliseconds, parts) = frame.map_err(picture_error(path))?.delay().numer_denom_ms();
    // Many GIFs say 0, and viewers then show ten frames a second.
    Ok(if milliseconds == 0 {
        DEFAULT_FRAMES_PER_SECOND
    } else {
        (u64::from(parts) * 1000 / u64::from(milliseconds)).clamp(1, 1000) as u32
    })
}

/// Scales a picture to cover a size (height, width), then crops it around its centre.
fn fit(picture: RgbImage, (height, width): (usize, usize)) -> RgbImage {
    let (target_w, target_h) = (width as u64, height as u64);
    let (w, h) = (u64::from(picture.width()), u64::from(picture.height()));
    if (w, h) == (target_w, target_h) {
        return picture;
    }
    // The edge that fits exactly; the other one is at least as long as asked for.
    let (scaled_w, scaled_h) = if w * target_h >= h * target_w {
        ((w * target_h).div_ceil(h).max(target_w), target_h)
    } else {
        (target_w, (h * target_w).div_ceil(w).max(target_h))
    };
    let scaled = if scaled_w <= w && scaled_h <= h {
        // The mean over each target pixel: footage enlarged by whole numbers comes back exactly.
        imageops::thumbnail(&picture, scaled_w as u32, scaled_h as u32)
    } else {
        imageops::resize(
            &picture,
            scaled_w as u32,
            scaled_h as u32,
            FilterType::Triangle,
        )
    };
    let (left, upper) = ((scaled_w - target_w) / 2, (scaled_h - target_h) / 2);
    imageops::crop_imm(
        &scaled,
        left as u32,
        upper as u32,
        target_w as u32,
        target_h as u32,
    )
    .to_image()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::gameplay::{FRAME_BYTES, GameplayOptions, VideoKind, generate_dataset};
    use crate::pictures::{RgbFrame, write_gif};

    #[test]
    fn generated_video_comes_back_exactly() {
        for kind in [VideoKind::Gif, VideoKind::Png] {
            let folder = tempfile::tempdir().unwrap();
            let options = GameplayOptions { video: Some(kind) };
            let made = folder.path().join("made");
            let made = generate_dataset(&made, 3, 12, 4, options, &|_| ())
                .unwrap()
                .dataset;
            let video = made.folder().join("video");
            let out = folder.path().join("imported");
            let imported = import_video(&video, &out, (64, 64), &|_| ()).unwrap();
            assert_eq!(imported.format(), made.format());
            assert_eq!(imported.clip_count(), 3);
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for clip in 0..3 {
                made.read_frames(clip, 0, 12, &mut a).unwrap();
                imported.read_frames(clip, 0, 12, &mut b).unwrap();
                assert!(a == b, "clip {clip} as {kind:?}");
            }
        }
    }

    #[test]
    fn enlarged_footage_is_reduced_exactly_and_wide_footage_is_cropped_in_its_middle() {
        let folder = tempfile::tempdir().unwrap();
        let frame: Vec<u8> = (0..FRAME_BYTES)
            .map(|byte| (byte / 192 * 3) as u8)
            .collect();
        let path = folder.path().join("clip.gif");
        let small = RgbFrame::new(64, 64, &frame).unwrap();
        write_gif(&path, &[small, small], 20, 4).unwrap();
        let out = folder.path().join("out");
        let dataset = import_video(folder.path(), &out, (64, 64), &|_| ()).unwrap();
        assert_eq!(dataset.format().frames_per_second, 20);
        let mut read = Vec::new();
        dataset.read_frames(0, 1, 1, &mut read).unwrap();
        assert!(read == frame);

        let wide = RgbImage::from_fn(30, 10, |x, _| image::Rgb([x as u8, 0, 0]));
        let cropped = fit(wide, (10, 10));
        assert_eq!(cropped.get_pixel(0, 0).0[0], 10);
        assert_eq!(cropped.get_pixel(9, 9).0[0], 19);
    }

    #[test]
    fn damaged_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip");
        fs::create_dir(&clip).unwrap();
        let out = folder.path().join("out");
        let import = || import_video(folder.path(), &out, (64, 64), &|_| ());
        assert!(matches!(import(), Err(DatasetError::NoVideo { .. })));
        fs::write(clip.join("frame-1.png"), b"\x89PNG\r\n\x1a\nnonsense").unwrap();
        let error = import().unwrap_err();
        assert!(error.to_string().contains("frame-1.png"), "{error}");
        fs::remove_dir_all(&clip).unwrap();
        fs::write(folder.path().join("a.gif"), b"GIF89a\x10").unwrap();
        let error = import().unwrap_err();
        assert!(error.to_string().contains("a.gif"), "{error}");
        fs::remove_file(folder.path().join("a.gif")).unwrap();
        fs::write(folder.path().join("film.mp4"), b"").unwrap();
        let error = import().unwrap_err();
        assert!(error.to_string().contains("film.mp4"), "{error}");
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = vec!["f10", "f9", "f010", "a", "f9b", "f1x2", "f1x10", ""];
        names.sort_by(|a, b| compare_names(a, b));
        assert_eq!(
            names,
            ["", "a", "f1x2", "f1x10", "f9", "f9b", "f10", "f010"]
        );
    }
}
