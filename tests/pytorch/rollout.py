"""Running worlds: cached streaming with MaskGIT, the algorithm of the Rust `Rollout`.

Finished frames leave their keys and values in a ring. The pass that finishes a frame shares a batch with the first
pass of the next one, and every further MaskGIT step is a pass over one frame's tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model import Genie


@dataclass(frozen=True)
class Sampler:
    """How a frame is sampled, in confidence order; the defaults are those of the Rust side beside PyTorch."""

    steps: int = 2
    temperature: float = 1.0
    top_p: float = 0.9
    order_noise: float = 1.0

    def masked_after(self, step: int, tokens: int) -> int:
        """Tokens that are still masked after a step: the cosine schedule."""
        if step + 1 >= self.steps:
            return 0
        masked = math.floor(tokens * math.cos((step + 1) / self.steps * math.pi / 2))
        return min(masked, max(tokens - step - 1, 0))

    def choose(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """One token and its log-probability for each row of logits [M, V]."""
        if self.temperature <= 1e-4:
            best, choice = logits.max(-1)
            return choice, best - logits.logsumexp(-1)
        share = (logits / self.temperature).softmax(-1)
        # Tokens too unlikely to be among the first `top_p`, whatever the others are, need no sorting.
        likely = (share >= (1 - self.top_p) / share.shape[-1]).sum(-1).max()
        share, order = share.topk(int(likely))
        reached = share.cumsum(-1)
        kept = (reached < self.top_p).sum(-1, keepdim=True).clamp_(max=share.shape[-1] - 1)
        draw = torch.rand(len(logits), 1) * reached.gather(-1, kept)
        at = torch.searchsorted(reached, draw, right=True).minimum(kept)
        choice = order.gather(-1, at)
        return choice[:, 0], logits.gather(-1, choice)[:, 0] - logits.logsumexp(-1)

    def unmask(self, tokens: Tensor, logits: Tensor, masked: Tensor, step: int) -> Tensor:
        """Fills in the `masked` entries of tokens [B, N] from their logits [M, V]; returns which are masked again."""
        choice, confidence = self.choose(logits)
        tokens[masked] = choice
        left = self.masked_after(step, tokens.shape[1])
        if left == 0:
            return torch.zeros_like(masked)
        fade = 1 - (step + 1) / self.steps
        waiting = -torch.rand_like(confidence).clamp_(min=1e-9).log()
        gumbel = -waiting.clamp_(min=1e-9).log()
        priority = torch.full(tokens.shape, torch.inf)
        priority[masked] = confidence + self.order_noise * fade * gumbel
        again = torch.zeros_like(masked)
        return again.scatter_(1, priority.topk(left, largest=False).indices, True)


class Rollout:
    """Worlds that are stepped in one batch."""

    @torch.inference_mode()
    def __init__(self, genie: Genie, frames: Tensor, sampler: Sampler) -> None:
        """Starts from RGB frames [B, height, width, 3]."""
        self.tokenizer, self.dynamics, self.sampler = genie.tokenizer, genie.dynamics, sampler
        codebook = genie.tokenizer.quantizer.codebook
        self.embeddings = self.dynamics.embeddings(codebook)
        actions = genie.latent_actions.codebook @ self.dynamics.action.T
        self.actions = torch.cat([actions, self.dynamics.start])
        self.tokens = self.tokenizer.tokenize(self.tokenizer.patches(frames[:, None]))[:, 0]
        worlds, tokens = self.tokens.shape
        self.action = torch.full((worlds,), len(actions))
        self.time = 0
        self.past = self.dynamics.new_past(worlds, tokens)
        self.decoder_past = self.tokenizer.decoder.new_past(worlds, tokens)
        self.mask = len(codebook)
        self.decode()

    def pass_over(self, ids: Tensor, action: Tensor, time: int, kind: str) -> Tensor:
        """Hidden states of frames ids [B, S, N] that actions [B, S] led to."""
        x = self.embeddings[ids] + self.dynamics.position + self.actions[action].unsqueeze(2)
        return self.dynamics.stream(x, self.past, time, kind)

    def decode(self) -> Tensor:
        """The newest frame's patches [B, N, P]; it joins the decoder's past."""
        codes = self.tokenizer.codes(self.tokens)
        self.pixels = self.tokenizer.decoder.next_frame(codes, self.decoder_past, self.time)
        return self.pixels

    def first_pass(self, action: Tensor, masked: Tensor) -> Tensor:
        """Finishes the newest frame and starts the next one, whose tokens are `masked`: its hidden states [B, N, D]."""
        ids = torch.stack([self.tokens, masked], 1)
        led = torch.stack([self.action, action], 1)
        return self.pass_over(ids, led, self.time, "both")[:, 1]

    @torch.inference_mode()
    def step(self, action: Tensor) -> Tensor:
        """Generates the next frame under actions [B]: RGB bytes."""
        tokens = torch.full_like(self.tokens, self.mask)
        masked = torch.ones_like(tokens, dtype=torch.bool)
        hidden = self.first_pass(action, tokens)
        for step in range(self.sampler.steps):
            if step > 0:
                ids = tokens.masked_fill(masked, self.mask)
                hidden = self.pass_over(ids[:, None], action[:, None], self.time + 1, "trial")[:, 0]
            logits = self.dynamics.logits(hidden[masked])
            before = self.tokens[masked][:, None]
            logits = logits.scatter_add(1, before, torch.full_like(before, self.dynamics.stays, dtype=logits.dtype))
            masked = self.sampler.unmask(tokens, logits, masked, step)
        self.force(tokens, action)
        return self.tokenizer.frames(self.decode())

    def force(self, tokens: Tensor, action: Tensor) -> None:
        """Makes these tokens the newest frame; the one before must have been finished."""
        self.tokens, self.action, self.time = tokens, action, self.time + 1
