"""Writes what can be derived in helm/flet-cluster: the README's table of values, the schema's settings.

python scripts/chart_docs.py            write
python scripts/chart_docs.py --check    only tell whether all is as it would be written; status 1 if not
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = Path(__file__).parents[1] / "helm" / "flet-cluster"
BEGIN, END = "<!-- values -->", "<!-- end of values -->"
MARK = "# -- "

OWN_VALUES = frozenset(
    {
        *("redis_url", "app_name", "host", "port", "drain_timeout", "metrics", "forwarded_allow_ips"),
        *("secret_key", "secret_key_fallbacks", "upload_dir", "max_upload_size"),
        *("s3_bucket", "s3_endpoint_url", "s3_region", "s3_addressing_style"),
        *("management_port", "management_host"),
    }
)
"""Settings that the chart has values of its own for."""
POINTLESS = frozenset(
    {
        *("uds_path", "reload", "open_browser", "force_web_server", "display_url_prefix"),
        "ssl_keyfile_password",  # it would stand in the Deployment: use extraEnv with a Secret
    }
)
"""Settings that make no sense in a pod."""
NUMBER = r"^[0-9]+(\.[0-9]+)?$"
KEPT = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern")


def settings_schema() -> dict[str, Any]:
    """Return the schema of ``settings``: the product's own names and bounds."""
    fields = Settings.model_json_schema()["properties"]
    wanted = sorted(fields.keys() - OWN_VALUES - POINTLESS)
    return {name: field_schema(fields[name]) for name in wanted}


def field_schema(field: dict[str, Any]) -> dict[str, Any]:
    """Reduce what pydantic says of a field to what reads well in a message; null takes a value away."""
    variant = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
    kept = {key: variant[key] for key in KEPT if key in variant}
    if "enum" in kept:
        kept["enum"] = [*kept["enum"], None]
    if kept.get("type") == "array":
        kept["items"] = {"type": "string"}
    kind = kept.get("type", "string")
    if kind == "number":  # helm's --set knows whole numbers only
        return {**kept, "type": ["number", "string", "null"], "pattern": NUMBER}
    return {**kept, "type": [kind, "null"]}


def documented(node: yaml.MappingNode, lines: list[str], prefix: str = "") -> Iterator[tuple[str, str, Any]]:
    """Go through the values that a comment describes: path, default, meaning."""
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        comment = lines[key.start_mark.line - 1].strip() if key.start_mark.line else ""
        if comment.startswith(MARK):
            yield path, comment.removeprefix(MARK), yaml.safe_load(yaml.serialize(value))
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from documented(value, lines, f"{path}.")
        else:
            raise SystemExit(f"values.yaml: {path} has no comment that begins with {MARK!r}")


def values_table(text: str) -> str:
    """Return the table of all values."""
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    rows = ["| Value | Default | |", "|---|---|---|"]
    for path, meaning, default in documented(root, text.splitlines()):
        shown = json.dumps(default, ensure_ascii=False)
        rows.append(f"| `{path}` | `{shown}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def readme() -> tuple[Path, str]:
    """Return the README and what it should be."""
    path = CHART / "README.md"
    before, _, rest = path.read_text().partition(BEGIN)
    table = values_table((CHART / "values.yaml").read_text())
    return path, f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def schema() -> tuple[Path, str]:
    """Return the schema and what it should be."""
    path = CHART / "values.schema.json"
    content = json.loads(path.read_text())
    content["properties"]["settings"]["properties"] = settings_schema()
    return path, json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write, or tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    only_check = parser.parse_args().check
    stale = [(path, text) for path, text in (readme(), schema()) if path.read_text() != text]
    for path, text in stale:
        if not only_check:
            path.write_text(text)
        done = "is stale; run python scripts/chart_docs.py" if only_check else "written"
        print(f"{path.relative_to(CHART)}: {done}")
    return int(only_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
