//! What a disk refuses: it is tried again when there is room, and said in few words.

use std::path::Path;

use crate::files::Files;
use crate::harness::{at_rest, close, editor, open, picture, project};
use crate::memory::Memory;
use crate::toasts::Toasts;

fn memory(data: &Path) -> Memory {
    let text = std::fs::read_to_string(data.join("memory.json"));
    text.map_or_else(
        |_| Memory::default(),
        |text| serde_json::from_str(&text).unwrap(),
    )
}

#[cfg(target_os = "linux")] // It has a full disk to try.
#[test]
fn recent_files_that_a_full_disk_refuses_are_remembered_when_there_is_room() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (
        picture(folder.path(), [10, 0, 0]),
        picture(folder.path(), [20, 0, 0]),
    );
    let refuse = || {
        let part = data.path().join("memory.json.part");
        std::os::unix::fs::symlink("/dev/full", part).unwrap();
    };
    let mut app = editor(data.path());
    refuse();
    open(&mut app, &first);
    at_rest(&mut app);
    let refusals = |app: &bevy::app::App| {
        let toasts = &app.world().resource::<Toasts>().all;
        let told = |toast: &&crate::toasts::Toast| toast.text.contains("memory.json");
        toasts
            .iter()
            .filter(|toast| toast.bad && told(toast))
            .count()
    };
    assert_eq!(refusals(&app), 1);
    assert_eq!(memory(data.path()), Memory::default());
    // It is not tried again and again.
    refuse();
    for _ in 0..20 {
        at_rest(&mut app);
    }
    assert!(
        data.path().join("memory.json.part").exists(),
        "it was tried"
    );
    assert!(
        app.world()
            .resource::<Files>()
            .memory
            .recent
            .contains(&first)
    );
    std::fs::remove_file(data.path().join("memory.json.part")).unwrap();
    // The next change has it all.
    open(&mut app, &second);
    at_rest(&mut app);
    assert_eq!(memory(data.path()).recent, [second.clone(), first.clone()]);
    // So has the end, if there is no other change.
    refuse();
    open(&mut app, &first);
    at_rest(&mut app);
    assert_eq!(memory(data.path()).recent[0], second);
    assert!(project(&app).unsaved());
    close(app);
    assert_eq!(memory(data.path()).recent, [first, second]);
}
