//! Folders of pictures.

use genie_training::dataset::{Dataset, DatasetWriter, FrameFormat};
use genie_training::gameplay::{GameplayOptions, VideoKind, generate_dataset};
use genie_training::ingest::{IngestError, IngestOptions, RemarkKind};
use image::{ImageFormat, RgbaImage};

use super::footage::{clips, encoded, first_bytes, import, keeping, plain, said, save, textured};

#[test]
fn generated_video_comes_back_exactly() {
    for kind in [VideoKind::Gif, VideoKind::Png] {
        let folder = tempfile::tempdir().unwrap();
        let options = GameplayOptions {
            video: Some(kind),
            ..GameplayOptions::default()
        };
        let made = folder.path().join("made");
        generate_dataset(&made, 3, 12, 4, options, &|_| ()).unwrap();
        let out = folder.path().join("imported");
        let summary = import(&made.join("video"), &out, &keeping(64, 64)).unwrap();
        assert_eq!((summary.clips, summary.frames), (3, 36));
        assert!(Dataset::open(&out).unwrap().format().has_pace(10.0));
        assert!(clips(&made) == clips(&out), "{kind:?}");
    }
}

#[test]
fn formats_and_folders_are_mixed_and_nothing_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let formats = [
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
    ];
    let endings = ["png", "bmp", "JPG", "webp"];
    for number in 0..12 {
        let bytes = encoded(&plain(8, 8, 10 * number), formats[number as usize % 4]);
        let name = format!("f{number}.{}", endings[number as usize % 4]);
        save(&folder.path().join("clip"), &name, &bytes);
        save(folder.path(), &name, &bytes);
    }
    let out = folder.path().join("out");
    let summary = import(folder.path(), &out, &keeping(8, 8)).unwrap();
    let read = first_bytes(&out);
    assert_eq!(read.len(), 2);
    for clip in read {
        let near = clip
            .iter()
            .zip((0..12).map(|n| 10 * n))
            .all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 3);
        assert!(near && clip.len() == 12, "{clip:?}");
    }
    assert!(
        said(&summary).contains("beside other folders"),
        "{}",
        said(&summary)
    );
    assert!(said(&summary).contains("10 frames a second assumed"));
    assert!(!summary.has_damage());
}

#[test]
fn a_format_that_cannot_be_read_among_frames_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    for number in 0..4 {
        save(
            &clip,
            &format!("{number}.png"),
            &encoded(&plain(4, 4, number), ImageFormat::Png),
        );
    }
    save(&clip, "4.tiff", b"II*\0");
    let summary = import(folder.path(), &folder.path().join("out"), &keeping(4, 4)).unwrap();
    assert!(said(&summary).contains("4.tiff"), "{}", said(&summary));
    assert!(summary.has_damage());
}

