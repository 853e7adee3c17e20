"""The networks of a Genie in PyTorch, with parameters named as in a checkpoint.

Shapes are named by their dimensions: B batch, T frames, N tokens per frame, D width, V codebook size, P values per
patch, H heads, d width of one head, S frames of a temporal attention's queries.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

EPSILON = 1e-6
ROTARY_BASE = 100.0
Config = dict[str, Any]


def covered(side: int, patch: int) -> int:
    """Patches that cover a side of a frame; the last one may reach beyond it."""
    return -(-side // patch)


def causal_mask(length: int, window: int) -> Tensor:
    """[T, T], added to logits: a frame sees itself and the `window - 1` frames before it."""
    times = torch.arange(length)
    age = times[:, None] - times
    return torch.zeros(length, length).masked_fill((age < 0) | (age >= window), -torch.inf)


def two_stream_mask(length: int, window: int) -> Tensor:
    """[2T, 2T]: clean frames see clean ones as usual, masked ones see earlier clean frames and themselves."""
    clean = causal_mask(length, window)
    own = torch.zeros(length, length).fill_(-torch.inf).fill_diagonal_(0.0)
    nothing = torch.full((length, length), -torch.inf)
    past = clean.clone().fill_diagonal_(-torch.inf)
    return torch.cat([torch.cat([clean, nothing], 1), torch.cat([past, own], 1)])


class Rotary:
    """Cosines and signed sines of angles [.., d / 2], [.., d] each, for half-split pairs."""

    def __init__(self, angles: Tensor) -> None:
        self.cos = torch.cat([angles.cos(), angles.cos()], -1).float()
        self.sin = torch.cat([-angles.sin(), angles.sin()], -1).float()

    def __call__(self, x: Tensor) -> Tensor:
        """Rotates x [B, S, N, H, d]."""
        return torch.addcmul(x * self.cos, x.roll(x.shape[-1] // 2, -1), self.sin)

    @staticmethod
    def angles(places: Tensor, pairs: int) -> Tensor:
        """[.., pairs] for places [..]."""
        speeds = ROTARY_BASE ** -(torch.arange(pairs, dtype=torch.float64) / pairs)
        return places.double()[..., None] * speeds

    @classmethod
    def of_times(cls, times: Tensor, head_width: int) -> Rotary:
        """For frames at times [S]: [S, 1, 1, d / 2]."""
        return cls(cls.angles(times, head_width // 2)[:, None, None])

    @classmethod
    def of_grid(cls, rows: int, columns: int, head_width: int) -> Rotary:
        """For the tokens of a frame: [N, 1, d / 2], half of it by row and half by column."""
        half = head_width // 2
        by_row = cls.angles(torch.arange(rows), half // 2).repeat_interleave(columns, 0)
        by_column = cls.angles(torch.arange(columns), half - half // 2).repeat(rows, 1)
        return cls(torch.cat([by_row, by_column], -1)[:, None])


class LayerCache:
    """Keys and values [B * N, H, slots, d] of one layer; the last slot is for a frame that is not final yet."""

    def __init__(self, sequences: int, heads: int, slots: int, head_width: int) -> None:
        self.keys = torch.zeros(sequences, heads, slots, head_width)
        self.values = torch.zeros_like(self.keys)

    def write(self, slots: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.keys.index_copy_(2, slots, keys)
        self.values.index_copy_(2, slots, values)
        return self.keys, self.values


class Attention(nn.Module):
    """Normalised queries and keys; pre-norm and residual included."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.norm = nn.Parameter(torch.empty(width))
        self.qkv = nn.Parameter(torch.empty(3 * inner, width))
        self.q_scale = nn.Parameter(torch.empty(head_width))
        self.k_scale = nn.Parameter(torch.empty(head_width))
        self.out = nn.Parameter(torch.empty(width, inner))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[.., D] to three of [.., H, d]."""
        qkv = F.linear(F.rms_norm(x, self.norm.shape, self.norm, EPSILON), self.qkv).float()
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).unbind(-3)
        q = F.rms_norm(q, self.q_scale.shape, self.q_scale, EPSILON)
        return q, F.rms_norm(k, self.k_scale.shape, self.k_scale, EPSILON), v

    def spatial(self, x: Tensor, places: Rotary | None) -> Tensor:
        """x [B, S, N, D]: every token of a frame sees every other, and where it stands if there are `places`."""
        q, k, v = self.project(x)
        if places is not None:
            q, k = places(q), places(k)
        q, k, v = (t.flatten(0, 1).transpose(1, 2) for t in (q, k, v))
        # In f32 also beside bf16 matrix products: the backward pass of fused attention in bf16 is ten times slower.
        with torch.autocast("cpu", enabled=False):
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return x + F.linear(mixed.reshape(*x.shape[:-1], -1), self.out)

    def temporal(
        self,
        x: Tensor,
        rotary: Rotary,
        mask: Tensor,
        cache: LayerCache | None = None,
        slots: Tensor | None = None,
    ) -> Tensor:
        """x [B, S, N, D]: every position sees its own past, in x or in the cache."""
        batch, frames, tokens, _ = x.shape
        q, k, v = self.project(x)
        q, k, v = (t.permute(0, 2, 3, 1, 4).flatten(0, 1) for t in (rotary(q), rotary(k), v))
        if cache is not None:
            k, v = cache.write(slots, k, v)
        # Spelled out: for so few frames faster than the fused attention, there and back.
        logits = torch.baddbmm(mask, q.flatten(0, 1), k.flatten(0, 1).transpose(1, 2), alpha=q.shape[-1] ** -0.5)
        mixed = (logits.softmax(-1) @ v.flatten(0, 1)).view_as(q)
        mixed = mixed.unflatten(0, (batch, tokens)).permute(0, 3, 1, 2, 4)
        return x + F.linear(mixed.reshape(batch, frames, tokens, -1), self.out)

    def own_frame_only(self, x: Tensor) -> Tensor:
        """Temporal attention with a window of one frame: the weight of the own value is one."""
        inner = self.out.shape[1]
        x_norm = F.rms_norm(x, self.norm.shape, self.norm, EPSILON)
        return x + F.linear(F.linear(x_norm, self.qkv[2 * inner :]), self.out)


class FeedForward(nn.Module):
    """Squared ReLU; pre-norm and residual included."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.empty(width))
        self.up = nn.Parameter(torch.empty(hidden, width))
        self.down = nn.Parameter(torch.empty(width, hidden))

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.linear(F.rms_norm(x, self.norm.shape, self.norm, EPSILON), self.up)
        return x + F.linear(F.relu(hidden).square(), self.down)


