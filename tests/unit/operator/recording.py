"""A recorder that stores events as the API server does."""

from dataclasses import dataclass, field

from scriptmodel_operator.api.objects import ScriptModel


@dataclass
class Recorder:
    """Stores events like the API server: an event with a known name already exists."""

    events: dict[tuple[str, str], str] = field(default_factory=dict)
    """Notes by reason and occasion."""

    def record(self, _model: ScriptModel, reason: str, note: str, *, warning: bool, occasion: str) -> None:
        self.events.setdefault((reason, occasion), f"Warning: {note}" if warning else note)

    @property
    def reasons(self) -> list[str]:
        return [str(reason) for reason, _occasion in self.events]
