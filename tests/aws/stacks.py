"""The three stacks as moto's server makes them, from the templates as they are.

moto knows nothing of some kinds of resources (:data:`UNKNOWN`) and leaves them out without a word. What
another stack imports of these is made by their own API first, and put into the outputs of data.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cfnlint.decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.aws.amazon import Amazon

FOLDER = Path(__file__).parents[2] / "infra" / "aws"
NAMES = ("base", "data", "service")
UNKNOWN = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::ElastiCache::ParameterGroup",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::Secret",
}
"""Kinds of resources that moto's CloudFormation does not make."""
KEY = "a secret for tests only, thirty two characters"


def template(name: str) -> dict[str, Any]:
    """A template as data, in the long spelling of functions."""
    found, problems = cfnlint.decode.decode(str(FOLDER / f"{name}.yaml"))
    assert not problems, problems
    plain: dict[str, Any] = found
    return plain


def defaults(name: str) -> dict[str, Any]:
    """Parameter → its default, of those that have one."""
    return {
        key: value["Default"] for key, value in template(name)["Parameters"].items() if "Default" in value
    }


def resources(name: str, kind: str) -> dict[str, dict[str, Any]]:
    """Logical name → properties of all resources of a kind."""
    return {
        key: value["Properties"]
        for key, value in template(name)["Resources"].items()
        if value["Type"] == f"AWS::{kind}"
    }


@dataclass(frozen=True)
class Stacks:
    """What was made: for each stack logical name → physical id, and outputs."""

    amazon: Amazon
    ids: Mapping[str, Mapping[str, str]]
    outputs: Mapping[str, Mapping[str, str]]


def deploy(amazon: Amazon, redis_url: str) -> Stacks:
    """Make all three."""
    secrets = amazon.client("secretsmanager")
    key = secrets.create_secret(Name="key", SecretString=f'{{"key": "{KEY}", "fallbacks": ""}}')["ARN"]
    url = secrets.create_secret(Name="url", SecretString=redis_url)["ARN"]
    certificate = amazon.client("acm").request_certificate(DomainName="app.example.com")["CertificateArn"]
    made = {"SecretKeyArn": key, "RedisUrlArn": url}
    _create(amazon, "base", {"AlarmEmail": "ops@example.com"})
    _create(amazon, "data", {"Base": "base", "DomainName": "app.example.com", "UploadDays": "30"}, made)
    service = {"Base": "base", "Data": "data", "AppName": "shop", "AppTarget": "tests/bench/app.py"}
    _create(amazon, "service", {**service, "Image": "shop@sha256:0", "CertificateArn": certificate})
    return Stacks(
        amazon,
        {name: _ids(amazon, name) for name in NAMES},
        {name: _outputs(amazon, name) for name in NAMES},
    )


def _create(
    amazon: Amazon, name: str, given: Mapping[str, str], made: Mapping[str, str] | None = None
) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    for output, value in (made or {}).items():
        before = f"  {output}:\n    Value: !Ref {output.removesuffix('Arn')}\n"
        assert before in text
        text = text.replace(before, f'  {output}:\n    Value: "{value}"\n')
    amazon.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=text,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )


def _ids(amazon: Amazon, name: str) -> dict[str, str]:
    found = amazon.client("cloudformation").list_stack_resources(StackName=name)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in found["StackResourceSummaries"]
        if "PhysicalResourceId" in each
    }


def _outputs(amazon: Amazon, name: str) -> dict[str, str]:
    (stack,) = amazon.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each.get("OutputValue", "") for each in stack.get("Outputs", [])}
