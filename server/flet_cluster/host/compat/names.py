"""The older spellings that work, and those that cannot (layer 3; plain data, imports no Flet).

Older means Flet 0.1x and 0.2x, as in Flet's documentation, tutorials and examples of that time. Reading
these tables costs nothing: what they name is looked up only for an app that uses it.
"""

from __future__ import annotations

from itertools import product

NAMES: dict[str, str] = {
    "ElevatedButton": "Button",
    "colors": "Colors",
    "icons": "Icons",
    "cupertino_colors": "CupertinoColors",
    "cupertino_icons": "CupertinoIcons",
    "MaterialState": "ControlState",
    "ImageFit": "BoxFit",
    "ThemeVisualDensity": "VisualDensity",
    "NavigationDestination": "NavigationBarDestination",
    "ContainerTapEvent": "TapEvent",
    "DragTargetAcceptEvent": "DragTargetEvent",
    "ShadowBlurStyle": "BlurStyle",
    "CountinuosRectangleBorder": "ContinuousRectangleBorder",
    "WEB_BROWSER": "AppView.WEB_BROWSER",
    "FLET_APP": "AppView.FLET_APP",
    "FLET_APP_HIDDEN": "AppView.FLET_APP_HIDDEN",
    "animation": "flet.controls.animation:",
    "transform": "flet.controls.transform:",
    "UserControl": "flet_cluster.host.compat.controls:UserControl",
}
"""``ft.NAME`` → where it is today: below ``flet``, or ``module:name`` in another module."""

ELSEWHERE = {
    "animation": "ft (ft.Animation)",
    "transform": "ft (ft.Rotate, ft.Scale, ft.Offset)",
    "UserControl": "a subclass of a control, such as ft.Column, that fills itself in __init__",
    "WebRenderer.HTML": "ft.WebRenderer.AUTO",
}
"""What is written today where the place in the tables is not what one writes."""

STILL_MODULES = frozenset({"icons", "cupertino_icons", "cupertino_colors"})
"""Names in :data:`NAMES` that exist today and mean something else: older only before a CAPITAL name."""

_BOX = {"margin": "Margin", "padding": "Padding", "border": "Border", "border_radius": "BorderRadius"}
_MAKERS = {
    "margin": ("all", "symmetric", "only"),
    "padding": ("all", "symmetric", "only"),
    "border": ("all", "symmetric", "only"),
    "border_radius": ("all", "horizontal", "vertical", "only"),
}
_PLACES = [f"{v}_{h}" for v, h in product(("top", "center", "bottom"), ("left", "center", "right"))]
_PLACES[4] = "center"
_SHADES = tuple(f"BLACK{n}" for n in (12, 26, 38, 45, 54, 87)) + tuple(
    f"WHITE{n}" for n in (10, 12, 24, 30, 38, 54, 60, 70)
)

ATTRIBUTES: dict[str, str] = {
    **{f"alignment.{place}": f"Alignment.{place.upper()}" for place in _PLACES},
    **{f"{box}.{maker}": f"{_BOX[box]}.{maker}" for box, makers in _MAKERS.items() for maker in makers},
    **{f"Colors.{shade}": f"Colors.{shade[:5]}_{shade[5:]}" for shade in _SHADES},
    "Colors.random_color": "Colors.random",
    "Colors.SURFACE_VARIANT": "Colors.SURFACE_CONTAINER_HIGHEST",
    "Colors.BACKGROUND": "Colors.SURFACE",
    "Colors.ON_BACKGROUND": "Colors.ON_SURFACE",
    "WebRenderer.HTML": "'html'",
}
"""``ft.HOLDER.NAME`` → where it is today; a quoted text is a plain string."""

_CONTENT = {"text": "content"}
_ACTION = {**_CONTENT, "is_default_action": "default", "is_destructive_action": "destructive"}

_SCROLL = {"on_scroll_interval": "scroll_interval"}

