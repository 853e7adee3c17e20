"""Writes recorded frames as a dataset that `genie train`, `genie actions` and `genie evaluate` open directly: shards of raw
frames, `dataset.json`, and the true actions in a file of their own (`true_actions.bin`, with their keys in `true_actions.json`), which
only evaluation reads, and a training that is told to."""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

VERSION = 1
SHARD_BYTES = 64 << 20


class DatasetWriter:
    """Appends clips to shards; the folder is a dataset only once `finish` has written its index."""

    def __init__(self, folder, frames_per_second, game, keys, size=(64, 64)):
        """`game` says what was recorded, `keys` what each true action holds, joined by `+`."""
        self.game = game
        self.keys = keys
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.iterdir()):
            sys.exit(f"{self.folder} is not empty")
        self.height, self.width = size
        self.frames_per_second = frames_per_second
        self.shards = []
        self.actions = []
        self.file = None
        self.transitions = 0

    def push(self, frames, actions):
        """One clip: frames [T, H, W, 3] as bytes and the T - 1 actions between them."""
        frames = np.ascontiguousarray(frames, dtype=np.uint8)
        if frames.shape[1:] != (self.height, self.width, 3):
            raise ValueError(f"expected frames of {self.height}x{self.width}, got {frames.shape}")
        if len(actions) != len(frames) - 1:
            raise ValueError(f"expected {len(frames) - 1} actions, got {len(actions)}")
        if self.file is None:
            name = f"shard-{len(self.shards):05}.frames"
            self.file = open(self.folder / name, "wb")
            self.file.write(bytes(40))
            self.shards.append({"file": name, "clip_frames": []})
        self.file.write(frames.tobytes())
        self.shards[-1]["clip_frames"].append(len(frames))
        self.actions.append(bytes(int(action) for action in actions))
        self.transitions += len(actions)
        if self.file.tell() >= SHARD_BYTES:
            self._close()

    def _close(self):
        lengths = self.shards[-1]["clip_frames"]
        header = b"GENIEFRM" + struct.pack("<IIIIQQ", VERSION, self.height, self.width, 3, len(lengths), sum(lengths))
        self.file.seek(0)
        self.file.write(header)
        self.file.close()
        self.file = None

    def finish(self):
        """Closes the last shard, then writes the actions and, last, the index."""
        if self.file is not None:
            self._close()
        with open(self.folder / "true_actions.bin", "wb") as out:
            out.write(b"GENIEACT" + struct.pack("<IQ", VERSION, len(self.actions)))
            for actions in self.actions:
                out.write(struct.pack("<Q", len(actions)) + actions)
        (self.folder / "true_actions.json").write_text(json.dumps({"keys": self.keys}, indent=2))
        index = {
            "format_version": VERSION,
            "game": self.game,
            "height": self.height,
            "width": self.width,
            "channels": 3,
            "frames_per_second": self.frames_per_second,
            "shards": self.shards,
        }
        partial = self.folder / "dataset.json.partial"
        partial.write_text(json.dumps(index, indent=2))
        partial.rename(self.folder / "dataset.json")


def keys_of_actions(buttons, alike):
    """What each true action holds: of the buttons that are alike, the one with the fewest keys."""
    actions = {}
    for keys, action in zip(buttons, alike):
        if action not in actions or len(keys.split("+")) < len(actions[action].split("+")) or not keys:
            actions[action] = keys
    return [actions[action] for action in sorted(actions)]


class HeldActions:
    """Random play: every action is held for 1 to 6 frames."""

    def __init__(self, random, count):
        self.random = random
        self.count = count
        self.action = 0
        self.left = 0

    def next(self):
        if self.left == 0:
            self.action = int(self.random.integers(self.count))
            self.left = int(self.random.integers(1, 7))
        self.left -= 1
        return self.action


class ClipCutter:
    """Cuts what one environment shows into clips of at most `longest` frames that never cross an episode's end."""

    def __init__(self, writer, longest, shortest=8):
        self.writer = writer
        self.longest = longest
        self.shortest = shortest
        self.frames = []
        self.actions = []

    def add(self, frame, action, first):
        """A frame, the action that is taken on it, and whether it is the first of an episode."""
        if first or len(self.frames) == self.longest:
            self.cut()
        self.frames.append(frame)
        self.actions.append(action)

    def cut(self):
        if len(self.frames) >= self.shortest:
            self.writer.push(np.stack(self.frames), self.actions[:-1])
        self.frames, self.actions = [], []


def scaled(picture):
    """A picture at 64x64, by the mean of what each pixel covers."""
    return np.asarray(Image.fromarray(picture).resize((64, 64), Image.BOX))


def record_games(description, record):
    """A recorder's command line: `record(game, folder, options)` is asked for each game."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="+", help="names of games")
    parser.add_argument("--out", type=Path, required=True, help="folder: each game becomes a dataset OUT/GAME")
    parser.add_argument("--transitions", type=int, default=16_000, help="how many to record of each game")
    parser.add_argument("--clip-frames", type=int, default=250, help="most frames of a clip")
    parser.add_argument("--seed", type=int, default=3, help="other seeds are other levels and other play")
    options = parser.parse_args()
    for game in options.games:
        # Of an environment of another package, the package comes first.
        record(game, options.out / game.split(":")[-1], options)
