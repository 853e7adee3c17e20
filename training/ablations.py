#!/usr/bin/env python3
"""Trains one small world for each choice that the shipped configuration makes otherwise, and prints a table of their figures.

    cargo build --bin genie
    python3 training/ablations.py FOLDER

FOLDER takes footage, runs and figures; what is there already is not made again, so that it can be stopped at any time. The
table is Markdown. Needs nothing but Python 3.9.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).parent / "configs" / "platformer.toml"

# An encoder of latent actions, and the rule for motion that it starts from and keeps: what the shipped configuration did before actions were found.
ENCODER = [
    f"model.latent_actions.encoder.{it}"
    for it in ("layers=2", "width=96", "heads=3", "head_width=32", "feed_forward=4", "window=4")
]
RULE = [*ENCODER, "model.latent_actions.input=motion", "gravity=true", "actions_frozen=100000"]

# Each row's name and its settings, where they are not those of the shipped configuration. The last of several values of a setting holds.
ROWS: dict[str, list[str]] = {
    "as shipped": [],
    "half the steps": ["dynamics.steps={half}"],
    "twice the steps": ["dynamics.steps={twice}"],
    "all weights start at random": ["initial_weights=random"],
    "actions by a rule for motion": RULE,
    "actions by that rule that go on learning": [*RULE, "actions_frozen=0"],
    "actions start from pixels": [*ENCODER, "model.latent_actions.input=pixels"],
    "actions start from differences": [*ENCODER, "model.latent_actions.input=differences"],
    "4 actions": ["model.latent_actions.actions=4"],
    "8 actions": ["model.latent_actions.actions=8"],
    "actions prepended": ["model.dynamics.conditioning=prepended"],
    "no impossible actions": ["corruption.impossible_actions=0.0"],
    "8 % random actions instead": ["corruption.impossible_actions=0.0", "corruption.actions=0.08"],
    "no scheduled sampling": ["corruption.scheduled_sampling=0.0"],
    "no wrong tokens": ["corruption.tokens=0.0"],
    "20 % wrong tokens": ["corruption.tokens=0.2"],
    "AdamW alone": ["dynamics.optimiser.block_matrices=adamw"],
    "places learned one by one": ["model.dynamics.transformer.rotary_space=false"],
    "what changes weighs no more": ["model.dynamics.changed_weight=1.0"],
    "window of 4": ["model.dynamics.transformer.window=4"],
    "3 layers of width 192": [f"model.dynamics.transformer.{it}" for it in ("layers=3", "width=192", "heads=6")],
}
COLUMNS = [
    "row",
    "settings",
    "tokenizer PSNR, dB",
    "delta-PSNR, dB",
    "inferred - copy, dB",
    "faithfulness at 1 / 16",
    "visible after 20 / 100",
    "information on direction / jump, nats",
    "step, s",
]


class Ablations:
    """Footage, runs and figures in one folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder: Path = options.folder
        self.footage = self.clips("train", "--clips", "300", "--frames", "100", "--seed", "1")
        self.held_out = self.clips("held_out", "--clips", "48", "--frames", "120", "--seed", "9001")

    def genie(self, *arguments: str | Path) -> None:
        """Runs the command; its output goes to a log."""
        with open(self.folder / "log.txt", "a") as log:
            command = [str(it) for it in (self.options.genie, *arguments)]
            print(*command, file=log, flush=True)
            subprocess.run(command, stdout=log, stderr=log, check=True)

    def clips(self, name: str, *arguments: str) -> Path:
        """Footage of the built-in game."""
        folder = self.folder / name
        if not folder.exists():
            self.genie("gameplay", "--rules", "aligned", "--out", folder, *arguments)
        return folder

    def own_settings(self, name: str) -> list[str]:
        """The settings of a row that the first row has not."""
        steps = self.options.steps
        return [it.format(half=steps // 2, twice=2 * steps) for it in ROWS[name]]

    def settings(self, name: str) -> list[str]:
        """All settings of a row."""
        small = [f"tokenizer.steps={self.options.tokenizer_steps}", f"dynamics.steps={self.options.steps}"]
        return small + self.own_settings(name)

    def run(self, name: str) -> Path:
        """The folder of a row's training."""
        return self.folder / name.replace(" ", "-").replace("%", "percent")

    def train(self, name: str) -> Path:
        """Trains a row's world, or goes on with it, and returns its checkpoint."""
        run = self.run(name)
        resume = ["--resume"] if (run / "config.toml").exists() else []
        settings = [part for setting in self.settings(name) for part in ("--set", setting)]
        self.genie("train", "--config", CONFIG, "--data", self.footage, "--run", run, *resume, *settings)
        return run / "world.genie.safetensors"

    def row(self, name: str) -> list[str]:
        """Trains and evaluates a world, unless that has been done, and returns its row of the table."""
        figures = self.run(name) / "evaluation.json"
        if not figures.exists():
            checkpoint = self.train(name)
            judged = ("--clips", "24", "--horizon", "16", "--survival", "100", "--json", figures)
            self.genie("evaluate", "--checkpoint", checkpoint, "--data", self.held_out, *judged)
        metrics = self.run(name) / "dynamics" / "metrics.jsonl"
        return [name, *describe(self.own_settings(name), json.loads(figures.read_text()), metrics)]


def describe(settings: list[str], figures: dict, metrics: Path) -> list[str]:
    """A row of the table, but for its name."""
    control = figures["controllability"]
    one = control["one_prompt_frame"]
    faithful = [it["faithfulness"] for it in figures["faithfulness"]["horizons"]]
    visible = [it["visible"] for it in figures["survival"]["after"]]
    known = figures["true_actions"]
    seconds = [json.loads(line)["seconds"] for line in metrics.read_text().splitlines()]
    return [
        ", ".join(f"`{it}`" for it in settings),
        f"{figures['tokenizer_psnr']:.1f}",
        f"{one['delta_psnr']:.1f} ± {one['delta_standard_error']:.1f}",
        f"{one['inferred_psnr'] - control['copy_psnr']:+.1f}",
        " / ".join(f"{it:.2f}" for it in faithful),
        " / ".join(f"{it:.2f}" for it in visible),
        f"{known['steer']['nats']:.2f} / {known['jump']['nats']:.2f}",
        f"{statistics.median(seconds):.2f}",
    ]


def print_row(cells: list[str]) -> None:
    """A line of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for footage, runs and figures")
    parser.add_argument("--genie", type=Path, default="target/debug/genie", help="the command to use")
    parser.add_argument("--steps", type=int, default=300, help="of latent actions and dynamics (%(default)s)")
    parser.add_argument("--tokenizer-steps", type=int, default=100, help="of the tokenizer (%(default)s)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help="only these rows")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        ablations = Ablations(options)
        print_row(COLUMNS)
        print_row(["---"] * len(COLUMNS))
        for name in options.rows:
            print_row(ablations.row(name))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{error}; see {options.folder / 'log.txt'}")


if __name__ == "__main__":
    main()
