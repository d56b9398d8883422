"""What the rendered objects say fits the product, and one another."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes_validate import validate
from tests.helm.charts import BOTH, CHART, KEY, NEWEST, URL, VARIANTS, one, rendered, run, variables, variant

from flet_cluster import metrics
from flet_cluster.setting_sources import FLET_VARIABLES, PREFIX
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

ROOT = CHART.parents[1]
TEMPLATES = CHART / "templates"
GROUPS = {"v1", "apps/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1"}


def test_what_redis_alone_gives() -> None:
    objects = rendered(*URL)
    kinds = {item["kind"] for item in objects}
    assert {item["apiVersion"] for item in objects} <= GROUPS
    assert kinds == {
        *("Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "Pod", "PodDisruptionBudget"),
        *("Secret", "Service", "ServiceAccount"),
    }


def test_the_chart_is_for_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (chart["name"], chart["appVersion"]) == (project["name"], project["version"])


def test_table_and_schema_are_derived() -> None:
    words = [sys.executable, str(ROOT / "scripts" / "chart_docs.py"), "--check"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def paths(schema: dict[str, Any], values: Any, prefix: str = "") -> set[str]:
    """Where schema and values name different things."""
    named = schema.get("properties")
    if named is None or prefix == "settings.":
        return set()
    different = {f"{prefix}{name}" for name in named.keys() ^ values.keys()}
    both = named.keys() & values.keys()
    return different.union(*(paths(named[name], values[name], f"{prefix}{name}.") for name in both))


def test_the_schema_knows_every_value() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert paths(schema, yaml.safe_load((CHART / "values.yaml").read_text())) == {"global"}


def test_every_variable_is_a_setting() -> None:
    names = {name for one_of in VARIANTS for name in variables(variant(one_of)) if name.startswith("FLET_")}
    known = {PREFIX + field.upper() for field in Settings.model_fields} | {*FLET_VARIABLES.values()}
    assert names <= known


def test_settings_arrive_as_they_were_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(variant("public")).items():
        if name.startswith("FLET_") and value is not None:
            monkeypatch.setenv(name, value)
    settings = Settings.read()
    assert (settings.session_timeout, settings.max_frame_size) == (7200, 16777216)
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert (settings.app_path, settings.app_name, settings.metrics) == ("shop", "shop-flet-cluster", True)
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)


def test_uploads_go_where_they_were_meant_to(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = "--set=uploads.s3.endpointUrl=https://s3.example.com,uploads.s3.addressingStyle=path"
    for name, value in variables(variant("aws", endpoint)).items():
        if name.startswith("FLET_") and value is not None:
            monkeypatch.setenv(name, value)
    settings = Settings.read()
    assert (settings.s3_bucket, settings.s3_region) == ("shop-uploads", "eu-central-1")
    assert (settings.s3_endpoint_url, settings.s3_addressing_style) == ("https://s3.example.com", "path")
    assert (settings.max_upload_size, settings.upload_dir) == (50_000_000, None)


@pytest.mark.parametrize("name", VARIANTS)
def test_secrets_are_in_secrets_only(name: str) -> None:
    for item in variant(name):
        shown = yaml.safe_dump(item)
        assert "for tests" not in shown
        assert ":secret@" not in shown


@pytest.mark.parametrize("name", VARIANTS)
def test_nobody_sticks(name: str) -> None:
    for item in variant(name):
        shown = yaml.safe_dump(item).lower().replace("stickiness.enabled=false", "")
        shown = shown.replace("sessionaffinity: none", "")
        assert not re.search("sessionaffinity|sessionpersistence|sticky|stickiness|cookie", shown)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_grace_period_holds_the_drain(name: str) -> None:
    objects = variant(name, "--set", "drain.timeoutSeconds=77,drain.preStopSeconds=9")
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert variables(objects)["FLET_CLUSTER_DRAIN_TIMEOUT"] == "77"
    assert pod["terminationGracePeriodSeconds"] == 77 + 9 + 10


@pytest.mark.parametrize("name", VARIANTS)
def test_pods_are_restricted(name: str) -> None:
    """What Kubernetes' restricted Pod Security Standard asks for, and a read-only root."""
    objects = variant(name)
    deployments = [item["spec"]["template"]["spec"] for item in objects if item["kind"] == "Deployment"]
    for pod in (*deployments, *(item["spec"] for item in objects if item["kind"] == "Pod")):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for each in pod["containers"]:
            context = each["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_probes_ask_where_nodes_answer() -> None:
    for name in VARIANTS:
        deployment = one(variant(name), "Deployment")
        app = deployment["spec"]["template"]["spec"]["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in app["ports"]}
        probes = [app[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
        assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
        port = {"gateway": 9000, "public": 8000}.get(name, 9700)
        assert {ports[probe["port"]] for probe in probes} == {port}
        assert {probe["scheme"] for probe in probes} == {"HTTP"}


def test_a_management_port_is_where_the_pods_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = variant("defaults", "--set", "settings.ssl_certfile=/tls/crt")
    for name, value in variables(objects).items():
        if name.startswith("FLET_") and value is not None:
            monkeypatch.setenv(name, value)
    settings = Settings.read()
    assert (settings.management_port, settings.management_host, settings.metrics) == (9700, "0.0.0.0", False)
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "management", "containerPort": 9700} in pod["ports"]
    assert pod["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "management", "scheme": "HTTP"}
    for_prometheus = one(objects, "Service", "shop-flet-cluster-management")["spec"]
    assert for_prometheus["ports"] == [{"name": "management", "port": 9700, "targetPort": "management"}]
    assert one(objects, "Service", "shop-flet-cluster")["spec"]["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http"}
    ]
    policy = one(objects, "NetworkPolicy")["spec"]["ingress"]
    assert {"port": "management", "protocol": "TCP"} in policy[1]["ports"]


def test_without_one_all_is_on_the_port_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(variant("public")).items():
        if name.startswith("FLET_") and value is not None:
            monkeypatch.setenv(name, value)
    settings = Settings.read()
    assert (settings.management_port, settings.metrics) == (None, True)


def test_metrics_do_not_go_out() -> None:
    ingress = one(variant("public"), "Ingress")["spec"]["rules"][0]["http"]["paths"]
    leads = {path["path"]: path["backend"]["service"]["name"] for path in ingress}
    nothing, app = "shop-flet-cluster-nothing", "shop-flet-cluster"
    assert leads == {"/metrics": nothing, "/shop/metrics": nothing, "/": app}
    assert "selector" not in one(variant("public"), "Service", nothing)["spec"]
    route = one(variant("gateway", "--set", "managementPort=null"), "HTTPRoute")["spec"]["rules"]
    assert route[0] == {"matches": [{"path": {"type": "Exact", "value": "/metrics"}}], "backendRefs": []}


def test_alerts_ask_for_metrics_that_there_are() -> None:
    counters = {f"{name}_total" for name in metrics.COUNTERS}
    buckets = {f"{name}_bucket" for name in metrics.HISTOGRAMS}
    known = {metrics.PREFIX + name for name in (*counters, *buckets, *metrics.GAUGES)}
    rules = one(variant("public"), "PrometheusRule")["spec"]["groups"][0]["rules"]
    asked = [set(re.findall(r"\b(?:flet_cluster|process)_\w+", rule["expr"])) for rule in rules]
    assert all(asked)
    assert set().union(*asked) <= known | {
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    }


@pytest.mark.parametrize("major", BOTH)
def test_alerts_are_those_of_prometheus_for_the_pods_of_the_release(major: str) -> None:
    (own,) = yaml.safe_load((ROOT / "infra/prometheus/alerts.yml").read_text())["groups"]
    text = one(variant("public", major=major), "PrometheusRule")["spec"]["groups"][0]["rules"]
    pods = 'namespace="apps", pod=~"shop-flet-cluster-[a-z0-9]+-[a-z0-9]+"'
    for rule in own["rules"]:
        assert 'app=~".+"' in rule["expr"] or 'process=~".+"' in rule["expr"], rule["alert"]
        narrowed = rule["expr"].replace('app=~".+"', pods)
        rule["expr"] = narrowed.replace('process=~".+"', f'process=~".+", {pods}')
    assert text == own["rules"]


@pytest.mark.parametrize("major", BOTH)
def test_the_dashboard_is_that_of_grafana(major: str) -> None:
    options = ("--set", "metrics.enabled=true,metrics.dashboard.enabled=true")
    found = one(rendered(*URL, *options, major=major), "ConfigMap", "shop-flet-cluster-dashboard")
    validate(found, NEWEST, strict=True)
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    own = (ROOT / "infra/grafana/dashboards/flet-cluster.json").read_text()
    assert json.loads(found["data"]["flet-cluster.json"]) == json.loads(own)


def test_scaling_by_sessions_asks_for_a_metric_that_there_is() -> None:
    hpa = one(variant("aws"), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert hpa[1]["pods"]["metric"]["name"].removeprefix(metrics.PREFIX) in metrics.GAUGES
    triggers = one(variant("gateway"), "ScaledObject")["spec"]["triggers"]
    assert "sum(flet_cluster_sessions{" in triggers[1]["metadata"]["query"]
    assert not [item for item in variant("gateway") if item["kind"] == "HorizontalPodAutoscaler"]


# -- the secret key -------------------------------------------------------------------------------


@pytest.mark.parametrize("major", BOTH)
def test_a_key_is_generated(major: str) -> None:
    first, second = (secret(rendered(*URL, major=major)) for _ in range(2))
    assert len(first["secret-key"]) == 48
    assert first["secret-key"] != second["secret-key"]
    assert first["redis-url"] == "redis://cache:6379/0"


def secret(objects: list[dict[str, Any]]) -> dict[str, str]:
    data = one(objects, "Secret")["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def test_the_template_of_secrets_looks_before_it_generates() -> None:
    text = (TEMPLATES / "_keys.tpl").read_text()
    assert 'lookup "v1" "Secret" .Release.Namespace $name' in text


@pytest.fixture(scope="module")
def keys_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that gives the chart's own template what ``lookup`` would find in a cluster."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "templates").mkdir()
    shutil.copy(TEMPLATES / "_keys.tpl", folder / "templates")
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: keys, version: 0.0.1}\n")
    (folder / "templates" / "keys.yaml").write_text('{{ include "flet-cluster.keys" .Values.given }}\n')
    return folder


def next_keys(
    folder: Path, rotation: str, before: dict[str, Any] | None, fresh: str, major: str = "4", **values: Any
) -> dict[str, Any]:
    """Upgrade once; in and out: key, fallbacks, stage."""
    existing: dict[str, Any] = {}
    if before is not None:
        plain = {"secret-key": before["key"], "secret-key-fallbacks": ",".join(before["fallbacks"])}
        existing = {
            "metadata": {"annotations": {"flet-cluster/rotation": before["stage"]}},
            "data": {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()},
        }
    given = {
        "value": "",
        "fallbacks": [],
        "rotation": rotation,
        "fresh": fresh,
        "existing": existing,
    } | values
    path = folder / "given.yaml"
    path.write_text(yaml.safe_dump({"given": given}))
    done = run(major, "template", "x", str(folder), "--values", str(path))
    if done.returncode != 0:
        raise ValueError(done.stderr)
    result: dict[str, Any] = yaml.safe_load(done.stdout)
    return result


@pytest.mark.parametrize("major", BOTH)
def test_a_key_is_kept_and_changed_in_steps(keys_alone: Path, major: str) -> None:
    """At no step is there a key that seals and that pods of the step before cannot open."""
    keys: dict[str, Any] | None = None
    seen = []
    stages = ["", "", "prepare", "prepare", "switch", "switch", "prepare", "switch", "", ""]
    for number, stage in enumerate(stages):
        after = next_keys(keys_alone, stage, keys, f"key{number}", major)
        if keys is not None:
            assert after["key"] in [keys["key"], *keys["fallbacks"]]
            assert after["stage"] == "" or keys["key"] in [after["key"], *after["fallbacks"]]
        keys = after
        seen.append((keys["key"], ",".join(keys["fallbacks"])))
    assert seen == [
        ("key0", ""),
        ("key0", ""),
        ("key0", "key2"),
        ("key0", "key2"),
        ("key2", "key0"),
        ("key2", "key0"),
        ("key2", "key6,key0"),
        ("key6", "key2,key0"),
        ("key6", ""),
        ("key6", ""),
    ]


def test_a_key_is_not_switched_to_before_pods_know_it(keys_alone: Path) -> None:
    keys = next_keys(keys_alone, "", None, "key0")
    with pytest.raises(ValueError, match="no new key is prepared"):
        next_keys(keys_alone, "switch", keys, "key1")


def test_a_key_that_is_given_wins(keys_alone: Path) -> None:
    keys = next_keys(keys_alone, "", {"key": "old", "fallbacks": [], "stage": ""}, "fresh", value=KEY)
    assert keys == {"key": KEY, "fallbacks": [], "stage": ""}


@pytest.mark.parametrize("major", BOTH)
def test_pods_are_replaced_when_their_secrets_change(major: str) -> None:
    fixed = ("--set", "valkey.enabled=true,valkey.password=p", "--set", f"secretKey.value={KEY}")
    annotations = [
        one(rendered(*options, major=major), "Deployment")["spec"]["template"]["metadata"]["annotations"]
        for options in (fixed, fixed, (*fixed, "--set", f"secretKey.fallbacks[0]=x{KEY}"))
    ]
    checksums = [each["checksum/secret"] for each in annotations]
    assert checksums[0] == checksums[1] != checksums[2]


@pytest.mark.parametrize("major", BOTH)
def test_what_is_random_is_drawn_once(major: str) -> None:
    """The checksum is that of the Secret beside it, or the first upgrade would replace all pods."""
    objects = rendered(*URL, major=major)
    held = secret(objects)
    lines = ["data:", "  redis-url: redis://cache:6379/0", f"  secret-key: {held['secret-key']}"]
    content = "\n".join([*lines, '  secret-key-fallbacks: ""', 'stage: ""'])
    annotations = one(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["checksum/secret"] == hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize("major", BOTH)
def test_the_trials_password_is_one(major: str) -> None:
    held = secret(rendered("--set", "valkey.enabled=true", major=major))
    assert len(held["valkey-password"]) == 32
    assert held["redis-url"] == f"redis://:{held['valkey-password']}@shop-flet-cluster-valkey:6379/0"
    held = secret(rendered("--set", "valkey.enabled=true,valkey.password=a b/c", major=major))
    assert held["redis-url"] == "redis://:a%20b%2Fc@shop-flet-cluster-valkey:6379/0"
