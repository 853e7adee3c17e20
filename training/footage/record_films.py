"""Records public games under random play as films (H.264 in mp4), as somebody's screen recordings would be, with what was pressed beside
each (`NAME.actions.csv`, which `genie dream` reads for evaluation only, unless told otherwise).

    python3.11 -m venv ~/venvs/footage && ~/venvs/footage/bin/pip install -r training/footage/requirements.txt
    ~/venvs/footage/bin/python training/footage/record_films.py climber fruitbot Seaquest --out films
    genie dream films/climber --out climber.genie.safetensors --hours 0.5

Names with a capital are Atari games, the others are those of Procgen. One player plays without a break: levels, deaths and titles are in the film as
they come. The program ffmpeg encodes it.
"""

import argparse
import subprocess
from pathlib import Path

import numpy as np

from footage_dataset import HeldActions, keys_of_actions

FRAMES_PER_SECOND = 15


class Film:
    """Frames through a pipe to ffmpeg, and the actions between them."""

    def __init__(self, path, scale):
        self.path = path
        self.scale = scale
        self.encoder = None
        self.actions = open(path.with_suffix(".actions.csv"), "w")
        self.actions.write("frame,keys\n")
        self.frames = 0

    def add(self, frame, keys):
        if self.encoder is None:
            height, width = frame.shape[:2]
            command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
            command += ["-r", str(FRAMES_PER_SECOND), "-i", "-", "-vf", f"scale=iw*{self.scale}:ih*{self.scale}:flags=neighbor"]
            command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-pix_fmt", "yuv420p", str(self.path)]
            self.encoder = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.encoder.stdin.write(np.ascontiguousarray(frame).tobytes())
        self.actions.write(f"{self.frames},{keys}\n")
        self.frames += 1

    def close(self):
        self.actions.close()
        self.encoder.stdin.close()
        if self.encoder.wait() != 0:
            raise SystemExit(f"{self.path}: ffmpeg failed")


def procgen(game, random, seed):
    """Frames of a Procgen game and the keys that are held on them; buttons that it treats alike are the same keys."""
    from procgen import ProcgenGym3Env

    from record_procgen import ALIKE, BUTTONS, DIRECTIONS, FIRES

    buttons = DIRECTIONS + (game in FIRES)
    alike = ALIKE.get(game, list(range(buttons)))
    keys = keys_of_actions(BUTTONS, alike)
    environment = ProcgenGym3Env(
        num=1, env_name=game, start_level=0, num_levels=0, rand_seed=seed, distribution_mode="easy", num_threads=0, render_mode="rgb_array"
    )
    player = HeldActions(random, buttons)
    while True:
        action = player.next()
        yield environment.get_info()[0]["rgb"], keys[alike[action]]
        environment.act(np.array([action], dtype=np.int32))


def atari(game, random, seed):
    """The same of an Atari game."""
    import ale_py
    import gymnasium

    from record_atari import ALIKE, buttons_of

    gymnasium.register_envs(ale_py)
    environment = gymnasium.make(
        f"ALE/{game}-v5", frameskip=4, repeat_action_probability=0.0, full_action_space=False, obs_type="rgb"
    )
    buttons = int(environment.action_space.n)
    alike = ALIKE.get(game, list(range(buttons)))
    keys = keys_of_actions(buttons_of(environment), alike)
    player = HeldActions(random, buttons)
    picture, _ = environment.reset(seed=seed)
    while True:
        action = player.next()
        yield picture, keys[alike[action]]
        picture, _, over, cut_short, _ = environment.step(action)
        if over or cut_short:
            picture, _ = environment.reset(seed=int(random.integers(1 << 30)))


def record(game, folder, options):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(options.seed)
    is_atari = game[0].isupper()
    frames = (atari if is_atari else procgen)(game, random, options.seed)
    left = options.minutes * 60 * FRAMES_PER_SECOND
    number = 1
    while left > 0:
        film = Film(folder / f"{game}-{number}.mp4", 3 if is_atari else 1)
        for _ in range(min(left, options.film_minutes * 60 * FRAMES_PER_SECOND)):
            film.add(*next(frames))
        film.close()
        left -= film.frames
        print(f"{film.path}: {film.frames} frames", flush=True)
        number += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="+", help="names of games")
    parser.add_argument("--out", type=Path, required=True, help="folder: each game becomes a folder of films in it")
    parser.add_argument("--minutes", type=int, default=20, help="length of all films of a game")
    parser.add_argument("--film-minutes", type=int, default=5, help="length of a film")
    parser.add_argument("--seed", type=int, default=11, help="other seeds are other levels and other play")
    options = parser.parse_args()
    for game in options.games:
        record(game, options.out / game, options)


if __name__ == "__main__":
    main()
