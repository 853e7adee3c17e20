"""The Rust side: a program that writes reference outputs and times work when asked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def built_program() -> str:
    """Builds the Rust side with all packages selected, which shares the build of `cargo test`, and returns its path."""
    build = ["cargo", "build", "--example", "beside_pytorch"]
    done = subprocess.run(
        [*build, "--message-format=json-render-diagnostics"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return next(m["executable"] for m in reversed(messages) if m.get("executable"))


class RustSide:
    """`training/examples/beside_pytorch`, built and running."""

    def __init__(self, checkpoint: Path, threads: int) -> None:
        self.process = subprocess.Popen(
            [built_program(), checkpoint.resolve()],
            env=os.environ | {"RAYON_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> Any:
        """Sends one request and waits for its answer."""
        assert self.process.stdin and self.process.stdout
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the Rust side ended with status {self.process.wait()}")
        return json.loads(answer)

    def processor_seconds(self) -> float:
        """Processor time that the program has used so far, over all its threads (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
