"""What ``tour.py`` imports: the older names of other modules of an app are found, too."""

from flet import Column, ElevatedButton, Row, Text, UserControl, border_radius


class Counter(UserControl):
    """A control of the kind that fills itself in ``build``."""

    def add_click(self, e):
        self.counter += 1
        self.text.value = f"counted {self.counter}"
        self.update()

    def build(self):
        self.counter = 0
        self.text = Text("counted 0")
        return Row([self.text, ElevatedButton("Count", on_click=self.add_click)])


class Pad(ElevatedButton):
    """A button that sets what older buttons had."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.on_click = self.press

    async def press(self, e):
        self.text += "9"
        await self.update_async()


class Log(Column):
    """Lines of text."""

    async def say(self, line):
        self.controls.append(Text(f"{line}"))
        await self.update_async()


ROUND = border_radius.all(5)
