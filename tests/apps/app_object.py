"""One application object with everything in it: dataclasses, enums, properties, generators kept as state."""

import enum
import itertools
from collections import Counter, deque
from dataclasses import dataclass, field

import flet as ft


class Phase(enum.StrEnum):
    IDLE = "idle"
    RUNNING = "running"
    OVER = "over"


class Flag(enum.Flag):
    NONE = 0
    BOLD = enum.auto()
    BIG = enum.auto()


@dataclass(slots=True)
class Round:
    number: int
    answers: list[str] = field(default_factory=list)


@dataclass
class Quiz:
    page: ft.Page
    phase: Phase = Phase.IDLE
    flags: Flag = Flag.NONE
    rounds: list[Round] = field(default_factory=list)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    score: Counter[str] = field(default_factory=Counter)

    def __post_init__(self):
        self.ids = itertools.count(1)
        self.status = ft.Text()
        self.answers = {name: ft.Button(name, on_click=self.answer, visible=False) for name in ("yes", "no")}
        self.page.add(
            self.status,
            ft.Row(list(self.answers.values())),
            ft.Button("Start", on_click=self.start),
            ft.Button("Finish", on_click=self.finish),
            ft.Button("Style", on_click=self.style),
        )
        self.refresh()

    @property
    def current(self):
        return self.rounds[-1] if self.rounds else None

    def start(self, e):
        self.phase = Phase.RUNNING
        self.rounds.append(Round(next(self.ids)))
        self.refresh()

    def answer(self, e):
        self.current.answers.append(e.control.content)
        self.recent.append(e.control.content)
        self.score.update([e.control.content])
        self.refresh()

    def finish(self, e):
        self.phase = Phase.OVER
        self.refresh()

    def style(self, e):
        self.flags ^= Flag.BOLD if self.flags is Flag.NONE else Flag.BIG
        self.refresh()

    def refresh(self):
        for button in self.answers.values():
            button.visible = self.phase is Phase.RUNNING
        number = self.current.number if self.current else 0
        best = ",".join(f"{k}{n}" for k, n in self.score.most_common())
        self.status.value = f"{self.phase} round {number} [{best}] {'/'.join(self.recent)}"
        self.status.weight = ft.FontWeight.BOLD if Flag.BOLD in self.flags else None
        self.status.size = 30 if Flag.BIG in self.flags else None


def main(page: ft.Page):
    Quiz(page)


ft.run(main)
