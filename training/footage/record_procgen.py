"""Records the public Procgen games under random play as datasets with their true actions beside them (for evaluation only).

    python3.11 -m venv ~/venvs/footage && ~/venvs/footage/bin/pip install -r training/footage/requirements.txt
    ~/venvs/footage/bin/python training/footage/record_procgen.py bigfish coinrun --out data/train
    ~/venvs/footage/bin/python training/footage/record_procgen.py bigfish coinrun --out data/held_out \\
        --transitions 4500 --clip-frames 60 --seed 77

The games run as they come: easy levels without end, painted backgrounds, one frame for each step. Actions are held for 1 to 6
frames. Buttons that a game treats alike are one true action (in a maze, left and left-up are the same step).
"""

import numpy as np
from procgen import ProcgenGym3Env

from footage_dataset import ClipCutter, DatasetWriter, HeldActions, keys_of_actions, record_games

FRAMES_PER_SECOND = 15
# Columns of Procgen's table of buttons: 3 * (x + 1) + (y + 1) for the nine directions, then the action buttons.
DIRECTIONS = 9
BUTTONS = ["down+left", "left", "left+up", "down", "", "up", "down+right", "right", "right+up", "space"]
# Sideways wins over up and down in games on a grid.
GRID = [0, 0, 0, 1, 2, 3, 4, 4, 4]
# Down does nothing without a ladder.
PLATFORMER = [0, 0, 1, 2, 2, 3, 4, 4, 5]
SIDEWAYS = [0, 0, 0, 1, 1, 1, 2, 2, 2]
ALIKE = {
    "maze": GRID,
    "leaper": GRID,
    "heist": list(range(9)),
    "chaser": GRID,
    "miner": GRID,
    "ninja": PLATFORMER,
    "coinrun": PLATFORMER,
    "climber": PLATFORMER,
    "jumper": PLATFORMER,
    "fruitbot": [*SIDEWAYS, 3],
}
FIRES = {"starpilot", "dodgeball", "bossfight", "plunder", "fruitbot"}


def record(game, out, options):
    buttons = DIRECTIONS + (game in FIRES)
    alike = ALIKE.get(game, list(range(buttons)))
    count = min(64, max(1, options.transitions // options.clip_frames))
    environment = ProcgenGym3Env(
        num=count,
        env_name=game,
        start_level=0,
        num_levels=0,
        rand_seed=options.seed,
        distribution_mode="easy",
        num_threads=1,
    )
    random = np.random.default_rng(options.seed)
    writer = DatasetWriter(out, FRAMES_PER_SECOND, f"procgen {game}", keys_of_actions(BUTTONS, alike))
    players = [HeldActions(random, buttons) for _ in range(count)]
    cutters = [ClipCutter(writer, options.clip_frames) for _ in range(count)]
    while writer.transitions < options.transitions:
        _, seen, first = environment.observe()
        actions = np.array([player.next() for player in players], dtype=np.int32)
        for index, cutter in enumerate(cutters):
            cutter.add(seen["rgb"][index].copy(), alike[actions[index]], first[index])
        environment.act(actions)
    writer.finish()
    environment.close()
    print(f"{game}: {len(writer.actions)} clips, {writer.transitions} transitions in {out}", flush=True)


if __name__ == "__main__":
    record_games(__doc__, record)
