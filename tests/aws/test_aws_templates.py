"""Templates say what Amazon understands (cfn-lint) and what is safe (checkov), exceptions with reasons."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.aws.stacks import FOLDER, NAMES, defaults, resources, template
from tests.helm.binaries import checkov

from flet_cluster.settings import Settings

SKIPPED = {
    ("CKV_AWS_18", "BalancerLogs"),
    ("CKV_AWS_18", "Uploads"),
    ("CKV_AWS_21", "BalancerLogs"),
    ("CKV_AWS_21", "Uploads"),
    ("CKV_AWS_260", "BalancerGroup"),
}
"""What checkov is told not to ask: check and resource. The reasons are in the templates."""


def test_cfn_lint() -> None:
    files = [str(FOLDER / f"{name}.yaml") for name in NAMES]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--non-zero-exit-code", "informational", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_checkov_on_aws() -> None:
    command = [checkov(), "--directory", str(FOLDER), "--framework", "cloudformation", "--skip-download"]
    done = subprocess.run(
        [*command, "--output", "json"], capture_output=True, text=True, check=False, timeout=110
    )
    report = json.loads(done.stdout)
    found = report["results"]
    assert [f"{each['check_id']} {each['resource']}" for each in found["failed_checks"]] == []
    skipped = {
        (each["check_id"], each["resource"].rpartition(".")[2]): each["check_result"]["suppress_comment"]
        for each in found["skipped_checks"]
    }
    assert set(skipped) == SKIPPED
    assert all(len(reason) > 30 for reason in skipped.values())
    assert report["summary"]["passed"] > 50
    assert report["summary"]["parsing_errors"] == 0


def test_a_template_fits_into_a_request() -> None:
    assert all((FOLDER / f"{name}.yaml").stat().st_size < 51_200 for name in NAMES)


def test_every_setting_of_a_task_is_one() -> None:
    (task,) = resources("service", "ECS::TaskDefinition").values()
    (container,) = task["ContainerDefinitions"]
    named = [each["Name"] for each in (*container["Environment"], *container["Secrets"])]
    ours = [name.removeprefix("FLET_CLUSTER_").lower() for name in named if name.startswith("FLET_CLUSTER_")]
    assert set(ours) <= set(Settings.model_fields)
    assert not [each for each in container["Environment"] if each["Name"].endswith(("KEY", "URL"))]


def test_a_task_is_not_killed_while_it_hands_over() -> None:
    """Fargate allows 120 s; a node needs its drain timeout, and then to close."""
    parameter = template("service")["Parameters"]["DrainTimeout"]
    stop = {int(drain): row["Seconds"] for drain, row in template("service")["Mappings"]["Stop"].items()}
    assert {str(drain) for drain in stop} == set(parameter["AllowedValues"])
    assert all(drain + 15 <= seconds <= 120 for drain, seconds in stop.items())
    assert float(parameter["Default"]) == Settings().drain_timeout


def test_pairs_that_fargate_does_not_have_are_refused_at_once() -> None:
    (assertion,) = template("service")["Rules"]["MemoryFitsCpu"]["Assertions"]
    allowed = set()
    for choice in assertion["Assert"]["Fn::Or"]:
        (_, cpu), (memories, _) = choice["Fn::And"][0]["Fn::Equals"], choice["Fn::And"][1]["Fn::Contains"]
        allowed |= {(cpu, memory) for memory in memories}
    parameters = template("service")["Parameters"]
    cpus, memories = (parameters[name]["AllowedValues"] for name in ("TaskCpu", "TaskMemory"))
    fargate = {(cpu, memory) for cpu in cpus for memory in memories if 2 <= int(memory) / int(cpu) <= 8}
    assert allowed == fargate
    assert (defaults("service")["TaskCpu"], defaults("service")["TaskMemory"]) in allowed


def test_the_load_balancer_is_more_patient_than_a_node() -> None:
    """A node notices a silent browser; the load balancer must not cut a quiet one before."""
    from flet_cluster.protocol.limits import Limits  # noqa: PLC0415

    (balancer,) = resources("service", "ElasticLoadBalancingV2::LoadBalancer").values()
    values = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    assert int(values["idle_timeout.timeout_seconds"]) > Limits().idle_seconds
    (targets,) = resources("service", "ElasticLoadBalancingV2::TargetGroup").values()
    values = {each["Key"]: each["Value"] for each in targets["TargetGroupAttributes"]}
    assert values["stickiness.enabled"] == "false"
    assert int(values["deregistration_delay.timeout_seconds"]) < int(defaults("service")["DrainTimeout"])


def test_sessions_outlive_redis_and_stacks() -> None:
    (parameters,) = resources("data", "ElastiCache::ParameterGroup").values()
    assert parameters["Properties"] == {"maxmemory-policy": "noeviction"}
    (redis,) = resources("data", "ElastiCache::ReplicationGroup").values()
    for name in ("AutomaticFailoverEnabled", "MultiAZEnabled", "TransitEncryptionEnabled"):
        assert redis[name] is True
    keep = {
        name: each["DeletionPolicy"]
        for name, each in template("data")["Resources"].items()
        if "DeletionPolicy" in each
    }
    assert keep == {"SecretKey": "Retain", "RedisToken": "Retain", "Redis": "Snapshot", "Uploads": "Retain"}