/// A JPEG of 12x8 pixels, red on the left and blue on the right, stored as an EXIF orientation says.
fn turned_jpeg(orientation: u8) -> Vec<u8> {
    let upright = image::RgbImage::from_fn(16, 8, |x, _| {
        image::Rgb(if x < 8 { [250, 10, 10] } else { [10, 10, 250] })
    });
    let stored = match orientation {
        3 => image::imageops::rotate180(&upright),
        6 => image::imageops::rotate270(&upright),
        8 => image::imageops::rotate90(&upright),
        _ => upright,
    };
    let bytes = encoded(&stored, ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut out = bytes[..2].to_vec();
    out.extend([0xFF, 0xE1]);
    out.extend((exif.len() as u16 + 2).to_be_bytes());
    out.extend(exif);
    out.extend(&bytes[2..]);
    out
}

#[test]
fn pictures_are_turned_upright() {
    for orientation in [1, 3, 6, 8] {
        let folder = tempfile::tempdir().unwrap();
        save(
            &folder.path().join("clip"),
            "0.jpg",
            &turned_jpeg(orientation),
        );
        let out = folder.path().join("out");
        import(folder.path(), &out, &keeping(16, 8)).unwrap();
        let frame = &clips(&out)[0][0];
        let pixel = |x: usize| [frame[(4 * 16 + x) * 3], frame[(4 * 16 + x) * 3 + 2]];
        assert!(
            pixel(2)[0] > 200 && pixel(2)[1] < 60,
            "orientation {orientation}: {:?}",
            pixel(2)
        );
        assert!(
            pixel(13)[0] < 60 && pixel(13)[1] > 200,
            "orientation {orientation}: {:?}",
            pixel(13)
        );
        // The same way as a prompt.
        let path = folder.path().join("clip/0.jpg");
        let prompt = genie_training::pictures::read_image(&path).unwrap();
        assert_eq!((prompt.width, prompt.height), (16, 8));
        assert_eq!(&prompt.pixels, frame);
    }
}

#[test]
fn colours_hidden_under_alpha_do_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let mut picture = RgbaImage::from_pixel(2, 2, image::Rgba([255, 0, 255, 0]));
    picture.put_pixel(1, 1, image::Rgba([200, 100, 50, 255]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let path = save(&folder.path().join("clip"), "0.png", bytes.get_ref());
    for (background, expected) in [([0; 3], [0; 3]), ([10, 20, 30], [10, 20, 30])] {
        let out = folder.path().join(format!("out{}", background[0]));
        let options = IngestOptions {
            background,
            ..keeping(2, 2)
        };
        import(&folder.path().join("clip"), &out, &options).unwrap();
        let frame = &clips(&out)[0][0];
        assert_eq!(frame[..3], expected);
        assert_eq!(frame[9..], [200, 100, 50]);
    }
    let prompt = genie_training::pictures::read_image(&path).unwrap();
    assert_eq!(prompt.pixels[..3], [0; 3]);
}

#[test]
fn deep_grey_and_palette_pictures_have_their_colours() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    let write = |name: &str, picture: image::DynamicImage| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        save(&clip, name, bytes.get_ref());
    };
    write(
        "0.png",
        image::ImageBuffer::from_pixel(2, 2, image::Rgb([0x8080_u16, 0xFFFF, 0])).into(),
    );
    write(
        "1.png",
        image::ImageBuffer::from_pixel(2, 2, image::Luma([77_u8])).into(),
    );
    write(
        "2.png",
        image::ImageBuffer::from_pixel(2, 2, image::LumaA([0xFFFF_u16, 0x8080])).into(),
    );
    let out = folder.path().join("out");
    import(folder.path(), &out, &keeping(2, 2)).unwrap();
    let frames = &clips(&out)[0];
    assert_eq!(frames[0][..3], [0x80, 0xFF, 0]);
    assert_eq!(frames[1][..3], [77; 3]);
    assert_eq!(frames[2][..3], [128; 3]);
}

#[test]
fn a_cut_off_picture_is_left_out_and_parts_the_clip() {
    for (format, ending) in [
        (ImageFormat::Jpeg, "jpg"),
        (ImageFormat::Png, "png"),
        (ImageFormat::WebP, "webp"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..5 {
            let mut bytes = encoded(&textured(64, 64, number), format);
            if number == 2 {
                bytes.truncate(bytes.len() * 2 / 3);
            }
            save(
                &folder.path().join("clip"),
                &format!("{number:03}.{ending}"),
                &bytes,
            );
        }
        let out = folder.path().join("out");
        let summary = import(folder.path(), &out, &keeping(64, 64)).unwrap();
        let lengths: Vec<usize> = clips(&out).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 2], "{ending}");
        assert!(
            said(&summary).contains(&format!("002.{ending}")),
            "{}",
            said(&summary)
        );
        assert!(summary.has_damage());
    }
}

#[test]
fn other_sizes_part_the_clip() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (w, h)) in [(8, 8), (8, 8), (16, 8), (16, 8), (8, 16)]
        .into_iter()
        .enumerate()
    {
        let bytes = encoded(&plain(w, h, number as u8), ImageFormat::Png);
        save(
            &folder.path().join("clip"),
            &format!("{number}.png"),
            &bytes,
        );
    }
    let out = folder.path().join("out");
    let summary = import(folder.path(), &out, &keeping(8, 8)).unwrap();
    assert_eq!(first_bytes(&out), [vec![0, 1], vec![2, 3], vec![4]]);
    assert!(
        said(&summary).contains("another size (16x8)"),
        "{}",
        said(&summary)
    );
}

