"""Views and routes: a shop with detail views, the browser's address and the back arrow."""

import flet as ft

PRODUCTS = {"1": "Teapot", "2": "Kettle"}


def main(page: ft.Page):
    page.title = "Shop"
    cart: dict[str, int] = {}

    def home():
        return ft.View(
            route="/",
            appbar=ft.AppBar(title=ft.Text("Shop")),
            controls=[
                ft.ListTile(title=name, on_click=lambda e, n=number: page.navigate(f"/product/{n}"))
                for number, name in PRODUCTS.items()
            ]
            + [ft.Button("Cart", on_click=open_cart)],
        )

    def product(number):
        def buy(e):
            cart[number] = cart.get(number, 0) + 1
            amount.value = f"{cart[number]} in cart"

        amount = ft.Text(f"{cart.get(number, 0)} in cart")
        return ft.View(
            route=f"/product/{number}",
            appbar=ft.AppBar(title=ft.Text(PRODUCTS[number])),
            controls=[amount, ft.Button("Buy", on_click=buy)],
        )

    def cart_view():
        lines = [ft.Text(f"{PRODUCTS[n]} x {count}") for n, count in cart.items()]
        return ft.View(route="/cart", controls=lines or [ft.Text("Cart is empty")])

    async def open_cart(e):
        await page.push_route("/cart", sort="name")

    def route_change(e):
        page.views.clear()
        page.views.append(home())
        template = ft.TemplateRoute(page.route)
        if template.match("/product/:number"):
            page.views.append(product(template.number))
        elif page.route.startswith("/cart"):
            page.views.append(cart_view())
            page.title = f"sorted by {page.query.get('sort') if page.query.to_dict else 'nothing'}"
        page.update()

    async def view_pop(e):
        if e.view is not None:
            page.views.remove(e.view)
            await page.push_route(page.views[-1].route)

    page.on_route_change = route_change
    page.on_view_pop = view_pop
    route_change(None)


ft.run(main)
