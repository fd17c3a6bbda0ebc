"""Model of PyTorch's example word_language_model, written for this project, as a process that executes
requests.

It runs in .venv/bench, which holds PyTorch and nothing of ours. Each line on standard input is a JSON object with a
`do` and its arguments; each is answered by one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from torch import nn


class WordLanguageModel(nn.Module):
    """Word vectors, LSTM, softmax; dropout between them. Tokens (T, B) to logits (T * B, V)."""

    def __init__(self, vocabulary: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(vocabulary, units)
        self.rnn = nn.LSTM(units, units, layers, dropout=dropout)
        self.decoder = nn.Linear(units, vocabulary)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens: Any, state: Any) -> tuple[Any, Any]:
        """Logits of the next tokens, and the state after these."""
        outputs, state = self.rnn(self.drop(self.encoder(tokens)), state)
        return self.decoder(self.drop(outputs)).flatten(0, 1), state

    def zero_state(self, rows: int) -> tuple[Any, Any]:
        """Outputs and cells before the first token."""
        shape = (self.rnn.num_layers, rows, self.rnn.hidden_size)
        return torch.zeros(shape), torch.zeros(shape)


class Steps:
    """Training steps on tokens drawn at random, for their time alone."""

    def __init__(
        self, vocabulary: int, units: int, layers: int, steps: int, batch: int, dropout: float, bfloat16: bool
    ) -> None:
        self.model = WordLanguageModel(vocabulary, units, layers, dropout)
        self.inputs = torch.randint(0, vocabulary, (steps, batch))
        self.targets = torch.randint(0, vocabulary, (steps * batch,))
        self.state = self.model.zero_state(batch)
        self.bfloat16 = bfloat16

    def run(self, windows: int) -> None:
        """Train on that many windows."""
        for _ in range(windows):
            self.state = train_window(self.model, self.inputs, self.targets, self.state, 0.001, 5.0, self.bfloat16)[1]


def train_window(
    model: WordLanguageModel, inputs: Any, targets: Any, state: Any, rate: float, clip: float, bfloat16: bool
) -> tuple[Any, Any]:
    """One step of plain SGD, as the example does it; returns the loss and the state."""
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits, state = model(inputs, tuple(part.detach() for part in state))
        loss = nn.functional.cross_entropy(logits, targets)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(weights.grad, alpha=-rate)
    return loss, state


def main() -> None:
    """Execute the request of each line, with as many threads as the argument says; with one thread its computing time
    counts.
    """
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    tasks: dict[str, Steps] = {}
    for line in sys.stdin:
        order = json.loads(line)
        what, name = order.pop("do"), order.pop("name", "")
        answer: dict[str, Any] = {}
        if what == "version":
            answer["version"] = torch.__version__
        elif what == "make":
            tasks[name] = Steps(**order)
        elif what == "drop":
            tasks.clear()
        else:
            began = clock()
            tasks[name].run(order["windows"])
            answer["seconds"] = clock() - began
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
