"""Changes the key that seals sessions, in three steps between which the service is deployed anew.

    python infra/aws/rotate_key.py prepare STACK DATA    every task learns a new key, and seals with the old
    python infra/aws/rotate_key.py switch STACK DATA     tasks seal with the new one, and still open the old
    python infra/aws/rotate_key.py finish STACK DATA     the old one is forgotten, after the session timeout

STACK is the name of the stack made from service.yaml, DATA of the one made from data.yaml. A step ends when
all tasks run with it. In one step it would not do: while tasks are replaced, an old one could not open what a
new one has sealed. Needs boto3, and credentials that may read and write the secret and update the service.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from typing import Any

import boto3
from botocore.exceptions import WaiterError

STEPS = ("prepare", "switch", "finish")
PATIENCE = {"Delay": 15, "MaxAttempts": 240}
"""Many tasks take more than the ten minutes that boto3 waits: an hour."""


class RolledBackError(Exception):
    """The service has gone back to tasks that do not know the secret as it is now."""


def changed(secret: dict[str, str], step: str, new_key: str) -> dict[str, str]:
    """Return the secret after a step: ``key`` seals, ``fallbacks`` may open, ``next`` is to seal.

    Raises:
        ValueError: it is not the time for this step.
    """
    following = secret.get("next", "")
    if step == "prepare":
        if following or secret.get("fallbacks"):
            raise ValueError("a rotation is under way: go on with switch or finish")
        return {"key": secret["key"], "fallbacks": new_key, "next": new_key}
    if step == "switch":
        if not following:
            raise ValueError("there is no next key: begin with prepare")
        return {"key": following, "fallbacks": secret["key"]}
    if following or not secret.get("fallbacks"):
        raise ValueError("there is no earlier key to forget: prepare and switch come first")
    return {"key": secret["key"], "fallbacks": ""}


def run(client: Any, step: str, stack: str, data: str) -> None:
    """Do a step and wait until all tasks run with it.

    Args:
        client: returns a client of a service by its name.
        step: one of :data:`STEPS`.
        stack: the service's stack.
        data: the stack that has the secret.

    Raises:
        ValueError: it is not the time for this step.
        WaiterError: that takes too long.
        RolledBackError: tasks run that were not started by this.
    """
    service, key = outputs(client, stack), outputs(client, data)["SecretKeyArn"]
    manager = client("secretsmanager")
    before = json.loads(manager.get_secret_value(SecretId=key)["SecretString"])
    after = changed(before, step, secrets.token_urlsafe(36))
    manager.put_secret_value(SecretId=key, SecretString=json.dumps(after))
    where = {"cluster": service["ClusterName"]}
    begun = client("ecs").update_service(**where, service=service["ServiceName"], forceNewDeployment=True)
    settled = client("ecs").get_waiter("services_stable")
    settled.wait(**where, services=[service["ServiceName"]], WaiterConfig=PATIENCE)
    (now,) = client("ecs").describe_services(**where, services=[service["ServiceName"]])["services"]
    if primary(now) != primary(begun["service"]):
        raise RolledBackError("another deployment has taken the place of this one: was it rolled back?")


def primary(service: dict[str, Any]) -> str:
    """Return the id of the deployment that a service is to have."""
    found: str = next(each["id"] for each in service["deployments"] if each["status"] == "PRIMARY")
    return found


def outputs(client: Any, stack: str) -> dict[str, str]:
    """Return the outputs of a stack."""
    (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("stack")
    parser.add_argument("data")
    options = parser.parse_args()
    try:
        run(boto3.client, options.step, options.stack, options.data)
    except ValueError as error:
        sys.exit(f"{error}; nothing was changed")
    except (WaiterError, RolledBackError) as error:
        sys.exit(
            f"{options.step}: the secret is changed, but not all tasks run with it ({error}). No other step "
            "before they do: see the service's events, and aws ecs update-service --force-new-deployment"
        )
    print(f"{options.step}: done, all tasks run with it")


if __name__ == "__main__":
    main()