KEYWORDS: dict[str, dict[str, str]] = {
    "Button": _CONTENT,
    "FilledButton": _CONTENT,
    "FilledTonalButton": _CONTENT,
    "OutlinedButton": _CONTENT,
    "TextButton": _CONTENT,
    "FloatingActionButton": _CONTENT,
    "CupertinoButton": _CONTENT,
    "CupertinoFilledButton": _CONTENT,
    "PopupMenuItem": _CONTENT,
    "CupertinoDialogAction": _ACTION,
    "CupertinoActionSheetAction": _ACTION,
    "CupertinoContextMenuAction": _ACTION,
    "Column": _SCROLL,
    "Row": _SCROLL,
    "ListView": _SCROLL,
    "GridView": _SCROLL,
    "CupertinoAppBar": {"middle": "title"},
    "Pagelet": {"bottom_app_bar": "bottom_appbar"},
    "Icon": {"name": "icon"},
    "Image": {"src_base64": "src"},
    "Badge": {"text": "label"},
    "CircleAvatar": {
        "foreground_image_url": "foreground_image_src",
        "background_image_url": "background_image_src",
    },
    "DataRow": {"on_select_changed": "on_select_change"},
    "Dropdown": {"on_change": "on_select"},
    "ExpansionTile": {"initially_expanded": "expanded"},
    "NavigationRailDestination": {
        "icon_content": "icon",
        "selected_icon_content": "selected_icon",
        "label_content": "label",
    },
    "NavigationBarDestination": {"icon_content": "icon", "selected_icon_content": "selected_icon"},
    "NavigationDrawerDestination": {"icon_content": "icon", "selected_icon_content": "selected_icon"},
    "TextField": {
        "prefix_text": "prefix",
        "suffix_text": "suffix",
        "helper_text": "helper",
        "counter_text": "counter",
        "error_text": "error",
    },
    "Tab": {"text": "label", "tab_content": "label"},
}
"""``ft.CLASS(keyword=…)`` and ``control.keyword`` → today's property of that class."""

SHAPES: dict[str, str] = {
    "Tabs(tabs=)": "ft.Tabs(content=ft.TabBar(tabs=…), length=…)",
    "View(route, controls)": "ft.View(route=…, controls=…)",
}
"""Constructors that took other arguments; ``controls.py`` has what they do."""

PAGE: dict[str, str] = {
    "add_async": "page.add",
    "insert_async": "page.insert",
    "remove_async": "page.remove",
    "remove_at_async": "page.remove_at",
    "clean_async": "page.clean",
    "error_async": "page.error",
    "go": "page.navigate",
    "go_async": "await page.push_route",
    "open": "page.show_dialog",
    "close": "page.pop_dialog",
    "dialog": "page.show_dialog",
    "snack_bar": "page.show_dialog",
    "banner": "page.show_dialog",
    "bottom_sheet": "page.show_dialog",
    "splash": "page.overlay",
    "show_dialog_async": "page.show_dialog",
    "close_dialog": "page.pop_dialog",
    "close_dialog_async": "page.pop_dialog",
    "show_snack_bar": "page.show_dialog",
    "show_snack_bar_async": "page.show_dialog",
    "show_banner": "page.show_dialog",
    "show_banner_async": "page.show_dialog",
    "close_banner": "page.pop_dialog",
    "close_banner_async": "page.pop_dialog",
    "show_bottom_sheet": "page.show_dialog",
    "show_bottom_sheet_async": "page.show_dialog",
    "close_bottom_sheet": "page.pop_dialog",
    "close_bottom_sheet_async": "page.pop_dialog",
    "client_storage": "ft.SharedPreferences()",
    "session_id": "page.session.id",
    "launch_url": "ft.UrlLauncher().launch_url",
    "launch_url_async": "await ft.UrlLauncher().launch_url",
    "can_launch_url_async": "await ft.UrlLauncher().can_launch_url",
    "set_clipboard": "ft.Clipboard().set",
    "set_clipboard_async": "await ft.Clipboard().set",
    "get_clipboard_async": "await ft.Clipboard().get",
    "get_upload_url_async": "page.get_upload_url",
    "login_async": "await page.login",
    "logout_async": "page.logout",
    "on_resized": "page.on_resize",
    "on_window_event": "page.window.on_event",
    **{
        f"window_{name}": f"page.window.{name}"
        for name in (
            *("width", "height", "left", "top", "min_width", "min_height", "max_width", "max_height"),
            *("opacity", "maximized", "minimized", "full_screen", "resizable", "visible", "always_on_top"),
            *("prevent_close", "title_bar_hidden", "title_bar_buttons_hidden", "frameless", "bgcolor"),
        )
    },
}
"""``page.NAME`` → today's spelling. What they do is in ``members.py``."""

