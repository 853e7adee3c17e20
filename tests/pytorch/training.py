"""A training step of each phase on a fixed batch: forward, losses, backward, clipping and AdamW."""

from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model import Dynamics, Genie, LatentActions, Tokenizer

COMMITMENT = 0.25
# As on the Rust side: small, so that a thousand steps on one batch stay in reach of the trained weights.
LEARNING_RATE = 1e-5


class Trainer:
    """The models of a phase, its optimiser and a batch of reference tensors."""

    def __init__(self, genie: Genie, batch: dict[str, Tensor], bf16: bool, compiled: bool) -> None:
        self.batch, self.bf16 = batch, bf16
        self.parameters = {
            name: parameter
            for name, parameter in genie.named_parameters()
            if name.startswith(self.prefixes) and parameter.requires_grad
        }
        # Only matrices decay.
        groups = [
            {"params": [p for p in self.parameters.values() if p.dim() >= 2], "weight_decay": 0.01},
            {"params": [p for p in self.parameters.values() if p.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.95), fused=True)
        if compiled:
            self.loss = torch.compile(self.loss)

    prefixes: tuple[str, ...]

    def loss(self) -> Tensor:
        raise NotImplementedError

    def gradients(self) -> Tensor:
        """The loss; its gradients are added to the parameters'."""
        precision = torch.autocast("cpu", torch.bfloat16) if self.bf16 else nullcontext()
        with precision:
            loss = self.loss()
        loss.backward()
        return loss.detach()

    def step(self) -> float:
        """One step of the optimiser; the loss before it."""
        loss = self.gradients()
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0, foreach=True)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return loss.item()


class TokenizerTrainer(Trainer):
    """Phase one: the video tokenizer."""

    prefixes = ("tokenizer.",)

    def __init__(self, genie: Genie, batch: dict[str, Tensor], bf16: bool, compiled: bool) -> None:
        self.tokenizer: Tokenizer = genie.tokenizer
        super().__init__(genie, batch, bf16, compiled)

    def loss(self) -> Tensor:
        patches = self.batch["patches"]
        vectors = self.tokenizer.encoder(patches)
        codes = self.tokenizer.codes(self.tokenizer.quantizer.tokens(vectors))
        decoded = self.tokenizer.decoder(vectors + (codes - vectors).detach()).float()
        pixels = F.mse_loss(decoded, patches) + 0.1 * F.l1_loss(decoded, patches)
        return pixels + COMMITMENT * F.mse_loss(vectors.float(), codes)


class DynamicsTrainer(Trainer):
    """Phase two: latent actions together with the dynamics, on tokens of the frozen tokenizer."""

    prefixes = ("latent_actions.", "dynamics.")

    def __init__(self, genie: Genie, batch: dict[str, Tensor], bf16: bool, compiled: bool) -> None:
        self.tokenizer: Tokenizer = genie.tokenizer
        self.latent: LatentActions = genie.latent_actions
        self.dynamics: Dynamics = genie.dynamics
        super().__init__(genie, batch, bf16, compiled)

    def loss(self) -> Tensor:
        batch = self.batch
        with torch.no_grad():
            targets = self.tokenizer.tokenize(batch["patches"]).flatten()[batch["rows"]]
        if self.latent.encoder is None:
            codes, commitment = batch["action_codes"], 0.0
        else:
            codes, commitment = self.latent(batch["features"])
        codebook = self.tokenizer.quantizer.codebook
        hidden = self.dynamics(batch["context"], batch["masked"], codes, codebook)
        logits = self.dynamics.logits(hidden.flatten(0, 2)[batch["rows"]])
        losses = F.cross_entropy(logits.float(), targets, reduction="none")
        weights = batch["weights"]
        return (losses * weights).sum() / weights.sum() + COMMITMENT * commitment


TRAINERS: dict[str, type[Trainer]] = {"tokenizer": TokenizerTrainer, "dynamics": DynamicsTrainer}
