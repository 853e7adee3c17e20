"""Compares the Rust implementation with an independent one in PyTorch: outputs and speed.

    python tests/pytorch/compare.py

checks logits, pixels, a greedy rollout and gradients to a tolerance, then lets both sides alternate at the same work and prints
medians of the rounds' ratios. Exits with status 1 where outputs differ.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from model import Genie
from rollout import Rollout, Sampler
from rust_side import ROOT, RustSide
from training import TRAINERS, Trainer


# Seconds that may be stolen from all processors in a second of a round, and how often a round is tried on average.
MOST_STOLEN = 0.01
MOST_TRIES = 3


@dataclass
class Check:
    """How far apart the two sides are somewhere."""

    what: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.tolerance  # false for NaN, too


@dataclass
class Timing:
    """Medians over the rounds: milliseconds of each side, and PyTorch's time over Rust's."""

    work: str
    rust_ms: float
    pytorch_ms: float
    ratio: float
    rounds: int
    disturbed: bool  # whether the rounds are those into which the host of this virtual machine broke


def difference(ours: Tensor, theirs: Tensor) -> float:
    return (ours.float() - theirs.float()).abs().max().item()


@torch.inference_mode()
def check_clip(genie: Genie, reference: dict[str, Tensor], tolerance: float) -> list[Check]:
    """Tokens and pixels of a real clip, whole and streamed, and logits given its frames one by one."""
    clip = {key[5:]: value for key, value in reference.items() if key.startswith("clip.")}
    tokenizer, dynamics = genie.tokenizer, genie.dynamics
    tokens = clip["tokens"].long()
    patches = tokenizer.patches(clip["frames"][None])
    wrong = (tokenizer.tokenize(patches)[0] != tokens).float().mean().item()
    checks = [Check("tokens of a clip, share that differs", wrong, 0.0)]
    pixels = tokenizer.decoder(tokenizer.codes(tokens[None]))[0]
    checks.append(Check("pixels of a clip", difference(pixels, clip["pixels"]), tolerance))

    actions = clip["actions"].long()
    rollout = Rollout(genie, clip["frames"][:1], Sampler())
    streamed, fully, partly = [rollout.pixels], [], []
    for t in range(len(tokens) - 1):
        action = actions[t + 1 : t + 2]
        everything = torch.full_like(rollout.tokens, rollout.mask)
        fully.append(dynamics.logits(rollout.first_pass(action, everything)))
        some = tokens[t + 1 : t + 2].clone()
        some[:, torch.arange(some.shape[1]) % 3 > 0] = rollout.mask
        hidden = rollout.pass_over(some[:, None], action[:, None], t + 1, "trial")
        partly.append(dynamics.logits(hidden[:, 0]))
        rollout.force(tokens[t + 1 : t + 2], action)
        streamed.append(rollout.decode())
    for what, ours, name in [
        ("pixels, streamed", streamed, "pixels"),
        ("logits, fully masked", fully, "logits_fully_masked"),
        ("logits, partly masked", partly, "logits_partly_masked"),
    ]:
        checks.append(Check(what, difference(torch.cat(ours), clip[name]), tolerance))
    return checks


@torch.inference_mode()
def check_rollout(genie: Genie, reference: dict[str, Tensor]) -> list[Check]:
    """A greedy rollout, each frame from the last one of the other side: a near tie must not affect all later frames."""
    tokens, actions = reference["rollout.tokens"].long(), reference["rollout.actions"].long()
    rollout = Rollout(genie, reference["rollout.prompt"][None], Sampler(temperature=0, order_noise=0))
    frames, wrong = [rollout.tokenizer.frames(rollout.pixels)], 0
    for expected, action in zip(tokens[1:], actions[1:]):
        frames.append(rollout.step(action[None]))
        wrong += (rollout.tokens[0] != expected).sum().item()
        rollout.tokens = expected[None]
    off = (torch.cat(frames).int() - reference["rollout.frames"].int()).abs()
    return [
        Check("tokens of a rollout, share that differs", wrong / tokens[1:].numel(), 0.002),
        Check("bytes of a rollout, share off by more than one", (off > 1).float().mean().item(), 0.002),
    ]


def check_training(trainer: Trainer, phase: str, reference: dict[str, Tensor], tolerance: float) -> list[Check]:
    """Gradients before any step, relative to the largest of their tensor, and losses over a few steps."""
    trainer.gradients()
    worst = 0.0
    for name, parameter in trainer.parameters.items():
        theirs = reference[f"{phase}.gradient.{name}"]
        ours = torch.zeros_like(theirs) if parameter.grad is None else parameter.grad
        scale = theirs.abs().max().item()
        worst = max(worst, difference(ours, theirs) / max(scale, 1e-6))
    trainer.optimiser.zero_grad()
    theirs = reference[f"{phase}.losses"]
    losses = torch.tensor([trainer.step() for _ in theirs])
    off = ((losses - theirs) / theirs).abs().max().item()
    return [
        # Where the tokenizer is exact, nudging pixels by 1e-7 turns the sign of the absolute error, and with it gradients.
        Check(f"{phase}: gradients, relative", worst, 10 * tolerance if phase == "tokenizer" else tolerance),
        Check(f"{phase}: losses over {len(theirs)} steps, relative", off, tolerance),
    ]


def batch_of(reference: dict[str, Tensor], phase: str) -> dict[str, Tensor]:
    """A phase's batch, with integers as PyTorch wants them."""
    names = ("patches", "features", "action_codes", "context", "masked", "rows", "weights")
    batch = {name: reference[f"{phase}.{name}"] for name in names if f"{phase}.{name}" in reference}
    return {name: t if t.is_floating_point() else t.long() for name, t in batch.items()}


