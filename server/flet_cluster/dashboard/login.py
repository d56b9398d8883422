"""The page that asks for the password (layer 4: plain HTML, no script, nothing from elsewhere)."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --page: #f8f9fc; --card: #fff; --ink: #1b1c21; --soft: #5c5f6a;
    --line: #d4d7e0; --main: #4054b2; --on-main: #fff; --bad: #ba1a1a; }}
  @media (prefers-color-scheme: dark) {{ :root {{ --page: #121318; --card: #1b1c22; --ink: #e4e5ec;
    --soft: #a6a9b6; --line: #393b45; --main: #b9c3ff; --on-main: #0a2283; --bad: #ffb4ab; }} }}
  * {{ box-sizing: border-box; }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
    background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
  form {{ width: 100%; max-width: 380px; padding: 32px; background: var(--card);
    border: 1px solid var(--line); border-radius: 16px; }}
  h1 {{ margin: 0; font-size: 22px; font-weight: 600; overflow-wrap: anywhere; }}
  p {{ margin: 4px 0 24px; color: var(--soft); }}
  p.bad {{ margin: 12px 0 0; color: var(--bad); }}
  label {{ display: block; margin-bottom: 6px; font-size: 14px; color: var(--soft); }}
  input, button {{ width: 100%; font: inherit; border-radius: 8px; padding: 11px 14px; }}
  input {{ border: 1px solid var(--line); background: transparent; color: inherit; }}
  button {{ margin-top: 16px; border: 0; background: var(--main); color: var(--on-main); font-weight: 600;
    cursor: pointer; }}
  :is(input, button):focus-visible {{ outline: 2px solid var(--main); outline-offset: 2px; }}
</style>
</head>
<body>
<form method="post">
  <h1>{title}</h1>
  <p>Cluster dashboard</p>
  <input type="text" name="username" value="operator" autocomplete="username" hidden>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
  {remark}
  <button>Sign in</button>
</form>
</body>
</html>
"""


def form(title: str, status: int = 401, remark: str = "") -> HTMLResponse:
    """Return the page.

    Args:
        title: the app's name.
        status: of the answer.
        remark: what to say about the last attempt.
    """
    said = f'<p class="bad" role="alert">{escape(remark)}</p>' if remark else ""
    return HTMLResponse(_PAGE.format(title=escape(title), remark=said), status, dict(HEADERS))
