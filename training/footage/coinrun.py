"""Plays the public CoinRun environment at random and writes what is seen as ordinary video: one folder of PNG files per
clip, for `genie import --video`. Nothing but pixels is written: no action, no reward.

    python -m venv ~/venvs/coinrun && ~/venvs/coinrun/bin/pip install -r training/footage/requirements.txt
    ~/venvs/coinrun/bin/python training/footage/coinrun.py --out data/coinrun_video

Every clip is a level of its own; one that ends early (a death, the coin) is begun again on another level.
"""

import argparse
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from procgen import ProcgenGym3Env

# Columns of the environment's table of buttons.
COMBINATIONS = {
    "left": ("LEFT",),
    "left_jump": ("LEFT", "UP"),
    "idle": (),
    "jump": ("UP",),
    "right": ("RIGHT",),
    "right_jump": ("RIGHT", "UP"),
}
# Runs mostly to the right, where the level goes on.
WEIGHTS = {"left": 15, "left_jump": 8, "idle": 12, "jump": 12, "right": 33, "right_jump": 20}


class Player:
    """Holds an action for a few frames, then draws another."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.left = 0
        self.action = "idle"

    def choose(self):
        if self.left == 0:
            self.action = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.left = self.random.randint(1, 6)
        self.left -= 1
        return self.action


def play(environment, player, columns, frames, hold):
    """Plays one environment to the first clip that lasts; a list of [64, 64, 3] pictures."""
    clip = []
    while len(clip) < frames:
        action = np.array([columns[COMBINATIONS[player.choose()]]])
        for _ in range(hold):
            environment.act(action)
            _, seen, first = environment.observe()
            if first[0]:
                clip = []
        clip.append(seen["rgb"][0].copy())
    return clip


def positive(text):
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="new folder for the clips")
    parser.add_argument("--clips", type=positive, default=1000)
    parser.add_argument("--frames", type=positive, default=64, help="frames of a clip")
    parser.add_argument("--hold", type=positive, default=2, help="steps of the environment for each frame, under one action")
    parser.add_argument("--seed", type=int, default=0, help="other seeds are other levels")
    parser.add_argument("--backgrounds", action="store_true", help="painted backgrounds instead of black")
    options = parser.parse_args()
    if options.out.exists() and any(options.out.iterdir()):
        sys.exit(f"{options.out} is not empty")
    for number in range(options.clips):
        seed = options.seed * 1_000_000 + number
        environment = ProcgenGym3Env(
            num=1,
            env_name="coinrun",
            num_levels=0,
            rand_seed=seed,
            distribution_mode="easy",
            use_backgrounds=options.backgrounds,
        )
        columns = {tuple(names): column for column, names in enumerate(environment.combos)}
        clip = play(environment, Player(seed), columns, options.frames, options.hold)
        environment.close()
        # Whole or not at all: an unfinished folder has a name that `genie import` leaves out.
        folder = options.out / f".{number:05}"
        folder.mkdir(parents=True)
        for index, picture in enumerate(clip):
            Image.fromarray(picture).save(folder / f"{index:04}.png")
        folder.rename(options.out / f"{number:05}")
        if (number + 1) % 50 == 0:
            print(f"{number + 1} of {options.clips} clips", flush=True)


if __name__ == "__main__":
    main()