CONTROL: dict[str, str] = {
    "update_async": ".update",
    "focus_async": "await .focus",
    "scroll_to_async": "await .scroll_to",
}
"""The same for every control."""

SESSION: dict[str, str] = {
    name: f"page.session.store.{name}"
    for name in ("set", "get", "contains_key", "remove", "get_keys", "clear")
}
"""``page.session.NAME`` → today's spelling."""

PUBSUB: dict[str, str] = {
    f"{name}_async": f"page.pubsub.{name}"
    for name in (
        *("send_all", "send_all_on_topic", "send_others", "send_others_on_topic"),
        *("subscribe", "subscribe_topic", "unsubscribe", "unsubscribe_topic", "unsubscribe_all"),
    )
}
"""``page.pubsub.NAME`` → today's spelling."""

NOW_ASYNC = frozenset({"focus", "scroll_to", "login"})
"""Methods that an older app calls without ``await``: they have become coroutines."""

TEXT_FIELD = frozenset({"prefix_text", "suffix_text", "helper_text", "counter_text", "error_text"})
"""Older properties that count on any object, ``field.error_text = …``, if the app has text fields ..."""
OTHER_FIELDS = frozenset({"Dropdown"})
"""... and none of these, which have some of them today."""

_CHART_NAMES = (
    *("LineChart", "LineChartData", "LineChartDataPoint", "LineChartEvent", "MatplotlibChart", "PlotlyChart"),
    *("BarChart", "BarChartGroup", "BarChartRod", "BarChartEvent", "ChartAxis"),
    *("PieChart", "PieChartSection", "PieChartEvent", "ChartAxisLabel", "ChartGridLines"),
)
_CHARTS = "install flet-charts and import flet_charts"
GONE: dict[str, str] = {
    "ft.Audio": "install flet-audio and import flet_audio",
    "ft.AudioRecorder": "install flet-audio-recorder and import flet_audio_recorder",
    "ft.Video": "install flet-video and import flet_video",
    "ft.WebView": "install flet-webview and import flet_webview",
    "ft.Lottie": "install flet-lottie and import flet_lottie",
    "ft.Rive": "install flet-rive and import flet_rive",
    "ft.Geolocator": "install flet-geolocator and import flet_geolocator",
    "ft.PermissionHandler": "install flet-permission-handler and import flet_permission_handler",
    "ft.Flashlight": "install flet-flashlight and import flet_flashlight",
    **dict.fromkeys((f"ft.{name}" for name in _CHART_NAMES), _CHARTS),
    "ft.NavigationDrawerPosition": "page.drawer and page.end_drawer",
    "page.get_clipboard": "await ft.Clipboard().get()",
    "page.can_launch_url": "await ft.UrlLauncher().can_launch_url(url)",
    "page.window_close": "await page.window.close()",
    "page.window_destroy": "await page.window.destroy()",
    "page.window_center": "await page.window.center()",
    "page.window_to_front": "await page.window.to_front()",
    "page.client_storage.get": "await page.client_storage.get_async(key): a sync call cannot wait here",
    "page.client_storage.contains_key": "await page.client_storage.contains_key_async(key)",
    "page.client_storage.get_keys": "await page.client_storage.get_keys_async(prefix)",
}
"""What has no faithful counterpart → what to do instead."""