#[test]
fn paces_that_are_not_whole_are_kept() {
    for (text, pace) in [
        ("29.97", 29.97),
        ("30000/1001\n", 30000.0 / 1001.0),
        ("\u{feff}30", 30.0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..6 {
            save(
                &folder.path().join("clip"),
                &format!("{number}.png"),
                &encoded(&plain(4, 4, number), ImageFormat::Png),
            );
        }
        save(folder.path(), "frames_per_second", text.as_bytes());
        let out = folder.path().join("out");
        let options = IngestOptions {
            pace: genie_training::ingest::PaceChoice::FramesPerSecond(pace),
            ..keeping(4, 4)
        };
        let summary = import(folder.path(), &out, &options).unwrap();
        assert_eq!(first_bytes(&out), [vec![0, 1, 2, 3, 4, 5]], "{text:?}");
        assert!(summary.remarks.is_empty(), "{}", said(&summary));
        assert!(FrameFormat::of_dataset(&out).unwrap().has_pace(pace));
    }
}

#[test]
fn strict_refuses_what_is_assumed_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        save(
            &folder.path().join("clip"),
            &format!("{number}.png"),
            &encoded(&plain(4, 4, number), ImageFormat::Png),
        );
    }
    let out = folder.path().join("out");
    let options = IngestOptions {
        strict: true,
        ..keeping(4, 4)
    };
    let error = import(folder.path(), &out, &options).unwrap_err();
    assert!(
        matches!(error, IngestError::Strict { count: 1, .. }),
        "{error}"
    );
    assert!(!out.exists());
    let told = IngestOptions {
        pictures_pace: Some(10.0),
        ..options
    };
    // Given on the command line, or in a file beside the pictures, it is no assumption.
    let summary = import(folder.path(), &out, &told).unwrap();
    assert!(summary.remarks.is_empty(), "{}", said(&summary));
    std::fs::remove_dir_all(&out).unwrap();
    save(folder.path(), "frames_per_second", b"10");
    let summary = import(folder.path(), &out, &options).unwrap();
    assert!(summary.remarks.is_empty(), "{}", said(&summary));
}

#[test]
fn nothing_is_left_where_there_is_no_footage() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let out = folder.path().join("out");
    let error = import(&empty, &out, &keeping(4, 4)).unwrap_err();
    assert!(matches!(error, IngestError::NoFootage(_)), "{error}");
    save(&empty, "0.png", b"\x89PNG\r\n\x1a\nnonsense");
    let error = import(&empty, &out, &keeping(4, 4))
        .unwrap_err()
        .to_string();
    assert!(error.contains("0.png"), "{error}");
    // A blank picture is no footage either, and it is said how to take it all the same.
    save(&empty, "0.png", &encoded(&plain(4, 4, 9), ImageFormat::Png));
    let options = IngestOptions {
        keep_all: false,
        ..keeping(4, 4)
    };
    let error = import(&empty, &out, &options).unwrap_err().to_string();
    assert!(error.contains("--keep-all"), "{error}");
    assert!(!out.exists());
    let error = import(&folder.path().join("nowhere"), &out, &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn a_dataset_that_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    save(
        &folder.path().join("clip"),
        "0.png",
        &encoded(&plain(4, 4, 1), ImageFormat::Png),
    );
    let out = folder.path().join("out");
    let format = FrameFormat {
        height: 4,
        width: 4,
        frames_per_second: 10.0,
    };
    let mut writer = DatasetWriter::create(&out, format).unwrap();
    writer.push_clip(&[7; 48], None).unwrap();
    writer.finish().unwrap();
    assert!(import(folder.path(), &out, &keeping(4, 4)).is_err());
    assert_eq!(first_bytes(&out), [vec![7]]);
    assert!(!out.join(".import").exists());
}

#[test]
fn a_thin_picture_costs_no_more_than_another() {
    let folder = tempfile::tempdir().unwrap();
    save(
        &folder.path().join("clip"),
        "0.png",
        &encoded(&plain(1, 16_000, 1), ImageFormat::Png),
    );
    let out = folder.path().join("out");
    let summary = import(folder.path(), &out, &keeping(1024, 1024)).unwrap();
    assert_eq!(summary.frames, 1);
    assert!(
        summary
            .remarks
            .iter()
            .all(|(_, remark)| remark.kind == RemarkKind::Assumed)
    );
}

#[test]
fn frames_that_are_there_twice_are_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip");
    for number in 0..6 {
        let picture = plain(8, 8, 20 * number);
        let name = |ending: &str| format!("{number:03}.{ending}");
        save(&clip, &name("png"), &encoded(&picture, ImageFormat::Png));
        if number < 4 {
            save(&clip, &name("jpg"), &encoded(&picture, ImageFormat::Jpeg));
        }
    }
    // A frame that is there as JPEG alone.
    let last = encoded(&plain(8, 8, 120), ImageFormat::Jpeg);
    save(&clip, "006.jpg", &last);
    save(folder.path(), "frames_per_second", b"10");
    let out = folder.path().join("out");
    let summary = import(&clip, &out, &keeping(8, 8)).unwrap();
    let taken = &first_bytes(&out)[0];
    assert_eq!(taken[..6], [0, 20, 40, 60, 80, 100]);
    assert!(taken.len() == 7 && taken[6].abs_diff(120) <= 3, "{taken:?}");
    assert!(
        said(&summary)
            .contains("4 frames are there in another format too, and left aside: 000.jpg"),
        "{}",
        said(&summary)
    );
    let strict = IngestOptions {
        strict: true,
        ..keeping(8, 8)
    };
    assert!(import(&clip, &folder.path().join("strict"), &strict).is_err());
}