class Block(nn.Module):
    """Attention inside each frame, then over time, then the feed-forward."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, heads, head_width = config["width"], config["heads"], config["head_width"]
        self.spatial = Attention(width, heads, head_width)
        self.temporal = Attention(width, heads, head_width)
        self.feed_forward = FeedForward(width, config["feed_forward"] * width)


@dataclass
class Past:
    """What a streaming transformer remembers: a ring of `window` final frames per layer, and one slot to try in."""

    layers: list[LayerCache]
    window: int

    def passes(self, time: int, kind: str) -> tuple[Tensor, Tensor, Tensor]:
        """Times [S], slots [S] and mask [S, window + 1] of a pass.

        `final` adds frame `time` to the ring, `trial` is a frame `time` that may still change, `both` does the first for
        frame `time` and the second for `time + 1` at once.
        """
        window, times = self.window, []
        if kind in ("final", "both"):
            times.append((time, time % window))
        if kind in ("trial", "both"):
            times.append((time + (kind == "both"), window))
        newest = time if kind != "trial" else time - 1
        mask = [[-torch.inf] * (window + 1) for _ in times]
        for row, (at, slot) in zip(mask, times):
            for frame in range(max(0, at - window + 1), min(at, newest + 1)):
                row[frame % window] = 0.0
            row[slot] = 0.0
        at, slots = torch.tensor(times).T
        return at, slots, torch.tensor(mask)


class SpatioTemporal(nn.Module):
    """The stack of blocks that every network is built on."""

    def __init__(self, config: Config, grid: tuple[int, int]) -> None:
        """`grid`: rows and columns of a frame's tokens."""
        super().__init__()
        self.places = Rotary.of_grid(*grid, config["head_width"]) if config.get("rotary_space") else None
        self.window: int = config["window"]
        self.heads: int = config["heads"]
        self.head_width: int = config["head_width"]
        self.blocks = nn.ModuleList(Block(config) for _ in range(config["layers"]))

    def run(
        self,
        x: Tensor,
        rotary: Rotary,
        mask: Tensor,
        past: Past | None = None,
        slots: Tensor | None = None,
    ) -> Tensor:
        """x [B, S, N, D] through all blocks."""
        for index, block in enumerate(self.blocks):
            x = block.spatial.spatial(x, self.places)
            if self.window == 1:
                x = block.temporal.own_frame_only(x)
            else:
                cache = past.layers[index] if past else None
                x = block.temporal.temporal(x, rotary, mask, cache, slots)
            x = block.feed_forward(x)
        return x

    def clips(self, x: Tensor) -> Tensor:
        """Whole clips [B, T, N, D]."""
        length = x.shape[1]
        rotary = Rotary.of_times(torch.arange(length), self.head_width)
        return self.run(x, rotary, causal_mask(length, self.window))

    def two_streams(self, x: Tensor) -> Tensor:
        """Whole clips [B, 2T, N, D]: T clean frames, then T masked ones that see the clean past and themselves."""
        length = x.shape[1] // 2
        rotary = Rotary.of_times(torch.arange(length).repeat(2), self.head_width)
        return self.run(x, rotary, two_stream_mask(length, self.window))

    def new_past(self, worlds: int, tokens: int) -> Past:
        shape = worlds * tokens, self.heads, self.window + 1, self.head_width
        return Past([LayerCache(*shape) for _ in self.blocks], self.window)

    def stream(self, x: Tensor, past: Past, time: int, kind: str) -> Tensor:
        """One frame [B, 1, N, D], or two for the kind `both`, against the past; see `Past.passes`."""
        times, slots, mask = past.passes(time, kind)
        return self.run(x, Rotary.of_times(times, self.head_width), mask, past, slots)


