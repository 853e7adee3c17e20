"""Records public Atari games under random play as datasets with their true actions beside them (for evaluation only).

    python3.11 -m venv ~/venvs/footage && ~/venvs/footage/bin/pip install -r training/footage/requirements.txt
    ~/venvs/footage/bin/python training/footage/record_atari.py Pong Freeway --out data/train
    ~/venvs/footage/bin/python training/footage/record_atari.py Pong Freeway --out data/held_out \\
        --transitions 4500 --clip-frames 60 --seed 77

The games run as they come: every fourth frame is shown (the usual frame skip) and an action is repeated over it, the picture is
scaled to 64x64 by the mean of what each pixel covers. Each clip begins 20 to 250 steps into a game; actions are held for 1 to 6 frames.
Buttons that a game treats alike are one true action.
"""

import ale_py
import gymnasium
import numpy as np

from footage_dataset import ClipCutter, DatasetWriter, HeldActions, keys_of_actions, record_games, scaled

FRAMES_PER_SECOND = 15
ALIKE = {"Pong": [0, 0, 1, 2, 1, 2]}


def buttons_of(environment):
    """What each button holds: RIGHTFIRE is right and space."""
    keys = {"FIRE": "space", "UP": "up", "DOWN": "down", "LEFT": "left", "RIGHT": "right"}
    meanings = environment.unwrapped.get_action_meanings()
    return ["+".join(sorted(key for name, key in keys.items() if name in meaning)) for meaning in meanings]


def record(game, out, options):
    environment = gymnasium.make(
        f"ALE/{game}-v5",
        frameskip=4,
        repeat_action_probability=0.0,
        full_action_space=False,
        obs_type="rgb",
    )
    buttons = int(environment.action_space.n)
    alike = ALIKE.get(game, list(range(buttons)))
    random = np.random.default_rng(options.seed)
    writer = DatasetWriter(out, FRAMES_PER_SECOND, f"Atari {game}", keys_of_actions(buttons_of(environment), alike))
    cutter = ClipCutter(writer, options.clip_frames)
    while writer.transitions < options.transitions:
        picture, _ = environment.reset(seed=int(random.integers(1 << 30)))
        player = HeldActions(random, buttons)
        for _ in range(int(random.integers(20, 250))):
            picture, _, over, cut_short, _ = environment.step(player.next())
            if over or cut_short:
                picture, _ = environment.reset()
        first = True
        for _ in range(options.clip_frames):
            action = player.next()
            cutter.add(scaled(picture), alike[action], first)
            picture, _, over, cut_short, _ = environment.step(action)
            first = over or cut_short
            if first:
                picture, _ = environment.reset(seed=int(random.integers(1 << 30)))
        cutter.cut()
    writer.finish()
    environment.close()
    print(f"{game}: {len(writer.actions)} clips, {writer.transitions} transitions in {out}", flush=True)


if __name__ == "__main__":
    gymnasium.register_envs(ale_py)
    record_games(__doc__, record)
