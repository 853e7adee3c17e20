"""Records any environment of Gymnasium with discrete actions, under random play, as a dataset with its true actions beside it (for
evaluation only).

    python3.11 -m venv ~/venvs/footage && ~/venvs/footage/bin/pip install -r training/footage/requirements.txt
    ~/venvs/footage/bin/pip install "gymnasium[box2d]" flappy-bird-gymnasium
    ~/venvs/footage/bin/python training/footage/record_gymnasium.py CarRacing-v3 flappy_bird_gymnasium:FlappyBird-v0 --out data/train
    ~/venvs/footage/bin/python training/footage/record_gymnasium.py CarRacing-v3 flappy_bird_gymnasium:FlappyBird-v0 \\
        --out data/held_out --transitions 4500 --clip-frames 60 --seed 77

A name is what `gymnasium.make` takes: of an environment of another package, the package comes first (`package:Environment-v0`). An action
is repeated until about a thirteenth of a second has passed, as the environment's own frame rate says; the picture is scaled to 64x64 by
the mean of what each pixel covers. Actions are held for 1 to 6 frames.
"""

import sys

import gymnasium
import numpy as np

from footage_dataset import ClipCutter, DatasetWriter, HeldActions, record_games, scaled

SHOWN_PER_SECOND = 13


def made(name):
    """The environment, asked for single actions where it would rather have amounts."""
    for asked in [{}, {"continuous": False}]:
        try:
            environment = gymnasium.make(name, render_mode="rgb_array", **asked)
        except gymnasium.error.Error as error:
            sys.exit(f"{name}: {error}")
        except TypeError:
            break
        if isinstance(environment.action_space, gymnasium.spaces.Discrete):
            return environment
        environment.close()
    sys.exit(f"{name} has no discrete actions")


def record(name, out, options):
    environment = made(name)
    count = int(environment.action_space.n)
    rate = float(environment.metadata.get("render_fps") or SHOWN_PER_SECOND)
    repeats = max(1, round(rate / SHOWN_PER_SECOND))
    random = np.random.default_rng(options.seed)
    writer = DatasetWriter(out, rate / repeats, name, [str(action) for action in range(count)])
    cutter = ClipCutter(writer, options.clip_frames)
    player = HeldActions(random, count)
    first = True
    while writer.transitions < options.transitions:
        if first:
            environment.reset(seed=int(random.integers(1 << 30)))
        action = player.next()
        cutter.add(scaled(environment.render()), action, first)
        first = False
        for _ in range(repeats):
            _, _, over, cut_short, _ = environment.step(action + environment.action_space.start)
            if over or cut_short:
                first = True
                break
    writer.finish()
    environment.close()
    print(f"{name}: {len(writer.actions)} clips, {writer.transitions} transitions in {out}", flush=True)


if __name__ == "__main__":
    record_games(__doc__, record)
