"""Records first-person games under random play as datasets with their true actions beside them (for evaluation only).

    python3.11 -m venv ~/venvs/footage && ~/venvs/footage/bin/pip install -r training/footage/requirements.txt
    ~/venvs/footage/bin/python training/footage/record_doom.py my_way_home freedoom1 --out data/train
    ~/venvs/footage/bin/python training/footage/record_doom.py my_way_home freedoom1 --out data/held_out \\
        --transitions 4500 --clip-frames 60 --seed 77

The scenarios of ViZDoom run as they come, and so do the games Freedoom 1 and 2, a map drawn for each clip. Of their own buttons those that
walk, turn and fire are pressed: one action for each, and one for none. Every fourth tic is shown (35 tics are a second) and an action is
repeated over it; the picture is scaled to 64x64 by the mean of what each pixel covers. Actions are held for 1 to 6 frames.
"""

import tempfile
from pathlib import Path

import numpy as np
import vizdoom

from footage_dataset import ClipCutter, DatasetWriter, HeldActions, keys_of_actions, record_games, scaled

FRAMES_PER_SECOND = 8.75
TICS = 4
SCENARIOS = Path(vizdoom.__file__).parent / "scenarios"
MAPS = {"freedoom1": [f"E1M{number}" for number in range(1, 9)], "freedoom2": [f"map{number:02}" for number in range(1, 12)]}
# The buttons that are pressed: not those that choose weapons, nor turns as far as a mouse says.
KEYS = {
    "MOVE_FORWARD": "up",
    "MOVE_BACKWARD": "down",
    "TURN_LEFT": "left",
    "TURN_RIGHT": "right",
    "MOVE_LEFT": "a",
    "MOVE_RIGHT": "d",
    "ATTACK": "space",
}


def started(game, seed):
    """The game, and the names of its buttons."""
    doom = vizdoom.DoomGame()
    doom.load_config(str(SCENARIOS / f"{game}.cfg"))
    doom.set_available_buttons([button for button in doom.get_available_buttons() if button.name in KEYS])
    doom.set_screen_format(vizdoom.ScreenFormat.RGB24)
    doom.set_audio_buffer_enabled(False)
    doom.set_automap_buffer_enabled(False)
    doom.set_window_visible(False)
    # Else its settings are written to the working folder.
    doom.set_doom_config_path(str(Path(tempfile.gettempdir()) / "record_doom.ini"))
    doom.set_seed(seed)
    doom.init()
    return doom, [button.name for button in doom.get_available_buttons()]


def record(game, out, options):
    random = np.random.default_rng(options.seed)
    doom, buttons = started(game, int(random.integers(1 << 30)))
    keys = ["", *(KEYS[button] for button in buttons)]
    writer = DatasetWriter(out, FRAMES_PER_SECOND, f"ViZDoom {game}", keys_of_actions(keys, range(len(keys))))
    cutter = ClipCutter(writer, options.clip_frames)
    player = HeldActions(random, len(keys))
    while writer.transitions < options.transitions:
        if game in MAPS:
            doom.set_doom_map(MAPS[game][int(random.integers(len(MAPS[game])))])
        doom.set_seed(int(random.integers(1 << 30)))
        doom.new_episode()
        first = True
        for _ in range(options.clip_frames):
            if doom.is_episode_finished():
                break
            action = player.next()
            cutter.add(scaled(doom.get_state().screen_buffer), action, first)
            first = False
            doom.make_action([button + 1 == action for button in range(len(buttons))], TICS)
        cutter.cut()
    writer.finish()
    doom.close()
    print(f"{game}: {len(writer.actions)} clips, {writer.transitions} transitions in {out}", flush=True)


if __name__ == "__main__":
    record_games(__doc__, record)
