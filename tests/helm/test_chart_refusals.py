"""Wrong values are refused, by both Helms, in words that help."""

from __future__ import annotations

import re

import pytest
from tests.helm.charts import BOTH, KEY, URL, refusal, rendered

SCHEMA = {
    "replicaCount=two": "replicaCount.*(string.*integer|integer.*string)",
    "replicaCount=0": "replicaCount.*1",
    "image.pullPolicy=Sometimes": "pullPolicy.*Always.*IfNotPresent.*Never",
    "redis.uri=redis://cache": "redis.*uri.* not allowed",
    "settings.sesion_timeout=60": "settings.*sesion_timeout.* not allowed",
    "settings.session_timeout=-1": "session_timeout.* 0",
    "settings.session_timeout=1h": "session_timeout.*pattern",
    "settings.log_level=loud": "log_level.*critical.*error.*warning.*info.*debug",
    "settings.redis_url=redis://x": "settings.*redis_url.* not allowed",
    "uploads.mode=disk": "mode.*none.*local.*shared.*s3",
    "drain.timeoutSeconds=1m": "timeoutSeconds.*string.*integer|timeoutSeconds.*integer.*string",
    "service.type=Internet": "type.*ClusterIP.*NodePort.*LoadBalancer",
    "ingress.controller=apache": "controller.*nginx.*haproxy.*traefik.*alb",
    "secretKey.rotation=now": "rotation.*prepare.*switch",
    "port=70000": "port.*65,?535",
    "valkey.enabled=maybe": "valkey.enabled.*boolean|valkey/enabled.*boolean",
    "autoscaling.targetCPUUtilizationPercentage=120": "targetCPUUtilizationPercentage.*100",
}
"""One wrong value → what the message says of it."""

SHARED = "managementPort=null"
SESSIONS = "autoscaling.sessions.enabled=true,metrics.enabled=true"
COMBINATIONS = {
    "valkey.enabled=true": "More than one Redis",
    "redis.url=http://cache": "a Redis URL starts with one of redis://",
    "secretKey.value=short": "at least 16 characters",
    f"secretKey.value={KEY},secretKey.existingSecret=keys": "Two secret keys",
    "secretKey.fallbacks[0]=an earlier key of length": "secretKey.fallbacks goes with secretKey.value",
    f"secretKey.value={KEY},secretKey.rotation=prepare": "that this chart generates",
    "uploads.mode=local": "uploads.mode=s3 or uploads.mode=shared, or have one pod",
    "uploads.mode=local,replicaCount=2,autoscaling.enabled=false": "there may be 2 pods",
    "uploads.mode=shared,uploads.shared.accessModes[0]=ReadWriteOnce": "10 pods need ReadWriteMany",
    "uploads.mode=s3": "set uploads.s3.bucket",
    "extraEnv[0].name=FLET_UPLOAD_DIR,extraEnv[0].value=/x": "set uploads.mode and uploads.dir",
    "extraEnv[0].name=FLET_CLUSTER_DRAIN_TIMEOUT": "set drain.timeoutSeconds",
    "ingress.enabled=true": "set ingress.hosts",
    "gateway.enabled=true": "set gateway.parentRefs",
    "drain.terminationGracePeriodSeconds=30": "At least 40 are needed",
    "extraEnv[0].name=FLET_CLUSTER_MANAGEMENT_PORT": "managementPort, on which other objects depend",
    f"{SHARED},settings.ssl_cert_reqs=required": "probes would be refused",
    "rollout.maxSurge=0": "no pod could ever be replaced",
    "replicaCount=11": "maxReplicas=10 is less than replicaCount=11",
    f"{SHARED},autoscaling.sessions.enabled=true": "Set managementPort, or metrics.enabled=true",
    f"{SHARED},{SESSIONS},settings.workers=2": "Set managementPort, which shows all",
    f"{SESSIONS},autoscaling.keda.enabled=true": "set autoscaling.keda.prometheusAddress",
    f"{SHARED},metrics.serviceMonitor.enabled=true": "nothing is there to be scraped",
    f"{SHARED},metrics.rules.enabled=true": "no alert would ever have data",
}
"""Values that are right alone → what is said of them together."""

ACCEPTED = (
    "uploads.mode=local,replicaCount=1,autoscaling.enabled=false",
    "uploads.mode=shared",
    "uploads.mode=shared,uploads.shared.existingClaim=files",
    "uploads.mode=s3,uploads.s3.bucket=shop-uploads",
    "drain.terminationGracePeriodSeconds=40",
    "settings.session_timeout=null",
    "settings.commit_interval=0.5,settings.no_cdn=false",
    "global.imageRegistry=x",
    "autoscaling.sessions.enabled=true,settings.workers=2,settings.ssl_cert_reqs=required",
    "metrics.serviceMonitor.enabled=true,metrics.rules.enabled=true",
)


@pytest.mark.parametrize("major", BOTH)
@pytest.mark.parametrize("wrong", SCHEMA)
def test_a_wrong_value(wrong: str, major: str) -> None:
    message = refusal(*URL, "--set", wrong, major=major)
    assert "values don't meet the specifications of the schema" in message
    assert re.search(SCHEMA[wrong], message), message


@pytest.mark.parametrize("wrong", COMBINATIONS)
def test_values_that_do_not_fit_together(wrong: str) -> None:
    assert COMBINATIONS[wrong] in refusal(*URL, "--set", wrong)


@pytest.mark.parametrize("major", BOTH)
def test_no_redis(major: str) -> None:
    message = refusal(major=major)
    assert "redis.url=rediss://" in message
    assert "valkey.enabled=true" in message


@pytest.mark.parametrize("major", BOTH)
@pytest.mark.parametrize(
    "wrong",
    ["redis.url=http://:hunter22@cache", "secretKey.value=hunter22", "secretKey.fallbacks[0]=hunter22"],
)
def test_no_message_quotes_a_secret(wrong: str, major: str) -> None:
    assert "hunter22" not in refusal(*URL, "--set", wrong, major=major)


@pytest.mark.parametrize("right", ACCEPTED)
def test_what_fits(right: str) -> None:
    assert rendered(*URL, "--set", right)