def stolen_seconds() -> float:
    """How long the host of this virtual machine gave its processors to somebody else, so far (Linux)."""
    stat = Path("/proc/stat")
    return int(stat.read_text().split()[8]) / os.sysconf("SC_CLK_TCK") if stat.exists() else 0.0


class Alternation:
    """Lets both sides do the same work in turns and compares how long they take.

    Rounds in which the host of a virtual machine took its processors away are tried again, a few times.
    """

    def __init__(self, rust: RustSide, rounds: int, processor_time: bool) -> None:
        self.rust, self.rounds = rust, rounds
        self.clocks = (rust.processor_seconds, time.process_time) if processor_time else (time.perf_counter,) * 2

    def take(self, work: str, request: dict[str, Any], pytorch: Callable[[], Any], count: int) -> Timing:
        """`count` pieces of work a turn; the first round warms up."""

        def ask() -> None:
            self.rust.ask(**request)

        def run() -> None:
            for _ in range(count):
                pytorch()

        whole: list[tuple[float, float]] = []
        disturbed: list[tuple[float, float]] = []
        for number in range(MOST_TRIES * self.rounds + 1):
            stolen, begun = stolen_seconds(), time.perf_counter()
            ours, theirs = (1e3 * timed(side, clock) / count for side, clock in zip((ask, run), self.clocks))
            lost = (stolen_seconds() - stolen) / (time.perf_counter() - begun)
            if number > 0:
                (whole if lost <= MOST_STOLEN else disturbed).append((ours, theirs))
            if len(whole) == self.rounds:
                break
        few = 2 * len(whole) < self.rounds
        times = disturbed if few else whole
        rust, torch_ = zip(*times)
        ratios = [theirs / ours for ours, theirs in times]
        medians = (statistics.median(values) for values in (rust, torch_, ratios))
        timing = Timing(work, *medians, len(times), few)
        mark = " (disturbed)" if few else ""
        print(f"{work:36}{timing.rust_ms:8.2f} ms{timing.pytorch_ms:9.2f} ms{timing.ratio:15.2f}x{mark}", flush=True)
        return timing


def timed(work: Callable[[], None], clock: Callable[[], float]) -> float:
    """Seconds of a piece of work by a clock."""
    time.sleep(0.05)  # lets the other side's threads fall asleep
    begun = clock()
    work()
    return clock() - begun