class Coder(SpatioTemporal):
    """A transformer between two linear maps."""

    def __init__(self, config: Config, inputs: int, outputs: int, grid: tuple[int, int]) -> None:
        super().__init__(config, grid)
        self.embed = nn.Linear(inputs, config["width"])
        self.position = nn.Parameter(torch.empty(grid[0] * grid[1], config["width"]))
        self.project = nn.Linear(config["width"], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(self.clips(self.embed(x) + self.position))

    def next_frame(self, x: Tensor, past: Past, time: int) -> Tensor:
        """The frame [B, N, inputs] after those in `past`."""
        x = (self.embed(x) + self.position).unsqueeze(1)
        return self.project(self.stream(x, past, time, "final")).squeeze(1)


class Codebook(nn.Module):
    """Vector quantisation."""

    def __init__(self, codes: int, dim: int) -> None:
        super().__init__()
        self.codebook = nn.Parameter(torch.empty(codes, dim), requires_grad=False)

    def tokens(self, vectors: Tensor) -> Tensor:
        """Indices of the nearest codes: the least |c|^2 / 2 - x c."""
        half = self.codebook.square().sum(-1) / 2
        return F.linear(vectors.detach(), self.codebook, -half).argmax(-1)


class Tokenizer(nn.Module):
    """Pixels to tokens and back."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        own = config["tokenizer"]
        if "vq" not in own["quantizer"]:
            raise ValueError("only tokenizers with a learned codebook are written here")
        codes, dim = own["quantizer"]["vq"]["codes"], own["quantizer"]["vq"]["dim"]
        patch = own["patch"]
        grid = covered(config["frame_height"], patch), covered(config["frame_width"], patch)
        self.patch: int = patch
        self.rows: int = grid[0]
        self.encoder = Coder(own["encoder"], patch * patch * 3, dim, grid)
        self.decoder = Coder(own["decoder"], dim, patch * patch * 3, grid)
        self.quantizer = Codebook(codes, dim)

    def patches(self, frames: Tensor) -> Tensor:
        """RGB bytes [B, T, height, width, 3] to [B, T, N, P] between -0.5 and 0.5."""
        p = self.patch
        x = frames.unflatten(2, (-1, p)).unflatten(4, (-1, p)).transpose(3, 4)
        return x.flatten(4).flatten(2, 3).float() / 255 - 0.5

    def frames(self, patches: Tensor) -> Tensor:
        """The inverse of `patches` for [B, N, P], clamped and rounded."""
        p = self.patch
        x = patches.unflatten(1, (self.rows, -1)).unflatten(3, (p, p, 3)).transpose(2, 3)
        x = x.flatten(3, 4).flatten(1, 2)
        return ((x + 0.5) * 255).round().clamp(0, 255).to(torch.uint8)

    def tokenize(self, patches: Tensor) -> Tensor:
        return self.quantizer.tokens(self.encoder(patches))

    def codes(self, tokens: Tensor) -> Tensor:
        return F.embedding(tokens, self.quantizer.codebook)


class LatentActions(nn.Module):
    """Transitions to one of A codes on the unit sphere."""

    class Encoder(SpatioTemporal):
        def __init__(self, config: Config, features: int, grid: tuple[int, int]) -> None:
            own = config["encoder"]
            super().__init__(own, grid)
            self.embed = nn.Linear(features, own["width"])
            self.position = nn.Parameter(torch.empty(grid[0] * grid[1], own["width"]))
            self.norm = nn.Parameter(torch.empty(own["width"]))
            self.motion = config["input"] == "motion"
            if self.motion:
                self.own_scale = nn.Parameter(torch.empty(own["width"]))
            summary = own["width"] * (2 if self.motion else 1)
            self.project = nn.Parameter(torch.empty(config["dim"], summary))
            self.project_bias = nn.Parameter(torch.empty(config["dim"]))

        def forward(self, features: Tensor) -> Tensor:
            x = self.clips(self.embed(features) + self.position)
            summary = F.rms_norm(x.mean(2), self.norm.shape, self.norm, EPSILON)
            if self.motion:
                # What moves by itself, by how much it does: the last feature.
                weights = features[..., -1].square()
                weights = weights / (weights.sum(2, keepdim=True) + 1)
                own = torch.einsum("btn,btnd->btd", weights, x) * self.own_scale
                summary = torch.cat([summary, own], -1)
            return unit(F.linear(summary, self.project, self.project_bias))

    def __init__(self, config: Config, features: int) -> None:
        super().__init__()
        own = config["latent_actions"]
        grid = covered(config["frame_height"], own["patch"]), covered(config["frame_width"], own["patch"])
        # A world whose actions are found in footage has none.
        self.encoder = self.Encoder(own, features, grid) if features else None
        self.codebook = nn.Parameter(torch.empty(own["actions"], own["dim"]), requires_grad=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Codes [B, T - 1, C], with gradients passed straight through, and the commitment loss."""
        points = self.encoder(features)
        codebook = unit(self.codebook)
        codes = codebook[F.linear(points.detach(), codebook).argmax(-1)]
        return points + (codes - points).detach(), F.mse_loss(points, codes)


def unit(x: Tensor) -> Tensor:
    """Scales the last dimension to length one."""
    return x * (x.square().sum(-1, keepdim=True) + 1e-12).rsqrt()


class Dynamics(SpatioTemporal):
    """MaskGIT over the tokens of a frame, given the past and an action."""

    def __init__(self, config: Config) -> None:
        own = config["dynamics"]
        patch = config["tokenizer"]["patch"]
        grid = covered(config["frame_height"], patch), covered(config["frame_width"], patch)
        super().__init__(own["transformer"], grid)
        # Half of what training's weights did is taken back in play.
        self.stays: float = 0.5 * math.log(own.get("changed_weight", 1.0))
        if own["conditioning"] != "added":
            raise ValueError("only added actions are written here")
        width = own["transformer"]["width"]
        vq = config["tokenizer"]["quantizer"]["vq"]
        self.token_table = nn.Parameter(torch.empty(vq["codes"], width))
        self.code_projection = nn.Parameter(torch.empty(width, vq["dim"]))
        self.mask = nn.Parameter(torch.empty(1, width))
        self.position = nn.Parameter(torch.empty(grid[0] * grid[1], width))
        self.action = nn.Parameter(torch.empty(width, config["latent_actions"]["dim"]))
        self.start = nn.Parameter(torch.empty(1, width))
        self.norm = nn.Parameter(torch.empty(width))
        self.head = nn.Parameter(torch.empty(vq["codes"], width))

    def embeddings(self, codebook: Tensor) -> Tensor:
        """[V + 1, D]: all tokens, then the mask."""
        return torch.cat([F.linear(codebook, self.code_projection) + self.token_table, self.mask])

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(F.rms_norm(hidden, self.norm.shape, self.norm, EPSILON), self.head)

    def forward(self, context: Tensor, masked: Tensor, codes: Tensor, codebook: Tensor) -> Tensor:
        """Hidden states [B, T, N, D] of the masked frames; `codes` [B, T - 1, C] are the actions between frames."""
        ids = torch.cat([context, masked], 1)
        start = self.start.expand(len(codes), 1, -1)
        action = torch.cat([start, F.linear(codes, self.action)], 1).repeat(1, 2, 1)
        x = F.embedding(ids, self.embeddings(codebook)) + self.position + action.unsqueeze(2)
        return self.two_streams(x)[:, context.shape[1] :]


class Genie(nn.Module):
    """All of a checkpoint."""

    def __init__(self, config: Config, features: int) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = Tokenizer(config)
        self.latent_actions = LatentActions(config, features)
        self.dynamics = Dynamics(config)

    @classmethod
    def load(cls, path: Path) -> Genie:
        """Reads a `*.genie.safetensors` file; every parameter must be there, and nothing else."""
        with safe_open(path, "pt") as file:
            config = json.loads(file.metadata()["config"])
            # Pairs of tokens are for the sampler, the found player for footage, and neither is weights; older files call the pairs neighbours.
            no_weights = ("adjacency.", "neighbours.", "latent_actions.agent")
            names = [name for name in file.keys() if not name.startswith(no_weights)]
            tensors = {name: file.get_tensor(name).float() for name in names}
        embed = tensors.get("latent_actions.encoder.embed.weight")
        features = 0 if embed is None else embed.shape[1]
        genie = cls(config, features)
        genie.load_state_dict(tensors, strict=True)
        return genie
