"""The smallest declarative app, with an updater function and a lazy initial state."""

import flet as ft


def initial():
    return 10


@ft.component
def App():
    count, set_count = ft.use_state(initial)
    step, set_step = ft.use_state(1)

    def twice():
        set_count(count + step)
        set_count(lambda now: now + step)

    return ft.Column(
        [
            ft.Text(f"Count {count}, step {step}"),
            ft.Row(
                [
                    ft.Button("Less", on_click=lambda: set_count(count - step)),
                    ft.Button("More", on_click=lambda: set_count(lambda now: now + step)),
                    ft.Button("Twice", on_click=twice),
                    ft.Button("Bigger steps", on_click=lambda: set_step(step * 2)),
                ]
            ),
            ft.Text("Negative!" if count < 0 else "Fine"),
        ]
    )


ft.run(lambda page: page.render(App))
