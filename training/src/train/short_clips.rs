//! Clips that a training passes over, since they are shorter than its windows.

use super::config::TrainConfig;
use crate::dataset::{Dataset, ShortClips};
use crate::ingest::Finding;

/// The phases that pass over clips, by their names in a configuration, and which clips: the one of the dynamics first.
pub(crate) fn passed_over(
    dataset: &Dataset,
    config: &TrainConfig,
) -> impl Iterator<Item = (&'static str, ShortClips)> {
    let phases = [
        ("dynamics", &config.dynamics),
        ("tokenizer", &config.tokenizer),
    ];
    let short = phases.map(|(name, phase)| (name, ShortClips::of(dataset, phase.clip_frames)));
    short.into_iter().filter(|(_, short)| short.clips > 0)
}

/// The same with what helps, in the words of a configuration.
pub(super) fn findings(dataset: &Dataset, config: &TrainConfig) -> Vec<Finding> {
    let finding = |(name, short): (&str, ShortClips)| Finding {
        what: format!("{short} ({name}.clip_frames) and not trained on in that phase"),
        remedy: format!(
            "a lower {name}.clip_frames, or footage in longer clips: imported with more frames a second (--fps), or with --keep-all, \
             which parts no clip where scenes cut"
        ),
    };
    passed_over(dataset, config).map(finding).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dataset::{DatasetWriter, FrameFormat};

    #[test]
    fn clips_shorter_than_a_window_are_said_with_their_number_and_share() {
        let folder = tempfile::tempdir().unwrap();
        let format = FrameFormat {
            height: 2,
            width: 2,
            frames_per_second: 10.0,
        };
        let mut writer = DatasetWriter::create(folder.path(), format).unwrap();
        for frames in [5, 60, 5, 30] {
            let pixels = vec![7; frames * format.frame_bytes()];
            writer.push_clip(&pixels, None).unwrap();
        }
        let dataset = writer.finish().unwrap();
        let mut config = TrainConfig::platformer();
        config.tokenizer.clip_frames = 5;
        config.dynamics.clip_frames = 6;
        let said = findings(&dataset, &config);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0]
                .what
                .starts_with("2 of 4 clips (10 of 100 frames, 10 %)"),
            "{said:?}"
        );
        assert!(said[0].remedy.contains("dynamics.clip_frames"), "{said:?}");
        config.dynamics.clip_frames = 5;
        assert_eq!(findings(&dataset, &config), []);
    }
}
