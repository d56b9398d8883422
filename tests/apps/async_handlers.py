"""``async`` main and handlers, with awaits in between and a lock around shared state."""

import asyncio

import flet as ft


async def main(page: ft.Page):
    lock = asyncio.Lock()
    balance = {"amount": 100}
    label = ft.Text("Balance: 100")
    journal = ft.ListView(height=200)

    async def book(amount, text):
        async with lock:
            before = balance["amount"]
            await asyncio.sleep(0)
            balance["amount"] = before + amount
        journal.controls.append(ft.Text(f"{text}: {amount:+d}"))
        label.value = f"Balance: {balance['amount']}"

    async def deposit(e):
        await book(10, "deposit")

    async def withdraw(e):
        label.value = "working"
        label.update()
        await asyncio.sleep(0)
        await book(-30, "withdrawal")
        page.update()

    async def both(e):
        await asyncio.gather(book(1, "gathered"), book(2, "gathered"))

    page.add(
        label,
        ft.Button("Deposit", on_click=deposit),
        ft.Button("Withdraw", on_click=withdraw),
        ft.Button("Both", on_click=both),
        journal,
    )


ft.run(main)