def keep_memory() -> None:
    """Tells glibc not to hand freed tensors back to the system each time, as the Rust side's allocator does not."""
    mmap_max, trim_threshold = -4, -1
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)


def time_rollouts(genie: Genie, alternation: Alternation, frames: Tensor, args: argparse.Namespace) -> list[Timing]:
    """Cached streaming steps, decode included, with full windows."""
    timings = []
    for worlds in args.worlds:
        rollout = Rollout(genie, frames[:1].expand(worlds, -1, -1, -1), Sampler(args.steps))
        if args.compile:
            rollout.dynamics.run = torch.compile(rollout.dynamics.run)
            rollout.tokenizer.decoder.run = torch.compile(rollout.tokenizer.decoder.run)
        action = torch.zeros(worlds, dtype=torch.long)
        for _ in range(rollout.dynamics.window):
            rollout.step(action)
        count = max(4, 24 // worlds)
        request = {"work": "rollout", "worlds": worlds, "steps": args.steps, "frames": count}
        name = f"rollout step, {worlds} world{'s' if worlds > 1 else ''}"
        timings.append(alternation.take(name, request, lambda: rollout.step(action), count))
    return timings


def time_training(path: Path, alternation: Alternation, reference: dict[str, Tensor], args: argparse.Namespace) -> list[Timing]:
    """Optimiser steps of both phases, in f32 and with bf16 matrix products."""
    timings = []
    for phase, bf16 in [(phase, bf16) for bf16 in (False, True) for phase in TRAINERS]:
        request = {"work": "train", "phase": phase, "bf16": bf16, "steps": 1}
        if bf16 and not alternation.rust.ask(**request)["done"]["bf16"]:
            continue  # this processor has no instructions for it
        trainer = TRAINERS[phase](Genie.load(path), batch_of(reference, phase), bf16, args.compile)
        name = f"training step, {phase}, {'bf16' if bf16 else 'f32'}"
        timings.append(alternation.take(name, request, trainer.step, 1))
    return timings


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = ROOT / "assets/models/platformer.genie.safetensors"
    parser.add_argument("--checkpoint", type=Path, default=default)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of each side")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each side; 0 checks only")
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--steps", type=int, default=2, help="MaskGIT steps of a frame")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="compare processor time instead of time on the clock: best with one thread, for busy machines (Linux)",
    )
    parser.add_argument("--compile", action="store_true", help="run PyTorch through torch.compile")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    keep_memory()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    rust = RustSide(args.checkpoint, args.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.safetensors"
        rust.ask(work="reference", path=str(path))
        reference = load_file(path)
    genie = Genie.load(args.checkpoint)
    checks = check_clip(genie, reference, args.tolerance) + check_rollout(genie, reference)
    for phase, kind in TRAINERS.items():
        trainer = kind(Genie.load(args.checkpoint), batch_of(reference, phase), False, False)
        checks += check_training(trainer, phase, reference, args.tolerance)
    for check in checks:
        mark, bound = "ok" if check.passed else "OFF", f"(at most {check.tolerance:g})"
        print(f"{mark:4}{check.what:48}{check.difference:10.2g}  {bound}")
    timings: list[Timing] = []
    if args.rounds > 0:
        how = f"{'compiled, ' if args.compile else ''}{args.threads} threads each, medians"
        print(f"\nPyTorch {torch.__version__}, {how}{' of processor time' if args.processor_time else ''}")
        print(f"{'':36}{'Rust':>11}{'PyTorch':>12}{'PyTorch / Rust':>17}", flush=True)
        alternation = Alternation(rust, args.rounds, args.processor_time)
        timings += time_rollouts(genie, alternation, reference["clip.frames"], args)
        timings += time_training(args.checkpoint, alternation, reference, args)
    rust.close()
    if args.json:
        figures = {
            "pytorch": torch.__version__,
            "compiled": args.compile,
            "threads": args.threads,
            "processor_time": args.processor_time,
            "checks": [asdict(c) for c in checks],
            "timings": [asdict(t) for t in timings],
        }
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(check.passed for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
