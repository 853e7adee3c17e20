"""Plays the public CoinRun environment at random and writes what is seen as ordinary video: one folder of PNG files per
clip, for `genie import --video`. Nothing but pixels is written: no action, no reward.

    python -m venv ~/venvs/coinrun && ~/venvs/coinrun/bin/pip install -r training/footage/requirements.txt
    ~/venvs/coinrun/bin/python training/footage/coinrun.py --out data/coinrun_video

Every clip is a level of its own, from anywhere in it: the player first runs ahead for a while that is not recorded. One that
ends early (a death, the coin) is begun again on another level.
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
PLAY = {"left": 15, "left_jump": 8, "idle": 12, "jump": 12, "right": 33, "right_jump": 20}
RUN_AHEAD = {"right": 1, "right_jump": 2}


class Player:
    """Holds an action for a few frames, then draws another."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.left = 0
        self.action = "idle"

    def choose(self, weights):
        if self.left == 0:
            self.action = self.random.choices(list(weights), list(weights.values()))[0]
            self.left = self.random.randint(1, 6)
        self.left -= 1
        return self.action

    def way_ahead(self, longest):
        """How many frames to run ahead before the next clip."""
        return self.random.randint(0, longest)


def play(environment, player, columns, options):
    """Plays one environment to the first clip that lasts; a list of [64, 64, 3] pictures."""
    clip, ahead = [], player.way_ahead(options.ahead)
    while len(clip) < options.frames:
        weights = RUN_AHEAD if ahead > 0 else PLAY
        action = np.array([columns[COMBINATIONS[player.choose(weights)]]])
        over = False
        for _ in range(options.hold):
            environment.act(action)
            _, seen, first = environment.observe()
            over = over or first[0]
        if over:
            clip, ahead = [], player.way_ahead(options.ahead)
        elif ahead > 0:
            ahead -= 1
        else:
            clip.append(seen["rgb"][0].copy())
    return clip


def whole_number(least):
    """What reads a whole number from `least` on."""

    def read(text):
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return number

    return read


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="new folder for the clips")
    parser.add_argument("--clips", type=whole_number(1), default=1000)
    parser.add_argument("--frames", type=whole_number(1), default=64, help="frames of a clip")
    parser.add_argument("--ahead", type=whole_number(0), default=80, help="most frames that the player runs ahead before a clip")
    # With 1 the hero runs a pixel or two per frame, and the latent action model looks for motion in steps of two.
    parser.add_argument("--hold", type=whole_number(1), default=2, help="steps of the environment for each frame, under one action")
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
        clip = play(environment, Player(seed), columns, options)
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
